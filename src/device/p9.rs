//! Shared directories over the 9P protocol, served by QEMU.

use super::Kind;
use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use crate::log::Logger;
use crate::release;
use crate::types::{DeviceP9, P9Type};
use crate::{Code, Domid, Error, Result};

impl Kind for DeviceP9 {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::P9, &mut self.devid))
    }

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        if !release::SHARED_DIRECTORIES_HAVE_A_SERVER {
            return Ok(());
        }
        if self.type_ == P9Type::Unknown {
            self.type_ = P9Type::Qemu;
        }
        if self.type_ == P9Type::Xen9pfsd {
            return Err(Error::new(
                Code::Ni,
                "shared directories are served by QEMU only: xen-9pfsd is not started",
            ));
        }
        let limits = [self.max_space, self.max_files, self.max_open_files];
        if limits != [0; 3] || self.auto_delete {
            return Err(Error::inval(
                "QEMU keeps no limits of a shared directory: they are for xen-9pfsd",
            ));
        }
        let required = [
            ("path", &self.path),
            ("security_model", &self.security_model),
            ("tag", &self.tag),
        ];
        match required.into_iter().find(|(_, value)| value.is_none()) {
            Some((missing, _)) => Err(Error::inval(format!(
                "a shared directory needs its {missing}"
            ))),
            None => Ok(()),
        }
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        Ok(Device::plain(
            domid,
            DeviceKind::P9,
            self.devid,
            self.backend_domid,
        ))
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        nodes
            .back
            .set_some("path", self.path.as_deref())
            .set_some("security_model", self.security_model.as_deref());
        nodes.front.set_some("tag", self.tag.as_deref());
        Ok(nodes)
    }
}
