//! The only foreign calls into Xen's C libraries. Everything here is safe to call from the rest of the crate.
#![allow(unsafe_code)]

pub mod clock;
#[cfg(test)]
pub(crate) mod elsewhere;
pub mod evtchn;
pub mod faults;
pub mod fork;
pub mod held_log;
pub mod hypfs;
pub mod log;
pub mod memory;
pub mod passwd;
pub mod pidfd;
pub mod poll;
mod raw;
pub mod sigchld;
pub mod spawn;
pub mod standard;
pub mod thread;
mod toollog;
pub mod xc;
pub mod yajl;
