//! The configuration of a running domain: what was stored when it was made, brought up to date with what there is now.

use std::time::Duration;

use super::userdata::{self, Userdata};
use super::{config, memory, query, sched};
use crate::device::{DeviceKind, list};
use crate::dm;
use crate::engine::{FileLock, Op};
use crate::log::Level;
use crate::store::layout;
use crate::types::{Bitmap, DeviceDisk, DeviceModelVersion, DiskFormat, DomainConfig, DomainType};
use crate::{Code, Domid, Result, log_line};

/// How long QEMU may take to list its vCPUs.
const QMP: Duration = Duration::from_secs(10);

/// A configuration from which the domain could be built again as it is now.
pub async fn retrieve(op: &Op, domid: Domid) -> Result<DomainConfig> {
    let files = Userdata::of(op.xen()?, domid).map_err(|e| e.code_as(Code::LockFail))?;
    let _devices = FileLock::acquire(op, files.device_changes_lock()).await?;
    let mut config = userdata::with(op, domid, config::load)
        .await
        .map_err(|e| match e.code() {
            Code::LockFail | Code::Aborted => e,
            _ => e.code_as(Code::Fail),
        })?;
    let info = query::info(op.xen()?, domid)?;
    let name = query::name(&op.store()?, domid).await?;
    config.c_info.name = name.map(|name| String::from_utf8_lossy(&name).into_owned());
    config.c_info.uuid = info.uuid;
    config.b_info.avail_vcpus = vcpus(op, domid, &config).await?;
    let target = memory::target(op, domid).await?;
    // Dom0's video memory is "unset", all ones: the sum wraps round to one less, which C callers see as well.
    let fudge = memory::target_fudge_kb(&config.b_info);
    config.b_info.target_memkb = target.target_kb.wrapping_add(fudge);
    config.b_info.max_memkb = target.max_kb;
    config.b_info.sched_params = sched::read(op.xen()?, domid)?;
    devices(op, domid, &mut config).await?;
    Ok(config)
}

/// The vCPUs that are plugged in. QEMU has its own idea of them, and refuses a saved state that has another.
async fn vcpus(op: &Op, domid: Domid, config: &DomainConfig) -> Result<Bitmap> {
    let count = usize::try_from(config.b_info.max_vcpus).unwrap_or(0);
    let mut present = Bitmap::new(count);
    let version = op.store()?.read_str(&layout::dm_version(domid)).await?;
    let qemu_xen = version.as_deref() == Some(DeviceModelVersion::QemuXen.name());
    if config.c_info.type_ == DomainType::Hvm && qemu_xen {
        let asked = async { dm::connect(op, domid).await?.query_cpus().await };
        let numbers = op.timeout(QMP, "asking QEMU for its vCPUs", asked).await?;
        // A number beyond the domain's vCPUs, or a count that the stored configuration leaves open, sets nothing.
        numbers.into_iter().for_each(|number| present.set(number));
        return Ok(present);
    }
    for vcpu in 0..count {
        let path = layout::domain_sub(domid, &format!("cpu/{vcpu}/availability"));
        if op.store()?.read(&path).await?.as_deref() == Some(b"online") {
            present.set(vcpu);
        }
    }
    Ok(present)
}

/// Drops the devices that are gone, and takes over what can change in those that are left.
async fn devices(op: &Op, domid: Domid, config: &mut DomainConfig) -> Result<()> {
    let disks = list::disks(op, domid).await?;
    keep(op, domid, "disk", &mut config.disks, |disk| {
        let found = disks.iter().find(|found| found.vdev == disk.vdev);
        found.map(|found| medium(disk, found)).is_some()
    });
    let nics = recorded(op, domid, DeviceKind::Vif).await?;
    keep(op, domid, "nic", &mut config.nics, |nic| {
        nics.contains(&nic.devid)
    });
    let vtpms = recorded(op, domid, DeviceKind::Vtpm).await?;
    keep(op, domid, "vtpm", &mut config.vtpms, |tpm| {
        vtpms.contains(&tpm.devid)
    });
    let vdispls = recorded(op, domid, DeviceKind::Vdispl).await?;
    keep(op, domid, "vdispl", &mut config.vdispls, |vdispl| {
        vdispls.contains(&vdispl.devid)
    });
    let vsnds = recorded(op, domid, DeviceKind::Vsnd).await?;
    keep(op, domid, "vsnd", &mut config.vsnds, |vsnd| {
        vsnds.contains(&vsnd.devid)
    });
    Ok(())
}

fn keep<T>(
    op: &Op,
    domid: Domid,
    what: &str,
    devices: &mut Vec<T>,
    there: impl FnMut(&mut T) -> bool,
) {
    let before = devices.len();
    devices.retain_mut(there);
    let gone = before - devices.len();
    if gone > 0 {
        log_line!(
            op.log(),
            Level::Warn,
            domid,
            "{gone} {what} devices in the stored configuration are gone, leaving them out"
        );
    }
}

/// The numbers of the devices that the toolstack has on record.
async fn recorded(op: &Op, domid: Domid, kind: DeviceKind) -> Result<Vec<i32>> {
    let path = layout::libxl_device_kind(domid, kind.name());
    let names = op.store()?.list(&path).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A drive that has become empty; a medium that was put in is in the stored configuration already.
fn medium(disk: &mut DeviceDisk, now: &DeviceDisk) {
    let empty = now.pdev_path.as_deref().unwrap_or_default().is_empty();
    if now.removable != 0 && empty {
        disk.pdev_path = Some(String::new());
        disk.format = DiskFormat::Empty;
    }
}
