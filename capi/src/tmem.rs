//! Exports for transcendent memory, which left Xen with 4.13: each says so and fails, as in the C library.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::{Domid, Error, Result};

use crate::args::Unused;
use crate::export::export;

fn gone<T>(doing: &str, domid: impl Into<Option<Domid>>) -> Result<T> {
    let error = Error::fail(format!("{doing}: transcendent memory is gone from Xen"));
    Err(match domid.into() {
        Some(domid) => error.domain(domid),
        None => error,
    })
}

export! {
    /// Fails.
    fn libxl_tmem_freeable(_this) {
        gone::<()>("Can not get tmem freeable memory", None)
    }

    /// Fails.
    fn libxl_tmem_freeze(_this, domid: u32) {
        gone::<()>("Can not freeze tmem pools", domid)
    }

    /// Fails.
    fn libxl_tmem_thaw(_this, domid: u32) {
        gone::<()>("Can not thaw tmem pools", domid)
    }

    /// Fails.
    fn libxl_tmem_list(_this, domid: u32, _use_long: c_int) -> *mut c_char [else null_mut()] {
        gone("Can not get tmem list", domid)
    }

    /// Fails.
    fn libxl_tmem_set(_this, domid: u32, _name: Unused<c_char>, _set: u32) {
        gone::<()>("Can not set tmem", domid)
    }

    /// Fails.
    fn libxl_tmem_shared_auth(_this, domid: u32, _uuid: Unused<c_char>, _auth: c_int) {
        gone::<()>("Can not set tmem shared auth", domid)
    }
}
