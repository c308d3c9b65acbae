//! Shared directories over the 9P protocol, served by QEMU or by a daemon of their own.

use super::Kind;
use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use crate::log::Logger;
use crate::release;
use crate::types::{DeviceP9, P9Type};
use crate::{Domid, Error, Result};

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
        let daemon = self.type_ == P9Type::Xen9pfsd;
        if daemon {
            self.tag.get_or_insert_with(|| "Xen".to_owned());
        }
        let limits = [self.max_space, self.max_files, self.max_open_files];
        if !daemon && (limits != [0; 3] || self.auto_delete) {
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
        let backend_kind = match self.type_ {
            P9Type::Xen9pfsd => DeviceKind::Xen9pfs,
            P9Type::Qemu | P9Type::Unknown => DeviceKind::P9,
        };
        Ok(Device {
            backend_kind,
            ..Device::plain(domid, DeviceKind::P9, self.devid, self.backend_domid)
        })
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        nodes
            .back
            .set_some("path", self.path.as_deref())
            .set_some("security_model", self.security_model.as_deref());
        if self.type_ == P9Type::Xen9pfsd {
            // As C prints an int with %u.
            let number = |value: i32| value.cast_unsigned();
            nodes
                .back
                .set("max-space", number(self.max_space))
                .set("max-files", number(self.max_files))
                .set("max-open-files", number(self.max_open_files))
                .set_bool("auto-delete", self.auto_delete);
        }
        nodes.front.set_some("tag", self.tag.as_deref());
        Ok(nodes)
    }
}
