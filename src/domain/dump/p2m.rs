//! Where a PV guest's pages are: the table it keeps itself, found by what it wrote into its shared info page.
//!
//! All of it is the guest's word. Sizes are bounded by the machine's; frames that are not the guest's cannot be mapped.

use crate::sys::xc::{PAGE_SIZE, shared_info};
use crate::xen::Xen;
use crate::{Domid, Error, Result};

/// Numbers of eight bytes in a page.
const ENTRIES: u64 = 512;
const PAGE: u64 = PAGE_SIZE as u64;
/// The frame in a page table entry.
const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// Bits of an address that page tables translate.
const ADDRESS: u64 = 0x0000_ffff_ffff_ffff;
/// The addresses that the hypervisor keeps for itself (arch-x86/xen-x86_64.h).
const HYPERVISOR: std::ops::RangeInclusive<u64> = 0xffff_8000_0000_0000..=0xffff_87ff_ffff_ffff;

/// The frames of the table with `size` entries; `page` is the guest's shared info page.
pub(super) fn frames(xen: &Xen, domid: Domid, page: &[u8], size: u64) -> Result<Vec<u64>> {
    let count = size.div_ceil(ENTRIES);
    let tables = Tables { xen, domid };
    match word(page, shared_info::P2M_CR3) {
        0 => tables.by_lists(word(page, shared_info::FRAME_LIST_LIST), count),
        cr3 => tables.by_page_tables(cr3 >> 12, word(page, shared_info::P2M_VADDR), count),
    }
}

fn word(page: &[u8], at: usize) -> u64 {
    let bytes = page.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The numbers in a page.
pub(super) fn words(page: &[u8]) -> impl Iterator<Item = u64> {
    let numbers = page.chunks_exact(8).filter_map(|bytes| bytes.first_chunk());
    numbers.map(|bytes| u64::from_le_bytes(*bytes))
}

struct Tables<'a> {
    xen: &'a Xen,
    domid: Domid,
}

impl Tables<'_> {
    fn page(&self, frame: u64) -> Result<Vec<u8>> {
        let mut page = vec![0; PAGE_SIZE];
        let mapped = self.xen.map_readable(self.domid, &[frame])?;
        if mapped.read(0, &mut page) {
            return Ok(page);
        }
        Err(self.bad(format!("its frame {frame:#x} cannot be read")))
    }

    fn bad(&self, what: String) -> Error {
        Error::fail(format!("the guest's table of its frames is no use: {what}"))
            .domain(self.domid)
            .hint("a guest has none before its kernel has made one")
    }

    /// A page names pages which name the table's pages.
    fn by_lists(&self, top: u64, count: u64) -> Result<Vec<u64>> {
        let lists = count.div_ceil(ENTRIES);
        if lists > ENTRIES {
            return Err(self.bad(format!("a list of {lists} pages does not fit into a page")));
        }
        let top = self.page(top)?;
        let mut frames = Vec::new();
        for list in words(&top).take(usize::try_from(lists).unwrap_or(0)) {
            let left = count - frames.len() as u64;
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            frames.extend(words(&self.page(list)?).take(left));
        }
        Ok(frames)
    }

    /// The table is an array in the guest's address space.
    fn by_page_tables(&self, top: u64, start: u64, count: u64) -> Result<Vec<u64>> {
        let last = table_end(start, count)
            .ok_or_else(|| self.bad(format!("{count} pages at {start:#x} are nowhere")))?;
        let (start, last) = (start & ADDRESS, last & ADDRESS);
        let mut tables = vec![top];
        for level in (0..4).rev() {
            let shift = 12 + 9 * level;
            // Entries are counted from the first of the first table's.
            let first = (start >> shift) % ENTRIES;
            let wanted = (last >> shift) - (start >> shift) + 1;
            let mut next = Vec::new();
            for (number, table) in (0..).zip(&tables) {
                let page = self.page(*table)?;
                let entries = words(&page).zip(number * ENTRIES..);
                let entries = entries.filter(|(_, at)| (first..first + wanted).contains(at));
                next.extend(entries.map(|(entry, _)| (entry & FRAME) >> 12));
            }
            if next.contains(&0) {
                return Err(self.bad("a part of it is not mapped".into()));
            }
            tables = next;
        }
        Ok(tables)
    }
}

/// The last address of an array of pages; None where a guest cannot have one.
fn table_end(start: u64, count: u64) -> Option<u64> {
    let canonical = |address: u64| matches!(address >> 47, 0 | 0x1_ffff);
    let length = count.checked_mul(PAGE)?.checked_sub(1)?;
    let last = start.checked_add(length)?;
    let of_hypervisor = start <= *HYPERVISOR.end() && last >= *HYPERVISOR.start();
    (canonical(start) && canonical(last) && start >> 47 == last >> 47 && !of_hypervisor)
        .then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ];
        for (start, count) in nowhere {
            assert_eq!(table_end(start, count), None, "{count} pages at {start:#x}");
        }
    }
}
