//! libxl's types, described once in `libxl.idl`, and the generators of what follows from the description.
//!
//! [`parse::parse`] reads the description for one release into a [`model::Idl`]; [`native`] writes the Rust types of
//! the core, [`c`] their C side. `idlgen` runs them all and, with `--check`, only compares.

pub mod bindings;
pub mod c;
pub mod driver;
pub mod header;
pub mod model;
pub mod native;
pub mod parse;
pub mod signatures;
