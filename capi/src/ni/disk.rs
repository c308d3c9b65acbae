//! Exports of the area "disks/cdrom" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_device_disk};

/// What a user is told.
const NOT_BUILT: &str =
    "media cannot be changed while the guest runs: shut it down, change disk= and create it again";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cdrom_insert(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *mut libxl_device_disk,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_cdrom_insert", NOT_BUILT)
}
