//! One viewer's connection.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{SendFlags, send};
use vchan::mux::Mux;

use super::rfb::{self, Outcome};

/// Whoever has not said who he is by then goes, and whom QEMU has not greeted by then: there is room for few.
const PATIENCE: Duration = Duration::from_secs(10);
/// Read at a time; the beginning of a conversation is shorter.
const STEP: usize = 4096;
/// Moved in one turn, so that the others have theirs.
const TURN: usize = 64 << 10;

/// A connection, and how far it is.
pub(super) struct Viewer {
    socket: OwnedFd,
    since: Instant,
    /// It has said something; where a password is asked for, the right one, and QEMU has answered.
    known: bool,
    state: State,
    /// Of the viewer, not yet passed on.
    input: Vec<u8>,
    /// For the viewer, before bytes pass as they are.
    out: Vec<u8>,
}

enum State {
    /// Asked for the password.
    Asked(Box<rfb::Viewer>),
    /// Nothing is asked, or it was answered: a stream is needed.
    Welcome { greet: bool },
    /// QEMU is greeted on the viewer's behalf.
    Greets(rfb::Server, u8),
    /// Bytes pass.
    Passes(u8),
}

impl Viewer {
    /// A new connection, who is asked for a password where there is one.
    pub(super) fn new(
        socket: OwnedFd,
        asked: Option<(&str, [u8; 16])>,
        now: Instant,
    ) -> io::Result<Self> {
        ioctl_fionbio(&socket, true)?;
        let mut out = Vec::new();
        let state = match asked {
            Some((password, challenge)) => {
                State::Asked(Box::new(rfb::Viewer::new(password, challenge, &mut out)))
            }
            None => State::Welcome { greet: false },
        };
        Ok(Self {
            socket,
            since: now,
            known: false,
            state,
            input: Vec::new(),
            out,
        })
    }

    /// Its stream, once it has one.
    pub(super) fn stream(&self) -> Option<u8> {
        match self.state {
            State::Greets(_, stream) | State::Passes(stream) => Some(stream),
            _ => None,
        }
    }

    /// Moves bytes both ways. False when it is over.
    pub(super) fn turn(&mut self, mux: &mut Mux, now: Instant) -> bool {
        self.step(mux).is_ok() && (self.known || now < self.since + PATIENCE)
    }

    fn step(&mut self, mux: &mut Mux) -> Result<(), Over> {
        write(&self.socket, &mut self.out)?;
        if let State::Asked(asked) = &mut self.state {
            read(&self.socket, &mut self.input, STEP)?;
            let outcome = asked.go_on(&mut self.input, &mut self.out);
            write(&self.socket, &mut self.out)?;
            match outcome {
                Outcome::Waiting => return Ok(()),
                Outcome::Failed => return Err(Over),
                Outcome::Done => self.state = State::Welcome { greet: true },
            }
        }
        if let State::Welcome { greet } = self.state {
            let stream = mux.open().ok_or(Over)?;
            self.state = if greet {
                State::Greets(rfb::Server::default(), stream)
            } else {
                State::Passes(stream)
            };
        }
        if let State::Greets(server, stream) = &mut self.state {
            let stream = *stream;
            let mut said = mux.readable(stream).to_vec();
            let before = said.len();
            let mut answer = Vec::new();
            let outcome = server.go_on(&mut said, &mut answer);
            mux.consume(stream, before - said.len());
            if mux.send(stream, &answer) < answer.len() {
                return Err(Over);
            }
            match outcome {
                Outcome::Waiting => return Ok(()),
                Outcome::Failed => return Err(Over),
                Outcome::Done => {
                    self.known = true;
                    self.state = State::Passes(stream);
                }
            }
        }
        match self.state {
            State::Passes(stream) => self.pass(mux, stream),
            _ => Ok(()),
        }
    }

    fn pass(&mut self, mux: &mut Mux, stream: u8) -> Result<(), Over> {
        let mut moved = 0;
        while self.out.is_empty() && moved < TURN {
            let shown = mux.readable(stream);
            if shown.is_empty() {
                break;
            }
            match send(&self.socket, shown, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    mux.consume(stream, count);
                    moved += count;
                }
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(_) => return Err(Over),
            }
        }
        for _ in 0..TURN / STEP {
            let room = mux.room(stream).min(STEP);
            if self.input.is_empty() && room > 0 {
                read(&self.socket, &mut self.input, room)?;
            }
            if self.input.is_empty() {
                break;
            }
            self.known = true;
            let count = mux.send(stream, &self.input);
            self.input.drain(..count);
            if count == 0 {
                break;
            }
        }
        Ok(())
    }

    /// When its patience ends.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.known).then(|| self.since + PATIENCE)
    }

    /// What to wait for.
    pub(super) fn waits(&self, mux: &Mux) -> (BorrowedFd<'_>, PollFlags) {
        let mut flags = PollFlags::empty();
        let (reads, shown) = match self.state {
            State::Passes(stream) => (
                self.input.is_empty() && mux.room(stream) > 0,
                !mux.readable(stream).is_empty(),
            ),
            State::Greets(..) => (false, false),
            _ => (self.input.len() < STEP, false),
        };
        if reads {
            flags |= PollFlags::IN;
        }
        if shown || !self.out.is_empty() {
            flags |= PollFlags::OUT;
        }
        (self.socket.as_fd(), flags)
    }
}

/// The connection is over, for one reason or another.
struct Over;

/// Adds what has come to `to`, at most `room` bytes in all.
fn read(socket: &OwnedFd, to: &mut Vec<u8>, room: usize) -> Result<(), Over> {
    let mut buffer = [0; STEP];
    let room = room.saturating_sub(to.len()).min(STEP);
    if room == 0 {
        return Ok(());
    }
    match rustix::io::read(socket, &mut buffer[..room]) {
        Ok(0) => Err(Over),
        Ok(count) => {
            to.extend_from_slice(&buffer[..count]);
            Ok(())
        }
        Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(_) => Err(Over),
    }
}

/// Takes what could be written off the front of `from`.
fn write(socket: &OwnedFd, from: &mut Vec<u8>) -> Result<(), Over> {
    while !from.is_empty() {
        match send(socket, from, SendFlags::NOSIGNAL) {
            Ok(count) => drop(from.drain(..count)),
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(_) => return Err(Over),
        }
    }
    Ok(())
}
