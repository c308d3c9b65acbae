//! Event channels: how one end tells the other that there is something to look at.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::{devices, sys};

/// An event channel of Xen's, unbound on drop.
pub struct EventChannel {
    events: Arc<File>,
    port: u32,
}

impl EventChannel {
    pub(crate) fn new(events: Arc<File>, port: u32) -> Self {
        Self { events, port }
    }

    /// The number of this side's port.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Rings at the other side. Nobody hears it if there is none.
    pub fn notify(&self) -> io::Result<()> {
        sys::notify(&self.events, self.port)
    }

    /// Lets events come; some kernels begin with the port masked.
    pub fn unmask(&self) -> io::Result<()> {
        devices::unmask(&self.events, &self.port.to_ne_bytes())
    }
}

impl Drop for EventChannel {
    fn drop(&mut self) {
        let _ = sys::unbind(&self.events, self.port);
    }
}

/// What an end rings with: a channel of Xen's, or a socket to another end in this process.
pub(crate) enum Channel {
    Xen(EventChannel),
    Local(UnixStream),
}

impl Channel {
    pub(crate) fn port(&self) -> u32 {
        match self {
            Self::Xen(channel) => channel.port(),
            Self::Local(_) => 0,
        }
    }

    /// Best effort: a channel that the other side has left has nobody to tell.
    pub(crate) fn notify(&self) {
        match self {
            Self::Xen(channel) => drop(channel.notify()),
            // Full means that enough has been said.
            Self::Local(socket) => drop({ socket }.write(&[0])),
        }
    }

    pub(crate) fn acknowledge(&self) -> io::Result<Vec<u32>> {
        match self {
            Self::Xen(channel) => devices::take_events(&channel.events),
            Self::Local(socket) => match { socket }.read(&mut [0; 4096]) {
                Ok(0) => Ok(Vec::new()),
                Ok(_) => Ok(vec![0]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
                Err(error) => Err(error),
            },
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Xen(channel) => channel.events.as_fd(),
            Self::Local(socket) => socket.as_fd(),
        }
    }
}
