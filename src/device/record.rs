//! The toolstack's own record of a domain's devices, `/libxl/DOMID/device`, which no guest can write. Everything that
//! is read back about a device comes from here.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::kind::{Device, DeviceKind, decimal};
use crate::engine::Op;
use crate::store::{Store, layout};
use crate::{Domid, Error, Result};

/// All recorded devices of `domid`; entries that no toolstack writes are skipped.
pub(super) async fn all(op: &Op, domid: Domid) -> Result<Vec<Device>> {
    let store = op.store()?;
    let mut devices = Vec::new();
    for name in store.list(&layout::libxl_devices(domid)).await? {
        let Some(kind) = DeviceKind::from_name(&name) else {
            continue;
        };
        devices.extend(of_kind(&store, domid, kind).await?);
    }
    Ok(devices)
}

/// The recorded devices of one kind, in the order of the store.
pub(super) async fn of_kind(store: &Store, domid: Domid, kind: DeviceKind) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for devid in devids(store, domid, kind).await? {
        devices.extend(one(store, domid, kind, devid).await?);
    }
    Ok(devices)
}

/// The recorded device, if there is one with a backend path of the right form.
pub async fn one(
    store: &Store,
    domid: Domid,
    kind: DeviceKind,
    devid: i32,
) -> Result<Option<Device>> {
    let path = format!(
        "{}/backend",
        layout::libxl_device(domid, kind.name(), devid)
    );
    let backend = store.read_str(&path).await?;
    Ok(backend.and_then(|path| Device::from_record(domid, kind, devid, &path)))
}

/// The numbers of the recorded devices of one kind.
pub(super) async fn devids(store: &Store, domid: Domid, kind: DeviceKind) -> Result<Vec<i32>> {
    let names = store
        .list(&layout::libxl_device_kind(domid, kind.name()))
        .await?;
    let numbers = names.iter().filter_map(|name| decimal(name));
    Ok(numbers.filter_map(|n| i32::try_from(n).ok()).collect())
}

/// The number after the highest one in use.
pub async fn next_devid(op: &Op, domid: Domid, kind: DeviceKind) -> Result<i32> {
    let taken = devids(&op.store()?, domid, kind).await?;
    let next = taken
        .into_iter()
        .max()
        .map_or(Some(0), |highest| highest.checked_add(1));
    next.ok_or_else(|| {
        let what = format!("no {} number is left", kind.name());
        Error::fail(what).domain(domid)
    })
}

/// The stub domain that runs the device model of `domid`, if one does.
pub async fn stubdom_of(store: &Store, domid: Domid) -> Result<Option<Domid>> {
    let text = store.read_str(&layout::dm_domid(domid)).await?;
    Ok(text
        .as_deref()
        .and_then(layout::parse_domid)
        .filter(|domid| *domid != 0))
}

/// One device's record, read whole.
#[derive(Clone, Debug)]
pub struct Record {
    /// The device.
    pub device: Device,
    nodes: BTreeMap<String, String>,
}

impl Record {
    /// Those of one kind, in the order of the store.
    pub(super) async fn all(op: &Op, domid: Domid, kind: DeviceKind) -> Result<Vec<Self>> {
        let devids = devids(&op.store()?, domid, kind).await?;
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

    /// That of one device, if there is one.
    pub(super) async fn read(
        op: &Op,
        domid: Domid,
        kind: DeviceKind,
        devid: i32,
    ) -> Result<Option<Self>> {
        let store = &op.store()?;
        let Some(device) = one(store, domid, kind, devid).await? else {
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

    /// A record of these nodes.
    #[cfg(test)]
    pub(super) fn of(device: Device, nodes: &[(&str, &str)]) -> Self {
        let nodes = nodes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Self {
            device,
            nodes: nodes.collect(),
        }
    }

    /// The value of a node.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.nodes.get(key).map(String::as_str)
    }

    /// The value of a node, to keep.
    pub fn owned(&self, key: &str) -> Option<String> {
        self.nodes.get(key).cloned()
    }

    /// The value of a node that must be there.
    pub fn required(&self, key: &str) -> Result<&str> {
        self.text(key)
            .ok_or_else(|| self.bad(&format!("has no node {key}")))
    }

    /// A number that may be missing, but not be something else.
    pub fn number<N: FromStr>(&self, key: &str) -> Result<Option<N>> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| self.bad(&format!("has no number in {key}")))
        };
        self.text(key).map(parse).transpose()
    }

    /// Whether a number that may be missing is there and is not 0.
    pub fn flag(&self, key: &str) -> Result<bool> {
        Ok(self.number::<u32>(key)?.unwrap_or(0) != 0)
    }

    /// What is wrong with the record.
    pub fn bad(&self, what: &str) -> Error {
        Error::fail(format!("{} {what}", self.device.record())).domain(self.device.domid)
    }
}
