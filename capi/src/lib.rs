//! The C boundary: an exported function checks, converts, calls one core function and maps the error.
//!
//! `export` makes an exported function from typed arguments and a safe body, `args` has the types of arguments, `boundary`
//! what every export shares, `mem` what is handed to C, `ni` the exports that are not built yet.
#![allow(non_camel_case_types)]

mod ao;
mod args;
mod boundary;
mod childproc;
mod console;
mod cpupool;
mod ctx;
mod device;
mod device_model;
mod disk;
mod domain;
mod domain_query;
mod event;
mod export;
mod flask;
mod handles;
mod host;
mod mem;
mod memory;
mod ni;
mod nic;
mod osevent;
mod psr;
mod pvdev;
mod sched;
mod tmem;
mod types;
mod utils;
mod vfb_vkb;
