//! Devices of a running domain, read back from the toolstack's record.

use std::collections::BTreeMap;

use super::kind::{Device, DeviceKind};
use super::vdev::Vdev;
use super::{nic, nic_colo, record};
use crate::engine::Op;
use crate::release;
use crate::store::layout;
use crate::types::{
    DeviceChannel, DeviceChannelSocket, DeviceChannelU, DeviceDisk, DeviceNic, DeviceVdispl,
    DeviceVkb, DeviceVtpm, DiskBackend, DiskSpecification, DiskTransport, Mac, NicType, Uuid,
    VkbBackend,
};
use crate::{Code, DOM0, Domid, Error, Result};

/// The disks of `domid`, in the order of the store. The image format is not recorded and stays unknown.
pub async fn disks(op: &Op, domid: Domid) -> Result<Vec<DeviceDisk>> {
    let kind = disk_kind(op, domid).await?;
    Record::all(op, domid, kind)
        .await?
        .iter()
        .map(Record::disk)
        .collect()
}

/// The disk called `vdev`; [`Code::Inval`] when that is no name, [`Code::Fail`] when there is no such disk.
pub async fn disk(op: &Op, domid: Domid, vdev: &str) -> Result<DeviceDisk> {
    let unknown = || Error::inval(format!("{vdev:?} is no virtual disk name")).domain(domid);
    let devid = Vdev::parse(vdev).ok_or_else(unknown)?.devid;
    let kind = disk_kind(op, domid).await?;
    match Record::read(op, domid, kind, devid).await? {
        Some(record) => record.disk(),
        None => Err(Error::fail(format!("there is no disk {vdev}")).domain(domid)),
    }
}

/// The network interfaces of `domid`.
pub async fn nics(op: &Op, domid: Domid) -> Result<Vec<DeviceNic>> {
    let records = Record::all(op, domid, DeviceKind::Vif).await?;
    records.iter().map(Record::nic).collect()
}

/// Network interface `devid`; [`Code::Notfound`] when there is none.
pub async fn nic(op: &Op, domid: Domid, devid: i32) -> Result<DeviceNic> {
    match Record::read(op, domid, DeviceKind::Vif, devid).await? {
        Some(record) => record.nic(),
        None => Err(not_found(domid, "network interface", devid)),
    }
}

/// The keyboards and pointers of `domid`.
pub async fn vkbs(op: &Op, domid: Domid) -> Result<Vec<DeviceVkb>> {
    let records = Record::all(op, domid, DeviceKind::Vkbd).await?;
    records.iter().map(Record::vkb).collect()
}

/// Keyboard `devid`; [`Code::Notfound`] when there is none.
pub async fn vkb(op: &Op, domid: Domid, devid: i32) -> Result<DeviceVkb> {
    match Record::read(op, domid, DeviceKind::Vkbd, devid).await? {
        Some(record) => record.vkb(),
        None => Err(not_found(domid, "keyboard", devid)),
    }
}

/// The trusted platform modules of `domid`.
pub async fn vtpms(op: &Op, domid: Domid) -> Result<Vec<DeviceVtpm>> {
    let records = Record::all(op, domid, DeviceKind::Vtpm).await?;
    records.iter().map(Record::vtpm).collect()
}

/// The displays of `domid`. Their connectors stand in the guest's directory alone and are not read back.
pub async fn vdispls(op: &Op, domid: Domid) -> Result<Vec<DeviceVdispl>> {
    let records = Record::all(op, domid, DeviceKind::Vdispl).await?;
    Ok(records.iter().map(Record::vdispl).collect())
}

/// Display `devid`; [`Code::Notfound`] when there is none.
pub async fn vdispl(op: &Op, domid: Domid, devid: i32) -> Result<DeviceVdispl> {
    let record = Record::read(op, domid, DeviceKind::Vdispl, devid).await?;
    let record = record.ok_or_else(|| not_found(domid, "display", devid))?;
    Ok(record.vdispl())
}

/// The channels of `domid`, which are its consoles with a name. They are numbered from 0 in the order of the store,
/// whatever their console numbers.
pub async fn channels(op: &Op, domid: Domid) -> Result<Vec<DeviceChannel>> {
    let consoles = Record::all(op, domid, DeviceKind::Console).await?;
    let named = consoles
        .iter()
        .filter(|console| console.text("name").is_some());
    named
        .zip(0..)
        .map(|(console, devid)| console.channel(devid))
        .collect()
}

fn not_found(domid: Domid, what: &str, devid: i32) -> Error {
    Error::new(Code::Notfound, format!("there is no {what} {devid}")).domain(domid)
}

/// Under which kind the disks of `domid` are recorded.
async fn disk_kind(op: &Op, domid: Domid) -> Result<DeviceKind> {
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

/// One device's record, read whole.
#[derive(Clone, Debug)]
struct Record {
    device: Device,
    nodes: BTreeMap<String, String>,
}

impl Record {
    async fn all(op: &Op, domid: Domid, kind: DeviceKind) -> Result<Vec<Self>> {
        let devids = record::devids(&op.store()?, domid, kind).await?;
        let reads = devids
            .iter()
            .map(|devid| Self::read(op, domid, kind, *devid));
        let mut records = Vec::new();
        for read in op.join(reads.collect()).await {
            // A device that went away meanwhile is not there any more; that is no error.
            records.extend(read?);
        }
        Ok(records)
    }

    async fn read(op: &Op, domid: Domid, kind: DeviceKind, devid: i32) -> Result<Option<Self>> {
        let store = &op.store()?;
        let Some(device) = record::one(store, domid, kind, devid).await? else {
            return Ok(None);
        };
        let path = &device.record();
        let keys = store.list(path).await?;
        let reads = keys
            .iter()
            .map(|key| async move { store.read_str(&format!("{path}/{key}")).await });
        let values = op.join(reads.collect()).await;
        let mut nodes = BTreeMap::new();
        for (key, value) in keys.into_iter().zip(values) {
            if let Some(value) = value? {
                nodes.insert(key, value);
            }
        }
        Ok(Some(Self { device, nodes }))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.nodes.get(key).map(String::as_str)
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.nodes.get(key).cloned()
    }

    fn required(&self, key: &str) -> Result<&str> {
        self.text(key)
            .ok_or_else(|| self.bad(&format!("has no node {key}")))
    }

    /// A number that may be missing, but not be something else.
    fn number<N: std::str::FromStr>(&self, key: &str) -> Result<Option<N>> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| self.bad(&format!("has no number in {key}")))
        };
        self.text(key).map(parse).transpose()
    }

    fn bad(&self, what: &str) -> Error {
        Error::fail(format!("{} {what}", self.device.record())).domain(self.device.domid)
    }

    fn disk(&self) -> Result<DeviceDisk> {
        let backend = match self.required("type")? {
            "phy" => DiskBackend::Phy,
            "qdisk" => DiskBackend::Qdisk,
            "standalone" => DiskBackend::Standalone,
            _ => DiskBackend::Unknown,
        };
        let mut disk = DeviceDisk {
            backend_domid: self.device.backend_domid,
            pdev_path: self.text("params").map(|params| path_of(params, backend)),
            vdev: Some(self.required("dev")?.to_owned()),
            backend,
            removable: i32::from(self.required("removable")? != "0"),
            readwrite: i32::from(self.required("mode")? == "w"),
            is_cdrom: i32::from(self.required("device-type")? == "cdrom"),
            colo_enable: Some(self.text("colo-host").is_some()),
            ..DeviceDisk::default()
        };
        if disk.colo_enable == Some(true) {
            disk.colo_host = self.owned("colo-host");
            disk.colo_port = self
                .number("colo-port")?
                .ok_or_else(|| self.bad("has no colo-port"))?;
            disk.colo_export = Some(self.required("colo-export")?.to_owned());
            disk.active_disk = Some(self.required("active-disk")?.to_owned());
            disk.hidden_disk = Some(self.required("hidden-disk")?.to_owned());
        }
        let specification = self.text("specification").unwrap_or("xen");
        disk.specification = DiskSpecification::from_name(specification)
            .ok_or_else(|| self.bad("has a specification nobody knows"))?;
        if disk.specification == DiskSpecification::Virtio {
            if self.required("transport")? != DiskTransport::Mmio.name() {
                return Err(self.bad("has a virtio transport other than mmio"));
            }
            disk.transport = DiskTransport::Mmio;
            disk.base = self
                .number("base")?
                .ok_or_else(|| self.bad("has no base"))?;
            disk.irq = self.number("irq")?.ok_or_else(|| self.bad("has no irq"))?;
            if release::VIRTIO_GRANTS {
                let used: Option<u32> = self.number("grant_usage")?;
                let unsaid = self.device.backend_domid != DOM0;
                disk.grant_usage = Some(used.map_or(unsaid, |used| used != 0));
            }
        }
        Ok(disk)
    }

    fn nic(&self) -> Result<DeviceNic> {
        let mut nic = DeviceNic {
            backend_domid: self.device.backend_domid,
            devid: self.number("handle")?.unwrap_or(0),
            mtu: self.number("mtu")?.unwrap_or(nic::DEFAULT_MTU),
            ip: self.owned("ip"),
            vlan: self.owned("vlan"),
            bridge: self.owned("bridge"),
            script: self.owned("script"),
            ..DeviceNic::default()
        };
        if let Some(mac) = self.text("mac") {
            nic.mac = Mac::parse(mac).ok_or_else(|| self.bad("has no address in mac"))?;
        }
        nic.nictype = match self.text("type") {
            Some(name) => {
                NicType::from_name(name).ok_or_else(|| self.bad("has a type nobody knows"))?
            }
            None => NicType::Vif,
        };
        nic_colo::read(&mut nic, |key| self.owned(key));
        Ok(nic)
    }

    fn vkb(&self) -> Result<DeviceVkb> {
        let flag = |key| Ok(self.number::<u32>(key)?.unwrap_or(0) != 0);
        let size = |key| Ok::<u32, Error>(self.number(key)?.unwrap_or(0));
        Ok(DeviceVkb {
            backend_domid: self.device.backend_domid,
            devid: self.device.devid,
            backend_type: match self.device.backend_kind {
                DeviceKind::Vinput => VkbBackend::Linux,
                _ => VkbBackend::Qemu,
            },
            unique_id: self.owned("unique-id"),
            feature_disable_keyboard: flag("feature-disable-keyboard")?,
            feature_disable_pointer: flag("feature-disable-pointer")?,
            feature_abs_pointer: flag("feature-abs-pointer")?,
            feature_raw_pointer: flag("feature-raw-pointer")?,
            feature_multi_touch: flag("feature-multi-touch")?,
            multi_touch_width: size("multi-touch-width")?,
            multi_touch_height: size("multi-touch-height")?,
            multi_touch_num_contacts: size("multi-touch-num-contacts")?,
            width: size("width")?,
            height: size("height")?,
            ..DeviceVkb::default()
        })
    }

    fn vtpm(&self) -> Result<DeviceVtpm> {
        let uuid = self.text("uuid").map(Uuid::parse);
        Ok(DeviceVtpm {
            backend_domid: self.device.backend_domid,
            devid: self.device.devid,
            uuid: match uuid {
                None => Uuid::default(),
                Some(Some(uuid)) => uuid,
                Some(None) => return Err(self.bad("has no UUID in uuid")),
            },
            ..DeviceVtpm::default()
        })
    }

    fn vdispl(&self) -> DeviceVdispl {
        DeviceVdispl {
            backend_domid: self.device.backend_domid,
            devid: self.device.devid,
            ..DeviceVdispl::default()
        }
    }

    fn channel(&self, devid: i32) -> Result<DeviceChannel> {
        let u = match self.required("connection")? {
            "pty" => DeviceChannelU::Pty,
            "socket" => DeviceChannelU::Socket(DeviceChannelSocket {
                path: self.owned("path"),
            }),
            _ => {
                return Err(self
                    .bad("has a connection nobody knows")
                    .code_as(Code::Inval));
            }
        };
        Ok(DeviceChannel {
            devid,
            name: self.owned("name"),
            u,
            ..DeviceChannel::default()
        })
    }
}

/// The path in `params`: QEMU's backend has the format in front of it.
fn path_of(params: &str, backend: DiskBackend) -> String {
    let split = params
        .split_once(':')
        .filter(|_| backend == DiskBackend::Qdisk);
    split.map_or(params, |(_, path)| path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: DeviceKind, nodes: &[(&str, &str)]) -> Record {
        let nodes = nodes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Record {
            device: Device::plain(3, kind, 51712, 0),
            nodes: nodes.collect(),
        }
    }

    const DISK: [(&str, &str); 5] = [
        ("params", "qcow2:/a:b"),
        ("dev", "xvda"),
        ("removable", "0"),
        ("mode", "w"),
        ("device-type", "disk"),
    ];

    #[test]
    fn a_disk_comes_back_from_its_nodes() {
        let mut nodes = DISK.to_vec();
        nodes.push(("type", "qdisk"));
        let disk = record(DeviceKind::Vbd, &nodes).disk().unwrap();
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
            let error = record(DeviceKind::Vbd, &nodes).disk().unwrap_err();
            assert!(
                error.to_string().ends_with(&format!("has no node {key}")),
                "{error}"
            );
            assert_eq!(error.domid(), Some(3));
        }
    }

    #[test]
    fn a_nic_comes_back_and_nonsense_does_not() {
        let good = [
            ("handle", "2"),
            ("mac", "00:16:3e:01:02:03"),
            ("type", "vif_ioemu"),
            ("colo_compare_out", "x"),
        ];
        let nic = record(DeviceKind::Vif, &good).nic().unwrap();
        assert_eq!((nic.devid, nic.mtu), (2, 1500));
        assert_eq!(nic.mac, Mac([0, 0x16, 0x3e, 1, 2, 3]));
        assert_eq!(nic.nictype, NicType::VifIoemu);
        assert_eq!(nic.colo_compare_out.as_deref(), Some("x"));
        for bad in [
            ("handle", "2x"),
            ("mac", "00:16"),
            ("type", "bond"),
            ("mtu", ""),
        ] {
            assert!(record(DeviceKind::Vif, &[bad]).nic().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_channel_keeps_its_place_in_the_list() {
        let nodes = [("name", "a"), ("connection", "socket"), ("path", "/run/a")];
        let channel = record(DeviceKind::Console, &nodes).channel(4).unwrap();
        assert_eq!(channel.devid, 4);
        let path = Some("/run/a".to_owned());
        assert_eq!(
            channel.u,
            DeviceChannelU::Socket(DeviceChannelSocket { path })
        );
        let bad = record(DeviceKind::Console, &[("connection", "tcp")])
            .channel(0)
            .unwrap_err();
        assert_eq!(bad.code(), Code::Inval);
    }
}
