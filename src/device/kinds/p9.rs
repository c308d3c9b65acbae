//! Shared directories over the 9P protocol, served by QEMU or by a daemon of their own.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered, on_record};
use crate::device::view::View;
use crate::log::Logger;
use crate::release;
use crate::types::{DeviceP9, P9Type};
use crate::{Domid, Error, Result};

impl Kind for DeviceP9 {
    numbered!();

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

impl Listed for DeviceP9 {
    const KIND: DeviceKind = DeviceKind::P9;
    const NAME: &'static str = "shared directory";
    const STEP: Step = match release::SHARED_DIRECTORIES_HAVE_A_SERVER {
        true => Step::Added,
        false => Step::Announced,
    };

    type Info = ();

    listed_by_number!(p9s);

    fn needs_qemu(&self, me: Domid) -> bool {
        match release::SHARED_DIRECTORIES_HAVE_A_SERVER {
            true => self.type_ != P9Type::Xen9pfsd && self.backend_domid == me,
            false => true,
        }
    }

    fn read(record: &Record) -> Result<Self> {
        let daemon = record.device.backend_kind == DeviceKind::Xen9pfs;
        let limit = |key| Ok::<i32, Error>(record.number::<u32>(key)?.unwrap_or(0).cast_signed());
        Ok(Self {
            path: record.owned("path"),
            security_model: record.owned("security_model"),
            type_: match daemon {
                true => P9Type::Xen9pfsd,
                false if release::SHARED_DIRECTORIES_HAVE_A_SERVER => P9Type::Qemu,
                false => P9Type::Unknown,
            },
            max_space: limit("max-space")?,
            max_files: limit("max-files")?,
            max_open_files: limit("max-open-files")?,
            auto_delete: record.flag("auto-delete")?,
            ..on_record!(record)
        })
    }

    async fn info(&self, _: &View<'_>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    impl Sample for DeviceP9 {
        fn sample() -> Self {
            let served = release::SHARED_DIRECTORIES_HAVE_A_SERVER;
            Self {
                backend_domid: sample::SERVER,
                tag: Some("share".into()),
                path: Some("/share".into()),
                security_model: Some("none".into()),
                type_: if served {
                    P9Type::Xen9pfsd
                } else {
                    P9Type::Unknown
                },
                max_space: if served { -1 } else { 0 },
                max_files: i32::from(served),
                auto_delete: served,
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            Self { tag: None, ..self }
        }
    }
}
