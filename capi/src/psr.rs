//! Exports of the area "psr".

use std::ffi::{c_int, c_uint};

use xenlight::host::psr;
use xenlight::types::PsrCmtType;
use xenlight::{Error, Result};

use crate::args::{array, bitmap};
use crate::boundary::{OK, plain, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::types::{
    CType, dispose_array, libxl_bitmap, libxl_psr_cat_info, libxl_psr_cbm_type, libxl_psr_cmt_type,
    libxl_psr_feat_type, libxl_psr_hw_info,
};

/// The newer name of the enumeration, since it is about more than cache bit masks.
pub type libxl_psr_type = libxl_psr_cbm_type;

/// Frees a list of what caches can do.
///
/// # Safety
/// `list` is NULL or an array of `nr` elements that this library returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cat_info_list_free(list: *mut libxl_psr_cat_info, nr: c_int) {
    // SAFETY: the same contract.
    plain("libxl_psr_cat_info_list_free", (), || unsafe {
        dispose_array(list, nr);
    });
}

/// Frees a list of what sockets can do.
///
/// # Safety
/// `list` is NULL or an array of `nr` elements that this library returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_hw_info_list_free(list: *mut libxl_psr_hw_info, nr: c_uint) {
    let nr = c_int::try_from(nr).unwrap_or(0);
    // SAFETY: the same contract.
    plain("libxl_psr_hw_info_list_free", (), || unsafe {
        dispose_array(list, nr);
    });
}

/// Starts monitoring a domain's use of the cache.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_attach(ctx: *mut libxl_ctx, domid: u32) -> c_int {
    status(ctx, "libxl_psr_cmt_attach", |this| {
        psr::attach(this.core.xen()?, domid).map(|()| OK)
    })
}

/// Stops it.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_detach(ctx: *mut libxl_ctx, domid: u32) -> c_int {
    status(ctx, "libxl_psr_cmt_detach", |this| {
        psr::detach(this.core.xen()?, domid).map(|()| OK)
    })
}

/// Whether the domain is monitored: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_domain_attached(ctx: *mut libxl_ctx, domid: u32) -> c_int {
    value(ctx, "libxl_psr_cmt_domain_attached", 0, |this| {
        psr::attached(this.core.xen()?, domid).map(c_int::from)
    })
}

/// Whether domains can be monitored: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_enabled(ctx: *mut libxl_ctx) -> c_int {
    value(ctx, "libxl_psr_cmt_enabled", 0, |this| {
        psr::enabled(this.core.xen()?).map(c_int::from)
    })
}

/// How many domains can be monitored at a time.
///
/// # Safety
/// `total_rmid` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cmt_get_total_rmid(
    ctx: *mut libxl_ctx,
    total_rmid: *mut u32,
) -> c_int {
    status(ctx, "libxl_psr_cmt_get_total_rmid", |this| {
        let total = psr::total_ids(this.core.xen()?)?;
        // SAFETY: the same contract.
        unsafe { store_out("total_rmid", total_rmid, total) }?;
        Ok(OK)
    })
}

/// KiB of a socket's third-level cache.
///
/// # Safety
/// `l3_cache_size` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cmt_get_l3_cache_size(
    ctx: *mut libxl_ctx,
    socketid: u32,
    l3_cache_size: *mut u32,
) -> c_int {
    status(ctx, "libxl_psr_cmt_get_l3_cache_size", |this| {
        let size = psr::cache_size(this.core.xen()?, socketid)?;
        // SAFETY: the same contract.
        unsafe { store_out("l3_cache_size", l3_cache_size, size) }?;
        Ok(OK)
    })
}

/// Whether there is this counter: 0 for no.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_psr_cmt_type_supported(
    ctx: *mut libxl_ctx,
    type_: libxl_psr_cmt_type,
) -> c_int {
    value(ctx, "libxl_psr_cmt_type_supported", 0, |this| {
        let bit = type_
            .0
            .checked_sub(1)
            .and_then(|bit| u32::try_from(bit).ok());
        let bit = bit.filter(|&bit| bit < 31);
        let bit = bit.ok_or_else(|| Error::inval(format!("there is no counter {}", type_.0)))?;
        let there = psr::counters(this.core.xen()?)? & (1 << bit);
        Ok(c_int::try_from(there).unwrap_or(0))
    })
}

/// A counter of a monitored domain on a socket, in bytes; `tsc_r` gets the time stamp counter.
///
/// # Safety
/// `sample_r` and `tsc_r` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cmt_get_sample(
    ctx: *mut libxl_ctx,
    domid: u32,
    type_: libxl_psr_cmt_type,
    scope: u64,
    sample_r: *mut u64,
    tsc_r: *mut u64,
) -> c_int {
    status(ctx, "libxl_psr_cmt_get_sample", |this| {
        // SAFETY: an enumeration holds no pointers.
        let counter = unsafe { type_.to_native() }?;
        let socket = u32::try_from(scope)
            .map_err(|_| Error::inval(format!("there is no socket {scope}")))?;
        let (data, tsc) = psr::sample(this.core.xen()?, domid, counter, socket)?;
        if !tsc_r.is_null() {
            // SAFETY: not NULL, so writable by the caller's promise.
            unsafe { tsc_r.write(tsc) };
        }
        // SAFETY: the same contract.
        unsafe { store_out("sample_r", sample_r, data) }?;
        Ok(OK)
    })
}

/// KiB of a socket's cache that a monitored domain uses.
///
/// # Safety
/// `l3_cache_occupancy` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cmt_get_cache_occupancy(
    ctx: *mut libxl_ctx,
    domid: u32,
    socketid: u32,
    l3_cache_occupancy: *mut u32,
) -> c_int {
    status(ctx, "libxl_psr_cmt_get_cache_occupancy", |this| {
        let counter = PsrCmtType::CacheOccupancy;
        let (bytes, _) = psr::sample(this.core.xen()?, domid, counter, socketid)?;
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        // SAFETY: the same contract.
        unsafe { store_out("l3_cache_occupancy", l3_cache_occupancy, kib) }?;
        Ok(OK)
    })
}

/// Sets what a domain gets on some sockets.
///
/// # Safety
/// `target_map` is NULL or an initialised bitmap.
unsafe fn set(
    ctx: *mut libxl_ctx,
    name: &str,
    domid: u32,
    type_: libxl_psr_cbm_type,
    target_map: *mut libxl_bitmap,
    val: u64,
) -> c_int {
    status(ctx, name, |this| {
        // SAFETY: an enumeration holds no pointers; the same contract.
        let (kind, sockets) = unsafe { (type_.to_native()?, bitmap("target_map", target_map)?) };
        psr::set(&this.log, this.core.xen()?, domid, kind, &sockets, val)?;
        Ok(OK)
    })
}

/// What a domain gets on a socket.
///
/// # Safety
/// `val` is NULL or valid for writing.
unsafe fn get(
    ctx: *mut libxl_ctx,
    name: &str,
    domid: u32,
    type_: libxl_psr_cbm_type,
    target: u32,
    val: *mut u64,
) -> c_int {
    status(ctx, name, |this| {
        // SAFETY: an enumeration holds no pointers.
        let kind = unsafe { type_.to_native() }?;
        let found = psr::get(this.core.xen()?, domid, kind, target)?;
        // SAFETY: the same contract.
        unsafe { store_out("val", val, found) }?;
        Ok(OK)
    })
}

/// Sets what a domain gets on some sockets.
///
/// # Safety
/// `target_map` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_set_val(
    ctx: *mut libxl_ctx,
    domid: u32,
    type_: libxl_psr_type,
    target_map: *mut libxl_bitmap,
    val: u64,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { set(ctx, "libxl_psr_set_val", domid, type_, target_map, val) }
}

/// The older name of [`libxl_psr_set_val`].
///
/// # Safety
/// `target_map` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cat_set_cbm(
    ctx: *mut libxl_ctx,
    domid: u32,
    type_: libxl_psr_cbm_type,
    target_map: *mut libxl_bitmap,
    cbm: u64,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { set(ctx, "libxl_psr_cat_set_cbm", domid, type_, target_map, cbm) }
}

/// What a domain gets on a socket.
///
/// # Safety
/// `val` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_get_val(
    ctx: *mut libxl_ctx,
    domid: u32,
    type_: libxl_psr_type,
    target: c_uint,
    val: *mut u64,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { get(ctx, "libxl_psr_get_val", domid, type_, target, val) }
}

/// The older name of [`libxl_psr_get_val`].
///
/// # Safety
/// `cbm_r` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cat_get_cbm(
    ctx: *mut libxl_ctx,
    domid: u32,
    type_: libxl_psr_cbm_type,
    target: u32,
    cbm_r: *mut u64,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { get(ctx, "libxl_psr_cat_get_cbm", domid, type_, target, cbm_r) }
}

/// Stores a list and its length through the caller's pointers.
///
/// # Safety
/// Both pointers are NULL or valid for writing.
unsafe fn give_list<T: CType, N: TryFrom<usize>>(
    list: &[T::Native],
    info: *mut *mut T,
    nr: *mut N,
) -> Result<c_int> {
    let count = N::try_from(list.len()).map_err(|_| Error::fail("the list is too long"))?;
    if info.is_null() {
        return Err(Error::inval("info is NULL"));
    }
    // SAFETY: the same contract.
    unsafe { store_out("nr", nr, count) }?;
    // SAFETY: not NULL, so writable by the caller's promise.
    unsafe { info.write(array(list)) };
    Ok(OK)
}

/// What each socket can do; `lvl` is the cache's level.
///
/// # Safety
/// `nr` and `info` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_get_hw_info(
    ctx: *mut libxl_ctx,
    type_: libxl_psr_feat_type,
    lvl: c_uint,
    nr: *mut c_uint,
    info: *mut *mut libxl_psr_hw_info,
) -> c_int {
    status(ctx, "libxl_psr_get_hw_info", |this| {
        // SAFETY: an enumeration holds no pointers.
        let feature = unsafe { type_.to_native() }?;
        let list = psr::hw_info(this.core.xen()?, feature, lvl)?;
        // SAFETY: the same contract.
        unsafe { give_list(&list, info, nr) }
    })
}

/// What the cache of each socket can do.
///
/// # Safety
/// `info` and `nr` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cat_get_info(
    ctx: *mut libxl_ctx,
    info: *mut *mut libxl_psr_cat_info,
    nr: *mut c_uint,
    lvl: c_uint,
) -> c_int {
    status(ctx, "libxl_psr_cat_get_info", |this| {
        let list = psr::cat_info(this.core.xen()?, lvl)?;
        // SAFETY: the same contract.
        unsafe { give_list(&list, info, nr) }
    })
}

/// [`libxl_psr_cat_get_info`] for the third-level cache.
///
/// # Safety
/// `info` and `nr` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_psr_cat_get_l3_info(
    ctx: *mut libxl_ctx,
    info: *mut *mut libxl_psr_cat_info,
    nr: *mut c_int,
) -> c_int {
    status(ctx, "libxl_psr_cat_get_l3_info", |this| {
        let list = psr::cat_info(this.core.xen()?, 3)?;
        // SAFETY: the same contract.
        unsafe { give_list(&list, info, nr) }
    })
}
