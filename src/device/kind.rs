//! The kinds of devices, as xenstore names them, and where a device stands in it.

use super::kinds::for_each_kind;
use crate::Domid;
use crate::store::layout;

/// How backends of a kind behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// As a driver of the kernel, or a program like one: it follows the handshake, with a stop for hotplug scripts.
    Driver,
    /// In QEMU: it connects by itself, without that stop.
    Qemu,
    /// It follows the handshake, but may start later than its device.
    Later,
    /// By a daemon that watches the nodes: there is no handshake.
    Daemon,
    /// There is none.
    Nobody,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $served:ident $(($listed:ident))?;)+) => {
        /// What a device is: the directory under `device/` or `backend/` that holds it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DeviceKind { $($(#[$doc])* $variant,)+ }

        impl DeviceKind {
            /// The directory's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The kind of that name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// How backends of this kind behave.
            pub fn served(self) -> Served {
                match self { $(Self::$variant => Served::$served,)+ }
            }
        }
    };
}

for_each_kind!(kinds);

/// One device: who has it, which one it is, and who serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// The domain that has the device.
    pub domid: Domid,
    /// What the guest sees.
    pub kind: DeviceKind,
    /// Its number among the guest's devices of this kind.
    pub devid: i32,
    /// The domain that serves it.
    pub backend_domid: Domid,
    /// What serves it.
    pub backend_kind: DeviceKind,
}

impl Device {
    /// A device whose backend has the same kind as its frontend.
    pub fn plain(domid: Domid, kind: DeviceKind, devid: i32, backend_domid: Domid) -> Self {
        Self {
            domid,
            kind,
            devid,
            backend_domid,
            backend_kind: kind,
        }
    }

    /// Whether this is the guest's first console, which predates the common layout.
    pub fn is_primary_console(&self) -> bool {
        self.kind == DeviceKind::Console && self.devid == 0
    }

    /// The guest's directory.
    pub fn frontend(&self) -> String {
        let (kind, devid) = (self.kind.name(), self.devid);
        match self.kind {
            DeviceKind::Vuart => layout::domain_sub(self.domid, &format!("{kind}/{devid}")),
            _ => layout::frontend(self.domid, kind, devid),
        }
    }

    /// The server's directory.
    pub fn backend(&self) -> String {
        layout::backend(
            self.backend_domid,
            self.backend_kind.name(),
            self.domid,
            self.devid,
        )
    }

    /// The toolstack's own record, which no guest can write.
    pub fn record(&self) -> String {
        layout::libxl_device(self.domid, self.kind.name(), self.devid)
    }

    /// The device recorded as `kind`/`devid` of `domid`, from the backend path in the record.
    ///
    /// `None` unless the path has exactly the form that the toolstack writes.
    pub fn from_record(domid: Domid, kind: DeviceKind, devid: i32, backend: &str) -> Option<Self> {
        let found = Self {
            kind,
            ..Self::from_backend(backend)?
        };
        (found.domid == domid && found.devid == devid).then_some(found)
    }

    /// The device that has its backend at `path`. What the guest sees of it is known to dom0 alone: the frontend's kind is a guess.
    ///
    /// `None` unless the path has exactly the form that the toolstack writes.
    pub fn from_backend(path: &str) -> Option<Self> {
        let parts: Vec<_> = path.strip_prefix("/local/domain/")?.split('/').collect();
        let &[backend_domid, "backend", kind, domid, devid] = parts.as_slice() else {
            return None;
        };
        let backend_kind = DeviceKind::from_name(kind)?;
        Some(Self {
            domid: decimal(domid)?,
            kind: match backend_kind {
                DeviceKind::Qdisk => DeviceKind::Vbd,
                DeviceKind::Vinput => DeviceKind::Vkbd,
                DeviceKind::Xen9pfs => DeviceKind::P9,
                DeviceKind::Qusb => DeviceKind::Vusb,
                same => same,
            },
            devid: decimal(devid)?.try_into().ok()?,
            backend_domid: decimal(backend_domid)?,
            backend_kind,
        })
    }
}

/// A decimal number without sign, blanks or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_device_protocols() {
        let disk = Device {
            backend_kind: DeviceKind::Qdisk,
            ..Device::plain(5, DeviceKind::Vbd, 51712, 0)
        };
        assert_eq!(disk.frontend(), "/local/domain/5/device/vbd/51712");
        assert_eq!(disk.backend(), "/local/domain/0/backend/qdisk/5/51712");
        assert_eq!(disk.record(), "/libxl/5/device/vbd/51712");
        let console = |devid| Device::plain(5, DeviceKind::Console, devid, 0).frontend();
        assert_eq!(console(0), "/local/domain/5/console");
        assert_eq!(console(1), "/local/domain/5/device/console/1");
    }

    #[test]
    fn a_record_is_believed_only_when_it_fits() {
        let parse = |path| Device::from_record(5, DeviceKind::Vbd, 51712, path);
        let disk = parse("/local/domain/0/backend/qdisk/5/51712").unwrap();
        assert_eq!(disk.backend(), "/local/domain/0/backend/qdisk/5/51712");
        for path in [
            "",
            "/local/domain/0/backend/qdisk/5",
            "/local/domain/0/backend/qdisk/6/51712",
            "/local/domain/0/backend/qdisk/5/51713",
            "/local/domain/0/backend/qdisk/5/51712/../../1",
            "/local/domain/-1/backend/qdisk/5/51712",
            "/local/domain/0/backend/nosuch/5/51712",
            "/local/domain/00/backend/qdisk/5/51712",
            "/local/domain/0/backend/qdisk/5/+51712",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn names_go_both_ways() {
        assert_eq!(DeviceKind::from_name("9pfs"), Some(DeviceKind::P9));
        assert_eq!(DeviceKind::from_name("VBD"), None);
        assert_eq!(DeviceKind::VirtioDisk.name(), "virtio_disk");
    }
}
