//! Disks: served by the kernel from a block device or a file, by QEMU from an image, or not at all.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::list;
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::scripts::script_path;
use crate::device::state::XenbusState;
use crate::device::traits::{Devices, Kind, Listed, Step, When, each};
use crate::device::vdev::Vdev;
use crate::device::view::{View, info};
use crate::engine::Op;
use crate::log::Logger;
use crate::release;
use crate::store::layout;
use crate::types::{
    DeviceDisk, DiskBackend, DiskFormat, DiskSpecification, DiskTransport, Diskinfo, DomainConfig,
    DomainType,
};
use crate::{Boxed, DOM0, Domid, Error, Result};

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
        self.give_empty_file(guest.domid)?;
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

impl Listed for DeviceDisk {
    const KIND: DeviceKind = DeviceKind::Vbd;
    const NAME: &'static str = "disk";
    const STEP: Step = Step::Opened;
    const FOLLOWED: Option<&'static str> = Some("disk");
    const NAMED_TO_QEMU: bool = true;

    type Info = Diskinfo;

    fn list(config: &DomainConfig) -> &Vec<Self> {
        &config.disks
    }

    fn list_mut(config: &mut DomainConfig) -> &mut Vec<Self> {
        &mut config.disks
    }

    fn devices(config: &mut DomainConfig) -> Devices<'_> {
        each(&mut config.disks)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.vdev == other.vdev
    }

    fn needs_qemu(&self, me: Domid) -> bool {
        self.backend == DiskBackend::Qdisk && self.backend_domid == me
    }

    fn kind_on_record(op: &Op, domid: Domid) -> Boxed<'_, Result<DeviceKind>> {
        Box::pin(kind_on_record(op, domid))
    }

    fn on_record(&self) -> Result<(DeviceKind, i32)> {
        let name = self.vdev.as_deref().unwrap_or("");
        let unknown = || Error::fail(format!("{name:?} is no virtual disk name"));
        let devid = Vdev::parse(name).ok_or_else(unknown)?.devid;
        let kind = match self.backend {
            DiskBackend::Standalone => DeviceKind::VirtioDisk,
            _ => DeviceKind::Vbd,
        };
        Ok((kind, devid))
    }

    /// The image format is not recorded and stays unknown.
    fn read(record: &Record) -> Result<Self> {
        let backend = match record.required("type")? {
            "phy" => DiskBackend::Phy,
            "qdisk" => DiskBackend::Qdisk,
            "standalone" => DiskBackend::Standalone,
            _ => DiskBackend::Unknown,
        };
        let mut disk = Self {
            backend_domid: record.device.backend_domid,
            pdev_path: record.text("params").map(|params| path_of(params, backend)),
            vdev: Some(record.required("dev")?.to_owned()),
            backend,
            removable: i32::from(record.required("removable")? != "0"),
            readwrite: i32::from(record.required("mode")? == "w"),
            is_cdrom: i32::from(record.required("device-type")? == "cdrom"),
            colo_enable: Some(record.text("colo-host").is_some()),
            ..Self::default()
        };
        if disk.colo_enable == Some(true) {
            disk.colo_host = record.owned("colo-host");
            disk.colo_port = record
                .number("colo-port")?
                .ok_or_else(|| record.bad("has no colo-port"))?;
            disk.colo_export = Some(record.required("colo-export")?.to_owned());
            disk.active_disk = Some(record.required("active-disk")?.to_owned());
            disk.hidden_disk = Some(record.required("hidden-disk")?.to_owned());
        }
        let specification = record.text("specification").unwrap_or("xen");
        disk.specification = DiskSpecification::from_name(specification)
            .ok_or_else(|| record.bad("has a specification nobody knows"))?;
        if disk.specification == DiskSpecification::Virtio {
            if record.required("transport")? != DiskTransport::Mmio.name() {
                return Err(record.bad("has a virtio transport other than mmio"));
            }
            disk.transport = DiskTransport::Mmio;
            disk.base = record
                .number("base")?
                .ok_or_else(|| record.bad("has no base"))?;
            disk.irq = record
                .number("irq")?
                .ok_or_else(|| record.bad("has no irq"))?;
            if release::VIRTIO_GRANTS {
                let used: Option<u32> = record.number("grant_usage")?;
                let unsaid = record.device.backend_domid != DOM0;
                disk.grant_usage = Some(used.map_or(unsaid, |used| used != 0));
            }
        }
        Ok(disk)
    }

    fn refresh<'a>(op: &'a Op, domid: Domid, disks: &'a mut Vec<Self>) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            let there = list::all::<Self>(op, domid).await?;
            disks.retain_mut(|disk| {
                let now = there.iter().find(|there| there.is_same(disk));
                now.map(|now| disk.take_medium(now)).is_some()
            });
            Ok(())
        })
    }

    async fn info(&self, view: &View<'_>) -> Result<Diskinfo> {
        Ok(info!(
            view,
            Diskinfo {
                devid: view.device.devid,
                evtch: view.number("event-channel").await?,
                rref: view.number("ring-ref").await?,
            }
        ))
    }
}

/// The disk called `vdev`; [`Code::Inval`](crate::Code::Inval) when that is no name, [`Code::Fail`](crate::Code::Fail) when there
/// is no such disk.
pub async fn called(op: &Op, domid: Domid, vdev: &str) -> Result<DeviceDisk> {
    let unknown = || Error::inval(format!("{vdev:?} is no virtual disk name")).domain(domid);
    let devid = Vdev::parse(vdev).ok_or_else(unknown)?.devid;
    let kind = kind_on_record(op, domid).await?;
    match Record::read(op, domid, kind, devid).await? {
        Some(record) => DeviceDisk::read(&record),
        None => Err(Error::fail(format!("there is no disk {vdev}")).domain(domid)),
    }
}

/// Under which kind the disks of `domid` are recorded.
async fn kind_on_record(op: &Op, domid: Domid) -> Result<DeviceKind> {
    let store = op.store()?;
    let mut present = Vec::new();
    for kind in [DeviceKind::Vbd, DeviceKind::VirtioDisk] {
        let path = layout::libxl_device_kind(domid, kind.name());
        if store.read(&path).await?.is_some() {
            present.push(kind);
        }
    }
    match present[..] {
        [] => Ok(DeviceKind::Vbd),
        [kind] => Ok(kind),
        _ => Err(Error::inval("both Xen and virtio disks are recorded").domain(domid)),
    }
}

/// The path in `params`: QEMU's backend has the format in front of it.
fn path_of(params: &str, backend: DiskBackend) -> String {
    let split = params
        .split_once(':')
        .filter(|_| backend == DiskBackend::Qdisk);
    split.map_or(params, |(_, path)| path).to_owned()
}

impl DeviceDisk {
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

    /// A drive that has become empty; a medium that was put in is in the stored configuration already.
    fn take_medium(&mut self, now: &Self) {
        let empty = now.pdev_path.as_deref().unwrap_or_default().is_empty();
        if now.removable != 0 && empty {
            self.pdev_path = Some(String::new());
            self.format = DiskFormat::Empty;
        }
    }

    /// What stands in the node `params`: the path, and for QEMU's backend the format in front of it.
    pub(in crate::device) fn params(&self, by_qemu: bool) -> Result<String> {
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
}

/// The backend's name in the node `type`.
fn backend_name(backend: DiskBackend) -> &'static str {
    match backend {
        DiskBackend::Qdisk => "qdisk",
        DiskBackend::Standalone => "standalone",
        _ => "phy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    const DISK: [(&str, &str); 5] = [
        ("params", "qcow2:/a:b"),
        ("dev", "xvda"),
        ("removable", "0"),
        ("mode", "w"),
        ("device-type", "disk"),
    ];

    fn read(nodes: &[(&str, &str)]) -> Result<DeviceDisk> {
        let device = Device::plain(3, DeviceKind::Vbd, 51712, 0);
        DeviceDisk::read(&Record::of(device, nodes))
    }

    #[test]
    fn a_disk_comes_back_from_its_nodes() {
        let mut nodes = DISK.to_vec();
        nodes.push(("type", "qdisk"));
        let disk = read(&nodes).unwrap();
        assert_eq!(disk.pdev_path.as_deref(), Some("/a:b"));
        assert_eq!(disk.backend, DiskBackend::Qdisk);
        assert_eq!((disk.removable, disk.readwrite, disk.is_cdrom), (0, 1, 0));
        assert_eq!(disk.specification, DiskSpecification::Xen);
        assert_eq!(disk.colo_enable, Some(false));
    }

    #[test]
    fn a_path_with_a_colon_is_kept_where_no_format_stands_before_it() {
        assert_eq!(
            path_of("/dev/disk/by-path/pci-0000:00", DiskBackend::Phy),
            "/dev/disk/by-path/pci-0000:00"
        );
        assert_eq!(path_of("aio:", DiskBackend::Qdisk), "");
    }

    #[test]
    fn an_incomplete_record_is_an_error_that_names_the_node() {
        for missing in 1..DISK.len() {
            let mut nodes = DISK.to_vec();
            let (key, _) = nodes.remove(missing);
            nodes.push(("type", "qdisk"));
            let error = read(&nodes).unwrap_err();
            assert!(
                error.to_string().ends_with(&format!("has no node {key}")),
                "{error}"
            );
            assert_eq!(error.domid(), Some(3));
        }
    }

    impl Sample for DeviceDisk {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                vdev: Some("xvda".into()),
                pdev_path: Some("/images/a:b.qcow2".into()),
                backend: DiskBackend::Qdisk,
                format: DiskFormat::Qcow2,
                readwrite: 1,
                removable: 1,
                colo_enable: Some(true),
                colo_host: Some("10.0.0.2".into()),
                colo_port: 9000,
                colo_export: Some("e".into()),
                active_disk: Some("/a".into()),
                hidden_disk: Some("/h".into()),
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.vdev = Some("xvdb".into());
        }

        fn recorded(self) -> Self {
            assert_eq!(self.specification, DiskSpecification::Xen);
            Self {
                format: DiskFormat::Unknown,
                discard_enable: None,
                colo_restore_enable: None,
                trusted: None,
                ..self
            }
        }
    }
}
