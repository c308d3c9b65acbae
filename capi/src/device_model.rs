//! Exports of the area "device model & stubdom".

use std::ffi::{c_char, c_int};

use xenlight::engine::Op;
use xenlight::{Domid, Error, dm};

use crate::ao::{self, Kept};
use crate::boundary::{required_str, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::libxl_asyncop_how;

/// The stub domain that runs the guest's device model; 0 when it has none.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_stubdom_id(ctx: *mut libxl_ctx, guest_domid: c_int) -> c_int {
    value(ctx, "libxl_get_stubdom_id", 0, |this| {
        let Ok(guest) = Domid::try_from(guest_domid) else {
            return Err(Error::inval(format!("{guest_domid} is no domain's number")));
        };
        let stubdom = this
            .core
            .block_on(async |op: &Op| dm::stubdom_of(op, guest).await)?;
        Ok(stubdom
            .and_then(|domid| c_int::try_from(domid).ok())
            .unwrap_or(0))
    })
}

/// Whether the domain is a stub domain: 1 and the guest it serves, or 0.
///
/// # Safety
/// `target_domid` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_is_stubdom(
    ctx: *mut libxl_ctx,
    domid: u32,
    target_domid: *mut u32,
) -> c_int {
    value(ctx, "libxl_is_stubdom", 0, |this| {
        let target = this
            .core
            .block_on(async |op: &Op| dm::target_of(op, domid).await)?;
        let Some(target) = target else { return Ok(0) };
        if !target_domid.is_null() {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { target_domid.write(target) };
        }
        Ok(1)
    })
}

/// Runs a command of the human monitor of the domain's QEMU; `output` gets a malloc'd string.
///
/// # Safety
/// `command_line` is a C string; `output` is valid for writing until the operation has ended; `ao_how` is NULL or valid
/// for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_qemu_monitor_command(
    ctx: *mut libxl_ctx,
    domid: u32,
    command_line: *const c_char,
    output: *mut *mut c_char,
    ao_how: *const libxl_asyncop_how,
) -> c_int {
    status(ctx, "libxl_qemu_monitor_command", |this| {
        // SAFETY: NULL or a C string by the caller's promise; copied before the call returns.
        let command = unsafe { required_str("command_line", command_line) }?.to_owned();
        if output.is_null() {
            return Err(Error::inval("output is NULL"));
        }
        let output = Kept(output);
        let body = async move |op: Op| {
            let text = dm::monitor_command(&op, domid, &command).await?;
            // SAFETY: not NULL, and left alone by the caller until now.
            unsafe { store_out("output", output.get(), mem::string(&text)) }
        };
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, domid, ao_how, body) }
    })
}
