//! Exports of the area "flask" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int, c_void};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_context_to_sid(
    ctx: *mut libxl_ctx,
    _buf: *mut c_char,
    _len: usize,
    _ssidref: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_flask_context_to_sid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_getenforce(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_flask_getenforce")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_loadpolicy(
    ctx: *mut libxl_ctx,
    _policy: *mut c_void,
    _size: u32,
) -> c_int {
    not_yet(ctx, "libxl_flask_loadpolicy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_setenforce(ctx: *mut libxl_ctx, _mode: c_int) -> c_int {
    not_yet(ctx, "libxl_flask_setenforce")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_sid_to_context(
    ctx: *mut libxl_ctx,
    _ssidref: u32,
    _buf: *mut *mut c_char,
    _len: *mut usize,
) -> c_int {
    not_yet(ctx, "libxl_flask_sid_to_context")
}
