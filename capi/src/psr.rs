//! Exports of the area "psr".

use std::ffi::{c_int, c_uint};

use xenlight::host::psr;
use xenlight::types::PsrCmtType;
use xenlight::{Error, Result};

use crate::args::{InOut, List, Out, Whole, array};
use crate::ctx::libxl_ctx;
use crate::export::{export, list_free};
use crate::types::{
    CType, libxl_bitmap, libxl_psr_cat_info, libxl_psr_cbm_type, libxl_psr_cmt_type,
    libxl_psr_feat_type, libxl_psr_hw_info,
};

/// The newer name of the enumeration, since it is about more than cache bit masks.
pub type libxl_psr_type = libxl_psr_cbm_type;

list_free! {
    libxl_psr_cat_info_list_free: libxl_psr_cat_info;
}

/// Sets what a domain gets on some sockets.
fn set(
    this: &libxl_ctx,
    domid: u32,
    type_: Whole<libxl_psr_cbm_type>,
    target_map: InOut<libxl_bitmap>,
    val: u64,
) -> Result<()> {
    let (kind, sockets) = (type_.native()?, target_map.native()?);
    psr::set(&this.log, this.core.xen()?, domid, kind, &sockets, val)?;
    Ok(())
}

/// What a domain gets on a socket.
fn get(
    this: &libxl_ctx,
    domid: u32,
    type_: Whole<libxl_psr_cbm_type>,
    target: u32,
    val: Out<u64>,
) -> Result<()> {
    let kind = type_.native()?;
    val.called("val")
        .set(psr::get(this.core.xen()?, domid, kind, target)?)
}

/// Stores a list and its length through the caller's pointers.
fn give_list<T: CType, N: TryFrom<usize>>(
    list: &[T::Native],
    info: Out<*mut T>,
    nr: Out<N>,
) -> Result<()> {
    let count = N::try_from(list.len()).map_err(|_| Error::fail("the list is too long"))?;
    if info.is_null() {
        return Err(Error::inval("info is NULL"));
    }
    nr.set(count)?;
    info.set(array(list))
}

export! {
    /// Frees a list of what sockets can do.
    fn libxl_psr_hw_info_list_free(list: List<libxl_psr_hw_info>[nr], nr: c_uint) -> () [else ()] {
        list.free();
    }

    /// Starts monitoring a domain's use of the cache.
    fn libxl_psr_cmt_attach(this, domid: u32) {
        psr::attach(this.core.xen()?, domid)
    }

    /// Stops it.
    fn libxl_psr_cmt_detach(this, domid: u32) {
        psr::detach(this.core.xen()?, domid)
    }

    /// Whether the domain is monitored: 1 or 0.
    fn libxl_psr_cmt_domain_attached(this, domid: u32) -> c_int [else 0] {
        psr::attached(this.core.xen()?, domid).map(c_int::from)
    }

    /// Whether domains can be monitored: 1 or 0.
    fn libxl_psr_cmt_enabled(this) -> c_int [else 0] {
        psr::enabled(this.core.xen()?).map(c_int::from)
    }

    /// How many domains can be monitored at a time.
    fn libxl_psr_cmt_get_total_rmid(this, total_rmid: Out<u32>) {
        total_rmid.set(psr::total_ids(this.core.xen()?)?)
    }

    /// KiB of a socket's third-level cache.
    fn libxl_psr_cmt_get_l3_cache_size(this, socketid: u32, l3_cache_size: Out<u32>) {
        l3_cache_size.set(psr::cache_size(this.core.xen()?, socketid)?)
    }

    /// Whether there is this counter: 0 for no.
    fn libxl_psr_cmt_type_supported(this, type_: Whole<libxl_psr_cmt_type>) -> c_int [else 0] {
        let number = type_.raw().0;
        let bit = number
            .checked_sub(1)
            .and_then(|bit| u32::try_from(bit).ok());
        let bit = bit.filter(|&bit| bit < 31);
        let bit = bit.ok_or_else(|| Error::inval(format!("there is no counter {number}")))?;
        let there = psr::counters(this.core.xen()?)? & (1 << bit);
        Ok(c_int::try_from(there).unwrap_or(0))
    }

    /// A counter of a monitored domain on a socket, in bytes; `tsc_r` gets the time stamp counter.
    fn libxl_psr_cmt_get_sample(
        this,
        domid: u32,
        type_: Whole<libxl_psr_cmt_type>,
        scope: u64,
        sample_r: Out<u64>,
        tsc_r: Out<u64>,
    ) {
        let counter = type_.native()?;
        let socket = u32::try_from(scope)
            .map_err(|_| Error::inval(format!("there is no socket {scope}")))?;
        let (data, tsc) = psr::sample(this.core.xen()?, domid, counter, socket)?;
        tsc_r.offer(|| tsc);
        sample_r.set(data)
    }

    /// KiB of a socket's cache that a monitored domain uses.
    fn libxl_psr_cmt_get_cache_occupancy(
        this,
        domid: u32,
        socketid: u32,
        l3_cache_occupancy: Out<u32>,
    ) {
        let counter = PsrCmtType::CacheOccupancy;
        let (bytes, _) = psr::sample(this.core.xen()?, domid, counter, socketid)?;
        l3_cache_occupancy.set(u32::try_from(bytes / 1024).unwrap_or(u32::MAX))
    }

    /// Sets what a domain gets on some sockets.
    fn libxl_psr_set_val(
        this,
        domid: u32,
        type_: Whole<libxl_psr_type>,
        target_map: InOut<libxl_bitmap>,
        val: u64,
    ) {
        set(this, domid, type_, target_map, val)
    }

    /// The older name of [`libxl_psr_set_val`].
    fn libxl_psr_cat_set_cbm(
        this,
        domid: u32,
        type_: Whole<libxl_psr_cbm_type>,
        target_map: InOut<libxl_bitmap>,
        cbm: u64,
    ) {
        set(this, domid, type_, target_map, cbm)
    }

    /// What a domain gets on a socket.
    fn libxl_psr_get_val(
        this,
        domid: u32,
        type_: Whole<libxl_psr_type>,
        target: c_uint,
        val: Out<u64>,
    ) {
        get(this, domid, type_, target, val)
    }

    /// The older name of [`libxl_psr_get_val`].
    fn libxl_psr_cat_get_cbm(
        this,
        domid: u32,
        type_: Whole<libxl_psr_cbm_type>,
        target: u32,
        cbm_r: Out<u64>,
    ) {
        get(this, domid, type_, target, cbm_r)
    }

    /// What each socket can do; `lvl` is the cache's level.
    fn libxl_psr_get_hw_info(
        this,
        type_: Whole<libxl_psr_feat_type>,
        lvl: c_uint,
        nr: Out<c_uint>,
        info: Out<*mut libxl_psr_hw_info>,
    ) {
        let feature = type_.native()?;
        let list = psr::hw_info(this.core.xen()?, feature, lvl)?;
        give_list(&list, info, nr)
    }

    /// What the cache of each socket can do.
    fn libxl_psr_cat_get_info(
        this,
        info: Out<*mut libxl_psr_cat_info>,
        nr: Out<c_uint>,
        lvl: c_uint,
    ) {
        let list = psr::cat_info(this.core.xen()?, lvl)?;
        give_list(&list, info, nr)
    }

    /// [`libxl_psr_cat_get_info`] for the third-level cache.
    fn libxl_psr_cat_get_l3_info(this, info: Out<*mut libxl_psr_cat_info>, nr: Out<c_int>) {
        let list = psr::cat_info(this.core.xen()?, 3)?;
        give_list(&list, info, nr)
    }
}
