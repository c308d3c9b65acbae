//! Memory that another domain writes at the same time: read once, copied, never borrowed.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use crate::sys::Pages;

const LONG: usize = 8;

/// Pages shared with another domain. A clone is the same memory; the last one gives it back.
///
/// Offsets are in bytes. One that lies outside is the caller's mistake and panics, as with a slice; so does a store to
/// pages that are mapped for reading only.
#[derive(Clone)]
pub struct SharedPages(Arc<Pages>);

impl SharedPages {
    pub(crate) fn new(pages: Pages) -> Self {
        Self(Arc::new(pages))
    }

    /// Size in bytes.
    #[allow(clippy::len_without_is_empty)] // there is always a page
    pub fn len(&self) -> usize {
        self.0.bytes().len()
    }

    fn to_store(&self) -> &Pages {
        assert!(self.0.is_writable(), "these pages are only for reading");
        &self.0
    }

    /// The byte at `at`.
    pub fn load_u8(&self, at: usize) -> u8 {
        self.0.bytes()[at].load(SeqCst)
    }

    /// Sets the byte at `at`, after all stores before it.
    pub fn store_u8(&self, at: usize, value: u8) {
        self.to_store().bytes()[at].store(value, SeqCst);
    }

    /// Sets the byte at `at` to `to` if it is `from`, in one step. Gives whether it was.
    pub fn exchange_u8(&self, at: usize, from: u8, to: u8) -> bool {
        let byte = &self.to_store().bytes()[at];
        byte.compare_exchange(from, to, SeqCst, Relaxed).is_ok()
    }

    /// Sets bits in the byte at `at`, in one step, before all loads that follow.
    pub fn set_bits(&self, at: usize, bits: u8) {
        self.to_store().bytes()[at].fetch_or(bits, SeqCst);
        std::sync::atomic::fence(SeqCst);
    }

    /// Clears bits in the byte at `at`, in one step, after all stores before it. Gives those of them that were set.
    pub fn take_bits(&self, at: usize, bits: u8) -> u8 {
        std::sync::atomic::fence(SeqCst);
        self.to_store().bytes()[at].fetch_and(!bits, SeqCst) & bits
    }

    /// The word at `at`, a multiple of 4, before all loads that follow.
    pub fn load_u32(&self, at: usize) -> u32 {
        assert!(at.is_multiple_of(4), "a word across words");
        self.0.words()[at / 4].load(Acquire)
    }

    /// Sets the word at `at`, a multiple of 4, after all loads and stores before it.
    pub fn store_u32(&self, at: usize, value: u32) {
        assert!(at.is_multiple_of(4), "a word across words");
        self.to_store().words()[at / 4].store(value, Release);
    }

    /// Copies `from` to offset `at`.
    pub fn copy_in(&self, at: usize, from: &[u8]) {
        let pages = self.to_store();
        let bytes = &pages.bytes()[at..at + from.len()];
        let edge = edge(at, from.len());
        let (head, from) = from.split_at(edge);
        for (to, from) in bytes.iter().zip(head) {
            to.store(*from, Relaxed);
        }
        let longs = &pages.longs()[(at + edge) / LONG..];
        let whole = from.chunks_exact(LONG);
        let rest = whole.remainder();
        for (to, from) in longs.iter().zip(whole) {
            let mut long = [0; LONG];
            long.copy_from_slice(from);
            to.store(u64::from_ne_bytes(long), Relaxed);
        }
        for (to, from) in bytes[bytes.len() - rest.len()..].iter().zip(rest) {
            to.store(*from, Relaxed);
        }
    }

    /// Copies from offset `at` into all of `to`.
    pub fn copy_out(&self, at: usize, to: &mut [u8]) {
        let bytes = &self.0.bytes()[at..at + to.len()];
        let edge = edge(at, to.len());
        let (head, to) = to.split_at_mut(edge);
        for (from, to) in bytes.iter().zip(head) {
            *to = from.load(Relaxed);
        }
        let longs = &self.0.longs()[(at + edge) / LONG..];
        let mut whole = to.chunks_exact_mut(LONG);
        for (from, to) in longs.iter().zip(&mut whole) {
            to.copy_from_slice(&from.load(Relaxed).to_ne_bytes());
        }
        let rest = whole.into_remainder();
        let rest_at = bytes.len() - rest.len();
        for (from, to) in bytes[rest_at..].iter().zip(rest) {
            *to = from.load(Relaxed);
        }
    }
}

/// How many of `length` bytes at `at` come before the first that is aligned for a long word.
fn edge(at: usize, length: usize) -> usize {
    (at.next_multiple_of(LONG) - at).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_touch_what_they_shall_and_nothing_else() {
        let pages = SharedPages::new(Pages::private(1).unwrap());
        let pattern: Vec<u8> = (1..=100).collect();
        for at in 16..32 {
            for length in 0..=pattern.len() {
                pages.copy_in(0, &[0xff; 256]);
                pages.copy_in(at, &pattern[..length]);
                let mut all = [0; 256];
                pages.copy_out(0, &mut all);
                assert!(all[..at].iter().all(|byte| *byte == 0xff));
                assert_eq!(all[at..at + length], pattern[..length]);
                assert!(all[at + length..].iter().all(|byte| *byte == 0xff));
                let mut part = vec![0; length];
                pages.copy_out(at, &mut part);
                assert_eq!(part, pattern[..length]);
            }
        }
    }

    #[test]
    fn a_copy_reaches_to_the_last_byte() {
        let pages = SharedPages::new(Pages::private(1).unwrap());
        pages.copy_in(4093, &[1, 2, 3]);
        assert_eq!(pages.load_u8(4095), 3);
        pages.copy_in(4096, &[]);
        let mut tail = [0; 3];
        pages.copy_out(4093, &mut tail);
        assert_eq!(tail, [1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "range end index 4097")]
    fn a_copy_past_the_end_is_refused() {
        SharedPages::new(Pages::private(1).unwrap()).copy_in(4095, &[1, 2]);
    }

    #[test]
    fn bits_are_taken_once() {
        let pages = SharedPages::new(Pages::private(1).unwrap());
        pages.set_bits(23, 3);
        assert_eq!(pages.take_bits(23, 1), 1);
        assert_eq!(pages.take_bits(23, 1), 0);
        assert_eq!(pages.load_u8(23), 2);
        assert!(pages.exchange_u8(23, 2, 9) && !pages.exchange_u8(23, 2, 9));
    }
}
