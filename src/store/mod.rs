//! A client for xenstore, the tree in which domains, backends and device models agree with each other.
//!
//! [`Store`] talks to the daemon, [`Batch`] is a list of changes as data, [`layout`] knows the paths. What the messages are
//! like is in the crate `xenlight-store-wire`.

mod batch;
mod client;
mod conn;
pub mod layout;
mod open;
mod request;
mod watch;

pub use batch::{Batch, Change};
pub use client::{Store, Tx};
pub use conn::Conn;
pub use store_wire::{Access, Perms};
pub use watch::Watch;

#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod fake;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
