//! Where dom0 finds the guest's disk while the bootloader looks for a kernel on it: the file or device itself, or a disk of
//! dom0's own with the same image, which goes when the bootloader has ended.

use std::fs;
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
    let attached = async {
        let dom0 = Guest::read(op, DOM0).await?;
        let device = place(op, undo, domid, disk, start, &dom0).await?;
        device::connect(op, &device).await?;
        device::connected(op, &device, CONNECTED).await?;
        let shown = devices.join(vdev::name_of(device.devid));
        let waiting = format!("waiting for {}", shown.display());
        let is_disk = || fs::metadata(&shown).is_ok_and(|meta| meta.file_type().is_block_device());
        let there = async {
            while !is_disk() {
                op.sleep(LOOK).await?;
            }
            Ok(())
        };
        op.timeout(CONNECTED, &waiting, there).await?;
        Ok(Local {
            path: shown.to_string_lossy().into_owned(),
            device: Some(device),
        })
    };
    let attached: Result<Local> = attached.await;
    attached
        .map_err(|error| error.context(format_args!("giving {path} to dom0 for the bootloader")))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;
    use crate::types::DomainType;

    const GUEST: Domid = 7;

    /// A disk that a script serves; its removal runs the script again.
    fn scripted() -> DeviceDisk {
        DeviceDisk {
            pdev_path: Some("/dev/vg/disk".into()),
            format: DiskFormat::Raw,
            script: Some("/bin/true".into()),
            vdev: Some("hda".into()),
            ..DeviceDisk::default()
        }
    }

    fn dom0() -> Guest {
        Guest {
            domid: DOM0,
            type_: DomainType::Pv,
            protocol: None,
        }
    }

    #[test]
    fn a_raw_disk_without_a_script_is_there_already() {
        let bench = Bench::new();
        let mut disk = scripted();
        disk.script = None;
        let attached = |disk: &DeviceDisk| {
            bench.ctx.block_on(async |op: &Op| {
                op.with_rollback(|undo| async move {
                    let local = attach(op, &undo, GUEST, disk, "xvda", Path::new("/dev")).await?;
                    detach(op, GUEST, &local).await?;
                    Ok(local.path)
                })
                .await
            })
        };
        assert_eq!(attached(&disk).unwrap(), "/dev/vg/disk");
        assert_eq!(bench.store.log(), []);
        disk.pdev_path = None;
        assert_eq!(attached(&disk).unwrap_err().code(), Code::Fail);
    }

    #[test]
    fn it_takes_the_first_free_name_of_dom0_and_is_found_again() {
        let bench = Bench::new();
        bench.store.set("/libxl/0/device/vbd/51712/backend", "");
        let placed = bench.ctx.block_on(async |op: &Op| {
            op.with_rollback(|undo| async move {
                place(op, &undo, GUEST, &scripted(), "xvda", &dom0()).await
            })
            .await
        });
        let device = placed.unwrap();
        assert_eq!(device.devid, 51728);
        let get = |path: &str| {
            let value = bench.store.get(path)?;
            Some(String::from_utf8(value).unwrap())
        };
        assert_eq!(get("/libxl/7/bootloader-disk").as_deref(), Some("51728"));
        let node = |key| get(&format!("/local/domain/0/backend/vbd/0/51728/{key}"));
        assert_eq!(node("dev").as_deref(), Some("xvdb"));
        assert_eq!(node("params").as_deref(), Some("/dev/vg/disk"));

        // The backend has let go.
        bench
            .store
            .set("/local/domain/0/backend/vbd/0/51728/state", "6");
        let removed = bench.ctx.block_on(async |op: &Op| {
            remove_rest(op, 8).await?;
            assert!(get("/libxl/7/bootloader-disk").is_some());
            remove_rest(op, GUEST).await
        });
        removed.unwrap();
        let paths = bench.store.paths();
        let left = paths
            .iter()
            .filter(|path| path.contains("51728") || path.contains("disk"));
        assert_eq!(left.count(), 0, "{paths:?}");
        assert!(get("/libxl/0/device/vbd/51712/backend").is_some());
    }

    #[test]
    fn a_failure_takes_it_back() {
        let bench = Bench::new();
        let failed = bench.ctx.block_on(async |op: &Op| {
            let store = bench.store.clone();
            op.with_rollback(|undo| async move {
                place(op, &undo, GUEST, &scripted(), "xvdc", &dom0()).await?;
                store.set("/local/domain/0/backend/vbd/0/51744/state", "6");
                Err::<(), _>(Error::fail("a later step"))
            })
            .await
        });
        assert!(failed.is_err());
        let paths = bench.store.paths();
        assert!(
            !paths.iter().any(|path| path.contains("51744")),
            "{paths:?}"
        );
        for start in ["xvda1", "51712", "nonsense"] {
            let refused = bench.ctx.block_on(async |op: &Op| {
                op.with_rollback(|undo| async move {
                    place(op, &undo, GUEST, &scripted(), start, &dom0()).await
                })
                .await
            });
            assert_eq!(refused.unwrap_err().code(), Code::Inval, "{start}");
        }
    }
}
