//! Exports of the area "domain lifecycle" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{
    libxl_asyncop_how, libxl_asyncprogress_how, libxl_domain_config, libxl_domain_create_info,
    libxl_dominfo, libxl_trigger, libxl_uuid, libxl_vminfo,
};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_clear_domid_history(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_clear_domid_history")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_core_dump(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _filename: *const c_char,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_core_dump")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_create_new(
    ctx: *mut libxl_ctx,
    _d_config: *mut libxl_domain_config,
    _domid: *mut u32,
    _ao_how: *const libxl_asyncop_how,
    _aop_console_how: *const libxl_asyncprogress_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_create_new")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_destroy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_info(
    ctx: *mut libxl_ctx,
    _info_r: *mut libxl_dominfo,
    _domid: u32,
) -> c_int {
    not_yet(ctx, "libxl_domain_info")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_pause(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_pause")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_preserve(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _info: *mut libxl_domain_create_info,
    _name_suffix: *const c_char,
    _new_uuid: libxl_uuid,
) -> c_int {
    not_yet(ctx, "libxl_domain_preserve")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_qualifier_to_domid(
    ctx: *mut libxl_ctx,
    _name: *const c_char,
    _domid: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_domain_qualifier_to_domid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_reboot(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_reboot")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_rename(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _old_name: *const c_char,
    _new_name: *const c_char,
) -> c_int {
    not_yet(ctx, "libxl_domain_rename")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_shutdown(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_shutdown")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_soft_reset(
    ctx: *mut libxl_ctx,
    _d_config: *mut libxl_domain_config,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
    _aop_console_how: *const libxl_asyncprogress_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_soft_reset")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_unpause(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_domain_unpause")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domid_to_name(ctx: *mut libxl_ctx, _domid: u32) -> *mut c_char {
    not_yet(ctx, "libxl_domid_to_name");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domid_valid_guest(_domid: u32) -> c_int {
    not_yet(std::ptr::null_mut(), "libxl_domid_valid_guest")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_dominfo_list_free(_list: *mut libxl_dominfo, _nb_domain: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_dominfo_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_list_domain(
    ctx: *mut libxl_ctx,
    _nb_domain_out: *mut c_int,
) -> *mut libxl_dominfo {
    not_yet(ctx, "libxl_list_domain");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_list_vm(ctx: *mut libxl_ctx, _nb_vm_out: *mut c_int) -> *mut libxl_vminfo {
    not_yet(ctx, "libxl_list_vm");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_name_to_domid(
    ctx: *mut libxl_ctx,
    _name: *const c_char,
    _domid: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_name_to_domid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_retrieve_domain_configuration(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _d_config: *mut libxl_domain_config,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_retrieve_domain_configuration")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_send_sysrq(ctx: *mut libxl_ctx, _domid: u32, _sysrq: c_char) -> c_int {
    not_yet(ctx, "libxl_send_sysrq")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_send_trigger(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _trigger: libxl_trigger,
    _vcpuid: u32,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_send_trigger")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_userdata_retrieve(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _userdata_userid: *const c_char,
    _data_r: *mut *mut u8,
    _datalen_r: *mut c_int,
) -> c_int {
    not_yet(ctx, "libxl_userdata_retrieve")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_userdata_store(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _userdata_userid: *const c_char,
    _data: *const u8,
    _datalen: c_int,
) -> c_int {
    not_yet(ctx, "libxl_userdata_store")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_userdata_unlink(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _userdata_userid: *const c_char,
) -> c_int {
    not_yet(ctx, "libxl_userdata_unlink")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vm_get_start_time(ctx: *mut libxl_ctx, _domid: u32) -> u32 {
    not_yet(ctx, "libxl_vm_get_start_time");
    0
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vminfo_list_free(_list: *mut libxl_vminfo, _nb_vm: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_vminfo_list_free");
}
