//! Which CPUs the vCPUs of a new domain run on.

use crate::domain::vcpus::set_affinity;
use crate::log::Logger;
use crate::types::{Bitmap, DomainBuildInfo};
use crate::xen::{CpuTopology, Xen};
use crate::{Domid, Result};

/// Sets the affinities that the configuration gives, hard and soft of a vCPU in one call.
pub(super) fn set(log: &Logger, xen: &Xen, domid: Domid, info: &DomainBuildInfo) -> Result<()> {
    let (hard, soft) = (&info.vcpu_hard_affinity, &info.vcpu_soft_affinity);
    for index in 0..hard.len().max(soft.len()) {
        let maps = (hard.get(index), soft.get(index));
        set_affinity(log, xen, domid, number(index), maps, false)?;
    }
    Ok(())
}

/// Lets the vCPUs of each virtual node prefer the CPUs of the machine's node behind it.
pub(super) fn follow_vnuma(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    info: &DomainBuildInfo,
) -> Result<()> {
    if info.vnuma_nodes.is_empty() || !info.vcpu_soft_affinity.is_empty() {
        return Ok(());
    }
    let topology = xen.cpu_topology()?;
    for node in &info.vnuma_nodes {
        let cpus = cpus_of(&topology, node.pnode);
        for vcpu in node.vcpus.iter() {
            set_affinity(log, xen, domid, number(vcpu), (None, Some(&cpus)), false)?;
        }
    }
    Ok(())
}

fn cpus_of(topology: &[Option<CpuTopology>], node: u32) -> Bitmap {
    let mut cpus = Bitmap::new(topology.len());
    for (cpu, place) in topology.iter().enumerate() {
        if place.is_some_and(|place| place.node == node) {
            cpus.set(cpu);
        }
    }
    cpus
}

fn number(vcpu: usize) -> u32 {
    u32::try_from(vcpu).unwrap_or(u32::MAX)
}
