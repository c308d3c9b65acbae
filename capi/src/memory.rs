//! Exports of the area "memory": what a guest needs, what is free, what a domain is asked to have.

use std::ffi::{c_int, c_uint, c_ulong};

use xenlight::domain::{defaults, memory};
use xenlight::engine::{Counted, Op};
use xenlight::types::DomainType;
use xenlight::{Error, Result};

use crate::ao;
use crate::boundary::{OK, plain, status, store_out};
use crate::ctx::libxl_ctx;
use crate::types::{libxl_domain_build_info, libxl_domain_config};

/// KiB that must be free to make the domain; fills in what `config` left open.
///
/// # Safety
/// `config` is NULL or initialised, `need_memkb` NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_need_memory(
    ctx: *mut libxl_ctx,
    config: *mut libxl_domain_config,
    _domid_for_logging: u32,
    need_memkb: *mut u64,
) -> c_int {
    status(ctx, "libxl_domain_need_memory", |this| {
        this.core.counted_memory(Counted::All);
        // SAFETY: the same contract.
        let mut native = unsafe { ao::native("config", config) }?;
        this.core
            .block_on(async |op| defaults::complete(op, &mut native).await)?;
        // SAFETY: not NULL, as was checked, and initialised.
        unsafe { ao::replace(config, &native) };
        // SAFETY: the same contract.
        unsafe { store_out("need_memkb", need_memkb, memory::need_kb(&native.b_info)?) }?;
        Ok(OK)
    })
}

/// [`libxl_domain_need_memory`] as it was before Xen 4.13, without memory for page tables.
///
/// # Safety
/// `b_info` is NULL or initialised, `need_memkb` NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_need_memory_0x041200(
    ctx: *mut libxl_ctx,
    b_info: *const libxl_domain_build_info,
    need_memkb: *mut u64,
) -> c_int {
    status(ctx, "libxl_domain_need_memory", |this| {
        // SAFETY: the same contract.
        let need = unsafe { need_of(this, b_info) }?;
        // SAFETY: the same contract.
        unsafe { store_out("need_memkb", need_memkb, need) }?;
        Ok(OK)
    })
}

/// [`libxl_domain_need_memory`] as it was before Xen 4.8, in 32 bits.
///
/// # Safety
/// `b_info` is NULL or initialised, `need_memkb` NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_need_memory_0x040700(
    ctx: *mut libxl_ctx,
    b_info: *const libxl_domain_build_info,
    need_memkb: *mut u32,
) -> c_int {
    status(ctx, "libxl_domain_need_memory", |this| {
        // SAFETY: the same contract.
        let need = narrow(unsafe { need_of(this, b_info) }?)?;
        // SAFETY: the same contract.
        unsafe { store_out("need_memkb", need_memkb, need) }?;
        Ok(OK)
    })
}

/// # Safety
/// `b_info` is NULL or initialised.
unsafe fn need_of(this: &libxl_ctx, b_info: *const libxl_domain_build_info) -> Result<u64> {
    this.core.counted_memory(Counted::WithoutPaging);
    // SAFETY: the same contract.
    let mut info = unsafe { ao::native("b_info", b_info) }?;
    let machine = this.core.xen()?.physinfo()?;
    defaults::fill_build_info(&mut info, &defaults::host(&machine, false))?;
    memory::need_kb(&info)
}

fn narrow(kb: u64) -> Result<u32> {
    u32::try_from(kb).map_err(|_| {
        Error::fail(format!("{kb} KiB is too large for a 32 bit value"))
            .hint("build the program for a newer LIBXL_API_VERSION")
    })
}

/// KiB that no domain has.
///
/// # Safety
/// `memkb` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_free_memory(ctx: *mut libxl_ctx, memkb: *mut u64) -> c_int {
    status(ctx, "libxl_get_free_memory", |this| {
        let free = memory::free_kb(this.core.xen()?)?;
        // SAFETY: the same contract.
        unsafe { store_out("memkb", memkb, free) }?;
        Ok(OK)
    })
}

/// [`libxl_get_free_memory`] in 32 bits.
///
/// # Safety
/// `memkb` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_free_memory_0x040700(
    ctx: *mut libxl_ctx,
    memkb: *mut u32,
) -> c_int {
    status(ctx, "libxl_get_free_memory", |this| {
        let free = narrow(memory::free_kb(this.core.xen()?)?)?;
        // SAFETY: the same contract.
        unsafe { store_out("memkb", memkb, free) }?;
        Ok(OK)
    })
}

/// Waits at most `wait_secs` until that much memory is free.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_wait_for_free_memory(
    ctx: *mut libxl_ctx,
    _domid: u32,
    memory_kb: u64,
    wait_secs: c_int,
) -> c_int {
    let seconds = u32::try_from(wait_secs).unwrap_or(0);
    wait(ctx, "libxl_wait_for_free_memory", async |op| {
        memory::wait_for_free(op, memory_kb, seconds).await
    })
}

/// Waits until the domain has come down to its target, as long as it makes progress.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_wait_for_memory_target(
    ctx: *mut libxl_ctx,
    domid: u32,
    wait_secs: c_int,
) -> c_int {
    let seconds = u32::try_from(wait_secs).unwrap_or(0);
    wait(ctx, "libxl_wait_for_memory_target", async |op| {
        memory::wait_for_target(op, domid, seconds).await
    })
}

fn wait(ctx: *mut libxl_ctx, name: &str, body: impl AsyncFnOnce(&Op) -> Result<()>) -> c_int {
    status(ctx, name, |this| {
        this.core.block_on(body)?;
        Ok(OK)
    })
}

/// KiB that the domain is asked to have.
///
/// # Safety
/// `out_target` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_memory_target(
    ctx: *mut libxl_ctx,
    domid: u32,
    out_target: *mut u64,
) -> c_int {
    status(ctx, "libxl_get_memory_target", |this| {
        let target = this
            .core
            .block_on(async |op| memory::target(op, domid).await)?;
        if out_target.is_null() {
            return Ok(OK);
        }
        // SAFETY: the same contract.
        unsafe { store_out("out_target", out_target, target.target_kb) }?;
        Ok(OK)
    })
}

/// [`libxl_get_memory_target`] in 32 bits.
///
/// # Safety
/// `out_target` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_memory_target_0x040700(
    ctx: *mut libxl_ctx,
    domid: u32,
    out_target: *mut u32,
) -> c_int {
    status(ctx, "libxl_get_memory_target", |this| {
        let target = this
            .core
            .block_on(async |op| memory::target(op, domid).await)?;
        let narrow = narrow(target.target_kb)?;
        // SAFETY: the same contract.
        unsafe { store_out("out_target", out_target, narrow) }?;
        Ok(OK)
    })
}

/// Asks the domain to have that many KiB, or that many more; with `enforce` Xen holds it to that.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_memory_target(
    ctx: *mut libxl_ctx,
    domid: u32,
    target_memkb: i64,
    relative: c_int,
    enforce: c_int,
) -> c_int {
    let change = if relative == 0 {
        memory::Change::To(target_memkb)
    } else {
        memory::Change::By(target_memkb)
    };
    wait(ctx, "libxl_set_memory_target", async |op| {
        memory::set_target(op, domid, change, enforce != 0).await
    })
}

/// Sets the most that the domain can be asked to have; fails when its target is higher.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_setmaxmem(ctx: *mut libxl_ctx, domid: u32, max_memkb: u64) -> c_int {
    wait(ctx, "libxl_domain_setmaxmem", async |op| {
        memory::set_max(op, domid, max_memkb).await
    })
}

/// KiB for the shadow page tables of a guest, not counting on hardware's help.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_required_shadow_memory(
    maxmem_kb: c_ulong,
    smp_cpus: c_uint,
) -> c_ulong {
    plain("libxl_get_required_shadow_memory", 0, || {
        memory::paging_kb(maxmem_kb, smp_cpus.into(), DomainType::Invalid, false)
    })
}
