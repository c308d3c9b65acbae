//! Exports of the area "usb" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{
    libxl_asyncop_how, libxl_device_usbctrl, libxl_device_usbdev, libxl_usbctrlinfo,
};

/// What a user is told.
const NOT_BUILT: &str =
    "USB devices cannot be passed through: usbdevice= gives an HVM guest emulated ones";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_ctrlport_to_device_usbdev(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ctrl: c_int,
    _port: c_int,
    _usbdev: *mut libxl_device_usbdev,
) -> c_int {
    not_yet(ctx, "libxl_ctrlport_to_device_usbdev", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbctrl_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _usbctrl: *mut libxl_device_usbctrl,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_usbctrl_add", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbctrl_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _usbctrl: *mut libxl_device_usbctrl,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_usbctrl_destroy", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbctrl_getinfo(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _usbctrl: *const libxl_device_usbctrl,
    _usbctrlinfo: *mut libxl_usbctrlinfo,
) -> c_int {
    not_yet(ctx, "libxl_device_usbctrl_getinfo", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbctrl_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_usbctrl {
    not_yet(ctx, "libxl_device_usbctrl_list", NOT_BUILT);
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbctrl_list_free(_list: *mut libxl_device_usbctrl, _nr: c_int) {
    not_yet(
        std::ptr::null_mut(),
        "libxl_device_usbctrl_list_free",
        NOT_BUILT,
    );
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbctrl_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _usbctrl: *mut libxl_device_usbctrl,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_usbctrl_remove", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbdev_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _usbdev: *mut libxl_device_usbdev,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_usbdev_add", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbdev_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_usbdev {
    not_yet(ctx, "libxl_device_usbdev_list", NOT_BUILT);
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbdev_list_free(_list: *mut libxl_device_usbdev, _nr: c_int) {
    not_yet(
        std::ptr::null_mut(),
        "libxl_device_usbdev_list_free",
        NOT_BUILT,
    );
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_usbdev_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _usbdev: *mut libxl_device_usbdev,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_usbdev_remove", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_devid_to_device_usbctrl(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _devid: c_int,
    _usbctrl: *mut libxl_device_usbctrl,
) -> c_int {
    not_yet(ctx, "libxl_devid_to_device_usbctrl", NOT_BUILT)
}
