//! Exports of the area "vcpus/sched/numa/cpupool" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_bitmap};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_vcpuonline(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _cpumap: *mut libxl_bitmap,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_set_vcpuonline")
}
