//! The guest's screen: viewers of a VNC server that runs beside QEMU in the stub domain. This process passes their bytes; it
//! looks at them only where a password is asked for.

pub mod rfb;
mod viewer;

use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Instant;

use rustix::event::PollFlags;
use vchan::Client;
use vchan::mux::{Event, Mux, Side};

use crate::config;
use crate::console::Waits;
use crate::error::{Error, Result};
use crate::output::listen;
use crate::store::{Nodes, Store};
use viewer::Viewer;

/// Where displays begin.
const FIRST_PORT: u16 = 5900;
/// The last display that is tried where any unused one will do.
const LAST_UNUSED: u16 = 99;
/// Connections at once, those that have not said who they are included.
const MOST_VIEWERS: usize = 16;
/// Moved in one turn between link and vchan.
const STEP: usize = 16 << 10;

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The screen.
pub struct Screen {
    listener: Listener,
    password: Option<String>,
    random: File,
    link: Option<Link>,
    viewers: Vec<Viewer>,
}

/// The vchan to the stub domain's agent, and the streams on it.
struct Link {
    vchan: Client,
    mux: Mux,
    connected: bool,
}

impl Screen {
    /// Listens, and writes what viewers look for.
    pub fn open(config: &config::Screen, store: &mut Store, nodes: Nodes) -> Result<Self> {
        let (listener, host, port) = match config.host.strip_prefix("unix:") {
            Some(path) => (
                Listener::Unix(listen(Path::new(path))?),
                config.host.clone(),
                None,
            ),
            None => {
                let (listener, port) = listen_tcp(config)?;
                (Listener::Tcp(listener), config.host.clone(), Some(port))
            }
        };
        store.write(&nodes.screen("vnc-listen"), &host)?;
        if let Some(port) = port {
            store.write(&nodes.screen("vnc-port"), &port.to_string())?;
        }
        if let Some(password) = &config.password {
            store.write(&nodes.screen("vnc-pass"), password)?;
        }
        Self::new(listener, config.password.clone())
    }

    /// One that is shown on a socket, which does not wait, and nowhere written down.
    pub fn on_socket(listener: UnixListener, password: Option<String>) -> Result<Self> {
        Self::new(Listener::Unix(listener), password)
    }

    fn new(listener: Listener, password: Option<String>) -> Result<Self> {
        let random =
            File::open("/dev/urandom").map_err(|error| Error::io("open /dev/urandom", error))?;
        Ok(Self {
            listener,
            password,
            random,
            link: None,
            viewers: Vec::new(),
        })
    }

    /// Whether the vchan is there.
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// The vchan, once the agent offers it.
    pub fn connect(&mut self, vchan: Client) {
        self.link = Some(Link {
            vchan,
            mux: Mux::new(Side::Opener),
            connected: false,
        });
    }

    /// Moves bytes both ways, as far as it goes without waiting. True when there is more to move at once.
    pub fn turn(&mut self, now: Instant) -> bool {
        let Some(link) = &mut self.link else {
            return false;
        };
        if !link.establish() {
            self.viewers.clear();
            return false;
        }
        while self.viewers.len() < MOST_VIEWERS {
            let Ok(socket) = self.listener.accept() else {
                break;
            };
            let password = self.password.as_deref();
            if let Ok(viewer) = challenge(&mut self.random).and_then(|challenge| {
                Viewer::new(socket, password.map(|password| (password, challenge)), now)
            }) {
                self.viewers.push(viewer);
            }
        }
        let received = link.receive();
        let Ok(more_in) = received else {
            link.give_up();
            self.viewers.clear();
            return false;
        };
        let mux = &mut link.mux;
        self.viewers.retain_mut(|viewer| {
            let stays = viewer.turn(mux, now);
            if let (false, Some(stream)) = (stays, viewer.stream()) {
                // What it typed last still goes out.
                mux.close(stream);
            }
            stays
        });
        // A stream ends when its viewer has had all of it.
        while let Some(Event::Closed(stream) | Event::Opened(stream)) = mux.event() {
            self.viewers
                .retain(|viewer| viewer.stream() != Some(stream));
        }
        more_in | link.send()
    }

    /// When to look again although nothing came.
    pub fn due(&self) -> Option<Instant> {
        self.viewers.iter().filter_map(Viewer::due).min()
    }

    /// What to wait for besides events.
    pub fn waits<'a>(&'a self, waits: &mut Waits<'a>) {
        let Some(link) = self.link.as_ref().filter(|link| link.connected) else {
            return;
        };
        if self.viewers.len() < MOST_VIEWERS {
            let fd = match &self.listener {
                Listener::Tcp(listener) => listener.as_fd(),
                Listener::Unix(listener) => listener.as_fd(),
            };
            waits.push((fd, PollFlags::IN));
        }
        for viewer in &self.viewers {
            let (fd, flags) = viewer.waits(&link.mux);
            if !flags.is_empty() {
                waits.push((fd, flags));
            }
        }
    }
}

impl Listener {
    fn accept(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(socket, _)| {
                // A key typed shows at once.
                let _ = socket.set_nodelay(true);
                socket.into()
            }),
            Self::Unix(listener) => listener.accept().map(|(socket, _)| socket.into()),
        }
    }
}

impl Link {
    /// Whether it is up. Once the agent has seen that the last one is gone, a new one begins, with no streams; that an old one
    /// has ended is said once at least, since its viewers' streams would be other viewers' in the new one.
    fn establish(&mut self) -> bool {
        if self.connected && !self.vchan.is_open() {
            self.give_up();
            return false;
        }
        if !self.connected && self.vchan.is_open() && self.vchan.is_awaited() {
            self.mux = Mux::new(Side::Opener);
            self.vchan.reconnect();
            self.connected = true;
        }
        self.connected
    }

    fn give_up(&mut self) {
        self.vchan.disconnect();
        self.connected = false;
    }

    /// From the vchan; whether there is more.
    fn receive(&mut self) -> std::result::Result<bool, vchan::mux::Broken> {
        let mut buffer = [0; STEP];
        let count = self.vchan.read(&mut buffer);
        self.mux.receive(&buffer[..count])?;
        Ok(count == STEP)
    }

    /// To the vchan; whether there is more and room for it.
    fn send(&mut self) -> bool {
        let mut moved = 0;
        while moved < STEP {
            let out = self.mux.outgoing();
            if out.is_empty() {
                return false;
            }
            let count = self.vchan.write(out);
            if count == 0 {
                return false;
            }
            self.mux.sent(count);
            moved += count;
        }
        true
    }
}

fn challenge(random: &mut File) -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    random.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The listener and its port.
fn listen_tcp(config: &config::Screen) -> Result<(TcpListener, u16)> {
    let last = if config.unused {
        LAST_UNUSED.max(config.display)
    } else {
        config.display
    };
    let mut failure = None;
    for display in config.display..=last {
        let port = FIRST_PORT + display;
        match bind(&config.host, port) {
            Ok(listener) => return Ok((listener, port)),
            Err(error) => {
                failure = Some(Error::io(
                    format!("listen on {}:{port} for VNC", config.host),
                    error,
                ))
            }
        }
    }
    Err(failure.unwrap_or_else(|| Error::new("there is no VNC display to try")))
}

fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let listener = TcpListener::bind(&addresses[..])?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests;
