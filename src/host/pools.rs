//! CPU pools: groups of CPUs with a scheduler of their own. Their names live in the store, `/local/pool/N`.

use super::scheduler_from;
use crate::engine::Op;
use crate::log::Level;
use crate::store::{Batch, layout};
use crate::types::{Bitmap, Cpupoolinfo, Scheduler, Uuid};
use crate::xen::{self, Cpupool};
use crate::{Code, Domid, Error, Result, log_line};

/// As a wanted number: any (`LIBXL_CPUPOOL_POOLID_ANY`).
pub const ANY_POOL: u32 = u32::MAX;

/// The pool's name; None for a pool that the store does not know.
pub async fn name(op: &Op, pool: u32) -> Result<Option<String>> {
    op.store()?.read_str(&name_path(pool)).await
}

fn name_path(pool: u32) -> String {
    format!("{}/name", layout::cpupool(pool))
}

/// One pool.
pub async fn info(op: &Op, pool: u32) -> Result<Cpupoolinfo> {
    let found = op.xen()?.cpupool(pool)?.ok_or_else(|| no_pool(pool))?;
    named(op, found).await
}

/// All pools, by number.
pub async fn list(op: &Op) -> Result<Vec<Cpupoolinfo>> {
    let mut pools = Vec::new();
    for pool in op.xen()?.cpupools()? {
        pools.push(named(op, pool).await?);
    }
    Ok(pools)
}

async fn named(op: &Op, pool: Cpupool) -> Result<Cpupoolinfo> {
    let pool_name = name(op, pool.id)
        .await?
        .ok_or_else(|| Error::fail(format!("CPU pool {} has no name in the store", pool.id)))?;
    Ok(Cpupoolinfo {
        poolid: pool.id,
        pool_name: Some(pool_name),
        sched: scheduler_from(pool.scheduler),
        n_dom: pool.domains,
        cpumap: Bitmap { bytes: pool.cpus },
    })
}

/// The number of the pool with this name; None when there is none.
pub async fn by_name(op: &Op, wanted: &str) -> Result<Option<u32>> {
    for pool in op.xen()?.cpupools()? {
        if op.store()?.holds(&name_path(pool.id), wanted).await? {
            return Ok(Some(pool.id));
        }
    }
    Ok(None)
}

/// Makes a pool of these CPUs. Numbers 0 and [`ANY_POOL`] leave the number to the hypervisor.
pub async fn create(
    op: &Op,
    name: &str,
    scheduler: Scheduler,
    cpus: &Bitmap,
    uuid: Uuid,
    wanted: u32,
) -> Result<u32> {
    let wanted = Some(wanted).filter(|&pool| pool != 0 && pool != ANY_POOL);
    let scheduler = u32::try_from(scheduler.raw()).unwrap_or(0);
    let pool = op
        .xen()?
        .cpupool_create(wanted, xen::Scheduler(scheduler))?;
    if let Err(error) = fill(op, pool, name, cpus, uuid).await {
        if let Err(undo) = destroy(op, pool).await {
            op.log()
                .failure(&undo.context("removing the unfinished CPU pool"));
        }
        return Err(error);
    }
    Ok(pool)
}

async fn fill(op: &Op, pool: u32, name: &str, cpus: &Bitmap, uuid: Uuid) -> Result<()> {
    for cpu in cpus.iter() {
        op.xen()?.cpupool_add_cpu(pool, number(cpu))?;
    }
    let path = layout::cpupool(pool);
    let mut batch = Batch::new();
    batch
        .mkdir(path.clone())
        .write(format!("{path}/uuid"), uuid.to_string())
        .write(format!("{path}/name"), name);
    op.store()?.apply(&batch).await
}

/// Removes a pool without domains; its CPUs become free. `ERROR_INVAL` when domains are in it.
pub async fn destroy(op: &Op, pool: u32) -> Result<()> {
    let found = op
        .xen()?
        .cpupool(pool)?
        .ok_or_else(|| no_pool(pool).code_as(Code::Inval))?;
    if found.domains != 0 {
        return Err(
            Error::inval(format!("CPU pool {pool} has {} domains", found.domains))
                .hint("move them to another pool first"),
        );
    }
    for cpu in (Bitmap { bytes: found.cpus }).iter() {
        op.xen()?.cpupool_remove_cpu(pool, number(cpu))?;
    }
    op.xen()?.cpupool_destroy(pool)?;
    op.store()?.rm(&layout::cpupool(pool)).await
}

/// Renames a pool.
pub async fn rename(op: &Op, pool: u32, name: &str) -> Result<()> {
    op.xen()?
        .cpupool(pool)?
        .ok_or_else(|| no_pool(pool).code_as(Code::Inval))?;
    op.store()?.write(&name_path(pool), name).await
}

/// What to do with CPUs and a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Free CPUs go into the pool.
    Add,
    /// CPUs of the pool become free.
    Remove,
}

/// Moves one CPU.
pub fn move_cpu(op: &Op, pool: u32, cpu: u32, way: Move) -> Result<()> {
    match way {
        Move::Add => op.xen()?.cpupool_add_cpu(pool, cpu),
        Move::Remove => op.xen()?.cpupool_remove_cpu(pool, cpu),
    }
}

/// Moves all of `cpus`; tries each, and fails when one of them could not be moved.
pub fn move_cpus(op: &Op, pool: u32, cpus: &Bitmap, way: Move) -> Result<()> {
    let moved = move_each(op, pool, cpus.iter(), way);
    if moved == cpus.count() {
        return Ok(());
    }
    Err(Error::fail(format!(
        "{moved} of {} CPUs moved",
        cpus.count()
    )))
}

/// Moves the CPUs of a node that can be moved; how many that were.
pub fn move_node(op: &Op, pool: u32, node: u32, way: Move) -> Result<usize> {
    let from = match way {
        Move::Add => op.xen()?.free_cpus()?,
        Move::Remove => match op.xen()?.cpupool(pool)? {
            Some(pool) => pool.cpus,
            None => return Ok(0),
        },
    };
    let from = Bitmap { bytes: from };
    let topology = super::cpu_topology(op.xen()?)?;
    let cpus = topology
        .iter()
        .enumerate()
        .filter(|(cpu, place)| place.node == node && from.test(*cpu))
        .map(|(cpu, _)| cpu);
    Ok(move_each(op, pool, cpus, way))
}

fn move_each(op: &Op, pool: u32, cpus: impl Iterator<Item = usize>, way: Move) -> usize {
    cpus.filter(|&cpu| match move_cpu(op, pool, number(cpu), way) {
        Ok(()) => true,
        Err(error) => {
            log_line!(op.log(), Level::Error, None, "{error}");
            false
        }
    })
    .count()
}

/// Moves a domain into the pool.
pub fn move_domain(op: &Op, pool: u32, domid: Domid) -> Result<()> {
    op.xen()?.cpupool_move_domain(pool, domid)
}

fn number(cpu: usize) -> u32 {
    u32::try_from(cpu).unwrap_or(u32::MAX)
}

fn no_pool(pool: u32) -> Error {
    Error::fail(format!("there is no CPU pool {pool}"))
}
