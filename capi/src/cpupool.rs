//! Exports about CPU pools.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::engine::Op;
use xenlight::host::pools::{self, Move};
use xenlight::types::{Bitmap, Uuid};
use xenlight::{Code, Error, Result};

use crate::boundary::{OK, plain, required_str, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::host::{bitmap, hand_over, list_free};
use crate::mem;
use crate::types::dispose_array;
use crate::types::{CType, libxl_bitmap, libxl_cpupoolinfo, libxl_scheduler, libxl_uuid};

list_free! {
    libxl_cpupoolinfo_list_free: libxl_cpupoolinfo;
}

/// Runs a core function that returns nothing.
fn run(ctx: *mut libxl_ctx, name: &str, body: impl AsyncFnOnce(&Op) -> Result<()>) -> c_int {
    status(ctx, name, |this| this.core.block_on(body).map(|()| OK))
}

/// A CPU's or node's number.
fn number(what: &str, given: c_int) -> Result<u32> {
    u32::try_from(given).map_err(|_| Error::inval(format!("there is no {what} {given}")))
}

/// All pools; NULL on failure.
///
/// # Safety
/// `nb_pool_out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_list_cpupool(
    ctx: *mut libxl_ctx,
    nb_pool_out: *mut c_int,
) -> *mut libxl_cpupoolinfo {
    value(ctx, "libxl_list_cpupool", null_mut(), |this| {
        let list = this.core.block_on(async |op| pools::list(op).await)?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "nb_pool_out", nb_pool_out) }
    })
}

/// One pool.
///
/// # Safety
/// `info` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_info(
    ctx: *mut libxl_ctx,
    info: *mut libxl_cpupoolinfo,
    poolid: u32,
) -> c_int {
    status(ctx, "libxl_cpupool_info", |this| {
        let found = this
            .core
            .block_on(async |op| pools::info(op, poolid).await)?;
        // SAFETY: the same contract.
        unsafe { store_out("info", info, libxl_cpupoolinfo::from_native(&found)) }?;
        Ok(OK)
    })
}

/// The pool's name, to be freed by the caller; NULL when there is no such pool.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupoolid_to_name(ctx: *mut libxl_ctx, poolid: u32) -> *mut c_char {
    value(ctx, "libxl_cpupoolid_to_name", null_mut(), |this| {
        let name = this
            .core
            .block_on(async |op| pools::name(op, poolid).await)?;
        Ok(mem::optional_string(name.as_deref()))
    })
}

/// Whether there is such a pool: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupoolid_is_valid(ctx: *mut libxl_ctx, poolid: u32) -> c_int {
    value(ctx, "libxl_cpupoolid_is_valid", 0, |this| {
        let name = this
            .core
            .block_on(async |op| pools::name(op, poolid).await)?;
        Ok(c_int::from(name.is_some()))
    })
}

/// The number of the pool with this name.
///
/// # Safety
/// `name` is NULL or a C string, `poolid` NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_name_to_cpupoolid(
    ctx: *mut libxl_ctx,
    name: *const c_char,
    poolid: *mut u32,
) -> c_int {
    status(ctx, "libxl_name_to_cpupoolid", |this| {
        // SAFETY: the same contract.
        let name = unsafe { required_str("name", name) }?;
        let found = this
            .core
            .block_on(async |op| pools::by_name(op, name).await)?;
        // An unknown name is an answer, not a failure to log.
        let Some(found) = found else {
            return Ok(Code::Inval as c_int);
        };
        // SAFETY: the same contract.
        unsafe { store_out("poolid", poolid, found) }?;
        Ok(OK)
    })
}

/// The number of a pool that is given by number or name; `was_name_r` tells which.
///
/// # Safety
/// `p` is NULL or a C string, the others are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_qualifier_to_cpupoolid(
    ctx: *mut libxl_ctx,
    p: *const c_char,
    poolid_r: *mut u32,
    was_name_r: *mut c_int,
) -> c_int {
    status(ctx, "libxl_cpupool_qualifier_to_cpupoolid", |this| {
        // SAFETY: the same contract.
        let text = unsafe { required_str("p", p) }?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !was_name_r.is_null() {
            // SAFETY: not NULL, so writable by the caller's promise.
            unsafe { was_name_r.write(c_int::from(!is_number)) };
        }
        let pool = if is_number {
            text.parse().ok()
        } else {
            this.core
                .block_on(async |op| pools::by_name(op, text).await)?
        };
        let Some(pool) = pool else {
            return Ok(Code::Inval as c_int);
        };
        // SAFETY: the same contract.
        unsafe { store_out("poolid_r", poolid_r, pool) }?;
        Ok(OK)
    })
}

/// Makes a pool of these CPUs; `poolid` holds the number wanted and gets the number given.
///
/// # Safety
/// `name` is NULL or a C string, `cpumap` initialised, `uuid` NULL or readable, `poolid` NULL or readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_create(
    ctx: *mut libxl_ctx,
    name: *const c_char,
    sched: libxl_scheduler,
    cpumap: libxl_bitmap,
    uuid: *mut libxl_uuid,
    poolid: *mut u32,
) -> c_int {
    status(ctx, "libxl_cpupool_create", |this| {
        // SAFETY: the same contract.
        let (name, sched) = unsafe { (required_str("name", name)?, sched.to_native()?) };
        // SAFETY: the same contract.
        let (cpus, uuid) = unsafe { (cpumap.to_native()?, uuid.as_ref()) };
        let uuid = uuid.ok_or_else(|| Error::inval("uuid is NULL"))?;
        // SAFETY: the same contract.
        let wanted = *unsafe { poolid.as_ref() }.ok_or_else(|| Error::inval("poolid is NULL"))?;
        let uuid = Uuid(uuid.uuid);
        let made = this
            .core
            .block_on(async |op| pools::create(op, name, sched, &cpus, uuid, wanted).await)?;
        // SAFETY: the same contract.
        unsafe { store_out("poolid", poolid, made) }?;
        Ok(OK)
    })
}

/// Removes a pool without domains.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_destroy(ctx: *mut libxl_ctx, poolid: u32) -> c_int {
    run(ctx, "libxl_cpupool_destroy", async |op| {
        pools::destroy(op, poolid).await
    })
}

/// Renames a pool.
///
/// # Safety
/// `name` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_rename(
    ctx: *mut libxl_ctx,
    name: *const c_char,
    poolid: u32,
) -> c_int {
    run(ctx, "libxl_cpupool_rename", async |op| {
        // SAFETY: the same contract.
        let name = unsafe { required_str("name", name) }?;
        pools::rename(op, poolid, name).await
    })
}

/// Moves a domain into the pool.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_movedomain(ctx: *mut libxl_ctx, poolid: u32, domid: u32) -> c_int {
    run(ctx, "libxl_cpupool_movedomain", async |op| {
        pools::move_domain(op, poolid, domid)
    })
}

/// Puts a free CPU into the pool.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuadd(ctx: *mut libxl_ctx, poolid: u32, cpu: c_int) -> c_int {
    run(ctx, "libxl_cpupool_cpuadd", async |op| {
        pools::move_cpu(op, poolid, number("CPU", cpu)?, Move::Add)
    })
}

/// Takes a CPU out of the pool.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuremove(ctx: *mut libxl_ctx, poolid: u32, cpu: c_int) -> c_int {
    run(ctx, "libxl_cpupool_cpuremove", async |op| {
        pools::move_cpu(op, poolid, number("CPU", cpu)?, Move::Remove)
    })
}

/// Puts free CPUs into the pool.
///
/// # Safety
/// `cpumap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_cpuadd_cpumap(
    ctx: *mut libxl_ctx,
    poolid: u32,
    cpumap: *const libxl_bitmap,
) -> c_int {
    run(ctx, "libxl_cpupool_cpuadd_cpumap", async |op| {
        // SAFETY: the same contract.
        let cpus: Bitmap = unsafe { bitmap("cpumap", cpumap) }?;
        pools::move_cpus(op, poolid, &cpus, Move::Add)
    })
}

/// Takes CPUs out of the pool.
///
/// # Safety
/// `cpumap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_cpuremove_cpumap(
    ctx: *mut libxl_ctx,
    poolid: u32,
    cpumap: *const libxl_bitmap,
) -> c_int {
    run(ctx, "libxl_cpupool_cpuremove_cpumap", async |op| {
        // SAFETY: the same contract.
        let cpus: Bitmap = unsafe { bitmap("cpumap", cpumap) }?;
        pools::move_cpus(op, poolid, &cpus, Move::Remove)
    })
}

/// Puts the free CPUs of a node into the pool; `cpus` gets how many those were.
///
/// # Safety
/// `cpus` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_cpuadd_node(
    ctx: *mut libxl_ctx,
    poolid: u32,
    node: c_int,
    cpus: *mut c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe {
        move_node(
            ctx,
            "libxl_cpupool_cpuadd_node",
            poolid,
            node,
            cpus,
            Move::Add,
        )
    }
}

/// Takes the CPUs of a node out of the pool; `cpus` gets how many those were.
///
/// # Safety
/// `cpus` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpupool_cpuremove_node(
    ctx: *mut libxl_ctx,
    poolid: u32,
    node: c_int,
    cpus: *mut c_int,
) -> c_int {
    let name = "libxl_cpupool_cpuremove_node";
    // SAFETY: the same contract.
    unsafe { move_node(ctx, name, poolid, node, cpus, Move::Remove) }
}

/// # Safety
/// `cpus` is NULL or valid for writing.
unsafe fn move_node(
    ctx: *mut libxl_ctx,
    name: &str,
    poolid: u32,
    node: c_int,
    cpus: *mut c_int,
    way: Move,
) -> c_int {
    run(ctx, name, async |op| {
        let moved = pools::move_node(op, poolid, number("node", node)?, way)?;
        let moved = c_int::try_from(moved).unwrap_or(c_int::MAX);
        // SAFETY: the same contract.
        unsafe { store_out("cpus", cpus, moved) }
    })
}

/// CPUs that are in no pool.
///
/// # Safety
/// `cpumap` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_freecpus(
    ctx: *mut libxl_ctx,
    cpumap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_get_freecpus", |this| {
        let free = libxl_bitmap::from_bytes(&this.core.xen()?.free_cpus()?);
        // SAFETY: the same contract.
        unsafe { store_out("cpumap", cpumap, free) }?;
        Ok(OK)
    })
}
