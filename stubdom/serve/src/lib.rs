//! The parts of `xenlight-serve`, which serves a stub domain in dom0. A library so that tests and fuzzers reach them.

pub mod config;
pub mod confine;
pub mod console;
pub mod error;
pub mod logfile;
pub mod output;
pub mod qmp;
pub mod screen;
pub mod serve;
pub mod store;
mod sys;
