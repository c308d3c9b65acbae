//! The C side of libxl's types: layouts as in libxl.h, and conversions to the native types and back.
//!
//! Most of it is generated from `idl/libxl.idl`; `builtin` and `hooks` are written by hand.

mod builtin;
mod config;
mod convert;
mod device;
mod disk;
mod display;
mod error;
mod event;
mod export;
mod export_macros;
mod hooks;
mod host;
mod macros;
mod nic;
mod passthrough;
mod query;
mod sched;
mod sound;

pub use builtin::*;
pub use config::*;
#[allow(
    unused_imports,
    reason = "the areas that call it are being wired one by one"
)]
pub(crate) use convert::*;
pub use device::*;
pub use disk::*;
pub use display::*;
#[allow(unused_imports, reason = "no function takes one but its own")]
pub use error::*;
pub use event::*;
pub use export::{StringTable, libxl_enum_string_table};
pub(crate) use export::{gen_json, write_status};
pub use hooks::*;
pub use host::*;
pub use nic::*;
pub use passthrough::*;
pub use query::*;
pub use sched::*;
pub use sound::*;

/// What the generated files need.
mod prelude {
    pub(super) use std::ffi::{c_char, c_int};

    pub(super) use xenlight::sys::yajl::Status;
    pub(super) use xenlight::{Error, Result, types};

    pub(super) use super::convert::*;
    pub(super) use super::export;
    pub(super) use super::export_macros::{export_enum, export_struct};
    pub(super) use super::macros::{c_enum, c_struct, c_union};
    pub(super) use super::*;
    pub(super) use crate::args::{Generator, In, InOut, LogOf, Out, Text, Unused, Whole};
    pub(super) use crate::ctx::libxl_ctx;
}
