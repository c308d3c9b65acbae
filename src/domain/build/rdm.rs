//! Memory that firmware reserves for passed-through devices, and guest RAM that would lie there.

use super::layout::{FOUR_GIB, HvmMemory};
use crate::log::{Level, Logger};
use crate::types::{
    DeviceRdm, DomainBuildInfoU, DomainConfig, RdmReservePolicy, RdmReserveStrategy,
};
use crate::xen::Xen;
use crate::{Domid, Error, Result, log_line};

const LARGE_PAGE: u64 = 2 << 20;

/// Notes the reserved regions in the configuration, once, and moves RAM out of their way.
pub(super) fn reserve(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    config: &mut DomainConfig,
    memory: &mut HvmMemory,
) -> Result<()> {
    let DomainBuildInfoU::Hvm(hvm) = &config.b_info.u else {
        return Ok(());
    };
    if !config.rdms.is_empty() {
        return Ok(());
    }
    let boundary = hvm.rdm_mem_boundary_memkb.saturating_mul(1024);
    let mut found = Vec::new();
    if hvm.rdm.strategy == RdmReserveStrategy::Host {
        for range in xen.reserved_device_memory(None)? {
            note(&mut found, range, hvm.rdm.policy);
        }
    }
    for pci in &config.pcidevs {
        let (segment, bus, devfn) = (pci.domain, pci.bus, pci.dev << 3 | pci.func & 7);
        let segment = u16::try_from(segment)
            .map_err(|_| Error::inval(format!("PCI segment {segment} does not exist")))?;
        for range in xen.reserved_device_memory(Some((segment, bus, devfn)))? {
            note(&mut found, range, device_policy(pci.rdm_policy));
        }
    }
    let hap = config.c_info.hap == Some(true);
    resolve(log, domid, memory, &mut found, boundary, hap).map_err(|error| error.domain(domid))?;
    config.rdms = found;
    Ok(())
}

/// A device without a policy is strict, also in a guest with a relaxed one.
fn device_policy(own: RdmReservePolicy) -> RdmReservePolicy {
    match own {
        RdmReservePolicy::Invalid => RdmReservePolicy::Strict,
        own => own,
    }
}

/// Devices may share a region; the policy of the last one counts.
fn note(found: &mut Vec<DeviceRdm>, range: std::ops::Range<u64>, policy: RdmReservePolicy) {
    match found.iter_mut().find(|rdm| rdm.start == range.start) {
        Some(known) => known.policy = policy,
        None => found.push(DeviceRdm {
            start: range.start,
            size: range.end - range.start,
            policy,
        }),
    }
}

fn overlaps(rdm: &DeviceRdm, start: u64, end: u64) -> bool {
    start < rdm.start.saturating_add(rdm.size) && rdm.start < end
}

/// Above `boundary`, RAM below 4 GiB ends where the lowest region begins. Other conflicts are an error under the
/// strict policy; under the relaxed one the region is hidden from the guest.
fn resolve(
    log: &Logger,
    domid: Domid,
    memory: &mut HvmMemory,
    rdms: &mut [DeviceRdm],
    boundary: u64,
    hap: bool,
) -> Result<()> {
    for rdm in rdms.iter() {
        if rdm.start <= boundary || !overlaps(rdm, 0, memory.lowmem_end) {
            continue;
        }
        // With large pages whole where the hardware walks the tables.
        let end = if hap && rdm.start > LARGE_PAGE {
            rdm.start & !(LARGE_PAGE - 1)
        } else {
            rdm.start
        };
        memory.highmem_end = memory.highmem_end.max(FOUR_GIB) + (memory.lowmem_end - end);
        memory.lowmem_end = end;
    }
    for rdm in rdms.iter_mut() {
        let conflict = overlaps(rdm, 0, memory.lowmem_end)
            || memory.highmem_end > FOUR_GIB && overlaps(rdm, FOUR_GIB, memory.highmem_end);
        if !conflict {
            continue;
        }
        if rdm.policy == RdmReservePolicy::Strict {
            return Err(Error::fail(format!(
                "a device's reserved memory at {:#x} lies in the guest's RAM",
                rdm.start
            ))
            .hint("set rdm_policy=relaxed for the device, or give the guest less memory"));
        }
        log_line!(
            log,
            Level::Warn,
            domid,
            "Ignoring RDM conflict at {:#x}.",
            rdm.start
        );
        rdm.policy = RdmReservePolicy::Invalid;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn run(policy: RdmReservePolicy, start: u64) -> (HvmMemory, Result<()>, RdmReservePolicy) {
        let mut memory = HvmMemory {
            lowmem_end: 3 * GIB,
            highmem_end: 0,
            ..Default::default()
        };
        let mut rdms = [DeviceRdm {
            start,
            size: 0x2000,
            policy,
        }];
        let result = resolve(&Logger::silent(), 1, &mut memory, &mut rdms, 2 * GIB, true);
        (memory, result, rdms[0].policy)
    }

    #[test]
    fn ram_above_the_boundary_moves() {
        let start = 2 * GIB + LARGE_PAGE + 0x5000;
        let (memory, result, policy) = run(RdmReservePolicy::Strict, start);
        assert!(result.is_ok());
        assert_eq!(memory.lowmem_end, 2 * GIB + LARGE_PAGE);
        assert_eq!(memory.highmem_end, FOUR_GIB + GIB - LARGE_PAGE);
        assert_eq!(policy, RdmReservePolicy::Strict);
    }

    #[test]
    fn a_conflict_below_it_depends_on_the_policy() {
        let (_, result, _) = run(RdmReservePolicy::Strict, GIB);
        assert!(result.is_err());
        let (memory, result, policy) = run(RdmReservePolicy::Relaxed, GIB);
        assert!(result.is_ok());
        assert_eq!(policy, RdmReservePolicy::Invalid);
        assert_eq!(memory.lowmem_end, 3 * GIB);
    }

    #[test]
    fn no_conflict_changes_nothing() {
        let (memory, result, policy) = run(RdmReservePolicy::Strict, 0xfe00_0000);
        assert!(result.is_ok());
        assert_eq!((memory.lowmem_end, memory.highmem_end), (3 * GIB, 0));
        assert_eq!(policy, RdmReservePolicy::Strict);
    }

    #[test]
    fn shared_regions_are_noted_once() {
        let mut found = Vec::new();
        note(&mut found, 0..4096, RdmReservePolicy::Strict);
        note(&mut found, 0..4096, RdmReservePolicy::Relaxed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].policy, RdmReservePolicy::Relaxed);
    }
}
