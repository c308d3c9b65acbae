//! The ring of buffered requests: writes for which the guest does not wait. The hypervisor appends, and now and then
//! takes the same multiple of the ring's length off both counters.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use xenlight::xen::ioreq::SharedPage;

use crate::request::{Malformed, Request, high, low};

/// Slots of the ring; the word in front of them holds both counters.
const SLOTS: u32 = 511;

/// Takes every request that is there when it is called and gives it to `serve`; at most [`SLOTS`].
pub(crate) fn drain(page: &SharedPage, mut serve: impl FnMut(Result<Request, Malformed>)) {
    let counters = page[0].load(Acquire);
    let mut left = waiting(counters);
    if left > SLOTS {
        // Nothing in there can be told from rubbish. Where the hypervisor goes on, so do we.
        let writer = u64::from(high(counters));
        page[0].store(writer << 32 | writer, Relaxed);
        serve(Err(Malformed::Ring));
        return;
    }
    let mut reader = low(counters);
    while left > 0 {
        let slot = |number: u32| page[1 + (number % SLOTS) as usize].load(Relaxed);
        let second = (left > 1).then(|| slot(reader.wrapping_add(1)));
        let (request, two) = Request::from_ring(slot(reader), second);
        let taken = 1 + u32::from(two);
        serve(request);
        left -= taken;
        let advanced = page[0].fetch_update(AcqRel, Acquire, |counters| {
            let reader = low(counters).wrapping_add(taken);
            Some(u64::from(high(counters)) << 32 | u64::from(reader))
        });
        let before = advanced.unwrap_or_else(|counters| counters);
        reader = low(before).wrapping_add(taken);
    }
}

/// Slots in use.
fn waiting(counters: u64) -> u32 {
    high(counters).wrapping_sub(low(counters))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::request::{Access, Address, Data};

    fn page(reader: u32, writer: u32) -> Box<SharedPage> {
        let page = Box::new([const { AtomicU64::new(0) }; 512]);
        page[0].store(u64::from(writer) << 32 | u64::from(reader), Relaxed);
        page
    }

    /// A write of one byte to memory.
    fn byte(page: &SharedPage, number: u32, address: u64, value: u8) {
        let word = 1 | address << 12 | u64::from(value) << 32;
        page[1 + (number % SLOTS) as usize].store(word, Relaxed);
    }

    fn all(page: &SharedPage) -> Vec<Result<Request, Malformed>> {
        let mut served = Vec::new();
        drain(page, |request| served.push(request));
        served
    }

    fn address(request: &Result<Request, Malformed>) -> Option<Address> {
        match request {
            Ok(Request::Access(Access {
                address,
                data: Data::Value(_),
                ..
            })) => Some(*address),
            _ => None,
        }
    }

    #[test]
    fn requests_come_in_order_across_the_end() {
        let page = page(SLOTS - 2, SLOTS + 2);
        for number in 0..4u8 {
            byte(
                &page,
                SLOTS - 2 + u32::from(number),
                0xa0000 + u64::from(number),
                number,
            );
        }
        let served = all(&page);
        let addresses: Vec<_> = served.iter().map(address).collect();
        let expected: Vec<_> = (0xa0000..0xa0004)
            .map(|a| Some(Address::Memory(a)))
            .collect();
        assert_eq!(addresses, expected);
        assert_eq!(waiting(page[0].load(Relaxed)), 0);
        assert!(all(&page).is_empty());
    }

    #[test]
    fn the_hypervisor_shortens_the_counters_meanwhile() {
        let page = page(SLOTS + 5, SLOTS + 8);
        for number in 0..3 {
            byte(&page, SLOTS + 5 + number, 0x100 + u64::from(number), 0);
        }
        let mut seen = Vec::new();
        drain(&page, |request| {
            if seen.is_empty() {
                page[0].store(8 << 32 | 5, Relaxed);
            }
            seen.push(address(&request));
        });
        let expected: Vec<_> = (0x100..0x103).map(|a| Some(Address::Memory(a))).collect();
        assert_eq!(seen, expected);
        assert_eq!(page[0].load(Relaxed), 8 << 32 | 8);
    }

    #[test]
    fn a_full_ring_is_fine_and_an_overfull_one_is_dropped() {
        let full = page(3, 3 + SLOTS);
        assert_eq!(all(&full).len(), 511);
        for (reader, writer) in [(0, SLOTS + 1), (1, 0), (9, u32::MAX)] {
            let page = page(reader, writer);
            assert_eq!(all(&page), [Err(Malformed::Ring)]);
            assert!(all(&page).is_empty());
        }
    }

    #[test]
    fn half_a_request_ends_the_ring() {
        let page = page(0, 1);
        page[1].store(7 | 3 << 10, Relaxed);
        assert_eq!(all(&page), [Err(Malformed::Ring)]);
        assert!(all(&page).is_empty());
    }
}
