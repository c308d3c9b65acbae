//! Exports of the area "nics" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_device_nic};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_nic_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nic: *mut libxl_device_nic,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_nic_add")
}
