//! Exports of the area "consoles/vnc/channels".

use std::ffi::{c_char, c_int};
#[cfg(since_4_18)]
use std::ffi::{c_uint, c_ulong};
use std::os::fd::OwnedFd;
use std::ptr::null_mut;

use xenlight::device::tty::{self, Address};
#[cfg(since_4_18)]
use xenlight::device::{self, Console, Guest, Ring, When};
#[cfg(since_4_18)]
use xenlight::engine::Op;
use xenlight::{Error, Result};

#[cfg(since_4_18)]
use crate::args::{AoHow, Text};
use crate::args::{Handle, LastUse, Out, Unused, Whole};
use crate::ctx::libxl_ctx;
use crate::device::infos;
use crate::export::export;
use crate::types::{libxl_channelinfo, libxl_console_type, libxl_device_channel};

/// How much of the hypervisor's log one read gives.
const RING_READ: usize = 16384;

infos! {
    /// How a channel stands.
    fn libxl_device_channel_getinfo(libxl_device_channel -> libxl_channelinfo);
}

fn address(domid: u32, number: c_int, type_: Whole<libxl_console_type>) -> Result<Address> {
    let number = u32::try_from(number)
        .map_err(|_| Error::inval(format!("no console has the number {number}")).domain(domid))?;
    let type_ = type_.native()?;
    Ok(Address {
        domid,
        number,
        type_,
    })
}

/// Replaces this process; the failure to do so.
fn become_client(console: Address, notify_fd: c_int, escape: Option<&[u8]>) -> Error {
    let notify = (notify_fd != -1).then_some(notify_fd);
    match tty::client(console, notify, escape) {
        Ok(command) => tty::exec(&command, None).domain(console.domid),
        Err(error) => error,
    }
}

#[cfg(not(since_4_18))]
export! {
    /// Replaces this process by a client of the console; returns only when that fails.
    fn libxl_console_exec(
        _this,
        domid: u32,
        cons_num: c_int,
        type_: Whole<libxl_console_type>,
        notify_fd: c_int,
    ) {
        let console = address(domid, cons_num, type_)?;
        Err::<(), _>(become_client(console, notify_fd, None))
    }

    /// Replaces this process by a client of the console that a user of the domain means; returns only when that fails.
    fn libxl_primary_console_exec(this, domid_vm: u32, notify_fd: c_int) {
        let console = this.core.block_on(async |op| tty::primary(op, domid_vm).await)?;
        Err::<(), _>(become_client(console, notify_fd, None))
    }
}

#[cfg(since_4_18)]
export! {
    /// Replaces this process by a client of the console, which `escape_character` leaves if it is not NULL; returns only when that
    /// fails.
    fn libxl_console_exec(
        _this,
        domid: u32,
        cons_num: c_int,
        type_: Whole<libxl_console_type>,
        notify_fd: c_int,
        escape_character: Text<*mut c_char>,
    ) {
        let console = address(domid, cons_num, type_)?;
        Err::<(), _>(become_client(console, notify_fd, escape_character.bytes()))
    }

    /// Replaces this process by a client of the console that a user of the domain means, which `escape_character` leaves if it
    /// is not NULL; returns only when that fails.
    fn libxl_primary_console_exec(
        this,
        domid_vm: u32,
        notify_fd: c_int,
        escape_character: Text<*mut c_char>,
    ) {
        let console = this.core.block_on(async |op| tty::primary(op, domid_vm).await)?;
        Err::<(), _>(become_client(console, notify_fd, escape_character.bytes()))
    }

    /// Announces the first console of a domain that something else built: its ring's frame and the domain's end of the event
    /// channel. xenconsoled in `backend` serves it.
    fn libxl_console_add_xenstore(
        _this,
        domid: u32,
        backend: u32,
        evtch: c_uint,
        gfn: c_ulong,
        ao_how: AoHow,
    ) {
        let ring = Ring { port: evtch, frame: gfn, tty: None };
        ao_how.start(domid, async move |op: Op| {
            let guest = Guest::read(&op, domid).await?;
            let mut console = Console::primary(backend, ring);
            device::place(&op, &guest, &mut console, When::Creation).await.map(drop)
        })
    }
}

/// A reader of the hypervisor's log.
pub struct libxl_xen_console_reader {
    clear: bool,
    next: u32,
    chunk: Vec<u8>,
}

export! {
    /// The channels of a domain; NULL when it has none. Freed by the caller, element by element.
    fn libxl_device_channel_list(
        this,
        domid: u32,
        num: Out<c_int>,
    ) -> *mut libxl_device_channel [else null_mut()] {
        let channels = crate::device::list::<libxl_device_channel>(this, domid);
        num.set(0)?;
        num.list_or_null(&channels?)
    }

    /// The terminal of a console, malloc'd.
    fn libxl_console_get_tty(
        this,
        domid: u32,
        cons_num: c_int,
        type_: Whole<libxl_console_type>,
        path: Out<*mut c_char>,
    ) {
        let console = address(domid, cons_num, type_)?;
        let found = this
            .core
            .block_on(async |op| tty::path(op, console).await)?;
        path.text(&found)
    }

    /// The terminal of the console that a user of the domain means, malloc'd.
    fn libxl_primary_console_get_tty(this, domid_vm: u32, path: Out<*mut c_char>) {
        let found = this.core.block_on(async |op| {
            let console = tty::primary(op, domid_vm).await?;
            tty::path(op, console).await
        })?;
        path.text(&found)
    }

    /// Replaces this process by a viewer of the domain's screen; returns only when that fails.
    fn libxl_vncviewer_exec(this, domid: u32, autopass: c_int) {
        let viewer = this
            .core
            .block_on(async |op| tty::viewer(op, domid, autopass != 0).await);
        let (command, password): (_, Option<OwnedFd>) = viewer?;
        Err::<(), _>(tty::exec(&command, password).domain(domid))
    }

    /// Starts reading the hypervisor's log, which is emptied on the way if `clear` is not 0.
    fn libxl_xen_console_read_start(
        _this,
        clear: c_int,
    ) -> *mut libxl_xen_console_reader [else null_mut()] {
        Ok(Box::into_raw(Box::new(libxl_xen_console_reader {
            clear: clear != 0,
            next: 0,
            chunk: Vec::new(),
        })))
    }

    /// The next part of the log: 1 and a C string that lives until the next call, or 0 and NULL when there is no more.
    fn libxl_xen_console_read_line(
        this,
        cr: Handle<libxl_xen_console_reader>,
        line_r: Out<*mut c_char>,
    ) {
        let mut cr = cr;
        let reader = cr
            .get()
            .ok_or_else(|| Error::inval("the reader is NULL"))?;
        line_r.set(null_mut())?;
        let xen = this.core.xen()?;
        let chunk = xen.read_console(RING_READ, reader.clear, Some(reader.next))?;
        if chunk.bytes.is_empty() {
            return Ok(0);
        }
        reader.next = chunk.next;
        reader.chunk = chunk.bytes;
        reader.chunk.push(0);
        line_r.set(reader.chunk.as_mut_ptr().cast())?;
        Ok(1)
    }

    /// Frees a reader.
    fn libxl_xen_console_read_finish(
        _ctx: Unused<libxl_ctx>,
        cr: LastUse<libxl_xen_console_reader>,
    ) -> () [else ()] {
        drop(cr.take());
    }
}
