//! Exports of the area "consoles/vnc/channels".

use std::ffi::{c_char, c_int};
use std::os::fd::OwnedFd;
use std::ptr::null_mut;

use xenlight::device::tty::{self, Address};
use xenlight::device::{info, list};
use xenlight::{Error, Result};

use crate::boundary::{OK, plain, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::device::{infos, list_out};
use crate::mem;
use crate::types::{CType, libxl_channelinfo, libxl_console_type, libxl_device_channel};

/// How much of the hypervisor's log one read gives.
const RING_READ: usize = 16384;

infos! {
    /// How a channel stands.
    fn libxl_device_channel_getinfo(libxl_device_channel -> libxl_channelinfo) = info::channel;
}

/// The channels of a domain; NULL when it has none. Freed by the caller, element by element.
///
/// # Safety
/// `num` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_device_channel_list(
    ctx: *mut libxl_ctx,
    domid: u32,
    num: *mut c_int,
) -> *mut libxl_device_channel {
    value(ctx, "libxl_device_channel_list", null_mut(), |this| {
        let channels = this
            .core
            .block_on(async |op| list::channels(op, domid).await);
        // SAFETY: the same contract.
        unsafe { store_out("num", num, 0) }?;
        // SAFETY: the same contract.
        unsafe { list_out(&channels?, num) }
    })
}

fn address(domid: u32, number: c_int, type_: libxl_console_type) -> Result<Address> {
    let number = u32::try_from(number)
        .map_err(|_| Error::inval(format!("no console has the number {number}")).domain(domid))?;
    // SAFETY: an enumeration holds no pointers.
    let type_ = unsafe { type_.to_native() }?;
    Ok(Address {
        domid,
        number,
        type_,
    })
}

/// The terminal of a console, malloc'd.
///
/// # Safety
/// `path` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_console_get_tty(
    ctx: *mut libxl_ctx,
    domid: u32,
    cons_num: c_int,
    type_: libxl_console_type,
    path: *mut *mut c_char,
) -> c_int {
    status(ctx, "libxl_console_get_tty", |this| {
        let console = address(domid, cons_num, type_)?;
        let found = this
            .core
            .block_on(async |op| tty::path(op, console).await)?;
        // SAFETY: the same contract.
        unsafe { path_out(path, &found) }
    })
}

/// The terminal of the console that a user of the domain means, malloc'd.
///
/// # Safety
/// `path` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_primary_console_get_tty(
    ctx: *mut libxl_ctx,
    domid_vm: u32,
    path: *mut *mut c_char,
) -> c_int {
    status(ctx, "libxl_primary_console_get_tty", |this| {
        let found = this.core.block_on(async |op| {
            let console = tty::primary(op, domid_vm).await?;
            tty::path(op, console).await
        })?;
        // SAFETY: the same contract.
        unsafe { path_out(path, &found) }
    })
}

/// # Safety
/// `path` is NULL or valid for writing.
unsafe fn path_out(path: *mut *mut c_char, found: &str) -> Result<c_int> {
    if path.is_null() {
        return Err(Error::inval("path is NULL"));
    }
    // SAFETY: not NULL, and writable by this function's contract.
    unsafe { path.write(mem::string(found)) };
    Ok(OK)
}

/// Replaces this process by a client of the console; returns only when that fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_console_exec(
    ctx: *mut libxl_ctx,
    domid: u32,
    cons_num: c_int,
    type_: libxl_console_type,
    notify_fd: c_int,
) -> c_int {
    status(ctx, "libxl_console_exec", |_| {
        let console = address(domid, cons_num, type_)?;
        Err::<c_int, _>(become_client(console, notify_fd))
    })
}

/// Replaces this process by a client of the console that a user of the domain means; returns only when that fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_primary_console_exec(
    ctx: *mut libxl_ctx,
    domid_vm: u32,
    notify_fd: c_int,
) -> c_int {
    status(ctx, "libxl_primary_console_exec", |this| {
        let console = this
            .core
            .block_on(async |op| tty::primary(op, domid_vm).await)?;
        Err::<c_int, _>(become_client(console, notify_fd))
    })
}

fn become_client(console: Address, notify_fd: c_int) -> Error {
    let notify = (notify_fd != -1).then_some(notify_fd);
    match tty::client(console, notify) {
        Ok(command) => tty::exec(&command, None).domain(console.domid),
        Err(error) => error,
    }
}

/// Replaces this process by a viewer of the domain's screen; returns only when that fails.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vncviewer_exec(ctx: *mut libxl_ctx, domid: u32, autopass: c_int) -> c_int {
    status(ctx, "libxl_vncviewer_exec", |this| {
        let viewer = this
            .core
            .block_on(async |op| tty::viewer(op, domid, autopass != 0).await);
        let (command, password): (_, Option<OwnedFd>) = viewer?;
        Err::<c_int, _>(tty::exec(&command, password).domain(domid))
    })
}

/// A reader of the hypervisor's log.
pub struct libxl_xen_console_reader {
    clear: bool,
    next: u32,
    chunk: Vec<u8>,
}

/// Starts reading the hypervisor's log, which is emptied on the way if `clear` is not 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_xen_console_read_start(
    ctx: *mut libxl_ctx,
    clear: c_int,
) -> *mut libxl_xen_console_reader {
    value(ctx, "libxl_xen_console_read_start", null_mut(), |_| {
        Ok(Box::into_raw(Box::new(libxl_xen_console_reader {
            clear: clear != 0,
            next: 0,
            chunk: Vec::new(),
        })))
    })
}

/// The next part of the log: 1 and a C string that lives until the next call, or 0 and NULL when there is no more.
///
/// # Safety
/// `cr` is NULL or a live reader that nobody else uses now; `line_r` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_xen_console_read_line(
    ctx: *mut libxl_ctx,
    cr: *mut libxl_xen_console_reader,
    line_r: *mut *mut c_char,
) -> c_int {
    status(ctx, "libxl_xen_console_read_line", |this| {
        // SAFETY: the same contract.
        let reader = unsafe { cr.as_mut() }.ok_or_else(|| Error::inval("the reader is NULL"))?;
        // SAFETY: the same contract.
        unsafe { store_out("line_r", line_r, null_mut()) }?;
        let xen = this.core.xen()?;
        let chunk = xen.read_console(RING_READ, reader.clear, Some(reader.next))?;
        if chunk.bytes.is_empty() {
            return Ok(0);
        }
        reader.next = chunk.next;
        reader.chunk = chunk.bytes;
        reader.chunk.push(0);
        // SAFETY: the same contract.
        unsafe { store_out("line_r", line_r, reader.chunk.as_mut_ptr().cast()) }?;
        Ok(1)
    })
}

/// Frees a reader.
///
/// # Safety
/// `cr` is NULL or a live reader, which is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_xen_console_read_finish(
    _ctx: *mut libxl_ctx,
    cr: *mut libxl_xen_console_reader,
) {
    plain("libxl_xen_console_read_finish", (), || {
        if !cr.is_null() {
            // SAFETY: made by Box::into_raw in libxl_xen_console_read_start, and not used again.
            drop(unsafe { Box::from_raw(cr) });
        }
    });
}
