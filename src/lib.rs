//! The core of libxenlight: creates, wires, watches and removes Xen domains and their device models.
//!
//! Safe Rust throughout: foreign calls live in [`sys`], the C interface in the crate `xenlight-capi`.
//! ARCHITECTURE.md at the top of the tree draws the map.

pub mod device;
pub mod dm;
pub mod domain;
pub mod engine;
pub mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod gate;
pub mod host;
pub mod log;
pub mod paths;
pub mod qmp;
pub mod release;
pub mod store;
pub mod sys;
pub mod types;
pub mod xen;

pub use error::{Code, Error, Result};

/// A domain's number, as the hypervisor counts them; guests are 1 to 0x7fef.
pub type Domid = u32;

/// A future behind a trait object: whoever awaits it does not contain its code and its state a second time.
pub type Boxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The toolstack's own domain on every host this library supports.
pub const DOM0: Domid = 0;
