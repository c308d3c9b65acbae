//! Domains: create, build, destroy, query, power.

pub mod build;
pub mod defaults;
pub mod history;
pub mod memory;
pub mod numa;
pub mod power;
pub mod query;
pub mod rename;
pub mod sched;
pub mod userdata;
