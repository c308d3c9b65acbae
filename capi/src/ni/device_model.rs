//! Exports of the area "device model & stubdom" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::libxl_asyncop_how;

/// What a user is told.
const NOT_BUILT: &str = "driver domains are served by the C library only";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_events_handler(
    ctx: *mut libxl_ctx,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_events_handler", NOT_BUILT)
}
