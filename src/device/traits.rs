//! What a kind of device says of itself: [`Kind`] of a device that is added, [`Listed`] of what a domain's configuration and
//! the toolstack's record hold of it.

use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use super::record::{self, Record};
use super::view::View;
use crate::engine::Op;
use crate::log::Logger;
use crate::types::DomainConfig;
use crate::{Boxed, Domid, Result};

/// Whether the guest is being made or already there; some defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Part of a new domain, whose failure removes all its devices.
    Creation,
    /// Added to an existing domain; a failure removes this device.
    Hotplug,
}

/// When a new domain gets its devices of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Placed before the device model starts, and connected before that opens it.
    Opened,
    /// Announced before the device model starts, which serves it.
    Announced,
    /// The same, behind those.
    AnnouncedLast,
    /// Added when the device model runs.
    Added,
}

/// A device, as its configuration type sees it. Implementations touch neither store nor hypervisor.
pub trait Kind: Send + Sync {
    /// The serving domain: its name, if the configuration gives one, and where its number goes.
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid);

    /// The device's number, -1 when it is to be chosen, and the kind among which it is counted; `None` when the number
    /// follows from something else.
    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)>;

    /// Fills in what the configuration left open and refuses what contradicts itself.
    fn set_defaults(&mut self, log: &Logger, guest: &Guest, when: When) -> Result<()>;

    /// Which device this is, once its defaults are set.
    fn device(&self, domid: Domid) -> Result<Device>;

    /// What the device puts into xenstore.
    fn nodes(&self, device: &Device, guest: &Guest) -> Result<Nodes>;
}

impl<K: Kind + ?Sized> Kind for &mut K {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (**self).backend_domain()
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        (**self).numbered()
    }

    fn set_defaults(&mut self, log: &Logger, guest: &Guest, when: When) -> Result<()> {
        (**self).set_defaults(log, guest, when)
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        (**self).device(domid)
    }

    fn nodes(&self, device: &Device, guest: &Guest) -> Result<Nodes> {
        (**self).nodes(device, guest)
    }
}

/// Devices of any kind, which stay where they are or exist for this alone.
pub type Devices<'a> = Vec<Box<dyn Kind + 'a>>;

/// All of a list.
pub(super) fn each<K: Kind>(devices: &mut [K]) -> Devices<'_> {
    let boxed = |device| Box::new(device) as Box<dyn Kind + '_>;
    devices.iter_mut().map(boxed).collect()
}

/// A kind of device that a domain's configuration lists.
pub trait Listed: Clone + Default + Send + Sync + 'static {
    /// Under which kind its devices are recorded.
    const KIND: DeviceKind;

    /// What errors call a device.
    const NAME: &'static str;

    /// When a new domain gets its devices of this kind.
    const STEP: Step;

    /// What log lines call devices of a kind whose list in the stored configuration follows what is added and removed. The other
    /// lists stay as the domain was made.
    const FOLLOWED: Option<&'static str> = None;

    /// Whether QEMU's command line names the devices, so that their defaults and numbers are needed before there are any nodes.
    const NAMED_TO_QEMU: bool = false;

    /// How a device stands; `()` where no function tells.
    type Info: Send;

    /// The list.
    fn list(config: &DomainConfig) -> &Vec<Self>;

    /// The list.
    fn list_mut(config: &mut DomainConfig) -> &mut Vec<Self>;

    /// The devices of this kind that a new domain gets.
    fn devices(config: &mut DomainConfig) -> Devices<'_>;

    /// Whether both mean the same device of a domain.
    fn is_same(&self, other: &Self) -> bool;

    /// Takes over from the configuration in use what only adding could decide; the rest stays open.
    fn adopt(&mut self, _used: &Self) {}

    /// Numbers those of a new domain that have no number, where that cannot wait for the nodes.
    fn number(_devices: &mut [Self]) {}

    /// Whether it takes a QEMU in this domain, which is `me`, to serve the device of a PV or PVH guest.
    fn needs_qemu(&self, _me: Domid) -> bool {
        false
    }

    /// Under which kind those of `domid` are recorded.
    fn kind_on_record(_op: &Op, _domid: Domid) -> Boxed<'_, Result<DeviceKind>> {
        Box::pin(async { Ok(Self::KIND) })
    }

    /// Under which kind and number the device is recorded.
    fn on_record(&self) -> Result<(DeviceKind, i32)>;

    /// The device from its record, as far as that goes.
    fn read(record: &Record) -> Result<Self>;

    /// The devices from all records of a domain.
    fn read_all(records: &[Record]) -> Result<Vec<Self>> {
        records.iter().map(Self::read).collect()
    }

    /// Fills in what stands in the guest's directory alone.
    fn look(&mut self, _op: &Op, _domid: Domid) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Drops the devices that are gone, and takes over what can change in those that are left.
    fn refresh<'a>(op: &'a Op, domid: Domid, devices: &'a mut Vec<Self>) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            let there = record::devids(&op.store()?, domid, Self::KIND).await?;
            devices.retain(|device| {
                let number = device.on_record();
                number.is_ok_and(|(_, number)| there.contains(&number))
            });
            Ok(())
        })
    }

    /// How the device stands.
    fn info(&self, view: &View<'_>) -> impl Future<Output = Result<Self::Info>> + Send;
}

/// What [`Listed`] says of a kind that is told apart by its number, in the list `$list` of a configuration.
macro_rules! listed_by_number {
    ($list:ident) => {
        listed_by_number!($list but devices);

        fn devices(config: &mut crate::types::DomainConfig) -> crate::device::traits::Devices<'_> {
            crate::device::traits::each(&mut config.$list)
        }
    };
    ($list:ident but devices) => {
        fn list(config: &crate::types::DomainConfig) -> &Vec<Self> {
            &config.$list
        }

        fn list_mut(config: &mut crate::types::DomainConfig) -> &mut Vec<Self> {
            &mut config.$list
        }

        fn is_same(&self, other: &Self) -> bool {
            self.devid == other.devid
        }

        fn on_record(&self) -> crate::Result<(crate::device::kind::DeviceKind, i32)> {
            Ok((Self::KIND, self.devid))
        }
    };
}

/// What [`Kind`] says of a kind that is told apart by its number; with `plain` of one whose backend has the kind's own name.
macro_rules! numbered {
    () => {
        fn backend_domain(&mut self) -> (Option<&str>, &mut crate::Domid) {
            (self.backend_domname.as_deref(), &mut self.backend_domid)
        }

        fn numbered(&mut self) -> Option<(crate::device::kind::DeviceKind, &mut i32)> {
            Some((
                <Self as crate::device::traits::Listed>::KIND,
                &mut self.devid,
            ))
        }
    };
    (plain) => {
        numbered!();

        fn device(&self, domid: crate::Domid) -> crate::Result<crate::device::kind::Device> {
            let kind = <Self as crate::device::traits::Listed>::KIND;
            Ok(crate::device::kind::Device::plain(
                domid,
                kind,
                self.devid,
                self.backend_domid,
            ))
        }
    };
}

/// A device with the number and the server that its record says; the rest is open.
macro_rules! on_record {
    ($record:expr) => {
        Self {
            backend_domid: $record.device.backend_domid,
            devid: $record.device.devid,
            ..Self::default()
        }
    };
}

pub(super) use {listed_by_number, numbered, on_record};
