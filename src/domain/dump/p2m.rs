//! Where a PV guest's pages are: the table it keeps itself, found by what it wrote into its shared info page.
//!
//! All of it is the guest's word. The caller bounds its size; frames that are not the guest's cannot be read.

use crate::domain::build::kernel::bytes::u64_at;
use crate::sys::xc::{PAGE_SIZE, shared_info};
use crate::{Error, Result};

/// Numbers of eight bytes in a page.
const ENTRIES: u64 = 512;
const PAGE: u64 = PAGE_SIZE as u64;
/// The frame in a page table entry.
const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// Bits of an address that page tables translate.
const ADDRESS: u64 = 0x0000_ffff_ffff_ffff;
/// The addresses that the hypervisor keeps for itself (arch-x86/xen-x86_64.h).
const HYPERVISOR: std::ops::RangeInclusive<u64> = 0xffff_8000_0000_0000..=0xffff_87ff_ffff_ffff;

/// The guest's memory: the page in a machine frame, if it is the guest's.
pub(super) type Read<'a> = &'a dyn Fn(u64) -> Option<Vec<u8>>;

/// The frames of the table with `size` entries; `page` is the guest's shared info page.
pub(super) fn frames(read: Read<'_>, page: &[u8], size: u64) -> Result<Vec<u64>> {
    let count = size.div_ceil(ENTRIES);
    match word(page, shared_info::P2M_CR3) {
        0 => by_lists(read, word(page, shared_info::FRAME_LIST_LIST), count),
        cr3 => by_page_tables(read, cr3 >> 12, word(page, shared_info::P2M_VADDR), count),
    }
}

fn word(page: &[u8], at: usize) -> u64 {
    u64_at(page, at).unwrap_or(0)
}

/// The numbers in a page.
pub(super) fn words(page: &[u8]) -> impl Iterator<Item = u64> {
    let numbers = page.chunks_exact(8).filter_map(|bytes| bytes.first_chunk());
    numbers.map(|bytes| u64::from_le_bytes(*bytes))
}

fn read_page(read: Read<'_>, frame: u64) -> Result<Vec<u8>> {
    read(frame).ok_or_else(|| bad(&format!("its frame {frame:#x} cannot be read")))
}

fn bad(what: &str) -> Error {
    Error::fail(format!("the guest's table of its frames is no use: {what}"))
        .hint("a guest has none before its kernel has made one")
}

/// A page names pages which name the table's pages.
fn by_lists(read: Read<'_>, top: u64, count: u64) -> Result<Vec<u64>> {
    let lists = count.div_ceil(ENTRIES);
    if lists > ENTRIES {
        return Err(bad(&format!(
            "a list of {lists} pages does not fit into a page"
        )));
    }
    let top = read_page(read, top)?;
    let mut frames = Vec::new();
    for list in words(&top).take(usize::try_from(lists).unwrap_or(0)) {
        let left = count - frames.len() as u64;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        frames.extend(words(&read_page(read, list)?).take(left));
    }
    Ok(frames)
}

/// The table is an array in the guest's address space.
fn by_page_tables(read: Read<'_>, top: u64, start: u64, count: u64) -> Result<Vec<u64>> {
    let last = table_end(start, count)
        .ok_or_else(|| bad(&format!("{count} pages at {start:#x} are nowhere")))?;
    let (start, last) = (start & ADDRESS, last & ADDRESS);
    let mut tables = vec![top];
    for level in (0..4).rev() {
        let shift = 12 + 9 * level;
        // Entries are counted from the first of the first table's.
        let first = (start >> shift) % ENTRIES;
        let wanted = (last >> shift) - (start >> shift) + 1;
        let mut next = Vec::new();
        for (number, table) in (0..).zip(&tables) {
            let page = read_page(read, *table)?;
            let entries = words(&page).zip(number * ENTRIES..);
            let entries = entries.filter(|(_, at)| (first..first + wanted).contains(at));
            next.extend(entries.map(|(entry, _)| (entry & FRAME) >> 12));
        }
        if next.contains(&0) {
            return Err(bad("a part of it is not mapped"));
        }
        tables = next;
    }
    Ok(tables)
}

/// The last address of an array of pages; None where a guest cannot have one.
fn table_end(start: u64, count: u64) -> Option<u64> {
    let canonical = |address: u64| matches!(address >> 47, 0 | 0x1_ffff);
    let length = count.checked_mul(PAGE)?.checked_sub(1)?;
    let last = start.checked_add(length)?;
    let of_hypervisor = start <= *HYPERVISOR.end() && last >= *HYPERVISOR.start();
    let whole = canonical(start) && canonical(last) && start >> 47 == last >> 47;
    (whole && start.is_multiple_of(PAGE) && !of_hypervisor).then_some(last)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A guest's memory of pages of which some words are set.
    #[derive(Default)]
    struct Guest(HashMap<u64, Vec<u8>>);

    impl Guest {
        fn set(&mut self, frame: u64, index: usize, value: u64) {
            let page = self.0.entry(frame).or_insert_with(|| vec![0; PAGE_SIZE]);
            page[index * 8..][..8].copy_from_slice(&value.to_le_bytes());
        }

        fn frames(&self, info: &[(usize, u64)], size: u64) -> Result<Vec<u64>> {
            let mut page = vec![0; PAGE_SIZE];
            for (place, value) in info {
                page[*place..place + 8].copy_from_slice(&value.to_le_bytes());
            }
            frames(&|frame| self.0.get(&frame).cloned(), &page, size)
        }
    }

    #[test]
    fn lists_of_lists_are_followed() {
        let mut guest = Guest::default();
        guest.set(7, 0, 8);
        guest.set(7, 1, 9);
        (0..512).for_each(|index| guest.set(8, index, 1000 + index as u64));
        guest.set(9, 0, 2000);
        guest.set(9, 1, 2001);
        let info = [(shared_info::FRAME_LIST_LIST, 7)];
        assert_eq!(guest.frames(&info, 512).unwrap(), [1000]);
        let many = guest.frames(&info, 514 * 512 - 3).unwrap();
        assert_eq!(many.len(), 514);
        assert_eq!(many[511..], [1511, 2000, 2001]);
        // A third list is not there, and more than a page of lists there cannot be.
        assert!(guest.frames(&info, 1025 * 512).is_err());
        let error = guest.frames(&info, (512 * 512 + 1) * 512).unwrap_err();
        assert!(error.to_string().contains("513 pages"), "{error}");
        assert!(guest.frames(&[], 512).is_err());
    }

    #[test]
    fn page_tables_are_walked() {
        // The table's second page is the first one of the next level-2 entry.
        let start: u64 = 0xffff_c900_001f_f000;
        let index = |level: u32| usize::try_from((start >> (12 + 9 * level)) % 512).unwrap();
        let mut guest = Guest::default();
        let flags = 0x8000_0000_0000_0067;
        guest.set(1, index(3), 2 << 12 | flags);
        guest.set(2, index(2), 3 << 12 | flags);
        guest.set(3, index(1), 4 << 12 | flags);
        guest.set(3, index(1) + 1, 5 << 12 | flags);
        guest.set(4, 511, 100 << 12 | flags);
        guest.set(5, 0, 101 << 12 | flags);
        let info = [
            (shared_info::P2M_CR3, 1 << 12),
            (shared_info::P2M_VADDR, start),
        ];
        assert_eq!(guest.frames(&info, 512).unwrap(), [100]);
        assert_eq!(guest.frames(&info, 600).unwrap(), [100, 101]);
        let error = guest.frames(&info, 1025).unwrap_err();
        assert!(error.to_string().contains("not mapped"), "{error}");
        let nowhere = [info[0], (shared_info::P2M_VADDR, 0xffff_8000_0000_0000)];
        assert!(guest.frames(&nowhere, 512).is_err());
        // Tables that are each other's make a walk no longer.
        let mut circle = Guest::default();
        (0..512).for_each(|index| circle.set(1, index, 1 << 12));
        assert_eq!(circle.frames(&info, 512 * 512).unwrap(), vec![1; 512]);
    }

    #[test]
    fn arrays_are_where_a_guest_can_have_them() {
        assert_eq!(table_end(0x1000, 1), Some(0x1fff));
        assert_eq!(table_end(0x7fff_ffff_f000, 1), Some(0x7fff_ffff_ffff));
        assert_eq!(table_end(0xffff_ffff_ffff_f000, 1), Some(u64::MAX));
        assert_eq!(
            table_end(0xffff_c900_0000_0000, 2),
            Some(0xffff_c900_0000_1fff)
        );
        let nowhere = [
            (0x7fff_ffff_f000, 2),
            (0x8000_0000_0000, 1),
            (0xffff_8000_0000_0000, 1),
            (0xffff_87ff_ffff_f000, 2),
            (0xffff_ffff_ffff_f000, 2),
            (0x1000, 0),
            (0x1000, u64::MAX),
            (0x1000, 1 << 50),
            (0x1008, 1),
        ];
        for (start, count) in nowhere {
            assert_eq!(table_end(start, count), None, "{count} pages at {start:#x}");
        }
    }
}
