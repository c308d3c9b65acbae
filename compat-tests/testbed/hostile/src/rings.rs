//! Pages shared with dom0, of which everything that dom0 reads lies.

use std::time::{Duration, Instant};

use vchan::{Devices, EventChannel, Server, SharedPages};
use xenlight_stubdom_agent::error::{Error, Result};
use xenlight_stubdom_agent::store::Store;

/// Where things are in the page that describes a vchan (io/libxenvchan.h), of those that its client reads.
const LEFT_CONS: usize = 0;
const RIGHT_PROD: usize = 12;
const ORDERS: usize = 16;
const CLI_LIVE: usize = 20;
const SRV_LIVE: usize = 21;
const CLI_NOTIFY: usize = 22;
/// The client's own index, which it does not read.
const RIGHT_CONS: usize = 8;
/// Rings that lie in the page itself.
const IN_PAGE: u32 = 10 | 11 << 16;

/// The indexes of a console's page (io/console.h): four words from here on.
const CONSOLE_INDEXES: usize = 3072;
/// The toolstack's domain.
const DOM0: u16 = 0;

/// Lies between two short pauses: there is one processor, and dom0 needs it as well.
const BURST: usize = 200;
const PAUSE: Duration = Duration::from_millis(2);
/// For dom0 to see that a server is gone.
const GONE: Duration = Duration::from_millis(500);

/// Reproducible numbers (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn word(&mut self) -> u32 {
        let [.., a, b, c, d] = self.next().rotate_left(32).to_ne_bytes();
        u32::from_ne_bytes([a, b, c, d])
    }

    /// An index: any, or one not far from that of the other side.
    fn index(&mut self, other: u32) -> u32 {
        match self.byte() % 3 {
            0 => self.word(),
            1 => other.wrapping_add(self.word() % 0x3_0000),
            _ => other.wrapping_sub(u32::from(self.byte())),
        }
    }
}

/// Lies about a vchan for so long. Afterwards its client finds a server that was gone and waits for it.
pub(crate) fn lie(server: &mut Server, time: Duration) {
    let page = server.page().clone();
    let orders = page.load_u32(ORDERS);
    if orders == IN_PAGE {
        // No words of an older conversation.
        page.copy_in(1 << 10, &[0xff; 3 << 10]);
    }
    let mut random = Random::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        for _ in 0..BURST {
            match random.byte() % 8 {
                0 => page.store_u8(CLI_LIVE, random.byte() % 5),
                1 => page.store_u8(SRV_LIVE, random.byte() % 2),
                2 => page.store_u32(ORDERS, random.word()),
                3 => page.store_u8(CLI_NOTIFY, random.byte()),
                4 | 5 => page.store_u32(LEFT_CONS, random.index(page.load_u32(LEFT_CONS + 4))),
                _ => page.store_u32(RIGHT_PROD, random.index(page.load_u32(RIGHT_CONS))),
            }
        }
        server.ring();
        std::thread::sleep(PAUSE);
    }
    page.store_u32(ORDERS, orders);
    begin_anew(server);
}

/// Is gone for its client, and then waits for one, with the indexes that the last one left.
pub(crate) fn begin_anew(server: &mut Server) {
    let page = server.page().clone();
    page.store_u8(SRV_LIVE, 0);
    page.store_u32(RIGHT_PROD, page.load_u32(RIGHT_CONS));
    server.ring();
    std::thread::sleep(GONE);
    page.store_u8(CLI_LIVE, 0);
    page.store_u8(SRV_LIVE, 1);
    server.look();
}

/// A page in the place of a console's, which whoever serves it afterwards maps.
pub(crate) struct Console {
    page: SharedPages,
    channel: EventChannel,
    random: Random,
}

impl Console {
    /// In the place of console `number`, not the first.
    pub(crate) fn offer(store: &mut Store, number: u8) -> Result<Self> {
        let failed = |source| Error::io(format!("offer a console {number} of its own"), source);
        let devices = Devices::open().map_err(failed)?;
        let (page, grants) = devices.grant(DOM0, 1, None).map_err(failed)?;
        let channel = devices.bind_unbound(DOM0).map_err(failed)?;
        page.copy_in(0, &[b'!'; CONSOLE_INDEXES]);
        let nodes = format!("device/console/{number}");
        for grant in grants {
            store.write(&format!("{nodes}/ring-ref"), grant.to_string().as_bytes())?;
        }
        store.write(
            &format!("{nodes}/port"),
            channel.port().to_string().as_bytes(),
        )?;
        Ok(Self {
            page,
            channel,
            random: Random::new(),
        })
    }

    /// Lies about it for so long.
    pub(crate) fn lie(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for _ in 0..BURST {
                let at = CONSOLE_INDEXES + usize::from(self.random.byte() % 4) * 4;
                let beside = self.page.load_u32(at ^ 4);
                self.page.store_u32(at, self.random.index(beside));
            }
            // Nobody hears it before it is served.
            let _ = self.channel.notify();
            std::thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vchan::{Presence, Sizes, local};

    /// As the server of stub domains does it: whoever finds nobody there goes, and comes when he is awaited.
    #[test]
    fn after_the_lies_a_client_comes_again() {
        for sizes in [Sizes::IN_PAGE, Sizes::new(12, 17).unwrap()] {
            let (mut server, place) = local::offer(sizes).unwrap();
            let mut client = place.connect().unwrap();
            assert_eq!(server.look(), Presence::Came);
            let lies = std::thread::spawn(move || {
                lie(&mut server, Duration::from_millis(200));
                server
            });
            let mut moved = 0;
            while !lies.is_finished() {
                if client.is_open() {
                    client.reconnect();
                    moved += client.read(&mut [0; 5000]) + client.write(&[1; 5000]);
                } else {
                    client.disconnect();
                }
            }
            let mut server = lies.join().unwrap();
            assert!(moved > 0, "nothing was believed");
            client.disconnect();
            server.look();
            assert!(client.is_open() && client.is_awaited());
            client.reconnect();
            assert_eq!(server.look(), Presence::Came);
            for _ in 0..3 {
                assert_eq!((client.write(b"truth"), server.write(b"yes")), (5, 3));
                let mut bytes = [0; 9];
                assert_eq!(server.read(&mut bytes), 5);
                assert_eq!(&bytes[..5], b"truth");
                assert_eq!(client.read(&mut bytes), 3);
            }
        }
    }

    #[test]
    fn a_lie_is_near_or_anything() {
        let mut random = Random::new();
        let near = (0..1000).filter(|_| random.index(7).wrapping_sub(7) < 2048);
        assert!((5..900).contains(&near.count()));
    }
}
