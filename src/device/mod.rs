//! Devices of domains: paravirtual ones with a frontend in the guest and a backend elsewhere.
//!
//! A kind of device is a configuration type that implements [`Kind`]: it fills in its defaults and says which nodes it
//! puts into xenstore. Adding ([`add()`]), removing ([`remove()`], [`remove_all`]), waiting for backends and running hotplug
//! scripts are written once. What is read back comes from the toolstack's own record alone ([`record`]).

mod add;
mod channel;
mod console;
mod disk;
pub mod eject;
mod guest;
pub mod info;
mod kind;
pub mod list;
mod medium;
mod nic;
mod nic_colo;
mod nodes;
mod p9;
mod pvcalls;
mod record;
mod remove;
mod running;
mod scripts;
mod state;
#[cfg(test)]
mod tests;
pub mod tty;
pub mod vdev;
mod vdispl;
mod vfb;
mod vkb;
mod vsnd;
mod vtpm;

pub use add::{
    When, add, add_all, connect, connect_all, place, place_all, place_recorded, prepare,
    set_defaults, undo_placement,
};
pub use channel::console_of_channel;
pub use console::{Console, ConsoleBackend, OUTPUT_LIMIT, Ring};
pub use guest::{Guest, called, domid_of};
pub use kind::{Device, DeviceKind};
pub use medium::{cd_drive, set_medium};
pub use nic::number_nics;
pub use nodes::{Entries, Nodes};
pub use record::{next_devid, one as on_record, stubdom_of};
pub use remove::{Force, none_on_record, remove, remove_all};
#[cfg(feature = "fuzzing")]
pub(crate) use scripts::fuzzing_script_words;
pub use scripts::nic_name;
pub use state::XenbusState;

use crate::log::Logger;
use crate::paths::XEN_SCRIPTDIR;
use crate::{Domid, Result};

/// One kind of device, as its configuration type sees it. Implementations touch neither store nor hypervisor.
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

/// A script's absolute path; relative names are those of the host's script directory.
fn script_path(script: &str) -> String {
    if script.starts_with('/') {
        script.to_owned()
    } else {
        format!("{XEN_SCRIPTDIR}/{script}")
    }
}
