//! Domains: create, build, destroy, query, power.

pub mod attach;
mod bootloader;
pub mod build;
pub mod cdrom;
pub mod config;
pub mod create;
pub mod death;
pub mod defaults;
pub mod destroy;
pub mod driver;
pub mod dump;
pub mod history;
pub mod inspect;
pub mod make;
pub mod memory;
mod nodes;
pub mod numa;
mod passthrough;
mod pci;
pub mod power;
pub mod query;
mod refuse;
pub mod rename;
pub mod retrieve;
pub mod sched;
pub mod soft_reset;
mod stubdom;
pub mod userdata;
pub mod vcpus;

#[cfg(feature = "fuzzing")]
pub(crate) use bootloader::fuzzing_output;
#[cfg(feature = "fuzzing")]
pub(crate) use stubdom::fuzzing_complaint;
