//! How a device stands right now. The guest writes its half of this, so it is shown and never acted on.

use super::kind::{Device, DeviceKind};
use super::vdev::Vdev;
use super::{list, record, tty};
use crate::engine::Op;
use crate::store::layout;
use crate::types::{
    ChannelConnection, Channelinfo, ChannelinfoPty, ChannelinfoU, Connectorinfo, DeviceChannel,
    DeviceDisk, DeviceNic, DeviceVdispl, DeviceVkb, DeviceVtpm, DiskBackend, Diskinfo, Nicinfo,
    Vdisplinfo, Vkbinfo, Vtpminfo,
};
use crate::{Domid, Error, Result};

/// The state of a disk; an error when the domain has no such disk.
pub async fn disk(op: &Op, domid: Domid, disk: &DeviceDisk) -> Result<Diskinfo> {
    let name = disk.vdev.as_deref().unwrap_or("");
    let unknown = || Error::fail(format!("{name:?} is no virtual disk name")).domain(domid);
    let devid = Vdev::parse(name).ok_or_else(unknown)?.devid;
    let kind = match disk.backend {
        DiskBackend::Standalone => DeviceKind::VirtioDisk,
        _ => DeviceKind::Vbd,
    };
    let view = View::of(op, domid, kind, devid).await?;
    Ok(Diskinfo {
        backend: Some(view.device.backend()),
        backend_id: view.device.backend_domid,
        frontend: Some(view.device.frontend()),
        frontend_id: domid,
        devid,
        state: view.number("state").await?,
        evtch: view.number("event-channel").await?,
        rref: view.number("ring-ref").await?,
    })
}

/// The state of a network interface.
pub async fn nic(op: &Op, domid: Domid, nic: &DeviceNic) -> Result<Nicinfo> {
    let view = View::of(op, domid, DeviceKind::Vif, nic.devid).await?;
    Ok(Nicinfo {
        backend: Some(view.device.backend()),
        backend_id: view.device.backend_domid,
        frontend: Some(view.device.frontend()),
        frontend_id: domid,
        devid: nic.devid,
        state: view.number("state").await?,
        evtch: view.number("event-channel").await?,
        rref_tx: view.number("tx-ring-ref").await?,
        rref_rx: view.number("rx-ring-ref").await?,
    })
}

/// The state of a keyboard or pointer.
pub async fn vkb(op: &Op, domid: Domid, vkb: &DeviceVkb) -> Result<Vkbinfo> {
    let view = View::of(op, domid, DeviceKind::Vkbd, vkb.devid).await?;
    Ok(Vkbinfo {
        backend: Some(view.device.backend()),
        backend_id: view.device.backend_domid,
        frontend: Some(view.device.frontend()),
        frontend_id: domid,
        devid: vkb.devid,
        state: view.number("state").await?,
        evtch: view.number("event-channel").await?,
        rref: view.number("page-gref").await?,
    })
}

/// The state of a trusted platform module.
pub async fn vtpm(op: &Op, domid: Domid, vtpm: &DeviceVtpm) -> Result<Vtpminfo> {
    let view = View::of(op, domid, DeviceKind::Vtpm, vtpm.devid).await?;
    let recorded = list::vtpms(op, domid).await?;
    let found = recorded.iter().find(|found| found.devid == vtpm.devid);
    let uuid = found.map(|found| found.uuid).filter(|uuid| !uuid.is_nil());
    let none = || Error::fail(format!("TPM {} has no UUID", vtpm.devid)).domain(domid);
    Ok(Vtpminfo {
        backend: Some(view.device.backend()),
        backend_id: view.device.backend_domid,
        frontend: Some(view.device.frontend()),
        frontend_id: domid,
        devid: vtpm.devid,
        state: view.number("state").await?,
        evtch: view.number("event-channel").await?,
        rref: view.number("ring-ref").await?,
        uuid: uuid.ok_or_else(none)?,
    })
}

/// The state of a display and its connectors.
pub async fn vdispl(op: &Op, domid: Domid, vdispl: &DeviceVdispl) -> Result<Vdisplinfo> {
    let view = View::of(op, domid, DeviceKind::Vdispl, vdispl.devid).await?;
    let mut connectors = Vec::new();
    while connectors.len() < MAX_CONNECTORS {
        match view.connector(connectors.len()).await? {
            Some(connector) => connectors.push(connector),
            None => break,
        }
    }
    Ok(Vdisplinfo {
        backend: Some(view.device.backend()),
        backend_id: view.device.backend_domid,
        frontend: Some(view.device.frontend()),
        frontend_id: domid,
        devid: vdispl.devid,
        state: view.number("state").await?,
        be_alloc: view.number("be-alloc").await? > 0,
        connectors,
    })
}

/// The state of a channel, which is the console one above its number.
pub async fn channel(op: &Op, domid: Domid, channel: &DeviceChannel) -> Result<Channelinfo> {
    let none = || Error::fail(format!("there is no channel {}", channel.devid)).domain(domid);
    let console = channel
        .devid
        .checked_add(1)
        .filter(|n| *n > 0)
        .ok_or_else(none)?;
    let view = View::of(op, domid, DeviceKind::Console, console).await?;
    let u = match channel.connection() {
        ChannelConnection::Pty => ChannelinfoU::Pty(ChannelinfoPty {
            path: Some(view.tty().await?),
        }),
        other => ChannelinfoU::init(other),
    };
    Ok(Channelinfo {
        backend: Some(view.device.backend()),
        backend_id: view.device.backend_domid,
        frontend: Some(view.device.frontend()),
        frontend_id: domid,
        devid: channel.devid,
        state: view.number("state").await?,
        evtch: view.number("port").await?,
        rref: view.number("ring-ref").await?,
        u,
    })
}

/// The guest owns the list of connectors, and must not make it endless.
const MAX_CONNECTORS: usize = 64;

/// `WIDTHxHEIGHT`.
fn resolution(text: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = std::str::from_utf8(text).ok()?.split_once('x')?;
    Some((layout::parse_number(width)?, layout::parse_number(height)?))
}

struct View<'a> {
    op: &'a Op,
    device: Device,
}

impl<'a> View<'a> {
    async fn of(op: &'a Op, domid: Domid, kind: DeviceKind, devid: i32) -> Result<Self> {
        let device = record::one(&op.store()?, domid, kind, devid).await?;
        let none = || Error::fail(format!("there is no {} {devid}", kind.name())).domain(domid);
        Ok(Self {
            op,
            device: device.ok_or_else(none)?,
        })
    }

    /// A number from the guest's directory; -1 when it holds none.
    async fn number(&self, key: &str) -> Result<i32> {
        let path = format!("{}/{key}", self.device.frontend());
        let value = self.op.store()?.read(&path).await?;
        let text = value
            .as_deref()
            .and_then(|value| std::str::from_utf8(value).ok());
        let number = text.and_then(layout::parse_number);
        Ok(number.and_then(|n| i32::try_from(n).ok()).unwrap_or(-1))
    }

    /// Connector `index` of a display; `None` when there is none.
    async fn connector(&self, index: usize) -> Result<Option<Connectorinfo>> {
        let (store, frontend) = (self.op.store()?, self.device.frontend());
        let node = |key: &str| format!("{frontend}/{index}/{key}");
        let id = store.read(&node("unique-id")).await?;
        let size = store.read(&node("resolution")).await?;
        let (Some(id), Some(size)) = (id, size) else {
            return Ok(None);
        };
        let bad =
            || Error::fail(format!("{} is no size", node("resolution"))).domain(self.device.domid);
        let (width, height) = resolution(&size).ok_or_else(bad)?;
        Ok(Some(Connectorinfo {
            unique_id: Some(String::from_utf8_lossy(&id).into_owned()),
            width,
            height,
            req_rref: self.number(&format!("{index}/req-ring-ref")).await?,
            req_evtch: self.number(&format!("{index}/req-event-channel")).await?,
            evt_rref: self.number(&format!("{index}/evt-ring-ref")).await?,
            evt_evtch: self.number(&format!("{index}/evt-event-channel")).await?,
        }))
    }

    /// The terminal of a channel; a path that leads nowhere when the guest deleted the node.
    async fn tty(&self) -> Result<String> {
        let Device {
            domid,
            backend_domid,
            ..
        } = self.device;
        let path = format!("{}/tty", self.device.frontend());
        let tty = tty::named_by(self.op, &path, domid, backend_domid).await?;
        Ok(tty.unwrap_or_else(|| "/NO-SUCH-PATH".to_owned()))
    }
}

#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzing_resolution(text: &[u8]) {
    resolution(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_resolution_is_two_numbers_or_nothing() {
        assert_eq!(resolution(b"1920x1080"), Some((1920, 1080)));
        for bad in [
            &b""[..],
            b"x",
            b"1920",
            b"1920x",
            b"-1x2",
            b"1x2x3",
            b"1x 2",
            b"99999999999x1",
            b"\xff",
        ] {
            assert_eq!(resolution(bad), None);
        }
    }
}
