//! Trusted platform modules, served by a domain of their own.

use super::Kind;
use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use crate::log::Logger;
use crate::types::{DeviceVtpm, Uuid};
use crate::{Domid, Error, Result};

impl Kind for DeviceVtpm {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::Vtpm, &mut self.devid))
    }

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        if self.uuid.is_nil() {
            self.uuid = Uuid::random().map_err(|e| Error::io("cannot make a UUID", &e))?;
        }
        Ok(())
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        Ok(Device::plain(
            domid,
            DeviceKind::Vtpm,
            self.devid,
            self.backend_domid,
        ))
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
