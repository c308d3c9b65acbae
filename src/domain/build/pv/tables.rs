//! The page tables that a PV guest starts with.

use std::collections::BTreeMap;

use crate::{Error, Result};

const PAGE_SHIFT: u32 = 12;
/// Bits of an address that one level decides, and entries of a table as a power of two.
const LEVEL_BITS: u32 = 9;
const ENTRIES: u64 = 1 << LEVEL_BITS;

/// Bits of entries (`_PAGE_*`).
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;

/// Entries that lead to a page. A table is mapped without `WRITABLE`.
const TO_PAGE: u64 = PRESENT | WRITABLE | ACCESSED;
/// Entries that lead to a table.
const TO_TABLE: u64 = PRESENT | WRITABLE | USER | ACCESSED | DIRTY;

/// Levels of tables.
pub(super) const LEVELS: u32 = 4;
/// The bits of an address that tables look at.
const ADDRESS_MASK: u64 = (1 << 48) - 1;

/// Pages at consecutive addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// The number of its first page in the address space, of which there is at least one.
    first: u64,
    /// The number of its last one.
    last: u64,
    /// The guest's page that is mapped first.
    pfn: u64,
}

impl Mapping {
    /// Maps `pages` pages from `pfn` on to `vaddr`, which is a page's address.
    pub(super) fn new(vaddr: u64, pages: u64, pfn: u64) -> Result<Self> {
        let first = (vaddr & ADDRESS_MASK) >> PAGE_SHIFT;
        let last = pages
            .checked_sub(1)
            .and_then(|more| first.checked_add(more));
        let end = ADDRESS_MASK >> PAGE_SHIFT;
        let last = last.filter(|last| *last <= end).ok_or_else(|| {
            Error::fail(format!(
                "{pages} pages at {vaddr:#x} leave the address space"
            ))
        })?;
        Ok(Self { first, last, pfn })
    }

    pub(super) fn pages(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// A table: its level, from 0, and its number among all that this level could have.
type Name = (u32, u64);

/// Tables and where they are.
#[derive(Debug, Default)]
pub(super) struct Tables {
    mappings: Vec<Mapping>,
    pages: BTreeMap<Name, u64>,
    /// The first page and the number of pages of each mapping's tables.
    groups: Vec<(u64, u64)>,
}

impl Tables {
    /// Whether a page of `mapping` is mapped already.
    pub(super) fn overlaps(&self, mapping: &Mapping) -> bool {
        let apart = |other: &Mapping| other.last < mapping.first || mapping.last < other.first;
        !self.mappings.iter().all(apart)
    }

    /// The tables that `mapping` needs and that are not there, in their order in memory: the top level first.
    pub(super) fn missing(&self, mapping: &Mapping) -> Vec<Name> {
        let mut names = Vec::new();
        for level in (0..LEVELS).rev() {
            let shift = LEVEL_BITS * (level + 1);
            let all = (mapping.first >> shift..=mapping.last >> shift).map(|index| (level, index));
            names.extend(all.filter(|name| !self.pages.contains_key(name)));
        }
        names
    }

    /// Adds a mapping whose missing tables lie in the guest's pages from `pfn` on.
    pub(super) fn add(&mut self, mapping: Mapping, pfn: u64) {
        let missing = self.missing(&mapping);
        self.groups.push((pfn, missing.len() as u64));
        self.pages.extend(missing.into_iter().zip(pfn..));
        self.mappings.push(mapping);
    }

    /// The contents of the tables of each mapping, page after page, in the order in which the mappings were added.
    /// `frames` is the machine frame of each page of the guest.
    pub(super) fn contents(&self, frames: &[u64]) -> Result<Vec<Vec<u64>>> {
        let frame = |pfn: u64| super::frame_of(frames, pfn);
        let empty = |(_, pages): &(u64, u64)| vec![0; index(pages * ENTRIES)];
        let mut contents: Vec<Vec<u64>> = self.groups.iter().map(empty).collect();
        let mut set = |table: u64, entry: u64, value: u64| {
            let groups = self.groups.iter().zip(&mut contents);
            for ((first, pages), group) in groups {
                if (*first..first + pages).contains(&table) {
                    group[index((table - first) * ENTRIES + entry % ENTRIES)] = value;
                }
            }
        };
        for ((level, number), pfn) in &self.pages {
            if let Some(parent) = self.pages.get(&(level + 1, number >> LEVEL_BITS)) {
                set(*parent, *number, frame(*pfn)? << PAGE_SHIFT | TO_TABLE);
            }
        }
        for mapping in &self.mappings {
            for (page, pfn) in (mapping.first..=mapping.last).zip(mapping.pfn..) {
                if let Some(table) = self.pages.get(&(0, page >> LEVEL_BITS)) {
                    let table_itself = self
                        .groups
                        .iter()
                        .any(|(first, pages)| (*first..first + pages).contains(&pfn));
                    let flags = if table_itself {
                        TO_PAGE & !WRITABLE
                    } else {
                        TO_PAGE
                    };
                    set(*table, page, frame(pfn)? << PAGE_SHIFT | flags);
                }
            }
        }
        Ok(contents)
    }
}

/// Tables and their entries are far fewer than what an usize counts.
fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::PAGE_SIZE;

    const BASE: u64 = 0xffff_ffff_8000_0000;

    /// Follows the tables as a processor does; the entry for a page, if all leads there.
    fn walk(memory: &BTreeMap<u64, Vec<u64>>, top: u64, vaddr: u64) -> Option<u64> {
        let mut frame = top;
        for level in (0..LEVELS).rev() {
            let table = memory.get(&frame)?;
            let shift = PAGE_SHIFT + LEVEL_BITS * level;
            let entry = table[index((vaddr & ADDRESS_MASK) >> shift & (ENTRIES - 1))];
            if entry & PRESENT == 0 {
                return None;
            }
            if level == 0 {
                return Some(entry);
            }
            assert_eq!(entry & 0xfff, TO_TABLE);
            frame = entry >> PAGE_SHIFT;
        }
        None
    }

    fn memory(tables: &Tables, frames: &[u64]) -> BTreeMap<u64, Vec<u64>> {
        let contents = tables.contents(frames).unwrap();
        let mut memory = BTreeMap::new();
        for ((first, _), group) in tables.groups.iter().zip(contents) {
            for (table, pfn) in group.chunks(index(ENTRIES)).zip(*first..) {
                memory.insert(frames[index(pfn)], table.to_vec());
            }
        }
        memory
    }

    #[test]
    fn every_page_is_found_through_the_tables() {
        let frames: Vec<u64> = (0..0x2000).map(|pfn| 0x10_0000 + pfn * 3).collect();
        let mut tables = Tables::default();
        let first = Mapping::new(BASE, 0x800, 0).unwrap();
        tables.add(first, 0x700);
        let list = 0x80_0000_0000;
        let second = Mapping::new(list, 5, 0x900).unwrap();
        tables.add(second, 0x905);
        let memory = memory(&tables, &frames);
        let top = frames[0x700];
        for pfn in 0..0x800 {
            let entry = walk(&memory, top, BASE + pfn * PAGE_SIZE).unwrap();
            assert_eq!(entry >> PAGE_SHIFT, frames[index(pfn)]);
            // Four first-level tables, one of each other level.
            let table = (0x700..0x707).contains(&pfn);
            assert_eq!(entry & 0xfff, if table { 0x21 } else { 0x23 });
        }
        for page in 0..5 {
            let entry = walk(&memory, top, list + page * PAGE_SIZE).unwrap();
            assert_eq!(entry, frames[index(0x900 + page)] << PAGE_SHIFT | TO_PAGE);
        }
        for unmapped in [
            BASE - PAGE_SIZE,
            BASE + 0x800 * PAGE_SIZE,
            list + 5 * PAGE_SIZE,
            0,
        ] {
            assert_eq!(walk(&memory, top, unmapped), None);
        }
    }

    #[test]
    fn tables_stand_from_the_top_level_down() {
        let mut tables = Tables::default();
        let mapping = Mapping::new(BASE, 0x400, 0).unwrap();
        let (top, third) = (0, 0x1ff);
        let second = (1 << 18) - 2;
        let lowest = second << 9;
        let names = [
            (3, top),
            (2, third),
            (1, second),
            (0, lowest),
            (0, lowest + 1),
        ];
        assert_eq!(tables.missing(&mapping), names);
        tables.add(mapping, 7);
        assert_eq!(tables.missing(&mapping), []);
        assert_eq!(tables.pages[&(0, lowest + 1)], 11);
        // What shares tables needs fewer of its own.
        let behind = Mapping::new(BASE + (4 << 20), 1, 0).unwrap();
        assert_eq!(tables.missing(&behind), [(0, lowest + 2)]);
        assert!(tables.overlaps(&mapping));
        assert!(!tables.overlaps(&behind));
    }

    #[test]
    fn addresses_end() {
        assert!(Mapping::new(BASE, 1 << 19, 0).is_ok());
        assert!(Mapping::new(BASE, (1 << 19) + 1, 0).is_err());
        assert!(Mapping::new(BASE, 0, 0).is_err());
        let mut tables = Tables::default();
        tables.add(Mapping::new(BASE, 2, 0).unwrap(), 2);
        // The guest has no page 2.
        assert!(tables.contents(&[1, 2]).is_err());
    }
}
