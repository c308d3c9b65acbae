//! The page that describes a vchan (Xen's `io/libxenvchan.h`). "Left" is from client to server, "right" is back.

use std::io;

use crate::PAGE_SIZE;

pub(crate) const LEFT_CONS: usize = 0;
pub(crate) const LEFT_PROD: usize = 4;
pub(crate) const RIGHT_CONS: usize = 8;
pub(crate) const RIGHT_PROD: usize = 12;
/// Two 16-bit numbers, left's first.
pub(crate) const ORDERS: usize = 16;
pub(crate) const CLI_LIVE: usize = 20;
pub(crate) const SRV_LIVE: usize = 21;
/// What the server wants to be told by the client.
pub(crate) const CLI_NOTIFY: usize = 22;
/// What the client wants to be told by the server.
pub(crate) const SRV_NOTIFY: usize = 23;
pub(crate) const GRANTS: usize = 24;

/// Values of the live bytes. The last is this crate's own: a server marks the client that it knows, so that another one
/// cannot take its place unseen. Clients do not read their byte.
pub(crate) const GONE: u8 = 0;
pub(crate) const LIVE: u8 = 1;
pub(crate) const AWAITED: u8 = 2;
pub(crate) const KNOWN: u8 = 3;

/// Bits of the notify bytes.
pub(crate) const WRITTEN: u8 = 1;
pub(crate) const READ: u8 = 2;

const SMALLEST: u8 = 10;
/// The smallest ring that has pages of its own.
const FIRST_OWN: u8 = 12;
const LARGEST: u8 = 20;

/// Sizes of the two rings, as powers of two of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    to_server: u8,
    to_client: u8,
}

impl Sizes {
    /// 1 KiB to the server and 2 KiB to the client, both in the page that describes them: what the C library makes by default.
    pub const IN_PAGE: Self = Self {
        to_server: 10,
        to_client: 11,
    };

    /// Rings of 2^`to_server` and 2^`to_client` bytes, 10 to 20; below 12 they must differ. `None` if they cannot be.
    pub fn new(to_server: u8, to_client: u8) -> Option<Self> {
        let sizes = Self {
            to_server,
            to_client,
        };
        let possible = [to_server, to_client]
            .iter()
            .all(|order| (SMALLEST..=LARGEST).contains(order));
        let apart = to_server != to_client || to_server >= FIRST_OWN;
        // The list of grants must end before a ring that is in the page begins.
        let limit = [to_server, to_client]
            .into_iter()
            .filter(|order| *order < FIRST_OWN)
            .map(|order| 1 << order)
            .min()
            .unwrap_or(PAGE_SIZE);
        (possible && apart && GRANTS + 4 * sizes.grants() <= limit).then_some(sizes)
    }

    /// What the server's page says; refused when it is impossible or larger than 2^`largest` bytes.
    pub(crate) fn read(orders: u32, largest: u8) -> io::Result<Self> {
        let (left, right) = (orders & 0xffff, orders >> 16);
        let sizes = match (u8::try_from(left), u8::try_from(right)) {
            (Ok(left), Ok(right)) if left.max(right) <= largest => Self::new(left, right),
            _ => None,
        };
        sizes.ok_or_else(|| {
            let what = format!("the other domain offers rings of order {left} and {right}");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }

    pub(crate) fn to_server(self) -> u8 {
        self.to_server
    }

    pub(crate) fn to_client(self) -> u8 {
        self.to_client
    }

    pub(crate) fn orders(self) -> u32 {
        u32::from(self.to_server) | u32::from(self.to_client) << 16
    }

    /// How many grants the page lists.
    fn grants(self) -> usize {
        own_pages(self.to_server) + own_pages(self.to_client)
    }
}

/// How many pages a ring has of its own.
pub(crate) fn own_pages(order: u8) -> usize {
    match order {
        FIRST_OWN..=LARGEST => 1 << (order - FIRST_OWN),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_possible_sizes_are_taken() {
        for (left, right) in [
            (10, 11),
            (11, 10),
            (12, 12),
            (12, 17),
            (20, 20),
            (10, 17),
            (20, 11),
        ] {
            let sizes = Sizes::new(left, right).unwrap();
            assert_eq!(Sizes::read(sizes.orders(), 20).unwrap(), sizes);
        }
        // The last one's grants would reach into the ring at 1024.
        for (left, right) in [
            (10, 10),
            (11, 11),
            (9, 12),
            (12, 21),
            (0, 0),
            (255, 10),
            (10, 20),
        ] {
            assert_eq!(Sizes::new(left, right), None, "{left}, {right}");
        }
    }

    #[test]
    fn what_a_server_says_is_bounded() {
        assert!(Sizes::read(19 | 12 << 16, 18).is_err());
        assert!(Sizes::read(12 | 19 << 16, 18).is_err());
        assert!(Sizes::read(0x10c | 12 << 16, 18).is_err());
        assert!(Sizes::read(u32::MAX, 18).is_err());
        assert_eq!(Sizes::read(10 | 11 << 16, 18).unwrap(), Sizes::IN_PAGE);
    }
}
