//! Arithmetic of one ring. Indexes run freely and wrap at 2^32; a byte's place is its index modulo the size.

use std::ops::Range;

/// The size of a ring in bytes, a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u32);

impl Size {
    /// 2^`order`, which is at most 20.
    pub(crate) fn of_order(order: u8) -> Self {
        assert!(order <= 20, "no ring is that large");
        Self(1 << order)
    }

    /// How many bytes wait. Indexes that contradict each other mean none.
    pub(crate) fn used(self, produced: u32, consumed: u32) -> u32 {
        match produced.wrapping_sub(consumed) {
            used if used <= self.0 => used,
            _ => 0,
        }
    }

    /// How many bytes fit. Indexes that contradict each other mean none.
    pub(crate) fn room(self, produced: u32, consumed: u32) -> u32 {
        self.0.saturating_sub(produced.wrapping_sub(consumed))
    }

    /// The places of `count` bytes from `index` on: up to the end of the ring, and from its beginning.
    pub(crate) fn places(self, index: u32, count: u32) -> [Range<usize>; 2] {
        let count = wide(count.min(self.0));
        let at = wide(index & (self.0 - 1));
        let first = count.min(wide(self.0) - at);
        [at..at + first, 0..count - first]
    }
}

fn wide(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: Size = Size(1024);

    #[test]
    fn used_and_room_add_up_and_survive_the_wrap() {
        for consumed in [0, 1, 1023, 1024, u32::MAX - 1024, u32::MAX - 3, u32::MAX] {
            for used in [0, 1, 512, 1023, 1024] {
                let produced = consumed.wrapping_add(used);
                assert_eq!(RING.used(produced, consumed), used);
                assert_eq!(RING.room(produced, consumed), 1024 - used);
            }
        }
    }

    #[test]
    fn indexes_that_lie_give_nothing() {
        for ahead in [1025, 2048, 1 << 31, u32::MAX - 1, u32::MAX] {
            for consumed in [0, 77, u32::MAX] {
                let produced = consumed.wrapping_add(ahead);
                assert_eq!(RING.used(produced, consumed), 0);
                assert_eq!(RING.room(produced, consumed), 0);
            }
        }
    }

    #[test]
    fn places_stay_inside_and_follow_each_other() {
        for order in 10..=20 {
            let size = Size::of_order(order);
            for index in [0, 1, 1000, 1 << 20, u32::MAX - 500, u32::MAX] {
                for count in [0, 1, 500, 1024, size.0, u32::MAX] {
                    let [first, second] = size.places(index, count);
                    assert!(first.end <= wide(size.0) && second.end <= first.start);
                    assert_eq!(first.len() + second.len(), wide(count.min(size.0)));
                    assert!(second.is_empty() || first.end == wide(size.0));
                }
            }
        }
    }
}
