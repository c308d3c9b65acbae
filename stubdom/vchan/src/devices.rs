//! The kernel's devices for grants and event channels, opened once.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use crate::channel::EventChannel;
use crate::shared::SharedPages;
use crate::sys::{self, Pages};

const EVENTS: &str = "/dev/xen/evtchn";
const FOREIGN: &str = "/dev/xen/gntdev";
const OURS: &str = "/dev/xen/gntalloc";

/// The most ports that one read takes; the kernel's own limit for it is a page.
const PORTS: usize = 1024;

/// Descriptors of `/dev/xen/evtchn`, `/dev/xen/gntdev` and `/dev/xen/gntalloc`.
///
/// Once it is open, nothing here opens a file: what a process needs to be allowed is ioctl, mmap, munmap, read and write.
/// A clone has the same descriptors.
#[derive(Clone)]
pub struct Devices {
    events: Arc<File>,
    /// `None` where the kernel does not offer it: a client needs one of the two, a server the other.
    foreign: Option<Arc<File>>,
    ours: Option<Arc<File>>,
}

/// What the kernel does when pages go, with the process or before.
#[derive(Clone, Copy, Debug)]
pub struct UnmapNotify {
    /// Offset of the byte that becomes 0.
    pub clear: usize,
    /// The local port that is rung.
    pub port: u32,
}

fn open(path: &str) -> io::Result<Arc<File>> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map(Arc::new)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot open {path}: {error}")))
}

fn present<'a>(device: Option<&'a Arc<File>>, path: &str) -> io::Result<&'a Arc<File>> {
    device.ok_or_else(|| {
        let module = path.rsplit('/').next().unwrap_or(path);
        let hint = format!("{path} could not be opened: load the kernel module xen-{module}");
        io::Error::new(io::ErrorKind::NotFound, hint)
    })
}

impl Devices {
    /// Opens the devices. Only the one for event channels must be there; without one for grants those calls fail that need it.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            events: open(EVENTS)?,
            foreign: open(FOREIGN).ok(),
            ours: open(OURS).ok(),
        })
    }

    /// The same devices with a descriptor of its own for events, for a thread of its own.
    pub fn with_own_events(&self) -> io::Result<Self> {
        Ok(Self {
            events: open(EVENTS)?,
            ..self.clone()
        })
    }

    /// Takes the events that wait and lets the next ones come. Gives their ports, none if there is none.
    ///
    /// It concerns everything that was bound with these devices: look at all of it afterwards.
    pub fn take_events(&self) -> io::Result<Vec<u32>> {
        take_events(&self.events)
    }

    /// Binds a channel to `port` of domain `peer`.
    pub fn bind_interdomain(&self, peer: u16, port: u32) -> io::Result<EventChannel> {
        let local = sys::bind_interdomain(&self.events, peer, port)?;
        Ok(EventChannel::new(Arc::clone(&self.events), local))
    }

    /// Makes a channel that domain `peer` may bind.
    pub fn bind_unbound(&self, peer: u16) -> io::Result<EventChannel> {
        let local = sys::bind_unbound(&self.events, peer)?;
        Ok(EventChannel::new(Arc::clone(&self.events), local))
    }

    /// Maps pages that domain `peer` has granted, in the order of `grants`.
    pub fn map(
        &self,
        peer: u16,
        grants: &[u32],
        writable: bool,
        notify: Option<UnmapNotify>,
    ) -> io::Result<SharedPages> {
        let device = present(self.foreign.as_ref(), FOREIGN)?;
        let pages = Pages::map(device, peer, grants, writable)?;
        prepared(pages, notify)
    }

    /// Allocates `count` pages, all zeros, that domain `peer` may map and write. Gives their grants as well.
    ///
    /// The kernel has a limit for all of them (1024 pages by default, parameter `limit` of xen-gntalloc). A page that
    /// the other domain still maps when it is dropped here stays until that domain lets go of it.
    pub fn grant(
        &self,
        peer: u16,
        count: usize,
        notify: Option<UnmapNotify>,
    ) -> io::Result<(SharedPages, Vec<u32>)> {
        let device = present(self.ours.as_ref(), OURS)?;
        let (pages, grants) = Pages::grant(device, peer, count)?;
        Ok((prepared(pages, notify)?, grants))
    }
}

impl AsFd for Devices {
    /// Readable when an event waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

fn prepared(pages: Pages, notify: Option<UnmapNotify>) -> io::Result<SharedPages> {
    if let Some(UnmapNotify { clear, port }) = notify {
        pages.notify_on_unmap(clear, port)?;
    }
    Ok(SharedPages::new(pages))
}

pub(crate) fn take_events(events: &File) -> io::Result<Vec<u32>> {
    let mut ports = [0; PORTS * 4];
    let length = match { events }.read(&mut ports) {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    unmask(events, &ports[..length])?;
    let ports = ports[..length].chunks_exact(4);
    Ok(ports
        .map(|port| u32::from_ne_bytes([port[0], port[1], port[2], port[3]]))
        .collect())
}

/// Lets the events of ports come, which are written down as the kernel gives them.
pub(crate) fn unmask(mut events: &File, ports: &[u8]) -> io::Result<()> {
    use std::io::Write;
    match ports {
        [] => Ok(()),
        ports => events.write_all(ports),
    }
}
