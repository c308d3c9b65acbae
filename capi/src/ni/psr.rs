//! Exports of the area "psr" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_int, c_uint};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{
    libxl_bitmap, libxl_psr_cat_info, libxl_psr_cbm_type, libxl_psr_cmt_type, libxl_psr_feat_type,
    libxl_psr_hw_info,
};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cat_get_cbm(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _type: libxl_psr_cbm_type,
    _target: u32,
    _cbm_r: *mut u64,
) -> c_int {
    not_yet(ctx, "libxl_psr_cat_get_cbm")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cat_get_info(
    ctx: *mut libxl_ctx,
    _info: *mut *mut libxl_psr_cat_info,
    _nr: *mut c_uint,
    _lvl: c_uint,
) -> c_int {
    not_yet(ctx, "libxl_psr_cat_get_info")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cat_get_l3_info(
    ctx: *mut libxl_ctx,
    _info: *mut *mut libxl_psr_cat_info,
    _nr: *mut c_int,
) -> c_int {
    not_yet(ctx, "libxl_psr_cat_get_l3_info")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cat_info_list_free(_list: *mut libxl_psr_cat_info, _nr: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_psr_cat_info_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cat_set_cbm(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _type: libxl_psr_cbm_type,
    _target_map: *mut libxl_bitmap,
    _cbm: u64,
) -> c_int {
    not_yet(ctx, "libxl_psr_cat_set_cbm")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_attach(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_attach")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_detach(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_detach")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_domain_attached(ctx: *mut libxl_ctx, _domid: u32) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_domain_attached")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_enabled(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_enabled")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_get_cache_occupancy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _socketid: u32,
    _l3_cache_occupancy: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_get_cache_occupancy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_get_l3_cache_size(
    ctx: *mut libxl_ctx,
    _socketid: u32,
    _l3_cache_size: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_get_l3_cache_size")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_get_sample(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _type: libxl_psr_cmt_type,
    _scope: u64,
    _sample_r: *mut u64,
    _tsc_r: *mut u64,
) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_get_sample")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_get_total_rmid(
    ctx: *mut libxl_ctx,
    _total_rmid: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_get_total_rmid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_type_supported(
    ctx: *mut libxl_ctx,
    _type: libxl_psr_cmt_type,
) -> c_int {
    not_yet(ctx, "libxl_psr_cmt_type_supported")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_get_hw_info(
    ctx: *mut libxl_ctx,
    _type: libxl_psr_feat_type,
    _lvl: c_uint,
    _nr: *mut c_uint,
    _info: *mut *mut libxl_psr_hw_info,
) -> c_int {
    not_yet(ctx, "libxl_psr_get_hw_info")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_get_val(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _type: libxl_psr_cbm_type,
    _target: c_uint,
    _val: *mut u64,
) -> c_int {
    not_yet(ctx, "libxl_psr_get_val")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_hw_info_list_free(_list: *mut libxl_psr_hw_info, _nr: c_uint) {
    not_yet(std::ptr::null_mut(), "libxl_psr_hw_info_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_set_val(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _type: libxl_psr_cbm_type,
    _target_map: *mut libxl_bitmap,
    _val: u64,
) -> c_int {
    not_yet(ctx, "libxl_psr_set_val")
}
