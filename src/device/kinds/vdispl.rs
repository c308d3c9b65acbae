//! Displays, served by a backend outside QEMU.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered, on_record};
use crate::device::view::{View, info};
use crate::log::Logger;
use crate::store::layout;
use crate::types::{Connectorinfo, DeviceVdispl, Vdisplinfo};
use crate::{Error, Result};

/// The guest owns the list of connectors, and must not make it endless.
const MAX_CONNECTORS: usize = 64;

impl Kind for DeviceVdispl {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let front = &mut nodes.front_ro;
        front.set_bool("be-alloc", self.be_alloc);
        for (index, connector) in self.connectors.iter().enumerate() {
            let size = format!("{}x{}", connector.width, connector.height);
            front
                .set(format!("{index}/resolution"), size)
                .set_some(format!("{index}/unique-id"), connector.unique_id.as_deref());
        }
        Ok(nodes)
    }
}

impl Listed for DeviceVdispl {
    const KIND: DeviceKind = DeviceKind::Vdispl;
    const NAME: &'static str = "display";
    const STEP: Step = Step::Added;
    const FOLLOWED: Option<&'static str> = Some("vdispl");

    type Info = Vdisplinfo;

    listed_by_number!(vdispls);

    fn adopt(&mut self, used: &Self) {
        self.devid = used.devid;
        self.be_alloc = used.be_alloc;
    }

    /// The connectors stand in the guest's directory alone and are not read back.
    fn read(record: &Record) -> Result<Self> {
        Ok(on_record!(record))
    }

    async fn info(&self, view: &View<'_>) -> Result<Vdisplinfo> {
        let mut connectors = Vec::new();
        while connectors.len() < MAX_CONNECTORS {
            match connector(view, connectors.len()).await? {
                Some(connector) => connectors.push(connector),
                None => break,
            }
        }
        Ok(info!(
            view,
            Vdisplinfo {
                devid: self.devid,
                be_alloc: view.number("be-alloc").await? > 0,
                connectors,
            }
        ))
    }
}

/// Connector `index` of a display; `None` when there is none.
async fn connector(view: &View<'_>, index: usize) -> Result<Option<Connectorinfo>> {
    let (store, frontend) = (view.op.store()?, view.device.frontend());
    let node = |key: &str| format!("{frontend}/{index}/{key}");
    let id = store.read(&node("unique-id")).await?;
    let size = store.read(&node("resolution")).await?;
    let (Some(id), Some(size)) = (id, size) else {
        return Ok(None);
    };
    let bad =
        || Error::fail(format!("{} is no size", node("resolution"))).domain(view.device.domid);
    let (width, height) = resolution(&size).ok_or_else(bad)?;
    Ok(Some(Connectorinfo {
        unique_id: Some(String::from_utf8_lossy(&id).into_owned()),
        width,
        height,
        req_rref: view.number(&format!("{index}/req-ring-ref")).await?,
        req_evtch: view.number(&format!("{index}/req-event-channel")).await?,
        evt_rref: view.number(&format!("{index}/evt-ring-ref")).await?,
        evt_evtch: view.number(&format!("{index}/evt-event-channel")).await?,
    }))
}

/// `WIDTHxHEIGHT`.
fn resolution(text: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = std::str::from_utf8(text).ok()?.split_once('x')?;
    Some((layout::parse_number(width)?, layout::parse_number(height)?))
}

#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzing_resolution(text: &[u8]) {
    resolution(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};
    use crate::types::ConnectorParam;

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

    impl Sample for DeviceVdispl {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                be_alloc: true,
                connectors: vec![ConnectorParam {
                    unique_id: Some("id0".into()),
                    width: 800,
                    height: 600,
                }],
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            Self {
                be_alloc: false,
                connectors: Vec::new(),
                ..self
            }
        }
    }
}
