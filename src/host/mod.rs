//! The machine: its figures, where its CPUs, memory and PCI devices are, CPU pools.

mod parameters;
mod pci;
pub mod pools;
pub mod psr;
pub mod sched;

use std::path::Path;

use crate::Result;
use crate::types::{Bitmap, Cputopology, Numainfo, Physinfo, Scheduler, VersionInfo};
use crate::xen::Xen;

pub use parameters::set as set_parameters;
pub use pci::topology as pci_topology;

/// What an entry holds that is not there (`LIBXL_CPUTOPOLOGY_INVALID_ENTRY` and its kin).
pub const INVALID_ENTRY: u32 = u32::MAX;

/// Figures of CPUs and memory; sizes are pages. All zero where there is no Xen at all: `xl -N create` asks before it
/// parses a configuration, and a dry run must work there.
pub fn physinfo(xen: &Xen) -> Result<Physinfo> {
    if let Err(error) = xen.open() {
        let devices = ["/dev/xen/privcmd", "/proc/xen/privcmd"];
        if devices.iter().any(|device| Path::new(device).exists()) {
            return Err(error);
        }
        return Ok(Physinfo::default());
    }
    let info = xen.physinfo()?;
    let (sharing_freed_pages, sharing_used_frames) = xen.sharing_pages()?;
    Ok(Physinfo {
        threads_per_core: info.threads_per_core,
        cores_per_socket: info.cores_per_socket,
        max_cpu_id: info.max_cpu_id,
        nr_cpus: info.nr_cpus,
        cpu_khz: info.cpu_khz,
        total_pages: info.total_pages,
        free_pages: info.free_pages,
        scrub_pages: info.scrub_pages,
        outstanding_pages: info.outstanding_pages,
        sharing_freed_pages,
        sharing_used_frames,
        max_possible_mfn: info.max_mfn,
        nr_nodes: info.nr_nodes,
        hw_cap: info.hw_cap,
        cap_hvm: info.cap_hvm(),
        cap_pv: info.cap_pv(),
        cap_hvm_directio: info.cap_directio(),
        cap_hap: info.cap_hap(),
        cap_shadow: info.cap_shadow(),
        cap_iommu_hap_pt_share: info.cap_iommu_hap_pt_share(),
        cap_vmtrace: info.cap_vmtrace(),
        cap_vpmu: info.cap_vpmu(),
        cap_gnttab_v1: info.cap_gnttab_v1(),
        cap_gnttab_v2: info.cap_gnttab_v2(),
        // Arm's: x86 has none.
        arch_capabilities: 0,
    })
}

/// What the hypervisor says about itself.
pub fn version(xen: &Xen) -> Result<VersionInfo> {
    let version = xen.version()?;
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    Ok(VersionInfo {
        xen_version_major: number(version.major),
        xen_version_minor: number(version.minor),
        xen_version_extra: version.extra,
        compiler: Some(version.compiler),
        compile_by: Some(version.compile_by),
        compile_domain: Some(version.compile_domain),
        compile_date: Some(version.compile_date),
        capabilities: version.capabilities,
        changeset: version.changeset,
        virt_start: version.virt_start,
        pagesize: number(version.pagesize),
        commandline: version.commandline,
        build_id: version.build_id,
    })
}

/// The place of each CPU, by number; [`INVALID_ENTRY`] in all fields of one that is not there.
pub fn cpu_topology(xen: &Xen) -> Result<Vec<Cputopology>> {
    let list = xen.cpu_topology()?;
    Ok(list
        .into_iter()
        .map(|cpu| match cpu {
            Some(cpu) => Cputopology {
                core: cpu.core,
                socket: cpu.socket,
                node: cpu.node,
            },
            None => Cputopology {
                core: INVALID_ENTRY,
                socket: INVALID_ENTRY,
                node: INVALID_ENTRY,
            },
        })
        .collect())
}

/// Memory of each NUMA node, in bytes, and its distances to the others.
pub fn numa_nodes(xen: &Xen) -> Result<Vec<Numainfo>> {
    let nodes = xen.numa_nodes()?;
    Ok(nodes
        .into_iter()
        .map(|node| Numainfo {
            size: node.memory.unwrap_or(u64::MAX),
            free: node.free.unwrap_or(u64::MAX),
            dists: node.distances,
        })
        .collect())
}

/// The scheduler of pool 0.
pub fn scheduler(xen: &Xen) -> Result<Scheduler> {
    Ok(scheduler_from(xen.scheduler()?))
}

fn scheduler_from(raw: crate::xen::Scheduler) -> Scheduler {
    i32::try_from(raw.0)
        .ok()
        .and_then(Scheduler::from_raw)
        .unwrap_or(Scheduler::Unknown)
}

/// Sockets of a machine where all have the same number of CPUs.
pub fn socket_count(xen: &Xen) -> Result<u32> {
    let info = xen.physinfo()?;
    let per_socket = info.threads_per_core.max(1) * info.cores_per_socket.max(1);
    Ok(info.nr_cpus / per_socket)
}

/// Sockets that have a CPU, out of those there is room for in a map of `bits`.
pub fn online_sockets(xen: &Xen, bits: usize) -> Result<Bitmap> {
    let sockets = cpu_topology(xen)?.into_iter().map(|cpu| cpu.socket);
    Ok(collect(bits, sockets))
}

/// The CPUs of `nodes`, in a map of `bits`.
pub fn cpus_of_nodes(xen: &Xen, nodes: &Bitmap, bits: usize) -> Result<Bitmap> {
    Ok(cpus_in(&cpu_topology(xen)?, nodes, bits))
}

/// The nodes that have one of `cpus`, in a map of `bits`.
pub fn nodes_of_cpus(xen: &Xen, cpus: &Bitmap, bits: usize) -> Result<Bitmap> {
    let topology = cpu_topology(xen)?;
    let nodes = cpus.iter().filter_map(|cpu| topology.get(cpu));
    Ok(collect(bits, nodes.map(|cpu| cpu.node)))
}

fn cpus_in(topology: &[Cputopology], nodes: &Bitmap, bits: usize) -> Bitmap {
    let mut cpus = Bitmap::new(bits);
    for (number, cpu) in topology.iter().enumerate() {
        if cpu.node != INVALID_ENTRY && nodes.test(cpu.node as usize) {
            cpus.set(number);
        }
    }
    cpus
}

fn collect(bits: usize, numbers: impl Iterator<Item = u32>) -> Bitmap {
    let mut map = Bitmap::new(bits);
    numbers
        .filter(|&number| number != INVALID_ENTRY)
        .for_each(|number| map.set(number as usize));
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_cpus_are_nowhere() {
        let cpu = |node| Cputopology {
            core: 0,
            socket: 0,
            node,
        };
        let topology = [cpu(0), cpu(1), cpu(INVALID_ENTRY), cpu(1)];
        let nodes: Bitmap = [1].into_iter().collect();
        let cpus = cpus_in(&topology, &nodes, 8);
        assert_eq!(cpus.iter().collect::<Vec<_>>(), [1, 3]);
        let all = collect(8, topology.iter().map(|cpu| cpu.node));
        assert_eq!(all.iter().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn unknown_schedulers_are_unknown() {
        let raw = |number| scheduler_from(crate::xen::Scheduler(number));
        assert_eq!(raw(6), Scheduler::Credit2);
        assert_eq!(raw(77), Scheduler::Unknown);
        assert_eq!(raw(u32::MAX), Scheduler::Unknown);
    }
}
