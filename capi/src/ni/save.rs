//! Exports of the area "save/restore/migrate/remus/colo" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{
    libxl_asyncop_how, libxl_asyncprogress_how, libxl_domain_config, libxl_domain_remus_info,
    libxl_domain_restore_params,
};

/// What a user is told.
const NOT_BUILT: &str = "a guest cannot be saved or moved: shut it down (xl shutdown) and create it again where it shall run";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_create_restore(
    ctx: *mut libxl_ctx,
    _d_config: *mut libxl_domain_config,
    _domid: *mut u32,
    _restore_fd: c_int,
    _send_back_fd: c_int,
    _params: *const libxl_domain_restore_params,
    _ao_how: *const libxl_asyncop_how,
    _aop_console_how: *const libxl_asyncprogress_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_create_restore", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_remus_start(
    ctx: *mut libxl_ctx,
    _info: *mut libxl_domain_remus_info,
    _domid: u32,
    _send_fd: c_int,
    _recv_fd: c_int,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_remus_start", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_resume(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _suspend_cancel: c_int,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_resume", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_suspend(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _fd: c_int,
    _flags: c_int,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_suspend", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_suspend_only(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_suspend_only", NOT_BUILT)
}
