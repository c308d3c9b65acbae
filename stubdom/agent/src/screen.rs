//! Carries the screen out: each stream of the vchan's [`vchan::mux`] is a connection to QEMU's VNC socket.
//!
//! QEMU's drawing is what viewers in the toolstack's domain see; nothing in here looks at it.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vchan::mux::{Event, Mux, QUEUE, Side};
use vchan::{Presence, Server};

use crate::console::say;
use crate::error::{Error, Result};
use crate::retry::Attempts;
use crate::sys::Wish;
use crate::{offer, sys};

const CHUNK: usize = 16 << 10;

/// Serves the screen that QEMU has on `socket`, in a thread, as long as this domain lives.
pub(crate) fn serve(target: &str, socket: PathBuf) {
    let target = target.to_owned();
    let started = std::thread::Builder::new()
        .name("screen".into())
        .spawn(move || keep(&socket, || offer::screen(&target)));
    if let Err(error) = started {
        say(&format!("error: there is no screen: {error}"));
    }
}

fn keep(socket: &Path, offer: impl Fn() -> Result<Server>) {
    let mut attempts = Attempts::new();
    loop {
        let began = sys::uptime();
        let error = match offer().map(|server| Screen::new(server, socket)) {
            Ok(mut screen) => screen.serve(),
            Err(error) => error,
        };
        let (pause, word) = attempts.failed(sys::uptime().saturating_sub(began));
        if let Some(count) = word {
            say(&format!("the screen: {error}, time {count}; trying again"));
        }
        std::thread::sleep(pause);
    }
}

struct Screen<'a> {
    server: Server,
    socket: &'a Path,
    /// `None` without a client, or with one that broke the rules, until the next one comes.
    link: Option<Mux>,
    /// By stream.
    connections: Vec<(u8, UnixStream)>,
}

impl<'a> Screen<'a> {
    fn new(server: Server, socket: &'a Path) -> Self {
        Self {
            server,
            socket,
            link: None,
            connections: Vec::new(),
        }
    }

    /// Ends when the vchan is of no use any more.
    fn serve(&mut self) -> Error {
        let mut more = true;
        loop {
            let limit = more.then_some(Duration::ZERO);
            match self.wait(limit).and_then(|()| self.step()) {
                Ok(again) => more = again,
                Err(error) => return error,
            }
        }
    }

    fn wait(&self, limit: Option<Duration>) -> Result<()> {
        let mut sources: Vec<(BorrowedFd<'_>, Wish)> = vec![(self.server.as_fd(), Wish::Read)];
        if let Some(mux) = &self.link {
            for (number, connection) in &self.connections {
                let wish = match (mux.room(*number) > 0, !mux.readable(*number).is_empty()) {
                    (true, false) => Wish::Read,
                    (false, true) => Wish::Write,
                    (true, true) => Wish::Both,
                    (false, false) => continue,
                };
                sources.push((connection.as_fd(), wish));
            }
        }
        sys::poll(&sources, limit).map(drop)
    }

    /// Moves what can be moved; gives whether the client has sent more than was taken.
    fn step(&mut self) -> Result<bool> {
        self.server
            .acknowledge()
            .map_err(|source| Error::io("take events", source))?;
        match self.server.look() {
            Presence::Stays => {}
            Presence::Came => {
                self.connections.clear();
                self.link = Some(Mux::new(Side::Acceptor));
            }
            Presence::Left | Presence::Absent => {
                self.connections.clear();
                self.link = None;
            }
        }
        let Some(mux) = &mut self.link else {
            return Ok(false);
        };
        let mut buffer = [0; CHUNK];
        let count = self.server.read(&mut buffer);
        if let Err(broken) = mux.receive(&buffer[..count]) {
            say(&format!("the screen: {broken}"));
            self.connections.clear();
            self.link = None;
            return Ok(false);
        }
        follow(mux, &mut self.connections, self.socket);
        self.connections.retain_mut(|(number, connection)| {
            write_out(mux, *number, connection);
            let alive = read_in(mux, *number, connection);
            if !alive {
                mux.close(*number);
            }
            alive
        });
        // A stream ends when all of it has been written out.
        follow(mux, &mut self.connections, self.socket);
        loop {
            let bytes = mux.outgoing();
            let taken = self.server.write(bytes);
            let all = taken == bytes.len();
            mux.sent(taken);
            if taken == 0 || !all {
                break;
            }
        }
        Ok(count == CHUNK)
    }
}

/// Opens and closes connections as the client does with streams.
fn follow(mux: &mut Mux, connections: &mut Vec<(u8, UnixStream)>, socket: &Path) {
    while let Some(event) = mux.event() {
        match event {
            Event::Opened(number) => match connect(socket) {
                Ok(connection) => connections.push((number, connection)),
                Err(error) => {
                    say(&format!("the screen: {error}"));
                    mux.close(number);
                }
            },
            Event::Closed(number) => connections.retain(|(other, _)| *other != number),
        }
    }
}

fn connect(socket: &Path) -> Result<UnixStream> {
    UnixStream::connect(socket)
        .and_then(|connection| {
            connection.set_nonblocking(true)?;
            Ok(connection)
        })
        .map_err(|source| Error::io("reach QEMU's VNC", source))
}

/// Gives QEMU what has come for it. What a connection that is over does not take is dropped; it is read to its end.
fn write_out(mux: &mut Mux, number: u8, connection: &mut UnixStream) {
    loop {
        let bytes = mux.readable(number);
        if bytes.is_empty() {
            return;
        }
        let all = bytes.len();
        match connection.write(bytes) {
            Ok(count @ 1..) => mux.consume(number, count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => mux.consume(number, all),
        }
    }
}

/// Takes what QEMU has, as much as there is room for. False when the connection is over.
fn read_in(mux: &mut Mux, number: u8, connection: &mut UnixStream) -> bool {
    let mut buffer = [0; QUEUE];
    let room = mux.room(number);
    if room == 0 {
        return true;
    }
    match connection.read(&mut buffer[..room]) {
        Ok(0) => false,
        Ok(count) => {
            mux.send(number, &buffer[..count]);
            true
        }
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}

#[cfg(test)]
mod tests;
