//! The types written by hand as C sees them; cbindgen reads this file, nothing compiles it.
//! Their layouts are checked against capi/src/types by the compatibility tests.

pub type libxl_mac = [u8; 6];
pub type libxl_string_list = *mut *mut c_char;
pub type libxl_key_value_list = *mut *mut c_char;
pub type libxl_hwcap = [u32; 8];
pub type libxl_ev_user = u64;
pub type libxl_domid = u32;
pub type libxl_devid = c_int;
pub type libxl_cpuid_policy_list = *mut libxl__cpu_policy;

#[repr(C)]
pub struct libxl_uuid {
    pub uuid: [c_uchar; 16],
}

#[repr(C)]
pub struct libxl_bitmap {
    pub size: u32,
    pub map: *mut u8,
}

#[repr(C)]
pub struct libxl_enum_string_table {
    pub s: *const c_char,
    pub v: c_int,
}

#[repr(C)]
pub struct libxl_defbool {
    pub val: c_int,
}

#[repr(C)]
pub struct libxl_ms_vm_genid {
    pub bytes: [u8; 16],
}

#[repr(C)]
pub union libxl_asyncop_how_u {
    pub for_event: libxl_ev_user,
    pub for_callback: *mut c_void,
}

#[repr(C)]
pub struct libxl_asyncop_how {
    pub callback: Option<extern "C" fn(ctx: *mut libxl_ctx, rc: c_int, for_callback: *mut c_void)>,
    pub u: libxl_asyncop_how_u,
}

#[repr(C)]
pub struct libxl_asyncprogress_how {
    pub callback: Option<
        extern "C" fn(ctx: *mut libxl_ctx, event: *mut libxl_event, for_callback: *mut c_void),
    >,
    pub for_event: libxl_ev_user,
    pub for_callback: *mut c_void,
}

#[repr(C)]
pub struct libxl_event_hooks {
    pub event_occurs_mask: u64,
    pub event_occurs: Option<
        extern "C" fn(user: *mut c_void, event: *mut LIBXL__OCCURRED_EVENT),
    >,
    pub disaster: Option<
        extern "C" fn(user: *mut c_void, r#type: libxl_event_type, msg: *const c_char, errnoval: c_int),
    >,
}

#[repr(C)]
pub struct libxl_osevent_hooks {
    pub fd_register: Option<
        extern "C" fn(
            user: *mut c_void,
            fd: c_int,
            for_app_registration_out: *mut *mut c_void,
            events: c_short,
            for_libxl: *mut c_void,
        ) -> c_int,
    >,
    pub fd_modify: Option<
        extern "C" fn(
            user: *mut c_void,
            fd: c_int,
            for_app_registration_update: *mut *mut c_void,
            events: c_short,
        ) -> c_int,
    >,
    pub fd_deregister:
        Option<extern "C" fn(user: *mut c_void, fd: c_int, for_app_registration: *mut c_void)>,
    pub timeout_register: Option<
        extern "C" fn(
            user: *mut c_void,
            for_app_registration_out: *mut *mut c_void,
            abs: timeval,
            for_libxl: *mut c_void,
        ) -> c_int,
    >,
    pub timeout_modify: Option<
        extern "C" fn(
            user: *mut c_void,
            for_app_registration_update: *mut *mut c_void,
            abs: timeval,
        ) -> c_int,
    >,
    pub timeout_deregister:
        Option<extern "C" fn(user: *mut c_void, for_app_registration: *mut c_void)>,
}

#[repr(C)]
pub enum libxl_sigchld_owner {
    libxl_sigchld_owner_libxl,
    libxl_sigchld_owner_mainloop,
    libxl_sigchld_owner_libxl_always,
    libxl_sigchld_owner_libxl_always_selective_reap,
}

#[repr(C)]
pub struct libxl_childproc_hooks {
    pub chldowner: libxl_sigchld_owner,
    pub fork_replacement: Option<extern "C" fn(user: *mut c_void) -> pid_t>,
    pub reaped_callback:
        Option<extern "C" fn(pid: pid_t, status: c_int, user: *mut c_void) -> c_int>,
}
