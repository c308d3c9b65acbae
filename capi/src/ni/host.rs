//! Exports of the area "misc/host info" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_pcitopology, libxl_physinfo, libxl_version_info};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_pci_topology(
    ctx: *mut libxl_ctx,
    _num_devs: *mut c_int,
) -> *mut libxl_pcitopology {
    not_yet(ctx, "libxl_get_pci_topology");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_physinfo(ctx: *mut libxl_ctx, _physinfo: *mut libxl_physinfo) -> c_int {
    not_yet(ctx, "libxl_get_physinfo")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_version_info(ctx: *mut libxl_ctx) -> *const libxl_version_info {
    not_yet(ctx, "libxl_get_version_info");
    std::ptr::null()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_pcitopology_list_free(_arg0: *mut libxl_pcitopology, _num_devs: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_pcitopology_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_send_debug_keys(ctx: *mut libxl_ctx, _keys: *mut c_char) -> c_int {
    not_yet(ctx, "libxl_send_debug_keys")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_parameters(ctx: *mut libxl_ctx, _params: *mut c_char) -> c_int {
    not_yet(ctx, "libxl_set_parameters")
}
