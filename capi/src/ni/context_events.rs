//! Exports of the area "context+events" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_int, c_short, c_uint, c_void};

use libc::{pid_t, pollfd, timeval};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::handles::{libxl_evgen_domain_death, xentoollog_logger};
use crate::types::{
    libxl_asyncop_how, libxl_childproc_hooks, libxl_event, libxl_event_hooks,
    libxl_event_predicate, libxl_osevent_hooks,
};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_ao_abort(ctx: *mut libxl_ctx, _how: *const libxl_asyncop_how) -> c_int {
    not_yet(ctx, "libxl_ao_abort")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_childproc_reaped(
    ctx: *mut libxl_ctx,
    _arg1: pid_t,
    _status: c_int,
) -> c_int {
    not_yet(ctx, "libxl_childproc_reaped")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_childproc_setmode(
    ctx: *mut libxl_ctx,
    _hooks: *const libxl_childproc_hooks,
    _user: *mut c_void,
) {
    not_yet(ctx, "libxl_childproc_setmode");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_childproc_sigchld_occurred(ctx: *mut libxl_ctx) {
    not_yet(ctx, "libxl_childproc_sigchld_occurred");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_ctx_alloc(
    _pctx: *mut *mut libxl_ctx,
    _version: c_int,
    _flags: c_uint,
    _lg: *mut xentoollog_logger,
) -> c_int {
    not_yet(std::ptr::null_mut(), "libxl_ctx_alloc")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_ctx_free(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_ctx_free")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_evdisable_domain_death(
    ctx: *mut libxl_ctx,
    _arg1: *mut libxl_evgen_domain_death,
) {
    not_yet(ctx, "libxl_evdisable_domain_death");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_evenable_domain_death(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _arg2: u64,
    _evgen_out: *mut *mut libxl_evgen_domain_death,
) -> c_int {
    not_yet(ctx, "libxl_evenable_domain_death")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_event_check(
    ctx: *mut libxl_ctx,
    _event_r: *mut *mut libxl_event,
    _typemask: u64,
    _predicate: libxl_event_predicate,
    _predicate_user: *mut c_void,
) -> c_int {
    not_yet(ctx, "libxl_event_check")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_event_free(ctx: *mut libxl_ctx, _event: *mut libxl_event) {
    not_yet(ctx, "libxl_event_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_event_register_callbacks(
    ctx: *mut libxl_ctx,
    _hooks: *const libxl_event_hooks,
    _user: *mut c_void,
) {
    not_yet(ctx, "libxl_event_register_callbacks");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_event_wait(
    ctx: *mut libxl_ctx,
    _event_r: *mut *mut libxl_event,
    _typemask: u64,
    _predicate: libxl_event_predicate,
    _predicate_user: *mut c_void,
) -> c_int {
    not_yet(ctx, "libxl_event_wait")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_osevent_afterpoll(
    ctx: *mut libxl_ctx,
    _nfds: c_int,
    _fds: *const pollfd,
    _now: timeval,
) {
    not_yet(ctx, "libxl_osevent_afterpoll");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_osevent_beforepoll(
    ctx: *mut libxl_ctx,
    _nfds_io: *mut c_int,
    _fds: *mut pollfd,
    _timeout_upd: *mut c_int,
    _now: timeval,
) -> c_int {
    not_yet(ctx, "libxl_osevent_beforepoll")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_osevent_occurred_fd(
    ctx: *mut libxl_ctx,
    _for_libxl: *mut c_void,
    _fd: c_int,
    _events: c_short,
    _revents: c_short,
) {
    not_yet(ctx, "libxl_osevent_occurred_fd");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_osevent_occurred_timeout(ctx: *mut libxl_ctx, _for_libxl: *mut c_void) {
    not_yet(ctx, "libxl_osevent_occurred_timeout");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_osevent_register_hooks(
    ctx: *mut libxl_ctx,
    _hooks: *const libxl_osevent_hooks,
    _user: *mut c_void,
) {
    not_yet(ctx, "libxl_osevent_register_hooks");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_postfork_child_noexec(ctx: *mut libxl_ctx) {
    not_yet(ctx, "libxl_postfork_child_noexec");
}
