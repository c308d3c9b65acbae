//! The C types that exports name: the public ones, and those whose contents no caller sees.
#![allow(missing_docs, non_camel_case_types)]

pub use crate::ctx::libxl_ctx;
pub use crate::types::*;

#[repr(C)]
#[derive(Debug)]
pub struct libxl_evgen_disk_eject {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_evgen_domain_death {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_xen_console_reader {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct xentoollog_logger {
    _private: [u8; 0],
}
/// Another name that libxl.h has for the same enumeration.
pub type libxl_psr_type = libxl_psr_cbm_type;
