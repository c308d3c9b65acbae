//! Devices of domains: paravirtual ones with a frontend in the guest and a backend elsewhere.
//!
//! A kind of device is a file in `kinds/`, which implements [`Kind`] and [`Listed`] for a configuration type, and a line in the
//! list there. Adding ([`add()`]), removing ([`remove()`], [`remove_all`]), waiting for backends, running hotplug scripts and
//! reading back ([`list`], [`info`]) are written once; what a new domain gets, what is stored and what is left of it go by the list
//! ([`every`]). What is read back comes from the toolstack's own record alone ([`record`]).

mod add;
mod disk_backend;
pub mod eject;
pub mod every;
mod guest;
pub mod info;
mod kind;
mod kinds;
pub mod list;
mod medium;
mod nic_colo;
mod nodes;
mod record;
mod remove;
mod running;
mod scripts;
pub mod serve;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod traits;
pub mod tty;
pub mod vdev;
mod view;

pub use add::{
    add, add_all, complete, connect, connect_all, connected, place, place_all, place_noted,
    place_recorded, prepare, set_defaults, undo_placement,
};
pub use disk_backend::empty_cdrom;
pub use guest::{Guest, called, domid_of};
pub use kind::{Device, DeviceKind, Served};
pub use kinds::console::{Console, ConsoleBackend, OUTPUT_LIMIT, Ring};
pub use kinds::disk::called as disk_called;
#[cfg(feature = "fuzzing")]
pub(crate) use kinds::for_each_kind;
#[cfg(feature = "fuzzing")]
pub(crate) use kinds::vdispl::fuzzing_resolution;
pub use kinds::vkb::late_keyboard;
pub use kinds::{NOT_BUILT, NotBuilt};
pub use medium::{cd_drive, set_medium};
pub use nodes::{Entries, Nodes};
pub use record::{Record, next_devid, one as on_record, stubdom_of};
pub use remove::{Force, none_on_record, remove, remove_all};
#[cfg(feature = "fuzzing")]
pub(crate) use scripts::fuzzing_script_words;
pub use scripts::nic_name;
pub use state::XenbusState;
pub use traits::{Devices, Kind, Listed, Step, When};
pub use view::View;
