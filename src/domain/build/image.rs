//! What building the image takes for all types of guests.

use super::{Boot, BootFile, Channels, e820, vnuma};
use crate::log::{Level, Logger};
use crate::types::{DomainBuildInfo, DomainBuildInfoPv};
use crate::xen::{E820Region, VNuma, VNumaRange, Xen};
use crate::{Domid, Error, Result, log_line};

/// What all types of guests need.
pub(super) struct Job<'a> {
    pub(super) log: &'a Logger,
    pub(super) xen: &'a Xen,
    pub(super) domid: Domid,
    pub(super) boot: &'a Boot,
    pub(super) channels: &'a Channels,
}

impl Job<'_> {
    /// The kernel that the guest boots.
    pub(super) fn boot_kernel(&self) -> Result<&BootFile> {
        let kernel = self.boot.kernel.as_ref().ok_or_else(|| {
            Error::inval("the guest has no kernel")
                .hint("set kernel= or bootloader= in the configuration")
        })?;
        log_line!(
            self.log,
            Level::Debug,
            self.domid,
            "kernel {}",
            kernel.path()
        );
        Ok(kernel)
    }

    /// Its ramdisk, if it has one.
    pub(super) fn boot_ramdisk(&self) -> Option<&BootFile> {
        let ramdisk = self.boot.ramdisk.as_ref();
        ramdisk.filter(|ramdisk| !ramdisk.path().is_empty())
    }

    /// Declares the guest's virtual NUMA nodes, whose memory is `ranges`.
    pub(super) fn numa(&self, info: &DomainBuildInfo, ranges: Vec<VNumaRange>) -> Result<VNuma> {
        let host_nodes = self.xen.numa_nodes()?.len();
        let numa = vnuma::assemble(info, ranges, host_nodes)?;
        self.xen.set_vnuma(self.domid, &numa)?;
        Ok(numa)
    }
}

/// The map that a PV guest with `e820_host` sees.
pub(super) fn host_map(
    xen: &Xen,
    info: &DomainBuildInfo,
    pv: &DomainBuildInfoPv,
) -> Result<Vec<E820Region>> {
    let balloon = info.max_memkb.saturating_sub(info.target_memkb) + pv.slack_memkb;
    e820::from_host(&xen.machine_memory_map()?, info.target_memkb, balloon)
}

/// The vCPUs that the guest can ever have.
pub(super) fn vcpus(info: &DomainBuildInfo) -> Result<u32> {
    u32::try_from(info.max_vcpus)
        .map_err(|_| Error::inval(format!("{} vCPUs make no sense", info.max_vcpus)))
}
