//! Exports about vCPUs and scheduling.

use std::ffi::{c_int, c_uint};
use std::ptr::null_mut;

use xenlight::domain::{sched, vcpus as online};
use xenlight::engine::Op;
use xenlight::host::sched as pool;
use xenlight::host::vcpus::{self, Which};
use xenlight::types::Bitmap;
use xenlight::xen::Xen;
use xenlight::{Domid, Error, Result};

use crate::ao;
use crate::boundary::{OK, plain, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::host::{bitmap, fill, hand_over, list_free, optional_bitmap};
use crate::types::{
    CType, dispose_array, libxl_asyncop_how, libxl_bitmap, libxl_domain_sched_params,
    libxl_sched_credit_params, libxl_sched_credit2_params, libxl_vcpu_sched_params, libxl_vcpuinfo,
};

list_free! {
    libxl_vcpuinfo_list_free: libxl_vcpuinfo;
}

/// A structure argument that must be there.
///
/// # Safety
/// `argument` is NULL or an initialised value.
unsafe fn native<T: CType>(what: &str, argument: *const T) -> Result<T::Native> {
    // SAFETY: the same contract.
    match unsafe { argument.as_ref() } {
        // SAFETY: the same contract.
        Some(value) => unsafe { value.to_native() },
        None => Err(Error::inval(format!("{what} is NULL"))),
    }
}

/// All vCPUs of a domain, with their affinity; NULL on failure.
///
/// # Safety
/// Both counts are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_list_vcpu(
    ctx: *mut libxl_ctx,
    domid: u32,
    nb_vcpu: *mut c_int,
    nr_cpus_out: *mut c_int,
) -> *mut libxl_vcpuinfo {
    value(ctx, "libxl_list_vcpu", null_mut(), |this| {
        let xen = this.core.xen()?;
        let list = vcpus::list(xen, domid)?;
        let cpus = c_int::try_from(xen.max_cpus()?).unwrap_or(c_int::MAX);
        // SAFETY: the same contract.
        unsafe { store_out("nr_cpus_out", nr_cpus_out, cpus) }?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "nb_vcpu", nb_vcpu) }
    })
}

/// Sets the affinity of one vCPU; a NULL map leaves that kind alone.
///
/// # Safety
/// Both maps are NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_set_vcpuaffinity(
    ctx: *mut libxl_ctx,
    domid: u32,
    vcpuid: u32,
    cpumap_hard: *const libxl_bitmap,
    cpumap_soft: *const libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_set_vcpuaffinity", |this| {
        // SAFETY: the same contract.
        let maps = unsafe { maps(cpumap_hard, cpumap_soft) }?;
        affinity(this, domid, vcpuid, &maps, false)?;
        Ok(OK)
    })
}

/// [`libxl_set_vcpuaffinity`], over a temporary pin, as dom0's drivers ask for; without a map only that is undone.
///
/// # Safety
/// Both maps are NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_set_vcpuaffinity_force(
    ctx: *mut libxl_ctx,
    domid: u32,
    vcpuid: u32,
    cpumap_hard: *const libxl_bitmap,
    cpumap_soft: *const libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_set_vcpuaffinity_force", |this| {
        // SAFETY: the same contract.
        let maps = unsafe { optional_maps(cpumap_hard, cpumap_soft) }?;
        affinity(this, domid, vcpuid, &maps, true)?;
        Ok(OK)
    })
}

/// [`libxl_set_vcpuaffinity`] for vCPUs 0 to `max_vcpus` - 1; tries each, and fails when one failed.
///
/// # Safety
/// Both maps are NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_set_vcpuaffinity_all(
    ctx: *mut libxl_ctx,
    domid: u32,
    max_vcpus: c_uint,
    cpumap_hard: *const libxl_bitmap,
    cpumap_soft: *const libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_set_vcpuaffinity_all", |this| {
        // SAFETY: the same contract.
        let maps = unsafe { maps(cpumap_hard, cpumap_soft) }?;
        let mut failed = 0;
        for vcpu in 0..max_vcpus {
            if let Err(error) = affinity(this, domid, vcpu, &maps, false) {
                this.log.failure(&error);
                failed += 1;
            }
        }
        match failed {
            0 => Ok(OK),
            some => Err(Error::fail(format!("{some} vCPUs kept their affinity")).domain(domid)),
        }
    })
}

/// Hard and soft.
type Maps = (Option<Bitmap>, Option<Bitmap>);

/// # Safety
/// Both maps are NULL or initialised.
unsafe fn optional_maps(hard: *const libxl_bitmap, soft: *const libxl_bitmap) -> Result<Maps> {
    // SAFETY: the same contract.
    unsafe { Ok((optional_bitmap(hard)?, optional_bitmap(soft)?)) }
}

/// # Safety
/// Both maps are NULL or initialised.
unsafe fn maps(hard: *const libxl_bitmap, soft: *const libxl_bitmap) -> Result<Maps> {
    // SAFETY: the same contract.
    let maps = unsafe { optional_maps(hard, soft) }?;
    if maps == (None, None) {
        return Err(Error::inval("neither a hard nor a soft affinity is given"));
    }
    Ok(maps)
}

fn affinity(this: &libxl_ctx, domid: Domid, vcpu: u32, maps: &Maps, force: bool) -> Result<()> {
    let (hard, soft) = maps;
    vcpus::set_affinity(
        &this.log,
        this.core.xen()?,
        domid,
        vcpu,
        (hard.as_ref(), soft.as_ref()),
        force,
    )
}

/// Nodes whose memory the domain gets, in a bitmap that has room already.
///
/// # Safety
/// `nodemap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_get_nodeaffinity(
    ctx: *mut libxl_ctx,
    domid: u32,
    nodemap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_domain_get_nodeaffinity", |this| {
        let bytes = this.core.xen()?.node_affinity(domid)?;
        // SAFETY: the same contract.
        unsafe { fill("nodemap", nodemap, &Bitmap { bytes }) }?;
        Ok(OK)
    })
}

/// Sets the nodes whose memory the domain gets.
///
/// # Safety
/// `nodemap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_set_nodeaffinity(
    ctx: *mut libxl_ctx,
    domid: u32,
    nodemap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_domain_set_nodeaffinity", |this| {
        // SAFETY: the same contract.
        let nodes = unsafe { bitmap("nodemap", nodemap) }?;
        this.core.xen()?.set_node_affinity(domid, &nodes.bytes)?;
        Ok(OK)
    })
}

/// The domain's parameters under the scheduler of its pool.
///
/// # Safety
/// `params` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_sched_params_get(
    ctx: *mut libxl_ctx,
    domid: u32,
    params: *mut libxl_domain_sched_params,
) -> c_int {
    status(ctx, "libxl_domain_sched_params_get", |this| {
        let found = sched::read(this.core.xen()?, domid)?;
        let found = libxl_domain_sched_params::from_native(&found);
        // SAFETY: the same contract.
        unsafe { store_out("params", params, found) }?;
        Ok(OK)
    })
}

/// Sets those parameters that are not at their default.
///
/// # Safety
/// `params` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_sched_params_set(
    ctx: *mut libxl_ctx,
    domid: u32,
    params: *const libxl_domain_sched_params,
) -> c_int {
    status(ctx, "libxl_domain_sched_params_set", |this| {
        // SAFETY: the same contract.
        let params = unsafe { native("params", params) }?;
        sched::apply(this.core.xen()?, domid, &params)?;
        Ok(OK)
    })
}

/// Parameters of the vCPUs that the list names.
///
/// # Safety
/// `params` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_vcpu_sched_params_get(
    ctx: *mut libxl_ctx,
    domid: u32,
    params: *mut libxl_vcpu_sched_params,
) -> c_int {
    let name = "libxl_vcpu_sched_params_get";
    // SAFETY: the same contract.
    status(ctx, name, |this| unsafe {
        get_vcpus(this.core.xen()?, domid, Which::Listed, params)
    })
}

/// Parameters of all vCPUs; the list is empty on entry.
///
/// # Safety
/// `params` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_vcpu_sched_params_get_all(
    ctx: *mut libxl_ctx,
    domid: u32,
    params: *mut libxl_vcpu_sched_params,
) -> c_int {
    let name = "libxl_vcpu_sched_params_get_all";
    // SAFETY: the same contract.
    status(ctx, name, |this| unsafe {
        get_vcpus(this.core.xen()?, domid, Which::All, params)
    })
}

/// # Safety
/// `params` is NULL or initialised.
unsafe fn get_vcpus(
    xen: &Xen,
    domid: Domid,
    which: Which,
    params: *mut libxl_vcpu_sched_params,
) -> Result<c_int> {
    // SAFETY: the same contract.
    let wanted = unsafe { native("params", params) }?;
    let found = vcpus::sched_params(xen, domid, which, &wanted.vcpus)?;
    // SAFETY: not NULL, as `native` has found; the caller's list is replaced.
    unsafe {
        (*params).dispose();
        params.write(libxl_vcpu_sched_params::from_native(&found));
    }
    Ok(OK)
}

/// Sets parameters of the vCPUs that the list names.
///
/// # Safety
/// `params` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_vcpu_sched_params_set(
    ctx: *mut libxl_ctx,
    domid: u32,
    params: *const libxl_vcpu_sched_params,
) -> c_int {
    status(ctx, "libxl_vcpu_sched_params_set", |this| {
        // SAFETY: the same contract.
        let params = unsafe { native("params", params) }?;
        vcpus::set_sched_params(this.core.xen()?, domid, Which::Listed, &params)?;
        Ok(OK)
    })
}

/// Sets the one set of parameters for all vCPUs.
///
/// # Safety
/// `params` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_vcpu_sched_params_set_all(
    ctx: *mut libxl_ctx,
    domid: u32,
    params: *const libxl_vcpu_sched_params,
) -> c_int {
    status(ctx, "libxl_vcpu_sched_params_set_all", |this| {
        // SAFETY: the same contract.
        let params = unsafe { native("params", params) }?;
        vcpus::set_sched_params(this.core.xen()?, domid, Which::All, &params)?;
        Ok(OK)
    })
}

/// # Safety
/// `scinfo` is NULL or valid for writing; what was there is not freed.
unsafe fn give<T: CType>(scinfo: *mut T, found: &T::Native) -> Result<c_int> {
    // SAFETY: the same contract.
    unsafe { store_out("scinfo", scinfo, T::from_native(found)) }?;
    Ok(OK)
}

/// # Safety
/// `scinfo` is NULL or initialised.
unsafe fn set_pool<T: CType>(
    scinfo: *mut T,
    set: impl FnOnce(&T::Native) -> Result<T::Native>,
) -> Result<c_int> {
    // SAFETY: the same contract.
    let wanted = unsafe { native("scinfo", scinfo) }?;
    // SAFETY: the same contract; these structures own no memory.
    unsafe { give(scinfo, &set(&wanted)?) }
}

/// A pool's parameters under credit.
///
/// # Safety
/// `scinfo` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_sched_credit_params_get(
    ctx: *mut libxl_ctx,
    poolid: u32,
    scinfo: *mut libxl_sched_credit_params,
) -> c_int {
    status(ctx, "libxl_sched_credit_params_get", |this| {
        let found = pool::credit(this.core.xen()?, poolid)?;
        // SAFETY: the same contract.
        unsafe { give(scinfo, &found) }
    })
}

/// Sets them; `scinfo` gets what the hypervisor made of them.
///
/// # Safety
/// `scinfo` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_sched_credit_params_set(
    ctx: *mut libxl_ctx,
    poolid: u32,
    scinfo: *mut libxl_sched_credit_params,
) -> c_int {
    status(ctx, "libxl_sched_credit_params_set", |this| {
        let xen = this.core.xen()?;
        // SAFETY: the same contract.
        unsafe { set_pool(scinfo, |wanted| pool::set_credit(xen, poolid, wanted)) }
    })
}

/// A pool's parameters under credit2.
///
/// # Safety
/// `scinfo` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_sched_credit2_params_get(
    ctx: *mut libxl_ctx,
    poolid: u32,
    scinfo: *mut libxl_sched_credit2_params,
) -> c_int {
    status(ctx, "libxl_sched_credit2_params_get", |this| {
        let found = pool::credit2(this.core.xen()?, poolid)?;
        // SAFETY: the same contract.
        unsafe { give(scinfo, &found) }
    })
}

/// Sets them; `scinfo` gets what the hypervisor made of them.
///
/// # Safety
/// `scinfo` is NULL or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_sched_credit2_params_set(
    ctx: *mut libxl_ctx,
    poolid: u32,
    scinfo: *mut libxl_sched_credit2_params,
) -> c_int {
    status(ctx, "libxl_sched_credit2_params_set", |this| {
        let xen = this.core.xen()?;
        // SAFETY: the same contract.
        unsafe { set_pool(scinfo, |wanted| pool::set_credit2(xen, poolid, wanted)) }
    })
}

/// Plugs and unplugs vCPUs of a running guest, so that it has those in `cpumap`.
///
/// # Safety
/// `cpumap` is NULL or an initialised bitmap, `ao_how` NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_set_vcpuonline(
    ctx: *mut libxl_ctx,
    domid: u32,
    cpumap: *mut libxl_bitmap,
    ao_how: *const libxl_asyncop_how,
) -> c_int {
    status(ctx, "libxl_set_vcpuonline", |this| {
        // SAFETY: the same contract.
        let wanted = unsafe { bitmap("cpumap", cpumap) }?;
        let body = async move |op: Op| online::set_online(&op, domid, &wanted).await;
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, domid, ao_how, body) }
    })
}
