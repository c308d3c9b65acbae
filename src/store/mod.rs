//! A client for xenstore, the tree in which domains, backends and device models agree with each other.
//!
//! [`Store`] talks to the daemon, [`Batch`] is a list of changes as data, [`layout`] knows the paths.

mod batch;
mod client;
pub mod layout;
mod perms;

pub use batch::{Batch, Change};
pub use client::{Store, Tx, Watch};
pub use perms::{Access, Perms};
