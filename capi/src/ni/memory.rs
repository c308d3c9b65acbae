//! Exports of the area "memory" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_freeable(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_tmem_freeable")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_freeze(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_tmem_freeze")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _use_long: c_int,
) -> *mut c_char {
    not_yet(ctx, "libxl_tmem_list");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_set(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _name: *mut c_char,
    _set: u32,
) -> c_int {
    not_yet(ctx, "libxl_tmem_set")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_shared_auth(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _uuid: *mut c_char,
    _auth: c_int,
) -> c_int {
    not_yet(ctx, "libxl_tmem_shared_auth")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_thaw(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_tmem_thaw")
}
