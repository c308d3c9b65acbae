//! Displays, served by a backend outside QEMU.

use super::Kind;
use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use crate::log::Logger;
use crate::types::DeviceVdispl;
use crate::{Domid, Result};

impl Kind for DeviceVdispl {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::Vdispl, &mut self.devid))
    }

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        Ok(())
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        Ok(Device::plain(
            domid,
            DeviceKind::Vdispl,
            self.devid,
            self.backend_domid,
        ))
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
