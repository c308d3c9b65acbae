//! Disks: served by the kernel from a block device or a file, by QEMU from an image, or not at all.

use std::os::unix::fs::FileTypeExt;

use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use super::state::XenbusState;
use super::vdev::Vdev;
use super::{Kind, script_path};
use crate::log::{Level, Logger};
use crate::release;
use crate::types::{
    DeviceDisk, DiskBackend, DiskFormat, DiskSpecification, DiskTransport, DomainType,
};
use crate::{DOM0, Domid, Error, Result, log_line};

impl Kind for DeviceDisk {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        None
    }

    fn set_defaults(&mut self, log: &Logger, guest: &Guest, when: When) -> Result<()> {
        self.discard_enable.get_or_insert(self.readwrite != 0);
        self.colo_enable.get_or_insert(false);
        self.colo_restore_enable.get_or_insert(false);
        self.trusted.get_or_insert(true);
        self.choose_specification(when)?;
        if self.is_cdrom != 0 && guest.type_ == DomainType::Hvm {
            self.choose_cd_backend()?;
        }
        self.choose_backend(log, guest.domid)
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        let vdev = self.vdev.as_deref().unwrap_or("");
        let found = Vdev::parse(vdev).ok_or_else(|| {
            Error::inval(format!("{vdev:?} is no virtual disk name"))
                .hint("use a name such as xvda, hda, sda or d0p0")
        })?;
        let (kind, backend_kind) = match self.backend {
            DiskBackend::Phy | DiskBackend::Tap => (DeviceKind::Vbd, DeviceKind::Vbd),
            DiskBackend::Qdisk => (DeviceKind::Vbd, DeviceKind::Qdisk),
            DiskBackend::Standalone => (DeviceKind::VirtioDisk, DeviceKind::VirtioDisk),
            DiskBackend::Unknown => return Err(self.error("has no backend")),
        };
        Ok(Device {
            domid,
            kind,
            devid: found.devid,
            backend_domid: self.backend_domid,
            backend_kind,
        })
    }

    fn nodes(&self, device: &Device, guest: &Guest) -> Result<Nodes> {
        let initialising = XenbusState::Initialising.number();
        let device_type = if self.is_cdrom != 0 { "cdrom" } else { "disk" };
        let mut nodes = Nodes::default();
        let back = &mut nodes.back;
        match self.backend {
            DiskBackend::Phy => {
                back.set_some("params", self.pdev_path.as_deref());
                back.set(
                    "script",
                    script_path(self.script.as_deref().unwrap_or("block")),
                );
            }
            DiskBackend::Standalone => {
                back.set_some("params", self.pdev_path.as_deref());
            }
            DiskBackend::Qdisk => {
                back.set("params", self.params(true)?);
                self.colo_nodes(&mut nodes)?;
            }
            DiskBackend::Tap | DiskBackend::Unknown => {
                return Err(self.error("has no usable backend"));
            }
        }
        let back = &mut nodes.back;
        back.set("frontend-id", device.domid)
            .set_bool("online", true)
            .set_bool("removable", self.removable != 0)
            .set_bool("bootable", true)
            .set("state", initialising)
            .set_some("dev", self.vdev.as_deref())
            .set("type", backend_name(self.backend))
            .set("mode", if self.readwrite != 0 { "w" } else { "r" })
            .set("device-type", device_type);
        if self.direct_io_safe {
            back.set_bool("direct-io-safe", true);
        }
        back.set_bool("discard-enable", self.discard_enable == Some(true));
        back.set("specification", self.specification.name());
        if self.specification == DiskSpecification::Virtio {
            back.set("transport", self.transport.name())
                .set("base", self.base)
                .set("irq", self.irq);
            if release::VIRTIO_GRANTS {
                back.set_bool("grant_usage", self.grant_usage == Some(true));
            }
        }
        nodes
            .front
            .set("backend-id", self.backend_domid)
            .set("state", initialising)
            .set("virtual-device", device.devid)
            .set("device-type", device_type)
            .set_bool("trusted", self.trusted == Some(true))
            .set_some("protocol", guest.protocol);
        Ok(nodes)
    }
}

/// What the host says about a disk's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A block device or a plain file, both of which the kernel can serve.
    BlockOrFile,
    /// Something else, or not to be looked at from here.
    Other,
}

impl DeviceDisk {
    /// QEMU serves the guest's CD drives itself, so their media are QEMU's to open, unless the configuration says otherwise.
    fn choose_cd_backend(&mut self) -> Result<()> {
        match self.backend {
            DiskBackend::Qdisk | DiskBackend::Unknown => self.backend = DiskBackend::Qdisk,
            DiskBackend::Phy
                if release::CD_MEDIA_FROM_THE_KERNEL && self.format != DiskFormat::Empty => {}
            _ => {
                let allowed = match release::CD_MEDIA_FROM_THE_KERNEL {
                    true => "qdisk, or phy when it has a medium",
                    false => "qdisk",
                };
                let what =
                    format!("is a CD drive of an HVM guest and must have the backend {allowed}");
                return Err(self.error_fail(&what));
            }
        }
        Ok(())
    }

    fn choose_specification(&mut self, when: When) -> Result<()> {
        if self.specification == DiskSpecification::Unknown {
            self.specification = DiskSpecification::Xen;
        }
        let transport = self.transport;
        match self.specification {
            DiskSpecification::Virtio => {
                if !matches!(transport, DiskTransport::Unknown | DiskTransport::Mmio) {
                    return Err(self.error("is a virtio disk, which knows no transport but mmio"));
                }
                self.transport = DiskTransport::Mmio;
                if release::VIRTIO_GRANTS {
                    self.grant_usage.get_or_insert(self.backend_domid != DOM0);
                }
                if when == When::Hotplug {
                    return Err(self
                        .error_fail("is a virtio disk, which cannot be added to a running guest"));
                }
            }
            _ if transport != DiskTransport::Unknown => {
                return Err(self.error("has a transport, which is for virtio disks only"));
            }
            _ => {}
        }
        Ok(())
    }

    fn choose_backend(&mut self, log: &Logger, domid: Domid) -> Result<()> {
        let source = self.look()?;
        let wanted: &[DiskBackend] = match self.backend {
            DiskBackend::Unknown => &[
                DiskBackend::Phy,
                DiskBackend::Qdisk,
                DiskBackend::Standalone,
            ],
            ref one => &[*one],
        };
        let mut reasons = Vec::new();
        for backend in wanted {
            match self.unsuitable(*backend, source) {
                None => {
                    self.backend = *backend;
                    let (vdev, name) = (self.name(), backend.name());
                    log_line!(
                        log,
                        Level::Debug,
                        domid,
                        "disk {vdev} uses the backend {name}"
                    );
                    return Ok(());
                }
                Some(reason) => reasons.push(format!("{}: {reason}", backend.name())),
            }
        }
        Err(self.error(&format!("has no suitable backend ({})", reasons.join("; "))))
    }

    /// Looks at the path when the choice of the backend depends on it.
    fn look(&self) -> Result<Source> {
        let path = self.pdev_path.as_deref();
        if self.format == DiskFormat::Empty {
            if self.is_cdrom == 0 {
                return Err(self.error("is empty, which only a CD drive can be"));
            }
            if let Some(path) = path.filter(|path| !path.is_empty()) {
                return Err(self.error(&format!("is to be empty, but has the image {path}")));
            }
            return Ok(Source::Other);
        }
        let kernel = matches!(
            self.backend,
            DiskBackend::Unknown | DiskBackend::Phy | DiskBackend::Standalone
        );
        if !kernel || self.backend_domid != DOM0 || self.script.is_some() {
            return Ok(Source::Other);
        }
        let path = path.ok_or_else(|| self.error("has no path"))?;
        let found = std::fs::metadata(path)
            .map_err(|e| Error::io(format!("disk {}: cannot look at {path}", self.name()), &e))
            .map_err(|e| e.code_as(crate::Code::Inval))?;
        let served = found.file_type().is_block_device() || found.is_file();
        Ok(if served {
            Source::BlockOrFile
        } else {
            Source::Other
        })
    }

    /// Why `backend` cannot serve this disk; `None` when it can.
    fn unsuitable(&self, backend: DiskBackend, source: Source) -> Option<&'static str> {
        let virtio = self.specification == DiskSpecification::Virtio;
        if virtio != (backend == DiskBackend::Standalone) {
            return Some("does not fit the specification");
        }
        let raw_from_host = |script_is_fine: bool| {
            if self.format != DiskFormat::Raw {
                return Some("needs the format raw");
            }
            if self.colo_enable == Some(true) {
                return Some("cannot do COLO");
            }
            if self.backend_domid != DOM0 || (script_is_fine && self.script.is_some()) {
                return None;
            }
            (source != Source::BlockOrFile).then_some("needs a block device or a file")
        };
        match backend {
            DiskBackend::Phy => raw_from_host(true),
            DiskBackend::Qdisk | DiskBackend::Standalone if self.script.is_some() => {
                Some("runs no script")
            }
            DiskBackend::Qdisk => None,
            DiskBackend::Standalone => raw_from_host(false),
            DiskBackend::Tap | DiskBackend::Unknown => Some("is not there any more"),
        }
    }

    /// What stands in the node `params`: the path, and for QEMU's backend the format in front of it.
    pub(super) fn params(&self, by_qemu: bool) -> Result<String> {
        let path = self.pdev_path.as_deref().unwrap_or("");
        if by_qemu {
            return Ok(format!("{}:{path}", self.format_name()?));
        }
        Ok(path.to_owned())
    }

    /// The format as QEMU's Xen block backend reads it in `params`.
    fn format_name(&self) -> Result<&'static str> {
        match self.format {
            DiskFormat::Qcow => Ok("qcow"),
            DiskFormat::Qcow2 => Ok("qcow2"),
            DiskFormat::Vhd => Ok("vhd"),
            DiskFormat::Raw | DiskFormat::Empty => Ok("aio"),
            DiskFormat::Qed => Ok("qed"),
            DiskFormat::Unknown => Err(self.error("has no format")),
        }
    }

    fn colo_nodes(&self, nodes: &mut Nodes) -> Result<()> {
        if self.colo_enable != Some(true) {
            return Ok(());
        }
        let back = &mut nodes.back;
        for (key, value) in [
            ("colo-host", &self.colo_host),
            ("colo-export", &self.colo_export),
            ("active-disk", &self.active_disk),
            ("hidden-disk", &self.hidden_disk),
        ] {
            let missing = || self.error(&format!("uses COLO and lacks {key}"));
            back.set(key, value.as_ref().ok_or_else(missing)?);
        }
        back.set("colo-port", self.colo_port);
        Ok(())
    }

    fn name(&self) -> &str {
        self.vdev.as_deref().unwrap_or("without a name")
    }

    fn error(&self, what: &str) -> Error {
        Error::inval(format!("disk {} {what}", self.name()))
    }

    fn error_fail(&self, what: &str) -> Error {
        Error::fail(format!("disk {} {what}", self.name()))
    }
}

/// The backend's name in the node `type`.
fn backend_name(backend: DiskBackend) -> &'static str {
    match backend {
        DiskBackend::Qdisk => "qdisk",
        DiskBackend::Standalone => "standalone",
        _ => "phy",
    }
}
