//! Trusted platform modules, served by a domain of their own.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::list;
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered, on_record};
use crate::device::view::{View, info};
use crate::log::Logger;
use crate::types::{DeviceVtpm, Uuid, Vtpminfo};
use crate::{Error, Result};

impl Kind for DeviceVtpm {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        if self.uuid.is_nil() {
            self.uuid = Uuid::random().map_err(|e| Error::io("cannot make a UUID", &e))?;
        }
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        nodes
            .back
            .set("handle", self.devid)
            .set("uuid", self.uuid)
            .set("resume", "False");
        nodes.front.set("handle", self.devid);
        Ok(nodes)
    }
}

impl Listed for DeviceVtpm {
    const KIND: DeviceKind = DeviceKind::Vtpm;
    const NAME: &'static str = "trusted platform module";
    const STEP: Step = Step::Added;
    const FOLLOWED: Option<&'static str> = Some("vtpm");

    type Info = Vtpminfo;

    listed_by_number!(vtpms);

    fn adopt(&mut self, used: &Self) {
        self.devid = used.devid;
        self.uuid = used.uuid;
    }

    fn read(record: &Record) -> Result<Self> {
        let uuid = record.text("uuid").map(Uuid::parse);
        Ok(Self {
            uuid: match uuid {
                None => Uuid::default(),
                Some(Some(uuid)) => uuid,
                Some(None) => return Err(record.bad("has no UUID in uuid")),
            },
            ..on_record!(record)
        })
    }

    async fn info(&self, view: &View<'_>) -> Result<Vtpminfo> {
        let domid = view.device.domid;
        let recorded = list::all::<Self>(view.op, domid).await?;
        let found = recorded.iter().find(|found| found.is_same(self));
        let uuid = found.map(|found| found.uuid).filter(|uuid| !uuid.is_nil());
        let none = || Error::fail(format!("TPM {} has no UUID", self.devid)).domain(domid);
        Ok(info!(
            view,
            Vtpminfo {
                devid: self.devid,
                evtch: view.number("event-channel").await?,
                rref: view.number("ring-ref").await?,
                uuid: uuid.ok_or_else(none)?,
            }
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    impl Sample for DeviceVtpm {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            assert_eq!((self.devid, self.uuid.is_nil()), (0, false));
            self
        }
    }
}
