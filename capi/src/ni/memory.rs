//! Exports of the area "memory" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int, c_uint, c_ulong};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_domain_build_info, libxl_domain_config};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_need_memory(
    ctx: *mut libxl_ctx,
    _config: *mut libxl_domain_config,
    _domid_for_logging: u32,
    _need_memkb: *mut u64,
) -> c_int {
    not_yet(ctx, "libxl_domain_need_memory")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_need_memory_0x040700(
    ctx: *mut libxl_ctx,
    _b_info_in: *const libxl_domain_build_info,
    _need_memkb: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_domain_need_memory_0x040700")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_need_memory_0x041200(
    ctx: *mut libxl_ctx,
    _b_info_in: *const libxl_domain_build_info,
    _need_memkb: *mut u64,
) -> c_int {
    not_yet(ctx, "libxl_domain_need_memory_0x041200")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_setmaxmem(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _target_memkb: u64,
) -> c_int {
    not_yet(ctx, "libxl_domain_setmaxmem")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_free_memory(ctx: *mut libxl_ctx, _memkb: *mut u64) -> c_int {
    not_yet(ctx, "libxl_get_free_memory")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_free_memory_0x040700(ctx: *mut libxl_ctx, _memkb: *mut u32) -> c_int {
    not_yet(ctx, "libxl_get_free_memory_0x040700")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_memory_target(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _out_target: *mut u64,
) -> c_int {
    not_yet(ctx, "libxl_get_memory_target")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_memory_target_0x040700(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _out_target: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_get_memory_target_0x040700")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_required_shadow_memory(
    _maxmem_kb: c_ulong,
    _smp_cpus: c_uint,
) -> c_ulong {
    not_yet(std::ptr::null_mut(), "libxl_get_required_shadow_memory");
    0
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_memory_target(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _target_memkb: i64,
    _relative: c_int,
    _enforce: c_int,
) -> c_int {
    not_yet(ctx, "libxl_set_memory_target")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_freeable(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_tmem_freeable")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_freeze(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_tmem_freeze")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _use_long: c_int,
) -> *mut c_char {
    not_yet(ctx, "libxl_tmem_list");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_set(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _name: *mut c_char,
    _set: u32,
) -> c_int {
    not_yet(ctx, "libxl_tmem_set")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_shared_auth(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _uuid: *mut c_char,
    _auth: c_int,
) -> c_int {
    not_yet(ctx, "libxl_tmem_shared_auth")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_tmem_thaw(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_tmem_thaw")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_wait_for_free_memory(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _memory_kb: u64,
    _wait_secs: c_int,
) -> c_int {
    not_yet(ctx, "libxl_wait_for_free_memory")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_wait_for_memory_target(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _wait_secs: c_int,
) -> c_int {
    not_yet(ctx, "libxl_wait_for_memory_target")
}
