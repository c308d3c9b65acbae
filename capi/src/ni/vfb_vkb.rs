//! Exports of the area "vfb/vkb" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_device_vfb, libxl_device_vkb, libxl_vkbinfo};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vfb_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vfb: *mut libxl_device_vfb,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_vfb_add")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vfb_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vfb: *mut libxl_device_vfb,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_vfb_destroy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vfb_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vfb: *mut libxl_device_vfb,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_vfb_remove")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vkb_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vkb: *mut libxl_device_vkb,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_vkb_add")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vkb_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vkb: *mut libxl_device_vkb,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_vkb_destroy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vkb_getinfo(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vkb: *const libxl_device_vkb,
    _vkbinfo: *mut libxl_vkbinfo,
) -> c_int {
    not_yet(ctx, "libxl_device_vkb_getinfo")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vkb_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_vkb {
    not_yet(ctx, "libxl_device_vkb_list");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vkb_list_free(_list: *mut libxl_device_vkb, _num: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_device_vkb_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vkb_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vkb: *mut libxl_device_vkb,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_vkb_remove")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_devid_to_device_vkb(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _devid: c_int,
    _vkb: *mut libxl_device_vkb,
) -> c_int {
    not_yet(ctx, "libxl_devid_to_device_vkb")
}
