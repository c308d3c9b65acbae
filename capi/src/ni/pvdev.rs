//! Exports of the area "vtpm/p9/pvcalls/vdispl/vsnd" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_device_vsnd, libxl_vsndinfo};

/// What a user is told.
const NOT_BUILT: &str = "sound devices can be added, but not looked at";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vsnd_getinfo(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vsnd: *const libxl_device_vsnd,
    _vsndlinfo: *mut libxl_vsndinfo,
) -> c_int {
    not_yet(ctx, "libxl_device_vsnd_getinfo", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vsnd_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_vsnd {
    not_yet(ctx, "libxl_device_vsnd_list", NOT_BUILT);
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_vsnd_list_free(_list: *mut libxl_device_vsnd, _num: c_int) {
    not_yet(
        std::ptr::null_mut(),
        "libxl_device_vsnd_list_free",
        NOT_BUILT,
    );
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_devid_to_device_vsnd(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _devid: c_int,
    _vsnd: *mut libxl_device_vsnd,
) -> c_int {
    not_yet(ctx, "libxl_devid_to_device_vsnd", NOT_BUILT)
}
