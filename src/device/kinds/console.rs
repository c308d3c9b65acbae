//! Consoles. The first one is set up by the toolstack before the guest runs and keeps its old place in xenstore; the
//! others are ordinary devices that QEMU serves.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::state::XenbusState;
use crate::device::traits::{Kind, When};
use crate::log::Logger;
use crate::{Domid, Error, Result};

/// How many bytes a server keeps for a reader who does not read.
pub const OUTPUT_LIMIT: u32 = 1_048_576;
const PROTOCOL: &str = "vt100";

/// Who serves a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleBackend {
    /// The console daemon; it serves first consoles only.
    Xenconsoled,
    /// QEMU.
    Ioemu,
    /// This project's server of stub domains; QEMU and the console daemon leave a console of that type alone.
    Server,
}

/// What the first console's server needs to reach a guest that has not run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The guest's end of the event channel.
    pub port: u32,
    /// The frame of the shared page; a machine frame for PV guests.
    pub frame: u64,
    /// The terminal that is in use already, after a restore.
    pub tty: Option<String>,
}

/// A console of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// Its number.
    pub devid: i32,
    /// The domain that serves it.
    pub backend_domid: Domid,
    /// The program that serves it.
    pub backend: ConsoleBackend,
    /// What the server connects it to: `pty`, `file:PATH`, `pipe:PATH`, `chardev:ID`; nothing when `None`.
    pub output: Option<String>,
    /// The name, if it is a channel.
    pub name: Option<String>,
    /// The sort of channel.
    pub connection: Option<String>,
    /// The socket of a channel.
    pub path: Option<String>,
    /// The shared page; first consoles only.
    pub ring: Option<Ring>,
}

impl Console {
    /// The first console of a guest: a terminal of xenconsoled in `backend_domid`.
    pub fn primary(backend_domid: Domid, ring: Ring) -> Self {
        Self {
            backend: ConsoleBackend::Xenconsoled,
            ring: Some(ring),
            ..Self::ioemu(0, backend_domid, Some("pty".to_owned()))
        }
    }

    /// A console that QEMU in `backend_domid` serves.
    pub fn ioemu(devid: i32, backend_domid: Domid, output: Option<String>) -> Self {
        Self {
            devid,
            backend_domid,
            backend: ConsoleBackend::Ioemu,
            output,
            name: None,
            connection: None,
            path: None,
            ring: None,
        }
    }
}

impl Kind for Console {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (None, &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::Console, &mut self.devid))
    }

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        if self.devid != 0 && self.ring.is_some() {
            return Err(Error::inval(
                "only a domain's first console has a ring from the start",
            ));
        }
        if self.devid == 0 && (self.name.is_some() || self.path.is_some()) {
            return Err(Error::inval("a domain's first console cannot be a channel"));
        }
        Ok(())
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        Ok(Device::plain(
            domid,
            DeviceKind::Console,
            self.devid,
            self.backend_domid,
        ))
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let initialising = XenbusState::Initialising.number();
        let mut nodes = Nodes::default();
        nodes
            .back
            .set("frontend-id", device.domid)
            .set_bool("online", true)
            .set("state", initialising)
            .set("protocol", PROTOCOL)
            .set_some("name", self.name.as_deref())
            .set_some("connection", self.connection.as_deref())
            .set_some("path", self.path.as_deref());
        nodes.front.set("backend-id", self.backend_domid);
        let server = match self.backend {
            ConsoleBackend::Xenconsoled => "xenconsoled",
            ConsoleBackend::Ioemu => "ioemu",
            ConsoleBackend::Server => "xenlight-serve",
        };
        let tty = self.ring.as_ref().and_then(|ring| ring.tty.as_deref());
        nodes
            .front_ro
            .set_some("name", self.name.as_deref())
            .set("limit", OUTPUT_LIMIT)
            .set("type", server)
            .set_some("output", self.output.as_deref())
            .set("tty", tty.unwrap_or(""));
        match &self.ring {
            Some(ring) => nodes
                .front_ro
                .set("port", ring.port)
                .set("ring-ref", ring.frame),
            None => nodes
                .front
                .set("state", initialising)
                .set("protocol", PROTOCOL),
        };
        Ok(nodes)
    }
}
