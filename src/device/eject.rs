//! Ejected media: the guest opens an emulated drive, and the device model notes it in the drive's frontend directory.

use std::time::Duration;

use super::kind::DeviceKind;
use super::record;
use super::vdev::Vdev;
use crate::engine::{Ctx, Event, EventKind, Op};
use crate::store::{Store, Watch, layout};
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
        let dir = layout::frontend(model.unwrap_or(domid), DeviceKind::Vbd.name(), devid);
        let path = format!("{dir}/eject");
        let watch = store.watch(&path).await?;
        Ok(Drive { store, watch, path })
    })?;
    let kind = EventKind::DiskEject {
        vdev: vdev.to_owned(),
    };
    let type_raw = kind.type_raw();
    let event = Event {
        for_user,
        ..Event::new(domid, kind)
    };
    let work = |ctx: Ctx| async move {
        loop {
            drive.ejected().await?;
            ctx.report_event(event.clone());
            ctx.generator_pause(AT_MOST_EVERY).await?;
        }
    };
    Ok(ctx.start_generator(type_raw, work))
}

/// Ends what [`enable`] began.
pub fn disable(ctx: &Ctx, id: u64) {
    ctx.stop_generator(id);
}

struct Drive {
    store: Store,
    watch: Watch,
    path: String,
}

impl Drive {
    /// Waits for the next eject, and acknowledges it.
    async fn ejected(&self) -> Result<()> {
        loop {
            self.watch.changed().await?;
            let value = self.store.read(&self.path).await?;
            if value.as_deref() == Some(b"eject") {
                return self.store.write(&self.path, "").await;
            }
        }
    }
}
