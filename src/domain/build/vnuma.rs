//! Virtual NUMA: where each node's memory lies, and whether the configuration makes sense.

use super::layout::{FOUR_GIB, HvmMemory};
use crate::types::{DomainBuildInfo, VnodeInfo};
use crate::xen::{VNuma, VNumaRange};
use crate::{Code, Error, Result};

fn invalid(what: String) -> Error {
    Error::new(Code::VnumaConfigInvalid, what)
}

fn node_bytes(node: &VnodeInfo) -> Result<u64> {
    node.memkb
        .checked_mul(1024)
        .ok_or_else(|| invalid(format!("a virtual node of {} KiB is too large", node.memkb)))
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Memory of an HVM or PVH guest: below the hole for devices, then above 4 GiB. Video memory belongs to node 0.
pub(super) fn hvm_ranges(
    nodes: &[VnodeInfo],
    video_memkb: u64,
    memory: &HvmMemory,
) -> Result<Vec<VNumaRange>> {
    let hole_start = memory.lowmem_end.min(memory.mmio_start);
    let hole_end = (memory.mmio_start + memory.mmio_size).max(FOUR_GIB);
    fill(nodes, video_memkb, &[0..hole_start, hole_end..u64::MAX])
}

/// Gives each node its memory out of `ram`, in order; node 0 lacks `reserved_kib`.
fn fill(
    nodes: &[VnodeInfo],
    reserved_kib: u64,
    ram: &[std::ops::Range<u64>],
) -> Result<Vec<VNumaRange>> {
    let mut free = ram.iter().filter(|range| !range.is_empty()).cloned();
    let mut current = free.next();
    let mut ranges = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let mut bytes = node_bytes(node)?;
        if index == 0 {
            bytes = bytes.checked_sub(reserved_kib << 10).ok_or_else(|| {
                Error::inval("virtual node 0 is too small to contain the video memory")
            })?;
        }
        while bytes > 0 {
            let Some(range) = &mut current else {
                return Err(Error::new(
                    Code::Nomem,
                    "the guest's memory map has no room for all virtual nodes",
                ));
            };
            let part = bytes.min(range.end - range.start);
            ranges.push(VNumaRange {
                start: range.start,
                end: range.start + part,
                node: number(index),
            });
            bytes -= part;
            range.start += part;
            if range.is_empty() {
                current = free.next();
            }
        }
    }
    Ok(ranges)
}

/// Checks the configuration against itself and against the machine's `host_nodes`, and puts it together.
pub(super) fn assemble(
    info: &DomainBuildInfo,
    ranges: Vec<VNumaRange>,
    host_nodes: usize,
) -> Result<VNuma> {
    let nodes = &info.vnuma_nodes;
    let mut total: u64 = 0;
    for node in nodes {
        if node.pnode as usize >= host_nodes {
            return Err(invalid(format!("the machine has no node {}", node.pnode)));
        }
        total = total.saturating_add(node.memkb);
    }
    if total != info.max_memkb {
        return Err(invalid(format!(
            "the virtual nodes have {total} KiB together, the guest has {} KiB",
            info.max_memkb
        )));
    }
    Ok(VNuma {
        ranges,
        distances: distances(nodes)?,
        vcpu_to_vnode: vcpus(info)?,
        vnode_to_pnode: nodes.iter().map(|node| node.pnode).collect(),
    })
}

fn vcpus(info: &DomainBuildInfo) -> Result<Vec<u32>> {
    let count = usize::try_from(info.max_vcpus).unwrap_or(0);
    let mut owner = vec![None; count];
    for (index, node) in info.vnuma_nodes.iter().enumerate() {
        for vcpu in node.vcpus.iter() {
            let slot = owner.get_mut(vcpu).ok_or_else(|| {
                invalid(format!(
                    "virtual node {index} has vCPU {vcpu}, the guest has {count}"
                ))
            })?;
            if slot.replace(number(index)).is_some() {
                return Err(invalid(format!(
                    "vCPU {vcpu} is in more than one virtual node"
                )));
            }
        }
    }
    owner
        .into_iter()
        .enumerate()
        .map(|(vcpu, node)| {
            node.ok_or_else(|| invalid(format!("vCPU {vcpu} is in no virtual node")))
        })
        .collect()
}

fn distances(nodes: &[VnodeInfo]) -> Result<Vec<u32>> {
    let mut all = Vec::with_capacity(nodes.len() * nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        if node.distances.len() != nodes.len() {
            return Err(invalid(format!(
                "virtual node {index} has {} distances to {} nodes",
                node.distances.len(),
                nodes.len()
            )));
        }
        let local = node.distances[index];
        if let Some(nearer) = node.distances.iter().position(|&distance| distance < local) {
            return Err(invalid(format!(
                "virtual node {nearer} is nearer to node {index} than that is to itself"
            )));
        }
        all.extend(&node.distances);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn node(mib: u64, vcpus: &[usize], distances: &[u32]) -> VnodeInfo {
        VnodeInfo {
            memkb: mib << 10,
            distances: distances.to_vec(),
            pnode: 0,
            vcpus: vcpus.iter().copied().collect(),
        }
    }

    fn info() -> DomainBuildInfo {
        DomainBuildInfo {
            max_vcpus: 3,
            max_memkb: 3 << 20,
            vnuma_nodes: vec![node(1024, &[0, 2], &[10, 20]), node(2048, &[1], &[20, 10])],
            ..Default::default()
        }
    }

    #[test]
    fn a_sound_layout() {
        let info = info();
        let numa = assemble(&info, Vec::new(), 1).unwrap();
        assert_eq!(numa.vcpu_to_vnode, [0, 1, 0]);
        assert_eq!(numa.distances, [10, 20, 20, 10]);
    }

    #[test]
    fn the_hole_splits_a_node() {
        let memory = HvmMemory {
            mmio_start: 2 * GIB,
            mmio_size: 2 * GIB,
            lowmem_end: 2 * GIB,
            ..Default::default()
        };
        let ranges = hvm_ranges(&info().vnuma_nodes, 8 << 10, &memory).unwrap();
        let video = 8 << 20;
        let shown: Vec<_> = ranges.iter().map(|r| (r.start, r.end, r.node)).collect();
        assert_eq!(
            shown,
            [
                (0, GIB - video, 0),
                (GIB - video, 2 * GIB, 1),
                (FOUR_GIB, FOUR_GIB + GIB - video, 1),
            ]
        );
        assert!(hvm_ranges(&info().vnuma_nodes, 2 << 20, &memory).is_err());
    }

    #[test]
    fn contradictions_are_errors() {
        let wrong = |change: fn(&mut DomainBuildInfo)| {
            let mut info = info();
            change(&mut info);
            let error = assemble(&info, Vec::new(), 1).unwrap_err();
            assert_eq!(error.code(), Code::VnumaConfigInvalid, "{error}");
        };
        wrong(|info| info.vnuma_nodes[0].pnode = 1);
        wrong(|info| info.max_memkb += 1);
        wrong(|info| info.max_vcpus = 4);
        wrong(|info| info.max_vcpus = 2);
        wrong(|info| info.vnuma_nodes[1].vcpus = [1, 2].into_iter().collect());
        wrong(|info| info.vnuma_nodes[1].distances = vec![20]);
        wrong(|info| info.vnuma_nodes[1].distances = vec![5, 10]);
    }
}
