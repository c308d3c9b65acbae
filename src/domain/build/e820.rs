//! BIOS memory maps: of HVM and PVH guests from their layout, of PV guests from the host's.

use super::acpi::Module;
use super::layout::{FOUR_GIB, HvmMemory, SPECIAL_PAGES};
use crate::types::{DeviceRdm, DomainType, RdmReservePolicy};
use crate::xen::{E820Region, E820Type};
use crate::{Error, Result};

/// The hypervisor takes no longer map.
const MAX_ENTRIES: usize = 128;
/// What lies below is a matter between hvmloader and the guest.
const LOW_START: u64 = 0x10_0000;
const PAGE: u64 = 4096;

fn region(kind: E820Type, start: u64, end: u64) -> E820Region {
    E820Region {
        start,
        size: end.saturating_sub(start),
        kind,
    }
}

/// The map of an HVM or PVH guest.
pub(super) fn translated(
    type_: DomainType,
    memory: &HvmMemory,
    rdms: &[DeviceRdm],
    acpi: &[Module],
) -> Result<Vec<E820Region>> {
    let low = if memory.device_model { LOW_START } else { 0 };
    let mut map = vec![region(E820Type::Ram, low, memory.lowmem_end)];
    map.extend(
        rdms.iter()
            .filter(|rdm| rdm.policy != RdmReservePolicy::Invalid)
            .map(|rdm| {
                region(
                    E820Type::Reserved,
                    rdm.start,
                    rdm.start.saturating_add(rdm.size),
                )
            }),
    );
    if type_ == DomainType::Pvh {
        map.push(region(
            E820Type::Reserved,
            SPECIAL_PAGES.start,
            SPECIAL_PAGES.end,
        ));
    }
    for module in acpi {
        let end = module.address + module.bytes.len() as u64;
        map.push(region(E820Type::Acpi, module.address & !(PAGE - 1), end));
    }
    if memory.highmem_end > FOUR_GIB {
        map.push(region(E820Type::Ram, FOUR_GIB, memory.highmem_end));
    }
    if map.len() >= MAX_ENTRIES {
        return Err(Error::inval(format!(
            "the guest's memory map has {} entries, the hypervisor takes fewer than {MAX_ENTRIES}",
            map.len()
        )));
    }
    Ok(map)
}

/// The map of a PV guest with `e820_host`: its RAM up to the host's first reserved region, the host's regions as they
/// are, and what had no room (plus what the guest may balloon up to) from 4 GiB on.
///
/// RAM of the host between its reserved regions becomes unusable: a gap there would make Linux put PCI devices into
/// it, among them an integrated graphics card whose memory really is RAM.
pub(super) fn from_host(
    host: &[E820Region],
    target_kib: u64,
    balloon_kib: u64,
) -> Result<Vec<E820Region>> {
    if host.is_empty() || target_kib == 0 {
        return Err(Error::inval("no memory map to give to the guest"));
    }
    let host: Vec<E820Region> = host
        .iter()
        .copied()
        .filter(|region| region.start > LOW_START)
        .collect();
    let first_reserved = host
        .iter()
        .filter(|region| !matches!(region.kind, E820Type::Ram | E820Type::Unusable))
        .map(|region| region.start)
        .min();
    let target = target_kib << 10;
    // The limit counts whole KiB, so the guest's RAM ends on one.
    let ram_end = first_reserved.map_or(target, |start| target.min(start & !1023));
    let moved = target - ram_end;

    let mut rest: Vec<E820Region> = host
        .into_iter()
        .filter(|region| region.kind != E820Type::Unusable && region.end() >= ram_end)
        .filter_map(|host| match host.kind {
            E820Type::Ram if host.start >= FOUR_GIB => None,
            E820Type::Ram => {
                let start = host.start.max(ram_end);
                Some(region(E820Type::Unusable, start, host.end()))
            }
            _ => Some(host),
        })
        .filter(|region| region.size > 0)
        .collect();

    let mut map = vec![region(E820Type::Ram, 0, ram_end)];
    if let Some(start) = first_reserved.filter(|&start| start > ram_end) {
        let behind_ram = rest
            .iter_mut()
            .find(|region| region.kind == E820Type::Unusable && region.start == ram_end);
        match behind_ram {
            Some(found) => found.size = start - ram_end,
            None => map.push(region(E820Type::Unusable, ram_end, start)),
        }
    }
    map.append(&mut rest);
    let above = moved + (balloon_kib << 10);
    if above > 0 {
        map.push(region(E820Type::Ram, FOUR_GIB, FOUR_GIB + above));
    }
    if map.len() > MAX_ENTRIES {
        return Err(Error::inval("the host's memory map has too many regions"));
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use E820Type::{Acpi, Ram, Reserved, Unusable};

    const GIB: u64 = 1 << 30;

    fn memory(low: u64, high: u64, device_model: bool) -> HvmMemory {
        HvmMemory {
            lowmem_end: low,
            highmem_end: high,
            device_model,
            ..Default::default()
        }
    }

    #[test]
    fn hvm_starts_at_1_mib() {
        let map = translated(DomainType::Hvm, &memory(GIB, 0, true), &[], &[]).unwrap();
        assert_eq!(map, [region(Ram, LOW_START, GIB)]);
    }

    #[test]
    fn pvh_shows_special_pages_and_tables() {
        let acpi = [Module {
            bytes: vec![0; 64],
            address: 0xfffc0,
        }];
        let memory = memory(GIB, FOUR_GIB + GIB, false);
        let map = translated(DomainType::Pvh, &memory, &[], &acpi).unwrap();
        assert_eq!(
            map,
            [
                region(Ram, 0, GIB),
                region(Reserved, 0xfeff_8000, 0xff00_0000),
                region(Acpi, 0xff000, 0x10_0000),
                region(Ram, FOUR_GIB, FOUR_GIB + GIB),
            ]
        );
    }

    #[test]
    fn reserved_device_memory_is_left_out_when_masked() {
        let rdm = |policy| DeviceRdm {
            start: 2 * GIB,
            size: 4096,
            policy,
        };
        let rdms = [
            rdm(RdmReservePolicy::Strict),
            rdm(RdmReservePolicy::Invalid),
        ];
        let map = translated(DomainType::Hvm, &memory(GIB, 0, true), &rdms, &[]).unwrap();
        assert_eq!(map.len(), 2);
        assert_eq!(map[1], region(Reserved, 2 * GIB, 2 * GIB + 4096));
        let many = vec![rdm(RdmReservePolicy::Strict); 127];
        assert!(translated(DomainType::Hvm, &memory(GIB, 0, true), &many, &[]).is_err());
    }

    fn host() -> Vec<E820Region> {
        vec![
            region(Ram, 0, 0x9f000),
            region(Reserved, 0x9f000, 0x10_0000),
            region(Ram, 0x10_0000, 3 * GIB),
            region(Reserved, 3 * GIB, 3 * GIB + 0x1000),
            region(Ram, 3 * GIB + 0x1000, 3 * GIB + 0x3000),
            region(Acpi, 3 * GIB + 0x3000, 3 * GIB + 0x4000),
            region(Reserved, 0xfee0_0000, 0xfee0_1000),
            region(Ram, FOUR_GIB, 2 * FOUR_GIB),
        ]
    }

    #[test]
    fn a_small_pv_guest_sees_the_hosts_holes() {
        let map = from_host(&host(), 1 << 20, 0).unwrap();
        assert_eq!(
            map,
            [
                region(Ram, 0, GIB),
                region(Unusable, GIB, 3 * GIB),
                region(Reserved, 3 * GIB, 3 * GIB + 0x1000),
                region(Unusable, 3 * GIB + 0x1000, 3 * GIB + 0x3000),
                region(Acpi, 3 * GIB + 0x3000, 3 * GIB + 0x4000),
                region(Reserved, 0xfee0_0000, 0xfee0_1000),
            ]
        );
    }

    #[test]
    fn what_has_no_room_goes_above_4_gib() {
        let map = from_host(&host(), 5 << 20, 1 << 10).unwrap();
        assert_eq!(map[0], region(Ram, 0, 3 * GIB));
        assert_eq!(
            map.last(),
            Some(&region(Ram, FOUR_GIB, FOUR_GIB + 2 * GIB + (1 << 20)))
        );
        assert!(map.iter().filter(|region| region.kind == Ram).count() == 2);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(from_host(&[], 4096, 0).is_err());
        assert!(from_host(&host(), 0, 0).is_err());
    }
}
