//! Which CPUs the vCPUs of a new domain run on.

use crate::log::{Level, Logger};
use crate::types::{Bitmap, DomainBuildInfo};
use crate::xen::{Affinity, CpuTopology, Xen};
use crate::{Domid, Result, log_line};

/// Sets the affinities that the configuration gives, hard and soft of a vCPU in one call.
pub(super) fn set(log: &Logger, xen: &Xen, domid: Domid, info: &DomainBuildInfo) -> Result<()> {
    let (hard, soft) = (&info.vcpu_hard_affinity, &info.vcpu_soft_affinity);
    for index in 0..hard.len().max(soft.len()) {
        one(log, xen, domid, index, hard.get(index), soft.get(index))?;
    }
    Ok(())
}

/// Sets hard or soft affinity of one vCPU, and says when the hypervisor had to cut it.
pub fn one(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    vcpu: usize,
    hard: Option<&Bitmap>,
    soft: Option<&Bitmap>,
) -> Result<()> {
    let wanted = Affinity {
        hard: hard.map(|map| map.bytes.as_slice()),
        soft: soft.map(|map| map.bytes.as_slice()),
    };
    let number = u32::try_from(vcpu).unwrap_or(u32::MAX);
    let got = xen.set_vcpu_affinity(domid, number, wanted, false)?;
    report(log, domid, vcpu, hard, soft, &got);
    Ok(())
}

fn report(
    log: &Logger,
    domid: Domid,
    vcpu: usize,
    hard: Option<&Bitmap>,
    soft: Option<&Bitmap>,
    got: &Affinity<Vec<u8>>,
) {
    for (kind, wanted, got) in [("hard", hard, &got.hard), ("soft", soft, &got.soft)] {
        let (Some(wanted), Some(got)) = (wanted, got) else {
            continue;
        };
        let got = Bitmap { bytes: got.clone() };
        if !wanted.iter().eq(got.iter()) {
            log_line!(
                log,
                Level::Debug,
                domid,
                "New {kind} affinity for vcpu {vcpu} has unreachable cpus"
            );
        }
        if kind == "soft" && got.is_empty() {
            log_line!(
                log,
                Level::Warn,
                domid,
                "All cpus in soft affinity of vcpu {vcpu} are unreachable. Only hard affinity will be considered for scheduling"
            );
        }
    }
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
            one(log, xen, domid, vcpu, None, Some(&cpus))?;
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
