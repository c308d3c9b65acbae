//! CPU pools.

use std::io;
use std::ptr::NonNull;

use super::super::faults;
use super::{Xc, check, control, integer_calls};

/// A pool as the hypervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpupoolInfo {
    /// Its number; 0 is the pool of dom0.
    pub id: u32,
    /// `XEN_SCHEDULER_*`.
    pub scheduler: u32,
    /// Domains in it.
    pub domains: u32,
    /// Its CPUs, as a bitmap.
    pub cpus: Vec<u8>,
}

integer_calls! {
    /// Removes an empty pool.
    fn cpupool_destroy(pool: u32) = xc_cpupool_destroy;
    /// Puts a free CPU into the pool; -1 chooses one.
    fn cpupool_addcpu(pool: u32, cpu: i32) = xc_cpupool_addcpu;
    /// Takes a CPU out of the pool; -1 chooses one.
    fn cpupool_removecpu(pool: u32, cpu: i32) = xc_cpupool_removecpu;
    /// Moves a domain into the pool.
    fn cpupool_movedomain(pool: u32, domid: u32) = xc_cpupool_movedomain;
}

impl Xc {
    /// Makes a pool (number `u32::MAX`: any); returns its number.
    pub fn cpupool_create(&self, wanted: u32, scheduler: u32) -> io::Result<u32> {
        let mut pool = wanted;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_cpupool_create(self.as_ptr(), &mut pool, scheduler) })?;
        Ok(pool)
    }

    /// The pool with number `first` or the next one after it; None when there is no more.
    pub fn cpupool_next(&self, first: u32) -> io::Result<Option<CpupoolInfo>> {
        let size = self.cpumap_size()?;
        faults::point("hypercall", format_args!("cpupool_next"))?;
        // SAFETY: the handle is live; the result is freed below.
        let raw = unsafe { control::xc_cpupool_getinfo(self.as_ptr(), first) };
        let Some(raw) = NonNull::new(raw) else {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::ENOENT) => Ok(None),
                _ => Err(error),
            };
        };
        // SAFETY: the structure is live until xc_cpupool_infofree; its map has xc_get_cpumap_size bytes.
        let info = unsafe {
            let raw = raw.as_ref();
            CpupoolInfo {
                id: raw.cpupool_id,
                scheduler: raw.sched_id,
                domains: raw.n_dom,
                cpus: std::slice::from_raw_parts(raw.cpumap, size).to_vec(),
            }
        };
        // SAFETY: made by xc_cpupool_getinfo above and not used afterwards.
        unsafe { control::xc_cpupool_infofree(self.as_ptr(), raw.as_ptr()) };
        Ok(Some(info))
    }

    /// CPUs that are in no pool, as a bitmap.
    pub fn cpupool_freecpus(&self) -> io::Result<Vec<u8>> {
        let size = self.cpumap_size()?;
        faults::point("hypercall", format_args!("cpupool_freecpus"))?;
        // SAFETY: the handle is live; the result is freed below.
        let map = unsafe { control::xc_cpupool_freeinfo(self.as_ptr()) };
        if map.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the map has xc_get_cpumap_size bytes, allocated with malloc for the caller.
        unsafe {
            let cpus = std::slice::from_raw_parts(map, size).to_vec();
            libc::free(map.cast());
            Ok(cpus)
        }
    }
}
