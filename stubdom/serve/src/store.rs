//! The connection to xenstored (xs_wire.h). It is dom0's, and so as mighty as root: once everything is connected the process
//! gives up writing to it (see [`crate::confine`]), and it tells of one thing only, the end of the stub domain.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use store_wire::{HEADER, Kind, Message, PAYLOAD_MAX};

use crate::error::{Error, Result};

/// xenstored answers at once, or is in trouble.
const PATIENCE: Duration = Duration::from_secs(30);
/// Different tokens of watches that fired and were not looked at: more than there are.
const TOKENS_MAX: usize = 16;

/// A connection.
#[derive(Debug)]
pub struct Store {
    socket: UnixStream,
    buffer: Vec<u8>,
    /// Tokens of watches that fired, and how often: so many of one hide no other.
    events: VecDeque<(String, u64)>,
}

impl Store {
    /// Connects to the daemon at `path`.
    pub fn connect(path: &str) -> Result<Self> {
        let failed = |error| Error::io(format!("connect to xenstored at {path}"), error);
        let socket = UnixStream::connect(path).map_err(failed)?;
        Self::new(socket).map_err(failed)
    }

    /// The daemon is at the other end of `socket`.
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            buffer: Vec::new(),
            events: VecDeque::new(),
        })
    }

    /// A node's value; nothing when there is none.
    pub fn read(&mut self, path: &str) -> Result<Option<String>> {
        match self
            .ask(Kind::Read, &[path.as_bytes(), b"\0"])
            .map_err(|error| failed(path, error))?
        {
            Ok(value) => Ok(String::from_utf8(value).ok()),
            Err(words) if words == "ENOENT" => Ok(None),
            Err(words) => Err(Error::new(format!("xenstored on {path}: {words}"))),
        }
    }

    /// Writes a node, which keeps its owner; a new one has its parent's.
    pub fn write(&mut self, path: &str, value: &str) -> Result<()> {
        self.must(
            Kind::Write,
            path,
            &[path.as_bytes(), b"\0", value.as_bytes()],
        )
    }

    /// Asks to be told of changes at or below `path`, by `token`; it fires once at once.
    pub fn watch(&mut self, path: &str, token: &str) -> Result<()> {
        self.must(
            Kind::Watch,
            path,
            &[path.as_bytes(), b"\0", token.as_bytes(), b"\0"],
        )
    }

    /// Takes back what [`Store::watch`] asked for.
    pub fn unwatch(&mut self, path: &str, token: &str) -> Result<()> {
        self.must(
            Kind::Unwatch,
            path,
            &[path.as_bytes(), b"\0", token.as_bytes(), b"\0"],
        )
    }

    /// The token of a watch that fired, as often as it did. Does not wait.
    pub fn event(&mut self) -> io::Result<Option<String>> {
        if self.events.is_empty() {
            self.receive(RecvFlags::DONTWAIT)?;
            while let Some(message) = self.message()? {
                self.note(&message);
            }
        }
        match self.events.front_mut() {
            Some((token, times @ 2..)) => {
                *times -= 1;
                Ok(Some(token.clone()))
            }
            _ => Ok(self.events.pop_front().map(|(token, _)| token)),
        }
    }

    fn must(&mut self, kind: Kind, path: &str, parts: &[&[u8]]) -> Result<()> {
        match self.ask(kind, parts).map_err(|error| failed(path, error))? {
            Ok(_) => Ok(()),
            Err(words) => Err(Error::new(format!("xenstored on {path}: {words}"))),
        }
    }

    /// The answer, or the daemon's refusal.
    fn ask(
        &mut self,
        kind: Kind,
        parts: &[&[u8]],
    ) -> io::Result<std::result::Result<Vec<u8>, String>> {
        let message = store_wire::encode(kind, 0, 0, parts)
            .ok_or_else(|| io::Error::other("too long for xenstore"))?;
        self.socket.write_all(&message)?;
        loop {
            while let Some(message) = self.message()? {
                if message.is(Kind::WatchEvent) {
                    self.note(&message);
                } else if message.is(Kind::Error) {
                    let words = String::from_utf8_lossy(&message.payload);
                    return Ok(Err(words.trim_end_matches('\0').to_owned()));
                } else if message.is(kind) {
                    return Ok(Ok(message.payload));
                } else {
                    return Err(io::Error::other(format!(
                        "answered with message type {}",
                        message.header.kind
                    )));
                }
            }
            self.receive(RecvFlags::empty())?;
        }
    }

    fn note(&mut self, message: &Message) {
        if !message.is(Kind::WatchEvent) {
            return;
        }
        let Some((_, token)) = store_wire::event(&message.payload) else {
            return;
        };
        let token = String::from_utf8_lossy(token);
        let count = self.events.len();
        match self.events.iter_mut().find(|(known, _)| *known == token) {
            Some((_, times)) => *times += 1,
            None if count < TOKENS_MAX => self.events.push_back((token.into_owned(), 1)),
            // No watch of ours.
            None => {}
        }
    }

    /// Takes what has come into the buffer, or waits for it. An error when the daemon has gone.
    fn receive(&mut self, flags: RecvFlags) -> io::Result<()> {
        let mut bytes = [0; HEADER + PAYLOAD_MAX];
        match recv(&self.socket, &mut bytes, flags) {
            Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((count, _)) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(Errno::AGAIN) if flags.contains(RecvFlags::DONTWAIT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A whole message out of the buffer.
    fn message(&mut self) -> io::Result<Option<Message>> {
        let Some((message, length)) = store_wire::decode(&self.buffer).map_err(io::Error::other)?
        else {
            return Ok(None);
        };
        self.buffer.drain(..length);
        Ok(Some(message))
    }
}

fn failed(path: &str, error: io::Error) -> Error {
    Error::io(format!("ask xenstored for {path}"), error)
}

impl AsFd for Store {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Where things are in xenstore.
#[derive(Clone, Copy, Debug)]
pub struct Nodes {
    /// The stub domain.
    pub stubdom: u16,
    /// Its guest.
    pub guest: u16,
}

impl Nodes {
    /// A node that is there as long as the stub domain is known.
    pub fn life(self) -> String {
        format!("/local/domain/{}/domid", self.stubdom)
    }

    /// Where the toolstack waits for "running".
    pub fn state(self) -> String {
        format!(
            "/local/domain/0/device-model/{}/qmp-proxy-state",
            self.stubdom
        )
    }

    /// A console's directory in the stub domain's part.
    pub fn console(self, number: u8) -> String {
        match number {
            0 => format!("/local/domain/{}/console", self.stubdom),
            _ => format!("/local/domain/{}/device/console/{number}", self.stubdom),
        }
    }

    /// The state of our end of a console.
    pub fn console_backend(self, number: u8) -> String {
        format!(
            "/local/domain/0/backend/console/{}/{number}/state",
            self.stubdom
        )
    }

    /// Where programs look for the terminal of the guest's serial port.
    pub fn serial_tty(self, port: u8) -> String {
        format!("/local/domain/{}/serial/{port}/tty", self.guest)
    }

    /// What programs look for to show the guest's screen.
    pub fn screen(self, name: &str) -> String {
        format!("/local/domain/{}/console/{name}", self.guest)
    }

    /// The vchan of the stub domain's agent that carries `what`.
    pub fn vchan(self, what: &str) -> String {
        format!(
            "/local/domain/{}/device-model/{}/{what}-vchan",
            self.stubdom, self.guest
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::thread;

    use store_wire::Header;

    /// A daemon that sends `answers`, one for each request.
    fn daemon(answers: Vec<Vec<u8>>) -> (Store, thread::JoinHandle<Vec<Vec<u8>>>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let mut header = [0; HEADER];
                theirs.read_exact(&mut header).unwrap();
                let mut payload = vec![0; Header::parse(&header).unwrap().length];
                theirs.read_exact(&mut payload).unwrap();
                requests.push(payload);
                theirs.write_all(&answer).unwrap();
            }
            requests
        });
        (Store::new(ours).unwrap(), serving)
    }

    fn message(kind: Kind, payload: &[u8]) -> Vec<u8> {
        store_wire::encode(kind, 0, 0, &[payload]).unwrap()
    }

    #[test]
    fn answers_and_events_are_told_apart() {
        let event = message(Kind::WatchEvent, b"/local/domain/6/domid\0life\0");
        let (mut store, serving) = daemon(vec![
            [event.clone(), message(Kind::Read, b"17")].concat(),
            message(Kind::Error, b"ENOENT\0"),
            [message(Kind::Write, b"OK\0"), event].concat(),
            message(Kind::Error, b"EACCES\0"),
        ]);
        assert_eq!(store.read("/a").unwrap().as_deref(), Some("17"));
        assert_eq!(store.read("/b").unwrap(), None);
        store.write("/c", "x").unwrap();
        assert_eq!(store.event().unwrap().as_deref(), Some("life"));
        assert_eq!(store.event().unwrap().as_deref(), Some("life"));
        assert!(
            store
                .write("/d", "y")
                .unwrap_err()
                .to_string()
                .contains("EACCES")
        );
        let requests = serving.join().unwrap();
        assert_eq!(requests[2], b"/c\0x");
        // The daemon has gone.
        assert!(store.event().is_err());
    }

    #[test]
    fn many_events_of_one_watch_hide_no_other() {
        let other = message(Kind::WatchEvent, b"/local/domain/6/x\0other\0");
        let life = message(Kind::WatchEvent, b"/local/domain/6/domid\0life\0");
        let (mut store, serving) = daemon(vec![
            [
                life.clone(),
                other.repeat(5000),
                life,
                message(Kind::Read, b"1"),
            ]
            .concat(),
        ]);
        store.read("/a").unwrap();
        serving.join().unwrap();
        let mut seen = Vec::new();
        for _ in 0..5002 {
            seen.extend(store.events.front().map(|(token, _)| token.clone()));
            store.event().unwrap();
        }
        assert!(store.events.is_empty());
        assert_eq!(seen.iter().filter(|token| *token == "life").count(), 2);
        assert_eq!(seen.len(), 5002);
    }

    #[test]
    fn no_event_is_no_error() {
        let (mut store, serving) = daemon(vec![message(Kind::Watch, b"OK\0")]);
        store.watch("/a", "t").unwrap();
        let (other, _kept) = UnixStream::pair().unwrap();
        let mut quiet = Store::new(other).unwrap();
        assert_eq!(quiet.event().unwrap(), None);
        serving.join().unwrap();
    }

    #[test]
    fn a_message_that_is_too_long_ends_it() {
        let mut long = message(Kind::Read, b"");
        long[12..16].copy_from_slice(&5000u32.to_ne_bytes());
        let (mut store, serving) = daemon(vec![long]);
        assert!(store.read("/a").is_err());
        serving.join().unwrap();
    }
}
