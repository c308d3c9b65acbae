//! For compat-tests/fuzz: a PV guest that may have written anything about its frames.

use std::collections::HashMap;

use super::p2m;
use crate::sys::xc::{PAGE_SIZE, shared_info};

/// `data` is three words of the shared info page, and then words of the guest's memory: frame, index, value.
pub(crate) fn table(data: &[u8]) {
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    let (about, memory) = data.split_at(data.len().min(24));
    let mut info = vec![0; PAGE_SIZE];
    let places = [
        shared_info::P2M_CR3,
        shared_info::P2M_VADDR,
        shared_info::FRAME_LIST_LIST,
    ];
    for (place, value) in places.into_iter().zip(about.chunks_exact(8)) {
        info[place..place + 8].copy_from_slice(value);
    }
    let mut pages: HashMap<u64, Vec<u8>> = HashMap::new();
    for entry in memory.chunks_exact(12) {
        let page = pages.entry(word(&entry[..2]));
        let index = usize::try_from(word(&entry[2..4]) % 512).expect("small");
        let page = page.or_insert_with(|| vec![0; PAGE_SIZE]);
        page[index * 8..][..8].copy_from_slice(&entry[4..]);
    }
    let read = |frame: u64| pages.get(&frame).cloned();
    for size in [1, 513, 300_000] {
        if let Ok(frames) = p2m::frames(&read, &info, size) {
            assert_eq!(frames.len() as u64, size.div_ceil(512));
        }
    }
}
