//! Where a kernel goes and starts, for each type of guest that can run it.

use super::notes::{has, named};
use super::{Kernel, Machine, bad};
use crate::Result;

/// `XENFEAT_auto_translated_physmap`: a PV guest without machine frames, which Xen has no more.
const AUTO_TRANSLATED: u32 = 2;
/// `XENFEAT_dom0`.
const DOM0: u32 = 11;
const PAGE_MASK: u64 = 4095;

/// Where an image goes. For PVH and firmware virtual addresses are physical ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The virtual address of the guest's first page.
    pub virt_base: u64,
    /// What to add to a physical address of the file for its virtual one, wrapping.
    pub virt_offset: u64,
    /// The image's first virtual address.
    pub start: u64,
    /// One past its last one.
    pub end: u64,
    /// Where it starts to run.
    pub entry: u64,
}

impl Kernel<'_> {
    /// As a PV guest; the notes say where, and must fit the interface `xen-3.0`. `wanted`: features, by name, that the
    /// configuration insists on.
    pub fn pv(&self, wanted: Option<&str>) -> Result<Placement> {
        let notes = &self.notes;
        if !notes.present {
            return Err(bad("it has neither Xen's notes nor a __xen_guest section"));
        }
        if !notes.loader.starts_with("generic") && !notes.guest_os.starts_with("linux") {
            return Err(bad(format_args!(
                "it is made for the loader {:?} and the system {:?}",
                notes.loader, notes.guest_os
            )));
        }
        if !notes.xen_version.starts_with("xen-3.0") {
            return Err(bad(format_args!(
                "it is made for the interface {:?}",
                notes.xen_version
            )));
        }
        let features = self.features(wanted)?;
        if has(features, AUTO_TRANSLATED) {
            return Err(bad(
                "Xen has no auto_translated_physmap for PV guests any more",
            ));
        }
        if notes.paddr_offset.is_some() && notes.virt_base.is_none() {
            return Err(bad("its notes have PADDR_OFFSET without VIRT_BASE"));
        }
        let virt_base = notes.virt_base.unwrap_or(0);
        let default_offset = if notes.legacy { virt_base } else { 0 };
        let offset = notes.paddr_offset.unwrap_or(default_offset);
        let entry = notes.virt_entry.unwrap_or(self.entry);
        let place = self.placed(virt_base, virt_base.wrapping_sub(offset), entry)?;
        if (place.virt_base | place.start) & PAGE_MASK != 0 {
            return Err(bad("its addresses are not those of pages"));
        }
        let inside = |base: &u64| (place.start..place.end).contains(base);
        if notes.init_p2m.as_ref().is_some_and(inside) {
            return Err(bad(
                "it wants the list of machine frames where it is itself",
            ));
        }
        Ok(place)
    }

    /// As a PVH guest, which needs but one note: the physical entry point.
    pub fn pvh(&self) -> Result<Placement> {
        let entry = self
            .notes
            .phys32_entry
            .ok_or_else(|| bad("it cannot run as PVH guest: no note has a physical entry point"))?;
        self.features(None)?;
        self.placed(0, 0, entry.into())
    }

    /// As the firmware of an HVM guest (hvmloader): a 32-bit ELF file without a physical entry point in a note.
    pub fn firmware(&self) -> Result<Placement> {
        if self.wide || self.machine != Machine::I386 {
            return Err(bad("the firmware is not a 32-bit ELF file"));
        }
        self.placed(0, 0, self.entry)
    }

    /// The features that it will use, as bits.
    fn features(&self, wanted: Option<&str>) -> Result<u32> {
        let notes = &self.notes;
        if has(notes.required, DOM0) {
            return Err(bad("it can only be dom0"));
        }
        let active = notes.required | wanted.map_or(0, named);
        if active & !notes.supported != 0 {
            return Err(bad(
                "it does not support a feature that the configuration wants",
            ));
        }
        Ok(active)
    }

    fn placed(&self, virt_base: u64, virt_offset: u64, entry: u64) -> Result<Placement> {
        let extent = self.extent();
        let start = extent.start.wrapping_add(virt_offset);
        let end = extent.end.wrapping_add(virt_offset);
        if start >= end || !(start..=end).contains(&entry) || virt_base > start {
            return Err(bad(format_args!(
                "its entry point {entry:#x} or base {virt_base:#x} does not fit its addresses {start:#x} to {end:#x}"
            )));
        }
        Ok(Placement {
            virt_base,
            virt_offset,
            start,
            end,
            entry,
        })
    }
}
