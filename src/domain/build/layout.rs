//! Where an HVM or PVH guest's memory lies.

use crate::types::{DomainBuildInfo, DomainBuildInfoU};
use crate::xen::PAGE_SIZE;

/// 4 GiB, where the range for devices ends.
pub(super) const FOUR_GIB: u64 = 1 << 32;
/// Where RAM below 4 GiB ends unless the configuration asks for a larger range for devices (hvm/e820.h).
const HVM_MMIO_START: u64 = 0xf000_0000;
/// The builder's special pages (xenguest.h): frames 0xfeff8 to 0xfefff.
pub(super) const SPECIAL_PAGES: std::ops::Range<u64> = 0xfeff_8000..0xff00_0000;
/// Local APICs.
const LAPIC: u64 = 0xfee0_0000;
/// Pages at 0xa0000 that belong to the VGA window.
const VGA_HOLE_PAGES: u64 = 0x20;

/// Memory of an HVM or PVH guest; bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HvmMemory {
    /// Pages that it has from the start; fewer than it sees are given on demand.
    pub(super) target_pages: u64,
    /// Where devices' memory below 4 GiB begins.
    pub(super) mmio_start: u64,
    /// How much of it there is.
    pub(super) mmio_size: u64,
    /// End of RAM below 4 GiB.
    pub(super) lowmem_end: u64,
    /// End of RAM above 4 GiB; 0 when there is none.
    pub(super) highmem_end: u64,
    /// Pages left out for the VGA window.
    pub(super) vga_hole_pages: u64,
    /// Whether there is a device model.
    pub(super) device_model: bool,
}

impl HvmMemory {
    /// Pages of RAM that the guest sees, those of the VGA window among them.
    pub(super) fn ram_pages(&self) -> u64 {
        self.lowmem_end / PAGE_SIZE + self.highmem_end.saturating_sub(FOUR_GIB) / PAGE_SIZE
    }
}

/// Lays out the memory of a guest whose defaults are filled in; `acpi` is where a PVH guest's tables begin.
pub(super) fn hvm_memory(info: &DomainBuildInfo, acpi: u64) -> HvmMemory {
    let kib = |size: u64| size.saturating_sub(info.video_memkb) << 10;
    let ram = kib(info.max_memkb);
    let target_pages = match kib(info.target_memkb) / PAGE_SIZE {
        0 => ram / PAGE_SIZE,
        pages => pages,
    };
    let device_model = matches!(info.u, DomainBuildInfoU::Hvm(_));
    let mmio_start = match &info.u {
        DomainBuildInfoU::Hvm(hvm) => wanted_mmio_start(hvm.mmio_hole_memkb),
        _ => SPECIAL_PAGES.start.min(LAPIC).min(acpi),
    };
    let lowmem_end = ram.min(mmio_start);
    HvmMemory {
        target_pages,
        mmio_start,
        mmio_size: FOUR_GIB - mmio_start,
        lowmem_end,
        highmem_end: match ram - lowmem_end {
            0 => 0,
            rest => FOUR_GIB + rest,
        },
        vga_hole_pages: if device_model { VGA_HOLE_PAGES } else { 0 },
        device_model,
    }
}

/// A configured hole counts only when it is larger than the usual one.
fn wanted_mmio_start(hole_kib: u64) -> u64 {
    hole_kib
        .checked_mul(1024)
        .and_then(|hole| FOUR_GIB.checked_sub(hole))
        .filter(|&start| start < HVM_MMIO_START)
        .unwrap_or(HVM_MMIO_START)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DomainBuildInfoHvm, DomainBuildInfoPvh};

    const ACPI: u64 = 0xfc00_0000;

    fn hvm(mib: u64, hole_mib: u64) -> DomainBuildInfo {
        DomainBuildInfo {
            max_memkb: mib << 10,
            target_memkb: mib << 10,
            video_memkb: 0,
            u: DomainBuildInfoU::Hvm(DomainBuildInfoHvm {
                mmio_hole_memkb: hole_mib << 10,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn small_guests_end_below_the_hole() {
        let memory = hvm_memory(&hvm(128, 0), ACPI);
        assert_eq!(memory.lowmem_end, 128 << 20);
        assert_eq!(memory.highmem_end, 0);
        assert_eq!(memory.mmio_start, HVM_MMIO_START);
        assert_eq!(memory.mmio_size, 256 << 20);
        assert_eq!(memory.target_pages, 128 << 8);
        assert!(memory.device_model && memory.vga_hole_pages == 32);
    }

    #[test]
    fn the_rest_goes_above_4_gib() {
        let memory = hvm_memory(&hvm(6144, 0), ACPI);
        assert_eq!(memory.lowmem_end, HVM_MMIO_START);
        assert_eq!(memory.ram_pages(), 6144 << 8);
        assert_eq!(memory.highmem_end, FOUR_GIB + (6144 << 20) - HVM_MMIO_START);
        let memory = hvm_memory(&hvm(6144, 2048), ACPI);
        assert_eq!(memory.mmio_start, 2 << 30);
        assert_eq!(hvm_memory(&hvm(64, 100), ACPI).mmio_start, HVM_MMIO_START);
        assert_eq!(wanted_mmio_start(u64::MAX), HVM_MMIO_START);
        assert_eq!(wanted_mmio_start(5 << 20), HVM_MMIO_START);
    }

    #[test]
    fn memory_need_not_be_whole_mib() {
        let mut info = hvm(5, 0);
        info.max_memkb += 12;
        assert_eq!(hvm_memory(&info, ACPI).ram_pages(), (5 << 8) + 3);
    }

    #[test]
    fn video_memory_is_not_ram() {
        let mut info = hvm(128, 0);
        info.video_memkb = 8 << 10;
        info.target_memkb = 64 << 10;
        let memory = hvm_memory(&info, ACPI);
        assert_eq!(memory.lowmem_end, 120 << 20);
        assert_eq!(memory.target_pages, 56 << 8);
    }

    #[test]
    fn pvh_keeps_acpi_tables_in_the_hole() {
        let mut info = hvm(8192, 0);
        info.u = DomainBuildInfoU::Pvh(DomainBuildInfoPvh::default());
        let memory = hvm_memory(&info, ACPI);
        assert_eq!(memory.mmio_start, ACPI);
        assert!(!memory.device_model && memory.vga_hole_pages == 0);
    }
}
