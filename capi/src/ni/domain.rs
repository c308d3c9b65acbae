//! Exports of the area "domain lifecycle" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_asyncprogress_how, libxl_domain_config};

/// What a user is told.
const NOT_BUILT: &str = "destroy the domain and create it again";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_soft_reset(
    ctx: *mut libxl_ctx,
    _d_config: *mut libxl_domain_config,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
    _aop_console_how: *const libxl_asyncprogress_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_soft_reset", NOT_BUILT)
}
