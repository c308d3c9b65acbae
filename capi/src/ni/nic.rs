//! Exports of the area "nics" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_device_nic, libxl_nicinfo};

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

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_nic_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nic: *mut libxl_device_nic,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_nic_destroy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_nic_getinfo(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nic: *const libxl_device_nic,
    _nicinfo: *mut libxl_nicinfo,
) -> c_int {
    not_yet(ctx, "libxl_device_nic_getinfo")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_nic_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_nic {
    not_yet(ctx, "libxl_device_nic_list");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_nic_list_free(_list: *mut libxl_device_nic, _num: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_device_nic_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_nic_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nic: *mut libxl_device_nic,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_nic_remove")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_devid_to_device_nic(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _devid: c_int,
    _nic: *mut libxl_device_nic,
) -> c_int {
    not_yet(ctx, "libxl_devid_to_device_nic")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_mac_to_device_nic(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _mac: *const c_char,
    _nic: *mut libxl_device_nic,
) -> c_int {
    not_yet(ctx, "libxl_mac_to_device_nic")
}
