//! Pages that the builder makes for the daemons, device models and the hypervisor, and the parameters that say where.

use std::ops::Range;

use crate::domain::build::layout::SPECIAL_PAGES;
use crate::xen::{GuestMemory, HvmParam, PAGE_SIZE, Piece, Source, Xen};
use crate::{Domid, Result};

/// The first of the pages, in the order of the C library's builder.
const FIRST: u64 = SPECIAL_PAGES.start / PAGE_SIZE;
const PAGING: u64 = FIRST;
const MONITOR: u64 = FIRST + 1;
const SHARING: u64 = FIRST + 2;
const BUFFERED_REQUESTS: u64 = FIRST + 3;
/// The page of the store ring.
pub(super) const STORE: u64 = FIRST + 4;
const REQUESTS: u64 = FIRST + 5;
const IDENTITY: u64 = FIRST + 6;
/// The page of the console ring.
pub(super) const CONSOLE: u64 = FIRST + 7;
const END: u64 = SPECIAL_PAGES.end / PAGE_SIZE;

/// Pages below them for further device models.
const SERVER_PAGES: u64 = 8;
/// The first of those.
pub(super) const SERVERS: u64 = FIRST - SERVER_PAGES;

/// Entries of a page table without PAE.
const ENTRIES: u32 = 1024;
/// Present, writable, for user mode, accessed, dirty, 4 MiB.
const SUPERPAGE: u32 = 0xe7;

/// Makes the pages; those for further device models only where there is one.
pub(super) fn create(
    xen: &Xen,
    domid: Domid,
    memory: &GuestMemory<'_>,
    device_model: bool,
) -> Result<()> {
    let pages = pages(device_model);
    let mut frames: Vec<u64> = pages.clone().collect();
    memory.populate_pages(Source::default(), &mut frames)?;

    let table = Piece {
        offset: (IDENTITY - pages.start) * PAGE_SIZE,
        bytes: &identity_table(),
    };
    memory.fill(&frames, &[table])?;

    let set = |param, value| xen.hvm_param_set(domid, param, value);
    set(HvmParam::StorePfn, STORE)?;
    set(HvmParam::BufIoreqPfn, BUFFERED_REQUESTS)?;
    set(HvmParam::IoreqPfn, REQUESTS)?;
    set(HvmParam::ConsolePfn, CONSOLE)?;
    set(HvmParam::PagingRingPfn, PAGING)?;
    set(HvmParam::MonitorRingPfn, MONITOR)?;
    set(HvmParam::SharingRingPfn, SHARING)?;
    if device_model {
        set(HvmParam::IoreqServerPfn, SERVERS)?;
        set(HvmParam::NrIoreqServerPages, SERVER_PAGES)?;
    }
    set(HvmParam::IdentPt, IDENTITY * PAGE_SIZE)
}

fn pages(device_model: bool) -> Range<u64> {
    if device_model {
        SERVERS..END
    } else {
        FIRST..END
    }
}

/// A page directory that maps all 4 GiB to themselves: Intel's nested paging needs one for a guest with paging off.
fn identity_table() -> Vec<u8> {
    (0..ENTRIES)
        .flat_map(|entry| (entry << 22 | SUPERPAGE).to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_where_device_models_and_daemons_expect_them() {
        assert_eq!((SERVERS, FIRST, END), (0xfeff0, 0xfeff8, 0xff000));
        assert_eq!((STORE, CONSOLE), (0xfeffc, 0xfefff));
        assert_eq!(pages(true).count(), 16);
        assert_eq!(pages(false).count(), 8);
    }

    #[test]
    fn every_superpage_maps_to_itself() {
        let table = identity_table();
        assert_eq!(table.len() as u64, PAGE_SIZE);
        assert_eq!(table[..4], 0xe7u32.to_le_bytes());
        assert_eq!(table[4092..], 0xffc0_00e7u32.to_le_bytes());
    }
}
