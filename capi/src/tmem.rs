//! Exports for transcendent memory, which left Xen with 4.13: each says so and fails, as in the C library.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::{Domid, Error, Result};

use crate::boundary::{status, value};
use crate::ctx::libxl_ctx;

fn gone<T>(doing: &str, domid: impl Into<Option<Domid>>) -> Result<T> {
    let error = Error::fail(format!("{doing}: transcendent memory is gone from Xen"));
    Err(match domid.into() {
        Some(domid) => error.domain(domid),
        None => error,
    })
}

/// Fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_freeable(ctx: *mut libxl_ctx) -> c_int {
    status(ctx, "libxl_tmem_freeable", |_| {
        gone::<c_int>("Can not get tmem freeable memory", None)
    })
}

/// Fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_freeze(ctx: *mut libxl_ctx, domid: u32) -> c_int {
    status(ctx, "libxl_tmem_freeze", |_| {
        gone::<c_int>("Can not freeze tmem pools", domid)
    })
}

/// Fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_thaw(ctx: *mut libxl_ctx, domid: u32) -> c_int {
    status(ctx, "libxl_tmem_thaw", |_| {
        gone::<c_int>("Can not thaw tmem pools", domid)
    })
}

/// Fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_list(
    ctx: *mut libxl_ctx,
    domid: u32,
    _use_long: c_int,
) -> *mut c_char {
    value(ctx, "libxl_tmem_list", null_mut(), |_| {
        gone("Can not get tmem list", domid)
    })
}

/// Fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_set(
    ctx: *mut libxl_ctx,
    domid: u32,
    _name: *mut c_char,
    _set: u32,
) -> c_int {
    status(ctx, "libxl_tmem_set", |_| {
        gone::<c_int>("Can not set tmem", domid)
    })
}

/// Fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_shared_auth(
    ctx: *mut libxl_ctx,
    domid: u32,
    _uuid: *mut c_char,
    _auth: c_int,
) -> c_int {
    status(ctx, "libxl_tmem_shared_auth", |_| {
        gone::<c_int>("Can not set tmem shared auth", domid)
    })
}
