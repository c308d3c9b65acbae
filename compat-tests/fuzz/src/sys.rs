//! The process's allocator, with a count of what it has given. This program's only unsafe code.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that are in use, and the most that were at once since [`forget_peak`]; asked for, whether they were touched or not.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes in use.
pub(crate) fn held() -> usize {
    HELD.load(Relaxed)
}

/// The most bytes in use at once since [`forget_peak`].
pub(crate) fn peak() -> usize {
    PEAK.load(Relaxed)
}

pub(crate) fn forget_peak() {
    PEAK.store(held(), Relaxed);
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grew(by: usize) {
    let held = HELD.fetch_add(by, Relaxed) + by;
    PEAK.fetch_max(held, Relaxed);
}

fn shrank(by: usize) {
    HELD.fetch_sub(by, Relaxed);
}

// SAFETY: every request goes to the system's allocator as it came, and its answer back; the counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout has a size, as this function's contract says.
        let given = unsafe { System.alloc(layout) };
        if !given.is_null() {
            grew(layout.size());
        }
        given
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let given = unsafe { System.alloc_zeroed(layout) };
        if !given.is_null() {
            grew(layout.size());
        }
        given
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: `old` came from the system's allocator with this layout, because all that is given here does.
        let given = unsafe { System.realloc(old, layout, size) };
        if !given.is_null() {
            grew(size.saturating_sub(layout.size()));
            shrank(layout.size().saturating_sub(size));
        }
        given
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(given, layout) };
        shrank(layout.size());
    }
}
