//! A device's entries in xenstore, as data: three trees, written in one transaction.

use std::borrow::Cow;
use std::fmt::Display;

use super::kind::{Device, DeviceKind, Served};
use super::state::XenbusState;
use crate::store::{Batch, Perms};

/// Keys and values below one directory, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries(Vec<(Cow<'static, str>, String)>);

impl Entries {
    /// Adds `key` = `value`.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Display) -> &mut Self {
        self.0.push((key.into(), value.to_string()));
        self
    }

    /// Adds `key` = `value` when there is a value.
    pub fn set_some<V: Display>(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: Option<V>,
    ) -> &mut Self {
        if let Some(value) = value {
            self.set(key, value);
        }
        self
    }

    /// Adds `key` = `0` or `1`.
    pub fn set_bool(&mut self, key: &'static str, value: bool) -> &mut Self {
        self.set(key, u8::from(value))
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_ref(), v.as_str()))
    }
}

/// What one device puts into xenstore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// For the server; the guest may read it. Copied into the toolstack's record.
    pub back: Entries,
    /// For the guest, who owns it.
    pub front: Entries,
    /// For the guest, who may only read it.
    pub front_ro: Entries,
}

impl Nodes {
    /// The entries that every device with the usual handshake starts with.
    pub fn handshake(device: &Device) -> Self {
        let mut nodes = Self::default();
        let initialising = XenbusState::Initialising.number();
        nodes
            .back
            .set("frontend-id", device.domid)
            .set_bool("online", true)
            .set("state", initialising);
        nodes
            .front
            .set("backend-id", device.backend_domid)
            .set("state", initialising);
        nodes
    }

    /// The requests that replace what stood in the device's three places by these entries.
    ///
    /// Nodes inherit the permissions of their directory, so only those that differ from it are given their own.
    pub fn batch(&self, device: &Device) -> Batch {
        let mut batch = Batch::new();
        let record = device.record();
        batch.rm(&record);
        if device.backend_kind.served() != Served::Nobody {
            batch.write(format!("{record}/frontend"), device.frontend());
            batch.write(format!("{record}/backend"), device.backend());
            self.frontend(device, &mut batch);
            self.backend(device, &mut batch);
        }
        for (key, value) in self.back.iter() {
            batch.write(format!("{record}/{key}"), value);
        }
        batch
    }

    fn frontend(&self, device: &Device, batch: &mut Batch) {
        let dir = device.frontend();
        let owned = Perms::owner_read(device.domid, device.backend_domid);
        let readable = Perms::owner_read(device.backend_domid, device.domid);
        // The first console's directory also holds what only the toolstack may change, such as the VNC port.
        let closed = device.is_primary_console() || device.kind == DeviceKind::Vuart;
        batch.rm(&dir);
        batch.mkdir(&dir);
        batch.perms(&dir, if closed { &readable } else { &owned });
        batch.write(format!("{dir}/backend"), device.backend());
        for (entries, own, inherited) in [
            (&self.front, &owned, !closed),
            (&self.front_ro, &readable, closed),
        ] {
            for (key, value) in entries.iter() {
                let path = format!("{dir}/{key}");
                if inherited {
                    batch.write(path, value);
                } else {
                    batch.write_perms(path, value, own);
                }
            }
        }
    }

    fn backend(&self, device: &Device, batch: &mut Batch) {
        let dir = device.backend();
        batch.rm(&dir);
        batch.mkdir(&dir);
        let perms = Perms::owner_read(device.backend_domid, device.domid);
        batch.perms(&dir, &perms);
        batch.write(format!("{dir}/frontend"), device.frontend());
        for (key, value) in self.back.iter() {
            batch.write(format!("{dir}/{key}"), value);
        }
    }
}
