//! vCPUs: their state, where they run, NUMA affinity of the domain. Bitmaps are bytes, bit 0 first.

use super::Xen;
pub use crate::sys::xc::Affinity;
use crate::{Domid, Result};

/// State of one vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcpuInfo {
    /// Its number.
    pub vcpu: u32,
    /// Not taken down by the guest.
    pub online: bool,
    /// Waits for an event.
    pub blocked: bool,
    /// On a CPU now.
    pub running: bool,
    /// Nanoseconds it ran.
    pub cpu_time: u64,
    /// The CPU it runs on, or ran on last.
    pub cpu: u32,
}

impl Xen {
    /// State of one vCPU.
    pub fn vcpu_info(&self, domid: Domid, vcpu: u32) -> Result<VcpuInfo> {
        let raw = self.domctl(domid, &format!("looking at vCPU {vcpu}"), |xc| {
            xc.vcpu_getinfo(domid, vcpu)
        })?;
        Ok(VcpuInfo {
            vcpu,
            online: raw.online != 0,
            blocked: raw.blocked != 0,
            running: raw.running != 0,
            cpu_time: raw.cpu_time,
            cpu: raw.cpu,
        })
    }

    /// Hard and soft affinity of one vCPU.
    pub fn vcpu_affinity(&self, domid: Domid, vcpu: u32) -> Result<(Vec<u8>, Vec<u8>)> {
        self.domctl(
            domid,
            &format!("reading the affinity of vCPU {vcpu}"),
            |xc| xc.vcpu_getaffinity(domid, vcpu),
        )
    }

    /// Sets hard, soft or both affinities; returns what the hypervisor made of them, which may be less.
    pub fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        wanted: Affinity<&[u8]>,
        force: bool,
    ) -> Result<Affinity<Vec<u8>>> {
        self.domctl(
            domid,
            &format!("setting the affinity of vCPU {vcpu}"),
            |xc| xc.vcpu_setaffinity(domid, vcpu, wanted, force),
        )
    }

    /// Nodes whose memory the domain gets.
    pub fn set_node_affinity(&self, domid: Domid, nodes: &[u8]) -> Result<()> {
        self.domctl(domid, "setting the node affinity", |xc| {
            xc.domain_node_setaffinity(domid, nodes)
        })
    }

    /// Nodes whose memory the domain gets.
    pub fn node_affinity(&self, domid: Domid) -> Result<Vec<u8>> {
        self.domctl(domid, "reading the node affinity", |xc| {
            xc.domain_node_getaffinity(domid)
        })
    }
}
