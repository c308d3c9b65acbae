//! An ioreq server: the hypervisor's end of a device model. It gets the guest's accesses to the ports, memory and PCI
//! functions that it claimed, and answers them. The library `libxenlight.so` has no part of it.
//!
//! Each vCPU has a slot in a shared page and an event channel; a ring takes writes for which the guest does not wait.
//! What is in there is the guest's choice: it is read once, checked, and answered even when it makes no sense, because
//! the vCPU waits. Facts: xen/hvm/ioreq.h and dm_op.h. A newer server goes before an older one with the same range.
//!
//! The hypercalls are `xenlight::xen::ioreq`.
#![forbid(unsafe_code)]

mod access;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod memory;
mod request;
mod ring;
mod server;

pub use access::Device;
pub use request::{Address, Malformed, PciFunction};
pub use server::{Served, Server};
