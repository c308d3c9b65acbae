//! Domains: create, build, destroy, query, power.

pub mod build;
