//! The whole of it: open everything, leave root, move bytes until the stub domain is gone.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vchan::{Client, Devices};

use crate::config::Config;
use crate::confine;
use crate::console::{Console, Waits, number};
use crate::error::{Error, Result};
use crate::output::listen;
use crate::qmp::Qmp;
use crate::screen::Screen;
use crate::store::{Nodes, Store};

/// The daemon's socket.
const XENSTORED: &str = "/var/run/xenstored/socket";
/// The token of the watch that tells of the stub domain's end; all others are of things that are not connected yet.
const LIFE: &str = "life";
const OTHER: &str = "other";
/// Between attempts to connect to what made no sense: it may have been in the middle of a change.
const AGAIN: Duration = Duration::from_secs(1);

/// Serves stub domain `stubdom` until it is gone.
pub fn run(stubdom: u16) -> Result<()> {
    let mut store = Store::connect(XENSTORED)?;
    let task = format!("/libxl/{stubdom}/server");
    let text = store
        .read(&task)?
        .ok_or_else(|| Error::new(format!("{task} does not say what to do")))?;
    let config = Config::read(text.as_bytes())?;
    if config.stubdom != stubdom {
        return Err(Error::new(format!(
            "{task} is about domain {}",
            config.stubdom
        )));
    }
    let nodes = Nodes {
        stubdom,
        guest: config.guest,
    };
    let mut server = Server::open(store, &config, nodes)?;
    confine::leave_root(config.user)?;
    server.store.write(&nodes.state(), "running")?;
    // All may be ready, when another process served them before this one; then nothing can be written afterwards.
    server.connect()?;
    server.serve()
}

/// Everything that is open.
struct Server {
    nodes: Nodes,
    devices: Devices,
    store: Store,
    consoles: Vec<Console>,
    qmp: Qmp,
    screen: Option<Screen>,
    /// Watched until all are connected.
    watched: Vec<String>,
    /// When to try again what could not be connected.
    again: Option<Instant>,
    /// How often something failed that the stub domain can cause.
    failures: u64,
}

impl Server {
    fn open(mut store: Store, config: &Config, nodes: Nodes) -> Result<Self> {
        let devices = Devices::open().map_err(|error| Error::io("open Xen's devices", error))?;
        let mut consoles = Vec::new();
        for console in &config.consoles {
            consoles.push(Console::open(console, &mut store, nodes)?);
        }
        let qmp = Qmp::new(listen(&config.qmp)?);
        let screen = config.screen.as_ref();
        let screen = screen
            .map(|screen| Screen::open(screen, &mut store, nodes))
            .transpose()?;
        let mut server = Self {
            nodes,
            devices,
            store,
            consoles,
            qmp,
            screen,
            watched: Vec::new(),
            again: None,
            failures: 0,
        };
        server.watch()?;
        Ok(server)
    }

    fn watch(&mut self) -> Result<()> {
        self.store.watch(&self.nodes.life(), LIFE)?;
        let mut watched: Vec<String> = self
            .consoles
            .iter()
            .map(|console| console.watched(self.nodes))
            .collect();
        watched.push(self.nodes.vchan("qmp"));
        if self.screen.is_some() {
            watched.push(self.nodes.vchan("vnc"));
        }
        for path in &watched {
            self.store.watch(path, OTHER)?;
        }
        self.watched = watched;
        Ok(())
    }

    /// Connects what has become ready. When nothing is left, xenstored is only listened to from then on.
    fn connect(&mut self) -> Result<()> {
        self.again = None;
        if self.watched.is_empty() {
            return Ok(());
        }
        let mut troubles = Vec::new();
        for console in &mut self.consoles {
            // A frontend that makes no sense costs the stub domain that console.
            let connected = console.connect(&self.devices, &mut self.store, self.nodes);
            troubles.extend(connected.err());
        }
        for error in troubles {
            self.fails(&error);
        }
        if !self.qmp.is_connected()
            && let Some(vchan) = self.vchan("qmp")?
        {
            self.qmp.connect(vchan);
        }
        if self
            .screen
            .as_ref()
            .is_some_and(|screen| !screen.is_connected())
            && let (Some(vchan), Some(screen)) = (self.vchan("vnc")?, &mut self.screen)
        {
            screen.connect(vchan);
        }
        let all = self.consoles.iter().all(Console::is_connected)
            && self.qmp.is_connected()
            && self.screen.as_ref().is_none_or(Screen::is_connected);
        if all {
            for path in std::mem::take(&mut self.watched) {
                self.store.unwatch(&path, OTHER)?;
            }
            confine::never_write_to(self.store.as_fd())?;
        }
        Ok(())
    }

    /// What the agent offers; nothing when it does not yet, or what it offers makes no sense.
    fn vchan(&mut self, what: &str) -> Result<Option<Client>> {
        let path = self.nodes.vchan(what);
        let grant = number(&mut self.store, &format!("{path}/ring-ref"))?;
        let port = number(&mut self.store, &format!("{path}/event-channel"))?;
        let (Some(grant), Some(port)) = (grant, port) else {
            return Ok(None);
        };
        match Client::attach(&self.devices, self.nodes.stubdom, grant, port) {
            Ok(client) => Ok(Some(client)),
            Err(error) => {
                self.fails(&Error::io(format!("connect to {what}-vchan"), error));
                Ok(None)
            }
        }
    }

    /// Says so, and tries again later.
    fn fails(&mut self, error: &Error) {
        self.failures += 1;
        say(self.failures, error);
        self.again = Some(Instant::now() + AGAIN);
    }

    /// Until the stub domain is gone.
    fn serve(&mut self) -> Result<()> {
        // The first event about its life is of the watch itself.
        let mut lives = true;
        let mut known = false;
        while lives {
            let now = Instant::now();
            let mut more = false;
            for console in &mut self.consoles {
                match console.turn() {
                    Ok(moved) => more |= moved,
                    Err(error) => {
                        self.failures += 1;
                        say(
                            self.failures,
                            &Error::io("write what a console sent", error),
                        );
                    }
                }
            }
            more |= self.qmp.turn(now);
            if let Some(screen) = &mut self.screen {
                more |= screen.turn(now);
            }
            self.wait(now, more)?;
            let mut other = false;
            while let Some(token) = self.event()? {
                if token == LIFE {
                    lives = !known;
                    known = true;
                } else {
                    other = true;
                }
            }
            let again = self.again.is_some_and(|again| again <= Instant::now());
            if (other || again) && lives {
                self.connect()?;
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Option<String>> {
        self.store
            .event()
            .map_err(|error| Error::io("hear from xenstored", error))
    }

    /// Waits until there is something to do.
    fn wait(&self, now: Instant, more: bool) -> Result<()> {
        let mut waits: Waits<'_> = vec![
            (self.store.as_fd(), PollFlags::IN),
            (self.devices.as_fd(), PollFlags::IN),
        ];
        for console in &self.consoles {
            let all = console.descriptors();
            waits.extend(all.accepts.map(|fd| (fd, PollFlags::IN)));
            waits.extend(all.reads.map(|fd| (fd, PollFlags::IN)));
            waits.extend(all.writes.map(|fd| (fd, PollFlags::OUT)));
        }
        self.qmp.waits(now, &mut waits);
        let due = self.screen.as_ref().and_then(|screen| {
            screen.waits(&mut waits);
            screen.due()
        });
        let due = [due, self.qmp.due(now), self.again];
        let due = due.into_iter().flatten().min();
        let due = if more { Some(now) } else { due };
        let limit = due.map(|due| due.saturating_duration_since(now));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut fds: Vec<PollFd<'_>> = waits
            .iter()
            .map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags))
            .collect();
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("wait", error)),
        }
        if !fds[1].revents().is_empty() {
            // Whose they are shows when all are looked at.
            let taken = self.devices.take_events();
            taken.map_err(|error: io::Error| Error::io("take events", error))?;
        }
        Ok(())
    }
}

/// For the log, more and more rarely: what the stub domain can cause has no end.
fn say(times: u64, error: &Error) {
    if times.is_power_of_two() {
        eprintln!("xenlight-serve: {error} (trouble {times})");
    }
}
