//! Where dom0 finds the guest's disk while the bootloader looks for a kernel on it: the file or device itself, or a disk of
//! dom0's own with the same image, which goes when the bootloader has ended.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use crate::device::vdev::{self, Vdev};
use crate::device::{self, Device, DeviceKind, Force, Guest, Kind, When};
use crate::engine::{Op, Rollback};
use crate::store::{Batch, layout};
use crate::types::{DeviceDisk, DiskFormat};
use crate::{Code, DOM0, Domid, Error, Result};

/// How long a backend may take to connect, and dom0's kernel to show the disk.
const CONNECTED: Duration = Duration::from_secs(10);
/// How often is looked whether the disk is there.
const LOOK: Duration = Duration::from_millis(50);
/// So many disks dom0 may have already.
const MOST_DISKS: u32 = 256;

/// A way to a disk.
#[derive(Debug)]
pub(super) struct Local {
    /// The file or device.
    pub(super) path: String,
    /// The disk of dom0's that was made for it.
    device: Option<Device>,
}

/// Whether a disk can be read in dom0 without further ado.
fn is_direct(disk: &DeviceDisk) -> bool {
    disk.format == DiskFormat::Raw && disk.script.is_none() && disk.backend_domname.is_none()
}

/// Finds a way to `disk` of domain `domid`. What it takes is removed again by [`detach`], and with `undo`.
///
/// `dom0` is the domain that the toolstack runs in, `start` the first name that a disk of its own may get, `devices` where its
/// kernel shows disks.
pub(super) async fn attach(
    op: &Op,
    undo: &Rollback,
    domid: Domid,
    disk: &DeviceDisk,
    start: &str,
    devices: &Path,
) -> Result<Local> {
    let path = disk.pdev_path.clone().filter(|path| !path.is_empty());
    let path =
        path.ok_or_else(|| Error::fail("the first disk is empty, so nothing boots from it"))?;
    if is_direct(disk) {
        return Ok(Local { path, device: None });
    }
    let guest = Guest::read(op, DOM0).await?;
    attach_to(op, undo, domid, disk, start, devices, &guest)
        .await
        .map_err(|error| error.context(format_args!("giving {path} to dom0 for the bootloader")))
}

async fn attach_to(
    op: &Op,
    undo: &Rollback,
    domid: Domid,
    disk: &DeviceDisk,
    start: &str,
    devices: &Path,
    dom0: &Guest,
) -> Result<Local> {
    let device = place(op, undo, domid, disk, start, dom0).await?;
    device::connect(op, &device).await?;
    device::connected(op, &device, CONNECTED).await?;
    let path = devices.join(vdev::name_of(device.devid));
    let waiting = format!("waiting for {}", path.display());
    let there = async {
        while !std::fs::metadata(&path).is_ok_and(|meta| meta.file_type().is_block_device()) {
            op.sleep(LOOK).await?;
        }
        Ok(())
    };
    op.timeout(CONNECTED, &waiting, there).await?;
    Ok(Local {
        path: path.to_string_lossy().into_owned(),
        device: Some(device),
    })
}

/// Writes the nodes of a disk of dom0's under the first name that is free, and notes with the guest that it is for it.
async fn place(
    op: &Op,
    undo: &Rollback,
    domid: Domid,
    disk: &DeviceDisk,
    start: &str,
    dom0: &Guest,
) -> Result<Device> {
    let whole = Vdev::parse(start).and_then(|vdev| vdev.place);
    let first = whole.filter(|place| place.partition == 0).ok_or_else(|| {
        Error::inval(format!("blkdev_start={start:?} is no name of a whole disk"))
    })?;
    let mut disk = disk.clone();
    disk.vdev = None;
    device::set_defaults(op, dom0, &mut disk, When::Creation).await?;
    for number in first.disk..first.disk.saturating_add(MOST_DISKS) {
        let Some(vdev) = Vdev::parse(&format!("d{number}p0")) else {
            break;
        };
        disk.vdev = Some(vdev::name_of(vdev.devid));
        let device = disk.device(DOM0)?;
        let mut note = Batch::new();
        note.write(layout::bootloader_disk(domid), device.devid.to_string());
        match device::place_noted(op, dom0, &disk, &note).await {
            Err(error) if error.code() == Code::DeviceExists => continue,
            placed => placed?,
        };
        undo.push(
            format!("remove {}", device.record()),
            move |op: Op| async move { remove(&op, domid, &device, Force::On).await },
        );
        return Ok(device);
    }
    Err(Error::fail("dom0 has no name left for another disk"))
}

/// Removes what [`attach`] has made.
pub(super) async fn detach(op: &Op, domid: Domid, local: &Local) -> Result<()> {
    match &local.device {
        Some(device) => remove(op, domid, device, Force::Auto).await,
        None => Ok(()),
    }
}

/// Removes the disk of a run that was interrupted, if there is one.
pub(super) async fn remove_rest(op: &Op, domid: Domid) -> Result<()> {
    let store = op.store()?;
    let noted = store.read_str(&layout::bootloader_disk(domid)).await?;
    let devid = noted.as_deref().and_then(layout::parse_number);
    let Some(devid) = devid.and_then(|devid| i32::try_from(devid).ok()) else {
        return Ok(());
    };
    match device::on_record(&store, DOM0, DeviceKind::Vbd, devid).await? {
        Some(device) => remove(op, domid, &device, Force::On).await,
        None => Ok(()),
    }
}

async fn remove(op: &Op, domid: Domid, device: &Device, force: Force) -> Result<()> {
    device::remove(op, device, force).await?;
    op.store()?.rm(&layout::bootloader_disk(domid)).await
}
