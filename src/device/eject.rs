//! Ejected media: the guest opens an emulated drive, and the device model notes it in the drive's frontend directory.

use std::time::Duration;

use super::kind::{Device, DeviceKind};
use super::record;
use super::vdev::Vdev;
use crate::engine::{Ctx, Op};
use crate::store::{Store, Watch, layout};
use crate::types::{DeviceDisk, DiskBackend, DiskFormat, EventDiskEject, EventType, EventU};
use crate::{Domid, Error, Result};

/// The guest can write the node, too, so that it must not be able to flood the application.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Reports ejects of the drive `vdev` of `domid` as events with `for_user`, until [`disable`] with the number that this
/// returns.
pub fn enable(ctx: &Ctx, domid: Domid, vdev: &str, for_user: u64) -> Result<u64> {
    let unknown = || Error::inval(format!("{vdev:?} is no virtual disk name")).domain(domid);
    let devid = Vdev::parse(vdev).ok_or_else(unknown)?.devid;
    let drive = ctx.block_on(async |op: &Op| {
        let store = op.ctx().store()?;
        let model = record::stubdom_of(&store, domid).await?;
        let has_it = model.unwrap_or(domid);
        let dir = layout::frontend(has_it, DeviceKind::Vbd.name(), devid);
        let path = format!("{dir}/eject");
        let watch = store.watch(&path).await?;
        Ok(Drive {
            store,
            watch,
            path,
            has_it,
            devid,
        })
    })?;
    let vdev = vdev.to_owned();
    let work = |ctx: Ctx| async move {
        loop {
            if let Some(device) = drive.ejected().await? {
                let what = EventDiskEject {
                    vdev: Some(vdev.clone()),
                    disk: empty_drive(&vdev, &device),
                };
                ctx.report_event(domid, for_user, EventU::DiskEject(what));
            }
            ctx.generator_pause(AT_MOST_EVERY).await?;
        }
    };
    Ok(ctx.start_generator(Some(EventType::DiskEject), work))
}

/// Ends what [`enable`] began.
pub fn disable(ctx: &Ctx, id: u64) {
    ctx.stop_generator(id);
}

/// The drive as it is now, ready for `libxl_cdrom_insert`.
fn empty_drive(vdev: &str, device: &Device) -> DeviceDisk {
    DeviceDisk {
        backend_domid: device.backend_domid,
        backend: backend(device.backend_kind),
        vdev: Some(vdev.to_owned()),
        pdev_path: Some(String::new()),
        format: DiskFormat::Empty,
        removable: 1,
        is_cdrom: 1,
        ..DeviceDisk::default()
    }
}

/// The kernel's backend is called by the name of its predecessor, as C callers know it.
fn backend(kind: DeviceKind) -> DiskBackend {
    match kind {
        DeviceKind::Vbd => DiskBackend::Tap,
        DeviceKind::Qdisk => DiskBackend::Qdisk,
        _ => DiskBackend::Unknown,
    }
}

struct Drive {
    store: Store,
    watch: Watch,
    path: String,
    /// The guest, or the stub domain that runs its device model.
    has_it: Domid,
    devid: i32,
}

impl Drive {
    /// Waits for the next eject, and acknowledges it. `None` when the drive itself is gone by then.
    async fn ejected(&self) -> Result<Option<Device>> {
        loop {
            self.watch.changed().await?;
            if self.store.holds(&self.path, "eject").await? {
                self.store.write(&self.path, "").await?;
                return record::one(&self.store, self.has_it, DeviceKind::Vbd, self.devid).await;
            }
        }
    }
}
