//! The exported helpers around the types written by hand, and around files and descriptors.

mod bitmap;
mod builtin;
mod cpuid;
mod files;
mod json;
mod uuid;
