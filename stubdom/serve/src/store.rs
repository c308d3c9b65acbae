//! The connection to xenstored (xs_wire.h). It is dom0's, and so as mighty as root: once everything is connected the process
//! gives up writing to it (see [`crate::confine`]), and it tells of one thing only, the end of the stub domain.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::error::{Error, Result};

const READ: u32 = 2;
const WATCH: u32 = 4;
const UNWATCH: u32 = 5;
const WRITE: u32 = 11;
const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;
const HEADER: usize = 16;
const PAYLOAD_MAX: usize = 4096;
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

/// A message: its kind and its payload.
type Message = (u32, Vec<u8>);

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
            .ask(READ, &[path.as_bytes(), b"\0"])
            .map_err(|error| failed(path, error))?
        {
            Ok(value) => Ok(String::from_utf8(value).ok()),
            Err(words) if words == "ENOENT" => Ok(None),
            Err(words) => Err(Error::new(format!("xenstored on {path}: {words}"))),
        }
    }

    /// Writes a node, which keeps its owner; a new one has its parent's.
    pub fn write(&mut self, path: &str, value: &str) -> Result<()> {
        self.must(WRITE, path, &[path.as_bytes(), b"\0", value.as_bytes()])
    }

    /// Asks to be told of changes at or below `path`, by `token`; it fires once at once.
    pub fn watch(&mut self, path: &str, token: &str) -> Result<()> {
        self.must(
            WATCH,
            path,
            &[path.as_bytes(), b"\0", token.as_bytes(), b"\0"],
        )
    }

    /// Takes back what [`Store::watch`] asked for.
    pub fn unwatch(&mut self, path: &str, token: &str) -> Result<()> {
        self.must(
            UNWATCH,
            path,
            &[path.as_bytes(), b"\0", token.as_bytes(), b"\0"],
        )
    }

    /// The token of a watch that fired, as often as it did. Does not wait.
    pub fn event(&mut self) -> io::Result<Option<String>> {
        if self.events.is_empty() {
            self.receive(RecvFlags::DONTWAIT)?;
            while let Some((kind, payload)) = self.message()? {
                self.note(kind, &payload);
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

    fn must(&mut self, kind: u32, path: &str, parts: &[&[u8]]) -> Result<()> {
        match self.ask(kind, parts).map_err(|error| failed(path, error))? {
            Ok(_) => Ok(()),
            Err(words) => Err(Error::new(format!("xenstored on {path}: {words}"))),
        }
    }

    /// The answer, or the daemon's refusal.
    fn ask(
        &mut self,
        kind: u32,
        parts: &[&[u8]],
    ) -> io::Result<std::result::Result<Vec<u8>, String>> {
        let payload = parts.concat();
        if payload.len() > PAYLOAD_MAX {
            return Err(io::Error::other("too long for xenstore"));
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut message = Vec::with_capacity(HEADER + payload.len());
        for word in [kind, 0, 0, length] {
            message.extend_from_slice(&word.to_ne_bytes());
        }
        message.extend_from_slice(&payload);
        self.socket.write_all(&message)?;
        loop {
            while let Some((answered, payload)) = self.message()? {
                match answered {
                    WATCH_EVENT => self.note(answered, &payload),
                    ERROR => {
                        let words = String::from_utf8_lossy(&payload);
                        return Ok(Err(words.trim_end_matches('\0').to_owned()));
                    }
                    answered if answered == kind => return Ok(Ok(payload)),
                    other => {
                        return Err(io::Error::other(format!(
                            "answered with message type {other}"
                        )));
                    }
                }
            }
            self.receive(RecvFlags::empty())?;
        }
    }

    fn note(&mut self, kind: u32, payload: &[u8]) {
        let mut strings = payload.split(|byte| *byte == 0);
        let (Some(_), Some(token)) = (strings.next(), strings.next()) else {
            return;
        };
        if kind != WATCH_EVENT {
            return;
        }
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
        let word = |at: usize| {
            let bytes = self.buffer.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?))
        };
        let (Some(kind), Some(length)) = (word(0), word(12)) else {
            return Ok(None);
        };
        let length = length as usize;
        if length > PAYLOAD_MAX {
            return Err(io::Error::other(format!("a message of {length} bytes")));
        }
        if self.buffer.len() < HEADER + length {
            return Ok(None);
        }
        let payload = self.buffer[HEADER..HEADER + length].to_vec();
        self.buffer.drain(..HEADER + length);
        Ok(Some((kind, payload)))
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

    /// A daemon that sends `answers`, one for each request.
    fn daemon(answers: Vec<Vec<u8>>) -> (Store, thread::JoinHandle<Vec<Vec<u8>>>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let mut header = [0; HEADER];
                theirs.read_exact(&mut header).unwrap();
                let length = u32::from_ne_bytes(header[12..].try_into().unwrap());
                let mut payload = vec![0; length as usize];
                theirs.read_exact(&mut payload).unwrap();
                requests.push(payload);
                theirs.write_all(&answer).unwrap();
            }
            requests
        });
        (Store::new(ours).unwrap(), serving)
    }

    fn message(kind: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        let words = [kind, 0, 0, length].map(u32::to_ne_bytes).concat();
        [words, payload.to_vec()].concat()
    }

    #[test]
    fn answers_and_events_are_told_apart() {
        let event = message(WATCH_EVENT, b"/local/domain/6/domid\0life\0");
        let (mut store, serving) = daemon(vec![
            [event.clone(), message(READ, b"17")].concat(),
            message(ERROR, b"ENOENT\0"),
            [message(WRITE, b"OK\0"), event].concat(),
            message(ERROR, b"EACCES\0"),
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
        let other = message(WATCH_EVENT, b"/local/domain/6/x\0other\0");
        let life = message(WATCH_EVENT, b"/local/domain/6/domid\0life\0");
        let (mut store, serving) = daemon(vec![
            [life.clone(), other.repeat(5000), life, message(READ, b"1")].concat(),
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
        let (mut store, serving) = daemon(vec![message(WATCH, b"OK\0")]);
        store.watch("/a", "t").unwrap();
        let (other, _kept) = UnixStream::pair().unwrap();
        let mut quiet = Store::new(other).unwrap();
        assert_eq!(quiet.event().unwrap(), None);
        serving.join().unwrap();
    }

    #[test]
    fn a_message_that_is_too_long_ends_it() {
        let mut long = message(READ, b"");
        long[12..16].copy_from_slice(&5000u32.to_ne_bytes());
        let (mut store, serving) = daemon(vec![long]);
        assert!(store.read("/a").is_err());
        serving.join().unwrap();
    }
}
