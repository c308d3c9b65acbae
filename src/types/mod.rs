//! libxl's types as Rust sees them: generated from `idl/libxl.idl`, next to the few that are written by hand.
//!
//! `Default` is what the `libxl_*_init` functions set. The C side of each type lives in `capi/src/types`.

mod builtin;
mod config;
mod cpuid;
mod device;
mod disk;
mod display;
mod error;
mod event;
mod host;
pub mod json;
mod macros;
mod nic;
mod passthrough;
mod query;
mod sched;
mod sound;

pub use builtin::*;
pub use config::*;
pub use cpuid::{RuleError, XendRuleError};
pub use device::*;
pub use disk::*;
pub use display::*;
pub use error::*;
pub use event::*;
pub use host::*;
pub use json::{Json, from_json_str, to_json_string};
pub use nic::*;
pub use passthrough::*;
pub use query::*;
pub use sched::*;
pub use sound::*;
