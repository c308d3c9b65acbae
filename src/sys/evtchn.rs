//! Event channels bound by this process (libxenevtchn). They are unbound when the handle is dropped.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{self, NonNull};

use rustix::io::Errno;

use super::faults;
use super::log::CLogger;
use super::raw::guest;

/// How many events one call takes.
const PORTS_AT_ONCE: usize = 64;

/// An open /dev/xen/evtchn; readable as soon as one of its channels has an event.
#[derive(Debug)]
pub struct EventChannels {
    raw: NonNull<guest::xenevtchn_handle>,
    /// The C side keeps a pointer to the logger.
    _logger: Option<CLogger>,
}

impl EventChannels {
    /// Opens the device; libxenevtchn's own lines go to `logger`.
    pub fn open(logger: Option<CLogger>) -> io::Result<Self> {
        faults::point("hypercall", format_args!("evtchn_open"))?;
        let sink = logger.as_ref().map_or(ptr::null_mut(), CLogger::as_ptr);
        // SAFETY: NULL is allowed; otherwise `logger` is kept alive by the result.
        let raw = unsafe { guest::xenevtchn_open(sink.cast(), 0) };
        let raw = NonNull::new(raw).ok_or_else(io::Error::last_os_error)?;
        let channels = Self {
            raw,
            _logger: logger,
        };
        // Without it, asking which channel has an event would wait for one.
        rustix::io::ioctl_fionbio(&channels, true)?;
        Ok(channels)
    }

    /// Binds the channel that `domid` keeps open for us at its port; returns our own port.
    pub fn bind_interdomain(&self, domid: u32, port: u32) -> io::Result<u32> {
        faults::point("hypercall", format_args!("evtchn_bind_interdomain"))?;
        // SAFETY: the handle is live and every other argument is an integer.
        let bound = unsafe { guest::xenevtchn_bind_interdomain(self.raw.as_ptr(), domid, port) };
        u32::try_from(bound).map_err(|_| io::Error::last_os_error())
    }

    /// Ports of channels that have an event, at most 64; they are masked until [`EventChannels::unmask`].
    pub fn pending(&self) -> io::Result<Vec<u32>> {
        // One system call for all of them, where libxenevtchn takes one for each and another to see the end.
        let mut ports = [0; PORTS_AT_ONCE * size_of::<u32>()];
        match rustix::io::read(self, &mut ports) {
            Ok(length) => Ok(ports[..length]
                .chunks_exact(size_of::<u32>())
                .map(|port| u32::from_ne_bytes([port[0], port[1], port[2], port[3]]))
                .collect()),
            Err(Errno::AGAIN | Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets a channel's next event come.
    pub fn unmask(&self, port: u32) -> io::Result<()> {
        // SAFETY: the handle is live and the other argument is an integer.
        done(unsafe { guest::xenevtchn_unmask(self.raw.as_ptr(), port) })
    }

    /// Sends an event to the other end.
    pub fn notify(&self, port: u32) -> io::Result<()> {
        // SAFETY: the handle is live and the other argument is an integer.
        done(unsafe { guest::xenevtchn_notify(self.raw.as_ptr(), port) })
    }
}

fn done(result: std::ffi::c_int) -> io::Result<()> {
    match result {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl AsFd for EventChannels {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the handle is live and owns its descriptor until drop; the borrow does not outlive `self`.
        unsafe { BorrowedFd::borrow_raw(guest::xenevtchn_fd(self.raw.as_ptr())) }
    }
}

impl Drop for EventChannels {
    fn drop(&mut self) {
        // SAFETY: opened by EventChannels::open, closed once.
        unsafe { guest::xenevtchn_close(self.raw.as_ptr()) };
    }
}
