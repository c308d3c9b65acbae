//! Devices that a domain gets while it is there, and that its stored configuration gets with them.

use super::create::start_device_model;
use super::userdata::Userdata;
use super::{config, defaults, query};
use crate::device::{self, Device, Guest, Kind, Listed, Served, When};
use crate::dm;
use crate::engine::{FileLock, Op};
use crate::store::layout;
use crate::types::{DomainConfig, DomainType};
use crate::{Code, DOM0, Domid, Result};

/// Held while a guest that runs gets its first QEMU.
const DEVICE_MODEL_LOCK: &str = "libxl-device-model-lock";

/// Adds a device to a domain, and to its stored configuration if that follows devices of this kind; then waits until it is
/// connected.
///
/// Fills in what `device` left open. [`Code::DeviceExists`] when there is such a device; nothing is left of one that could
/// not be connected but its entry in the stored configuration, which is ignored as long as there is no such device.
pub async fn attach<K: Kind + Listed>(op: &Op, domid: Domid, device: &mut K) -> Result<Device> {
    let guest = Guest::read(op, domid).await?;
    if K::FOLLOWED.is_none() {
        return device::add(op, &guest, device, When::Hotplug).await;
    }
    let mut saved = device.clone();
    device::prepare(op, &guest, device, When::Hotplug).await?;
    saved.adopt(device);
    let enlist = Box::new(|config: &mut DomainConfig| enlist(config, saved));
    attach_prepared(op, &guest, device, enlist).await
}

/// `enlist` puts the device into the stored configuration.
async fn attach_prepared(
    op: &Op,
    guest: &Guest,
    device: &dyn Kind,
    enlist: Box<dyn FnOnce(&mut DomainConfig) + Send + '_>,
) -> Result<Device> {
    let domid = guest.domid;
    op.with_rollback(|undo| async move {
        let (placed, stored) = {
            let files = Userdata::of(op.xen()?, domid).map_err(|e| e.code_as(Code::LockFail))?;
            let locked = files.lock(op).await?;
            let mut stored = config::load(&locked).map_err(|e| e.domain(domid))?;
            enlist(&mut stored);
            let save = || config::save(&locked, &stored);
            let placed = device::place_recorded(op, guest, device, &save).await?;
            (placed, stored)
        };
        device::undo_placement(&undo, placed);
        if served_by_qemu_here(guest, &placed) {
            first_device_model(op, domid, stored).await?;
        }
        device::connect(op, &placed).await?;
        Ok(placed)
    })
    .await
}

/// Puts the device into the place of one that was there before it, or at the end.
pub(super) fn enlist<K: Listed>(config: &mut DomainConfig, device: K) {
    let list = K::list_mut(config);
    match list.iter_mut().find(|known| known.is_same(&device)) {
        Some(known) => *known = device,
        None => list.push(device),
    }
}

/// Whether a PV or PVH guest needs a QEMU in dom0 for this device. An HVM guest has one.
fn served_by_qemu_here(guest: &Guest, device: &Device) -> bool {
    guest.type_ != DomainType::Hvm
        && device.backend_kind.served() == Served::Qemu
        && device.backend_domid == DOM0
}

/// Starts the QEMU of a guest that was made without one. It finds the device in the store.
///
/// Others may use the domain's files meanwhile; a lock of its own keeps two additions from starting one QEMU each.
async fn first_device_model(op: &Op, domid: Domid, mut config: DomainConfig) -> Result<()> {
    let files = Userdata::of(op.xen()?, domid).map_err(|e| e.code_as(Code::LockFail))?;
    let _starting = FileLock::acquire(op, files.path('l', DEVICE_MODEL_LOCK)).await?;
    let store = op.store()?;
    if store.read(&layout::dm_pid(domid)).await?.is_some() {
        return Ok(());
    }
    let name = query::name(&store, domid).await?.unwrap_or_default();
    config.c_info.name = Some(String::from_utf8_lossy(&name).into_owned());
    // Which program it is was left open in what is stored.
    let (machine, paging) = (op.xen()?.physinfo()?, op.ctx().paging_defaults());
    defaults::fill(&mut config, &defaults::host(&machine, paging)).map_err(|e| e.domain(domid))?;
    let request = dm::Request {
        domid,
        config: &config,
        saved_state: None,
    };
    start_device_model(op, request, Box::pin(async { Ok(()) })).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DeviceDisk, DeviceNic, DiskFormat, Mac};

    fn nic(devid: i32, mac: u8) -> DeviceNic {
        DeviceNic {
            devid,
            mac: Mac([0, 0x16, 0x3e, 0, 0, mac]),
            ..DeviceNic::default()
        }
    }

    #[test]
    fn what_a_disk_is_served_by_counts_and_not_what_was_asked_for() {
        let log = crate::log::Logger::silent();
        let guest = |type_| Guest {
            domid: 7,
            type_,
            protocol: None,
        };
        let qemu = |type_, format, backend_domid| {
            let guest = guest(type_);
            // Nobody says which backend.
            let mut disk = DeviceDisk {
                vdev: Some("xvda".into()),
                pdev_path: Some("/dev/null".into()),
                format,
                backend_domid,
                ..DeviceDisk::default()
            };
            disk.set_defaults(&log, &guest, When::Hotplug).unwrap();
            served_by_qemu_here(&guest, &disk.device(7).unwrap())
        };
        assert!(qemu(DomainType::Pvh, DiskFormat::Qcow2, 0));
        assert!(qemu(DomainType::Pv, DiskFormat::Qcow2, 0));
        assert!(!qemu(DomainType::Pv, DiskFormat::Qcow2, 3), "not here");
        assert!(!qemu(DomainType::Pv, DiskFormat::Raw, 3), "by the kernel");
        assert!(!qemu(DomainType::Hvm, DiskFormat::Qcow2, 0), "it runs");
    }

    #[test]
    fn an_entry_of_a_device_that_is_gone_is_replaced() {
        let mut config = DomainConfig::default();
        for device in [nic(0, 1), nic(1, 2), nic(0, 3)] {
            enlist(&mut config, device);
        }
        let numbers: Vec<_> = config
            .nics
            .iter()
            .map(|nic| (nic.devid, nic.mac.0[5]))
            .collect();
        assert_eq!(numbers, [(0, 3), (1, 2)]);
    }

    #[test]
    fn only_what_adding_decided_is_stored() {
        let mut saved = nic(-1, 0);
        let mut used = nic(4, 9);
        used.bridge = Some("xenbr0".into());
        saved.adopt(&used);
        assert_eq!((saved.devid, saved.mac, saved.bridge), (4, used.mac, None));
    }
}
