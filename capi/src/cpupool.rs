//! Exports about CPU pools.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::engine::Op;
use xenlight::host::pools::{self, Move};
use xenlight::types::Uuid;
use xenlight::{Code, Error, Result};

use crate::args::{In, InOut, Out, Text, Whole};
use crate::boundary::OK;
use crate::export::{export, list_free};
use crate::mem;
use crate::types::{libxl_bitmap, libxl_cpupoolinfo, libxl_scheduler, libxl_uuid};

list_free! {
    libxl_cpupoolinfo_list_free: libxl_cpupoolinfo;
}

/// A CPU's or node's number.
fn number(what: &str, given: c_int) -> Result<u32> {
    u32::try_from(given).map_err(|_| Error::inval(format!("there is no {what} {given}")))
}

fn move_node(op: &Op, poolid: u32, node: c_int, cpus: Out<c_int>, way: Move) -> Result<()> {
    let moved = pools::move_node(op, poolid, number("node", node)?, way)?;
    cpus.set(c_int::try_from(moved).unwrap_or(c_int::MAX))
}

export! {
    /// All pools; NULL on failure.
    fn libxl_list_cpupool(this, nb_pool_out: Out<c_int>) -> *mut libxl_cpupoolinfo [else null_mut()] {
        nb_pool_out.list(&this.core.block_on(async |op| pools::list(op).await)?)
    }

    /// One pool.
    fn libxl_cpupool_info(this, info: Out<libxl_cpupoolinfo>, poolid: u32) {
        let found = this
            .core
            .block_on(async |op| pools::info(op, poolid).await)?;
        info.give(&found)
    }

    /// The pool's name, to be freed by the caller; NULL when there is no such pool.
    fn libxl_cpupoolid_to_name(this, poolid: u32) -> *mut c_char [else null_mut()] {
        let name = this
            .core
            .block_on(async |op| pools::name(op, poolid).await)?;
        Ok(mem::optional_string(name.as_deref()))
    }

    /// Whether there is such a pool: 1 or 0.
    fn libxl_cpupoolid_is_valid(this, poolid: u32) -> c_int [else 0] {
        let name = this
            .core
            .block_on(async |op| pools::name(op, poolid).await)?;
        Ok(c_int::from(name.is_some()))
    }

    /// The number of the pool with this name.
    fn libxl_name_to_cpupoolid(this, name: Text, poolid: Out<u32>) {
        let name = name.required()?;
        let found = this
            .core
            .block_on(async |op| pools::by_name(op, name).await)?;
        // An unknown name is an answer, not a failure to log.
        let Some(found) = found else {
            return Ok(Code::Inval as c_int);
        };
        poolid.set(found)?;
        Ok(OK)
    }

    /// The number of a pool that is given by number or name; `was_name_r` tells which.
    fn libxl_cpupool_qualifier_to_cpupoolid(
        this,
        p: Text,
        poolid_r: Out<u32>,
        was_name_r: Out<c_int>,
    ) {
        let text = p.required()?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        was_name_r.offer(|| c_int::from(!is_number));
        let pool = if is_number {
            text.parse().ok()
        } else {
            this.core
                .block_on(async |op| pools::by_name(op, text).await)?
        };
        let Some(pool) = pool else {
            return Ok(Code::Inval as c_int);
        };
        poolid_r.set(pool)?;
        Ok(OK)
    }

    /// Makes a pool of these CPUs; `poolid` holds the number wanted and gets the number given.
    fn libxl_cpupool_create(
        this,
        name: Text,
        sched: Whole<libxl_scheduler>,
        cpumap: Whole<libxl_bitmap>,
        uuid: InOut<libxl_uuid>,
        poolid: InOut<u32>,
    ) {
        let (name, sched) = (name.required()?, sched.native()?);
        let cpus = cpumap.native()?;
        let uuid: Uuid = uuid.native()?;
        let wanted = poolid.native()?;
        let made = this
            .core
            .block_on(async |op| pools::create(op, name, sched, &cpus, uuid, wanted).await)?;
        poolid.replace(&made)
    }

    /// Removes a pool without domains.
    fn libxl_cpupool_destroy(this, poolid: u32) {
        this.core
            .block_on(async |op| pools::destroy(op, poolid).await)
    }

    /// Renames a pool.
    fn libxl_cpupool_rename(this, name: Text, poolid: u32) {
        this.core.block_on(async |op| {
            let name = name.required()?;
            pools::rename(op, poolid, name).await
        })
    }

    /// Moves a domain into the pool.
    fn libxl_cpupool_movedomain(this, poolid: u32, domid: u32) {
        this.core
            .block_on(async |op| pools::move_domain(op, poolid, domid))
    }

    /// Puts a free CPU into the pool.
    fn libxl_cpupool_cpuadd(this, poolid: u32, cpu: c_int) {
        this.core
            .block_on(async |op| pools::move_cpu(op, poolid, number("CPU", cpu)?, Move::Add))
    }

    /// Takes a CPU out of the pool.
    fn libxl_cpupool_cpuremove(this, poolid: u32, cpu: c_int) {
        this.core
            .block_on(async |op| pools::move_cpu(op, poolid, number("CPU", cpu)?, Move::Remove))
    }

    /// Puts free CPUs into the pool.
    fn libxl_cpupool_cpuadd_cpumap(this, poolid: u32, cpumap: In<libxl_bitmap>) {
        this.core
            .block_on(async |op| pools::move_cpus(op, poolid, &cpumap.native()?, Move::Add))
    }

    /// Takes CPUs out of the pool.
    fn libxl_cpupool_cpuremove_cpumap(this, poolid: u32, cpumap: In<libxl_bitmap>) {
        this.core
            .block_on(async |op| pools::move_cpus(op, poolid, &cpumap.native()?, Move::Remove))
    }

    /// Puts the free CPUs of a node into the pool; `cpus` gets how many those were.
    fn libxl_cpupool_cpuadd_node(this, poolid: u32, node: c_int, cpus: Out<c_int>) {
        this.core
            .block_on(async |op| move_node(op, poolid, node, cpus, Move::Add))
    }

    /// Takes the CPUs of a node out of the pool; `cpus` gets how many those were.
    fn libxl_cpupool_cpuremove_node(this, poolid: u32, node: c_int, cpus: Out<c_int>) {
        this.core
            .block_on(async |op| move_node(op, poolid, node, cpus, Move::Remove))
    }

    /// CPUs that are in no pool.
    fn libxl_get_freecpus(this, cpumap: Out<libxl_bitmap>) {
        let free = libxl_bitmap::from_bytes(&this.core.xen()?.free_cpus()?);
        cpumap.set(free)
    }
}
