//! CPU pools. Bitmaps are bytes, bit 0 first.

use super::{Scheduler, Xen};
use crate::sys::xc;
use crate::{Domid, Result};

/// A group of CPUs with a scheduler of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpupool {
    /// Its number; 0 is the pool of dom0.
    pub id: u32,
    /// Its scheduler.
    pub scheduler: Scheduler,
    /// Domains in it.
    pub domains: u32,
    /// Its CPUs.
    pub cpus: Vec<u8>,
}

impl From<xc::CpupoolInfo> for Cpupool {
    fn from(raw: xc::CpupoolInfo) -> Self {
        Self {
            id: raw.id,
            scheduler: Scheduler(raw.scheduler),
            domains: raw.domains,
            cpus: raw.cpus,
        }
    }
}

impl Xen {
    /// All pools, by number.
    pub fn cpupools(&self) -> Result<Vec<Cpupool>> {
        let mut pools = Vec::new();
        let mut first = 0;
        while let Some(pool) = self.sysctl("listing the CPU pools", |xc| xc.cpupool_next(first))? {
            let Some(next) = pool.id.checked_add(1) else {
                break;
            };
            first = next;
            pools.push(pool.into());
        }
        Ok(pools)
    }

    /// One pool; None when there is none of that number.
    pub fn cpupool(&self, pool: u32) -> Result<Option<Cpupool>> {
        let found = self.sysctl(&format!("looking at CPU pool {pool}"), |xc| {
            xc.cpupool_next(pool)
        })?;
        Ok(found.filter(|found| found.id == pool).map(Cpupool::from))
    }

    /// CPUs that are in no pool.
    pub fn free_cpus(&self) -> Result<Vec<u8>> {
        self.sysctl("asking for free CPUs", xc::Xc::cpupool_freecpus)
    }

    /// Makes a pool (None: any number) without CPUs; its number.
    pub fn cpupool_create(&self, pool: Option<u32>, scheduler: Scheduler) -> Result<u32> {
        self.sysctl("making a CPU pool", |xc| {
            xc.cpupool_create(pool.unwrap_or(u32::MAX), scheduler.0)
        })
    }

    /// Removes a pool without domains.
    pub fn cpupool_destroy(&self, pool: u32) -> Result<()> {
        self.sysctl(&format!("removing CPU pool {pool}"), |xc| {
            xc.cpupool_destroy(pool)
        })
    }

    /// Puts a free CPU into the pool.
    pub fn cpupool_add_cpu(&self, pool: u32, cpu: u32) -> Result<()> {
        self.sysctl(&format!("adding CPU {cpu} to pool {pool}"), |xc| {
            xc.cpupool_addcpu(pool, i32::try_from(cpu).unwrap_or(i32::MAX))
        })
    }

    /// Takes a CPU out of the pool.
    pub fn cpupool_remove_cpu(&self, pool: u32, cpu: u32) -> Result<()> {
        self.sysctl(&format!("removing CPU {cpu} from pool {pool}"), |xc| {
            xc.cpupool_removecpu(pool, i32::try_from(cpu).unwrap_or(i32::MAX))
        })
    }

    /// Moves a domain into the pool.
    pub fn cpupool_move_domain(&self, pool: u32, domid: Domid) -> Result<()> {
        self.domctl(
            domid,
            &format!("moving the domain to CPU pool {pool}"),
            |xc| xc.cpupool_movedomain(pool, domid),
        )
    }
}
