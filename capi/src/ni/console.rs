//! Exports of the area "consoles/vnc/channels" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::handles::libxl_xen_console_reader;
use crate::types::{libxl_channelinfo, libxl_console_type, libxl_device_channel};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_console_exec(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _cons_num: c_int,
    _type: libxl_console_type,
    _notify_fd: c_int,
) -> c_int {
    not_yet(ctx, "libxl_console_exec")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_console_get_tty(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _cons_num: c_int,
    _type: libxl_console_type,
    _path: *mut *mut c_char,
) -> c_int {
    not_yet(ctx, "libxl_console_get_tty")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_channel_getinfo(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _channel: *const libxl_device_channel,
    _channelinfo: *mut libxl_channelinfo,
) -> c_int {
    not_yet(ctx, "libxl_device_channel_getinfo")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_channel_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_channel {
    not_yet(ctx, "libxl_device_channel_list");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_primary_console_exec(
    ctx: *mut libxl_ctx,
    _domid_vm: u32,
    _notify_fd: c_int,
) -> c_int {
    not_yet(ctx, "libxl_primary_console_exec")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_primary_console_get_tty(
    ctx: *mut libxl_ctx,
    _domid_vm: u32,
    _path: *mut *mut c_char,
) -> c_int {
    not_yet(ctx, "libxl_primary_console_get_tty")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vncviewer_exec(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _autopass: c_int,
) -> c_int {
    not_yet(ctx, "libxl_vncviewer_exec")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_xen_console_read_finish(
    ctx: *mut libxl_ctx,
    _cr: *mut libxl_xen_console_reader,
) {
    not_yet(ctx, "libxl_xen_console_read_finish");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_xen_console_read_line(
    ctx: *mut libxl_ctx,
    _cr: *mut libxl_xen_console_reader,
    _line_r: *mut *mut c_char,
) -> c_int {
    not_yet(ctx, "libxl_xen_console_read_line")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_xen_console_read_start(
    ctx: *mut libxl_ctx,
    _clear: c_int,
) -> *mut libxl_xen_console_reader {
    not_yet(ctx, "libxl_xen_console_read_start");
    std::ptr::null_mut()
}
