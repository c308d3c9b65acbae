//! How much memory a guest and its stub domain have when nothing is said.

use crate::types::{DeviceModelVersion, DomainBuildInfo, MEMKB_DEFAULT};

/// Memory of a guest that asks for none in particular.
const DEFAULT_MEMKB: u64 = 32 << 10;

/// Memory of a stub domain, without video memory: Linux with QEMU, MiniOS with qemu-traditional.
const LINUX_STUBDOM_MEMKB: u64 = 128 << 10;
const MINIOS_STUBDOM_MEMKB: u64 = 28 << 10;

pub(super) fn memory(info: &mut DomainBuildInfo) {
    default_kb(&mut info.max_memkb, DEFAULT_MEMKB);
    let max_memkb = info.max_memkb;
    default_kb(&mut info.target_memkb, max_memkb);
    let stubdomain_kb = match info.device_model_stubdomain {
        Some(true) if info.device_model_version == DeviceModelVersion::QemuXen => {
            LINUX_STUBDOM_MEMKB
        }
        Some(true) => MINIOS_STUBDOM_MEMKB,
        _ => 0,
    };
    default_kb(&mut info.stubdomain_memkb, stubdomain_kb);
    default_kb(&mut info.iommu_memkb, 0);
}

/// Sets a size that was left open.
pub(super) fn default_kb(field: &mut u64, value: u64) {
    if *field == MEMKB_DEFAULT {
        *field = value;
    }
}
