//! Both ends of Xen's vchan: two byte rings in memory that one domain grants to another, and an event channel between
//! them. It works with the C library `libxenvchan` at the other end, and needs no C library itself.
//!
//! Everything that the other domain can write is hostile: each index is read once and bounded, nothing read from the
//! shared page is used as an address or a length without a check, and no call waits.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! let devices = vchan::Devices::open()?;
//! let mut server = vchan::Server::offer(&devices, 0, vchan::Sizes::IN_PAGE)?;
//! // … write server.ring_ref() and server.port() to xenstore, readable for the client only …
//! loop {
//!     // … poll server.as_fd() …
//!     server.acknowledge()?;
//!     match server.look() {
//!         vchan::Presence::Came => { server.write(b"hello"); }
//!         vchan::Presence::Stays => { let mut bytes = [0; 512]; server.read(&mut bytes); }
//!         vchan::Presence::Left | vchan::Presence::Absent => {}
//!     }
//! }
//! # }
//! ```
//!
//! All ends that were made with one [`Devices`] share its descriptor for events: after `acknowledge()` look at all of
//! them. [`Devices::with_own_events`] gives another thread a descriptor of its own.
//!
//! Sources: Xen's public header `io/libxenvchan.h`; Linux's `xen/gntdev.h`, `xen/gntalloc.h`, `xen/evtchn.h`.

mod channel;
mod client;
mod devices;
mod end;
mod layout;
pub mod local;
pub mod mux;
mod ring;
mod server;
mod shared;
mod sys;
#[cfg(test)]
mod tests;

pub use channel::EventChannel;
pub use client::Client;
pub use devices::{Devices, UnmapNotify};
pub use layout::Sizes;
pub use server::{Presence, Server};
pub use shared::SharedPages;
pub use sys::IOCTLS;

/// Size in bytes of a page that one domain grants to another, also where the kernel's own pages are larger.
pub const PAGE_SIZE: usize = 4096;
