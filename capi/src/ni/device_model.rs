//! Exports of the area "device model & stubdom" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::libxl_asyncop_how;

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_events_handler(
    ctx: *mut libxl_ctx,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_events_handler")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_stubdom_id(ctx: *mut libxl_ctx, _guest_domid: c_int) -> c_int {
    not_yet(ctx, "libxl_get_stubdom_id")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_is_stubdom(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _target_domid: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_is_stubdom")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_qemu_monitor_command(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _command_line: *const c_char,
    _output: *mut *mut c_char,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_qemu_monitor_command")
}
