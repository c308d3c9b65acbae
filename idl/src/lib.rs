//! libxl's types, described once in `libxl.idl`, and the generators of what follows from the description.
//!
//! [`parse::parse`] reads the description of all releases into a [`model::Idl`], and [`check::check`] refuses what cannot be
//! expressed. [`native`] writes the Rust types of the core, which have what any release has; [`c`] their C side, which rustc
//! cuts by release, as [`header`] cuts the headers. `idlgen` runs them all and, with `--check`, only compares.

pub mod abi;
pub mod bindings;
pub mod c;
pub mod check;
pub mod driver;
pub mod header;
pub mod model;
pub mod native;
pub mod parse;
pub mod signatures;
