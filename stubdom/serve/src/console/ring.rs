//! The shared page of a console: two rings and four indexes (xen/io/console.h). The stub domain writes to all of it at any time.

use vchan::SharedPages;

const TO_GUEST: Ring = Ring {
    data: 0,
    size: 1024,
    cons: 3072,
    prod: 3076,
};
const FROM_GUEST: Ring = Ring {
    data: 1024,
    size: 2048,
    cons: 3080,
    prod: 3084,
};

struct Ring {
    data: usize,
    size: u32,
    cons: usize,
    prod: usize,
}

/// Takes what the guest has sent, at most as much as `buffer` holds; gives the number of bytes. The guest is to be notified when
/// it is not 0.
pub fn take(page: &SharedPages, buffer: &mut [u8]) -> usize {
    let ring = &FROM_GUEST;
    let (cons, prod) = (page.load_u32(ring.cons), page.load_u32(ring.prod));
    let filled = prod.wrapping_sub(cons);
    // Indexes that cannot be are the guest's mistake, and its loss.
    if filled > ring.size {
        return 0;
    }
    let count = filled.min(u32::try_from(buffer.len()).unwrap_or(u32::MAX));
    for_pieces(ring, cons, count, |at, done, length| {
        page.copy_out(at, &mut buffer[done..done + length]);
    });
    page.store_u32(ring.cons, cons.wrapping_add(count));
    count as usize
}

/// How many bytes the guest can be given now.
pub fn room(page: &SharedPages) -> usize {
    let ring = &TO_GUEST;
    let filled = page
        .load_u32(ring.prod)
        .wrapping_sub(page.load_u32(ring.cons));
    ring.size.saturating_sub(filled) as usize
}

/// Gives the guest as many of `bytes` as there is room for; gives their number. The guest is to be notified when it is not 0.
pub fn give(page: &SharedPages, bytes: &[u8]) -> usize {
    let ring = &TO_GUEST;
    let (cons, prod) = (page.load_u32(ring.cons), page.load_u32(ring.prod));
    let free = ring.size.saturating_sub(prod.wrapping_sub(cons));
    let count = free.min(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    for_pieces(ring, prod, count, |at, done, length| {
        page.copy_in(at, &bytes[done..done + length]);
    });
    page.store_u32(ring.prod, prod.wrapping_add(count));
    count as usize
}

/// The one or two pieces of the page that `count` bytes from the free running `index` on lie in: where, after how many bytes, and
/// how many.
fn for_pieces(ring: &Ring, index: u32, count: u32, mut piece: impl FnMut(usize, usize, usize)) {
    let start = index & (ring.size - 1);
    let first = count.min(ring.size - start);
    piece(ring.data + start as usize, 0, first as usize);
    if count > first {
        piece(ring.data, first as usize, (count - first) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> SharedPages {
        let (_, place) = vchan::local::offer(vchan::Sizes::IN_PAGE).unwrap();
        place.page().clone()
    }

    /// The guest's side of it.
    fn guest_sends(page: &SharedPages, bytes: &[u8]) {
        let prod = page.load_u32(FROM_GUEST.prod);
        for (byte, place) in bytes.iter().zip(0..) {
            let index = prod.wrapping_add(place);
            page.copy_in(
                FROM_GUEST.data + (index % FROM_GUEST.size) as usize,
                &[*byte],
            );
        }
        page.store_u32(
            FROM_GUEST.prod,
            prod.wrapping_add(u32::try_from(bytes.len()).unwrap()),
        );
    }

    fn guest_takes(page: &SharedPages) -> Vec<u8> {
        let (cons, prod) = (page.load_u32(TO_GUEST.cons), page.load_u32(TO_GUEST.prod));
        let mut bytes = Vec::new();
        let mut index = cons;
        while index != prod {
            let mut byte = [0];
            page.copy_out(TO_GUEST.data + (index % TO_GUEST.size) as usize, &mut byte);
            bytes.extend(byte);
            index = index.wrapping_add(1);
        }
        page.store_u32(TO_GUEST.cons, prod);
        bytes
    }

    #[test]
    fn bytes_pass_both_ways_around_the_rings_ends() {
        let page = page();
        // Indexes run freely, also past their own end.
        for (cons, prod) in [
            (FROM_GUEST.cons, FROM_GUEST.prod),
            (TO_GUEST.cons, TO_GUEST.prod),
        ] {
            page.store_u32(cons, u32::MAX - 1500);
            page.store_u32(prod, u32::MAX - 1500);
        }
        let text: Vec<u8> = (0..3000u32).map(|n| (n % 251) as u8).collect();
        let (mut sent, mut given) = (Vec::new(), Vec::new());
        for piece in text.chunks(700) {
            guest_sends(&page, piece);
            let mut buffer = [0; 512];
            loop {
                match take(&page, &mut buffer) {
                    0 => break,
                    count => sent.extend_from_slice(&buffer[..count]),
                }
            }
            let mut rest = piece;
            while !rest.is_empty() {
                let room = room(&page);
                let count = give(&page, rest);
                assert_eq!(count, room.min(rest.len()));
                rest = &rest[count..];
                given.extend(guest_takes(&page));
            }
        }
        assert!(sent == text && given == text);
    }

    #[test]
    fn a_ring_has_an_end() {
        let page = page();
        assert_eq!(give(&page, &[1; 5000]), 1024);
        assert_eq!((room(&page), give(&page, &[1])), (0, 0));
        guest_sends(&page, &[2; 2048]);
        let mut buffer = [0; 4096];
        assert_eq!(take(&page, &mut buffer), 2048);
    }

    #[test]
    fn indexes_that_lie_cost_nothing() {
        let page = page();
        for (cons, prod) in [(0, 2049), (1, 0), (0, u32::MAX), (0x8000_0000, 0)] {
            page.store_u32(FROM_GUEST.cons, cons);
            page.store_u32(FROM_GUEST.prod, prod);
            assert_eq!(take(&page, &mut [0; 4096]), 0);
            page.store_u32(TO_GUEST.cons, cons);
            page.store_u32(TO_GUEST.prod, prod);
            assert_eq!((room(&page), give(&page, &[0; 64])), (0, 0));
        }
    }
}
