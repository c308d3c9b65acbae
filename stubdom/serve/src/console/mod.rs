//! One console: a ring that the stub domain shares, an event channel, and where it ends in dom0.

pub mod ring;

use std::os::fd::BorrowedFd;

use vchan::{Devices, EventChannel, SharedPages};

use crate::config;
use crate::error::{Error, Result};
use crate::output::{Descriptors, Output};
use crate::store::{Nodes, Store};

/// The grant of the first console's page, which the domain's builder makes (GNTTAB_RESERVED_CONSOLE in xen/grant_table.h).
const FIRST_CONSOLE: u32 = 0;
/// States of a device's end (xen/io/xenbus.h).
const INIT_WAIT: &str = "2";
const CONNECTED: &str = "4";
/// States of a frontend that has its ring ready.
const READY: [&str; 2] = ["3", "4"];
/// Moved in one turn, so that a console that never is quiet leaves the others theirs.
const TURN: usize = 8 << 10;

/// A console, connected or not yet.
pub struct Console {
    number: u8,
    output: Output,
    link: Option<Link>,
    /// Typed already and not yet given to the stub domain.
    typed: Vec<u8>,
}

struct Link {
    page: SharedPages,
    channel: EventChannel,
}

impl Console {
    /// Opens where it ends, and writes what programs look for.
    pub fn open(config: &config::Console, store: &mut Store, nodes: Nodes) -> Result<Self> {
        let (output, tty) = Output::open(&config.end)?;
        if let Some(tty) = &tty {
            store.write(&format!("{}/tty", nodes.console(config.number)), tty)?;
            if let Some(port) = config.serial {
                store.write(&nodes.serial_tty(port), tty)?;
            }
        }
        store.write(&nodes.console_backend(config.number), INIT_WAIT)?;
        Ok(Self {
            number: config.number,
            output,
            link: None,
            typed: Vec::new(),
        })
    }

    /// Whether its ring is mapped.
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// The node that says how far the stub domain's end is.
    pub fn watched(&self, nodes: Nodes) -> String {
        format!("{}/state", nodes.console(self.number))
    }

    /// Connects when the stub domain's end is ready: at once for the first console, which is there before the domain runs.
    pub fn connect(&mut self, devices: &Devices, store: &mut Store, nodes: Nodes) -> Result<()> {
        if self.is_connected() {
            return Ok(());
        }
        let directory = nodes.console(self.number);
        let grant = match self.number {
            0 => Some(FIRST_CONSOLE),
            _ => {
                let state = store.read(&format!("{directory}/state"))?;
                if !state.is_some_and(|state| READY.contains(&state.as_str())) {
                    return Ok(());
                }
                number(store, &format!("{directory}/ring-ref"))?
            }
        };
        let port = number(store, &format!("{directory}/port"))?;
        let (Some(grant), Some(port)) = (grant, port) else {
            return Ok(());
        };
        let failed = |error| Error::io(format!("connect to console {}", self.number), error);
        let page = devices
            .map(nodes.stubdom, &[grant], true, None)
            .map_err(failed)?;
        let channel = devices
            .bind_interdomain(nodes.stubdom, port)
            .map_err(failed)?;
        channel.unmask().map_err(failed)?;
        self.link = Some(Link { page, channel });
        store.write(&nodes.console_backend(self.number), CONNECTED)
    }

    /// Moves bytes both ways, as far as it goes without waiting. True when there is more to move at once.
    pub fn turn(&mut self) -> std::io::Result<bool> {
        self.output.accept();
        self.output.flush();
        let Some(link) = &self.link else {
            return Ok(false);
        };
        let mut moved = 0;
        let mut written = Ok(());
        let mut buffer = [0; 2048];
        while moved < TURN && written.is_ok() {
            let count = ring::take(&link.page, &mut buffer);
            if count == 0 {
                break;
            }
            moved += count;
            written = self.output.put(&buffer[..count]);
        }
        let mut given = 0;
        while given < TURN {
            if self.typed.is_empty() {
                let room = ring::room(&link.page).min(buffer.len());
                if room == 0 {
                    break;
                }
                let count = self.output.get(&mut buffer[..room]);
                self.typed.extend_from_slice(&buffer[..count]);
            }
            let count = ring::give(&link.page, &self.typed);
            if count == 0 {
                break;
            }
            self.typed.drain(..count);
            given += count;
        }
        if moved + given > 0 {
            // Gone with the domain, which shows elsewhere.
            let _ = link.channel.notify();
        }
        written.map(|()| moved >= TURN || given >= TURN)
    }

    /// What to wait for besides events.
    pub fn descriptors(&self) -> Descriptors<'_> {
        let mut all = self.output.descriptors();
        let has_room = self
            .link
            .as_ref()
            .is_some_and(|link| ring::room(&link.page) > 0);
        if !has_room || !self.typed.is_empty() {
            all.reads = all.reads.filter(|_| false);
        }
        all
    }
}

/// A number that the stub domain wrote.
pub fn number(store: &mut Store, path: &str) -> Result<Option<u32>> {
    let text = store.read(path)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .filter(|number| *number != 0))
}

/// Descriptors to wait for, and what for.
pub type Waits<'a> = Vec<(BorrowedFd<'a>, rustix::event::PollFlags)>;
