//! What an application hands over to be called back. cbindgen makes the headers' part from this file.

use std::ffi::{c_char, c_int, c_short, c_void};

use libc::{pid_t, timeval};

use super::{
    libxl_ev_user, libxl_event, libxl_event_type, libxl_occurred_event, libxl_sigchld_owner_raw,
};
use crate::ctx::libxl_ctx;

/// What to do when an operation is over: call back, or queue an event.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct libxl_asyncop_how {
    /// NULL for an event.
    pub callback:
        Option<unsafe extern "C" fn(ctx: *mut libxl_ctx, rc: c_int, for_callback: *mut c_void)>,
    /// What the event or the callback gets.
    pub u: libxl_asyncop_how_u,
}

/// The union of `libxl_asyncop_how`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union libxl_asyncop_how_u {
    /// Without a callback.
    pub for_event: libxl_ev_user,
    /// With one.
    pub for_callback: *mut c_void,
}

/// How to report a step of a running operation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct libxl_asyncprogress_how {
    /// NULL for an event in the queue.
    pub callback: Option<
        unsafe extern "C" fn(
            ctx: *mut libxl_ctx,
            event: *mut libxl_event,
            for_callback: *mut c_void,
        ),
    >,
    /// Goes into the event.
    pub for_event: libxl_ev_user,
    /// Goes to the callback.
    pub for_callback: *mut c_void,
}

/// Chooses events by more than their type; 0 stands for no.
pub type libxl_event_predicate =
    Option<unsafe extern "C" fn(event: *const libxl_event, user: *mut c_void) -> c_int>;

/// For applications that want events as calls.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct libxl_event_hooks {
    /// A bit for each type of events that goes to `event_occurs`.
    pub event_occurs_mask: u64,
    /// Takes an event and owns it.
    pub event_occurs:
        Option<unsafe extern "C" fn(user: *mut c_void, event: *mut libxl_occurred_event)>,
    /// Told when events may be lost; without it the process exits.
    pub disaster: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            r#type: libxl_event_type,
            msg: *const c_char,
            errnoval: c_int,
        ),
    >,
}

/// For applications with an event loop of their own.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct libxl_osevent_hooks {
    /// Starts watching a descriptor.
    pub fd_register: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            fd: c_int,
            for_app_registration_out: *mut *mut c_void,
            events: c_short,
            for_libxl: *mut c_void,
        ) -> c_int,
    >,
    /// Changes what a descriptor is watched for.
    pub fd_modify: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            fd: c_int,
            for_app_registration_update: *mut *mut c_void,
            events: c_short,
        ) -> c_int,
    >,
    /// Stops watching a descriptor.
    pub fd_deregister: Option<
        unsafe extern "C" fn(user: *mut c_void, fd: c_int, for_app_registration: *mut c_void),
    >,
    /// Starts a timer.
    pub timeout_register: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            for_app_registration_out: *mut *mut c_void,
            abs: timeval,
            for_libxl: *mut c_void,
        ) -> c_int,
    >,
    /// Called with a time of 0 only: the timer shall fire as soon as possible.
    pub timeout_modify: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            for_app_registration_update: *mut *mut c_void,
            abs: timeval,
        ) -> c_int,
    >,
    /// Never called.
    pub timeout_deregister:
        Option<unsafe extern "C" fn(user: *mut c_void, for_app_registration: *mut c_void)>,
}

/// Who handles SIGCHLD.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(clippy::enum_variant_names, reason = "the names are libxl_event.h's")]
pub enum libxl_sigchld_owner {
    /// The library handles SIGCHLD while it has children, and reaps every child.
    libxl_sigchld_owner_libxl,
    /// The application handles SIGCHLD and tells the library.
    libxl_sigchld_owner_mainloop,
    /// The library handles SIGCHLD at all times.
    libxl_sigchld_owner_libxl_always,
    /// The same, but it reaps its own children only.
    libxl_sigchld_owner_libxl_always_selective_reap,
}

/// How the library and the application share child processes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct libxl_childproc_hooks {
    /// A [`libxl_sigchld_owner`], or any other number.
    pub chldowner: libxl_sigchld_owner_raw,
    /// Called in the place of fork.
    pub fork_replacement: Option<unsafe extern "C" fn(user: *mut c_void) -> pid_t>,
    /// Told about a child that is not the library's.
    pub reaped_callback:
        Option<unsafe extern "C" fn(pid: pid_t, status: c_int, user: *mut c_void) -> c_int>,
}
