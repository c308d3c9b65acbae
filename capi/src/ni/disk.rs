//! Exports of the area "disks/cdrom" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::handles::libxl_evgen_disk_eject;
use crate::types::{libxl_asyncop_how, libxl_device_disk, libxl_disk_backend, libxl_diskinfo};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cdrom_insert(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *mut libxl_device_disk,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_cdrom_insert")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *mut libxl_device_disk,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_disk_add")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *mut libxl_device_disk,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_disk_destroy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_getinfo(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *const libxl_device_disk,
    _diskinfo: *mut libxl_diskinfo,
) -> c_int {
    not_yet(ctx, "libxl_device_disk_getinfo")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_disk {
    not_yet(ctx, "libxl_device_disk_list");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_list_free(_list: *mut libxl_device_disk, _num: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_device_disk_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *mut libxl_device_disk,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_disk_remove")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_disk_safe_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _disk: *mut libxl_device_disk,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_disk_safe_remove")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_evdisable_disk_eject(
    ctx: *mut libxl_ctx,
    _arg1: *mut libxl_evgen_disk_eject,
) {
    not_yet(ctx, "libxl_evdisable_disk_eject");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_evenable_disk_eject(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vdev: *const c_char,
    _arg3: u64,
    _evgen_out: *mut *mut libxl_evgen_disk_eject,
) -> c_int {
    not_yet(ctx, "libxl_evenable_disk_eject")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_string_to_backend(
    ctx: *mut libxl_ctx,
    _s: *mut c_char,
    _backend: *mut libxl_disk_backend,
) -> c_int {
    not_yet(ctx, "libxl_string_to_backend")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vdev_to_device_disk(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vdev: *const c_char,
    _disk: *mut libxl_device_disk,
) -> c_int {
    not_yet(ctx, "libxl_vdev_to_device_disk")
}
