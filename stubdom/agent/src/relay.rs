//! Stands between the toolstack's vchan and QEMU's QMP socket, and watches over QEMU.
//!
//! One client at a time, as QEMU itself does. Everything passes unchanged except saving, see [`crate::save`].

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use vchan::{Presence, Server};

use crate::child::Watched;
use crate::console::say;
use crate::error::{Error, Result};
use crate::qmp::{self, Answer, Session, Splitter};
use crate::retry::Attempts;
use crate::sys::Wish;
use crate::{save, sys};

/// A client that takes nothing for this long loses its connection to QEMU.
const STUCK: Duration = Duration::from_secs(10);
/// Between attempts to reach a QEMU that has not opened its socket yet.
const RETRY: Duration = Duration::from_millis(20);
/// Between looks at what cannot be waited for.
const LOOK: Duration = Duration::from_secs(1);
const CHUNK: usize = 8192;

/// Serves clients until QEMU ends; an error unless it ended with status 0. Nothing else ends this: a guest can live without
/// QMP for a while, and not without QEMU.
pub(crate) fn run(
    qemu_socket: &str,
    mut qemu: Watched,
    offer: impl Fn() -> Result<Server>,
) -> Result<()> {
    let mut attempts = Attempts::new();
    loop {
        let began = sys::uptime();
        let error = match offer().and_then(|server| serve(server, qemu_socket, &mut qemu)) {
            Ok(status) => return describe_exit(status, &qemu.last_words()),
            Err(error) => error,
        };
        let (pause, word) = attempts.failed(sys::uptime().saturating_sub(began));
        if let Some(count) = word {
            say(&format!("QMP: {error}, time {count}; trying again"));
        }
        let exit: Vec<_> = qemu
            .exit()
            .map(|exit| (exit, Wish::Read))
            .into_iter()
            .collect();
        if sys::poll(&exit, Some(pause)).is_err() {
            std::thread::sleep(pause);
        }
        if let Some(status) = qemu.status() {
            return describe_exit(status, &qemu.last_words());
        }
    }
}

/// How QEMU ended; an error when the vchan is of no use any more.
fn serve(mut server: Server, qemu_socket: &str, qemu: &mut Watched) -> Result<ExitStatus> {
    let mut link: Option<Link> = None;
    let mut attended = false;
    let mut limit = Some(Duration::ZERO);
    loop {
        let mut sources: Vec<(BorrowedFd<'_>, Wish)> = vec![(server.as_fd(), Wish::Read)];
        sources.extend(qemu.exit().map(|exit| (exit, Wish::Read)));
        sources.extend(link.as_ref().and_then(Link::wish));
        let unwatched = qemu.exit().is_none().then_some(LOOK);
        sys::poll(&sources, [limit, unwatched].into_iter().flatten().min())?;
        if let Some(status) = qemu.status() {
            return Ok(status);
        }

        server
            .acknowledge()
            .map_err(|source| Error::io("take events", source))?;
        match server.look() {
            Presence::Stays => {}
            Presence::Came => (attended, link) = (true, None),
            Presence::Left | Presence::Absent => (attended, link) = (false, None),
        }
        limit = match &mut link {
            Some(open) => match open.pass(&mut server, sys::uptime()) {
                Passed::Nothing => open.holds_answers().then_some(LOOK),
                Passed::Something => Some(Duration::ZERO),
                Passed::End => {
                    link = None;
                    Some(RETRY)
                }
            },
            None if attended => {
                // Who did not take what an earlier connection to QEMU had shall show that it takes anything.
                if server.room() > 0 {
                    link = UnixStream::connect(qemu_socket).ok().and_then(Link::new);
                }
                Some(RETRY)
            }
            None => None,
        };
    }
}

/// `words`: what QEMU said last, which a guest that has taken it over may have chosen.
fn describe_exit(status: ExitStatus, words: &str) -> Result<()> {
    let how = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(()),
        (Some(code), _) => format!("QEMU ended with status {code}"),
        (None, Some(libc::SIGKILL)) => {
            "QEMU was killed (signal 9): out of memory? Try a larger stubdomain_memory".to_owned()
        }
        (None, signal) => format!("QEMU crashed (signal {})", signal.unwrap_or(0)),
    };
    Err(Error::new(match words {
        "" => how,
        words => format!("{how}; its last words: {words}"),
    }))
}

/// A client's connection to QEMU. It takes no more from one side before the other has taken what it had.
struct Link {
    qemu: UnixStream,
    session: Session,
    commands: Splitter,
    answers: Splitter,
    to_qemu: Vec<u8>,
    to_client: Vec<u8>,
    /// Since when the client has taken nothing.
    stuck: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq)]
enum Passed {
    Nothing,
    /// There may be more.
    Something,
    /// The connection is over.
    End,
}

impl Link {
    fn new(qemu: UnixStream) -> Option<Self> {
        qemu.set_nonblocking(true).ok()?;
        Some(Self {
            qemu,
            session: Session::default(),
            commands: Splitter::default(),
            answers: Splitter::default(),
            to_qemu: Vec::new(),
            to_client: Vec::new(),
            stuck: None,
        })
    }

    /// What to wait for at QEMU's socket. Nothing while the client has to move first.
    fn wish(&self) -> Option<(BorrowedFd<'_>, Wish)> {
        let wish = match (self.to_qemu.is_empty(), self.to_client.is_empty()) {
            (true, true) => Wish::Read,
            (false, true) => Wish::Both,
            (false, false) => Wish::Write,
            (true, false) => return None,
        };
        Some((self.qemu.as_fd(), wish))
    }

    fn holds_answers(&self) -> bool {
        !self.to_client.is_empty()
    }

    /// Passes on what either side has and the other takes, one piece at most in each direction.
    fn pass(&mut self, client: &mut Server, now: Duration) -> Passed {
        let commands = self.pass_commands(client);
        let answers = self.pass_answers(client, now);
        match (commands, answers) {
            (Passed::End, _) | (_, Passed::End) => Passed::End,
            (Passed::Nothing, Passed::Nothing) => Passed::Nothing,
            _ => Passed::Something,
        }
    }

    fn pass_commands(&mut self, client: &mut Server) -> Passed {
        let mut passed = Passed::Nothing;
        if !self.send_commands() {
            return Passed::End;
        }
        if self.to_qemu.is_empty() {
            let mut buffer = [0; CHUNK];
            let count = client.read(&mut buffer);
            if count > 0 {
                passed = Passed::Something;
                for (bytes, value) in self.commands.push(&buffer[..count]) {
                    self.to_qemu.extend(self.session.command(bytes, value));
                }
            }
        }
        match self.send_commands() {
            true => passed,
            false => Passed::End,
        }
    }

    /// Gives QEMU what it takes. False when the connection is over.
    fn send_commands(&mut self) -> bool {
        while !self.to_qemu.is_empty() {
            match self.qemu.write(&self.to_qemu) {
                Ok(count @ 1..) => drop(self.to_qemu.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return false,
            }
        }
        true
    }

    fn pass_answers(&mut self, client: &mut Server, now: Duration) -> Passed {
        let mut passed = Passed::Nothing;
        if self.to_client.is_empty() {
            let mut buffer = [0; CHUNK];
            match self.qemu.read(&mut buffer) {
                Ok(0) => return Passed::End,
                Ok(count) => {
                    passed = Passed::Something;
                    for (bytes, value) in self.answers.push(&buffer[..count]) {
                        let bytes = self.session_answer(bytes, value);
                        self.to_client.extend(bytes);
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Passed::End,
            }
        }
        let count = client.write(&self.to_client);
        self.to_client.drain(..count);
        if count > 0 || self.to_client.is_empty() {
            self.stuck = None;
            return passed;
        }
        let since = *self.stuck.get_or_insert(now);
        match now.saturating_sub(since) {
            waited if waited >= STUCK => Passed::End,
            _ => passed,
        }
    }

    /// The bytes to give to the client for a message of QEMU.
    fn session_answer(&mut self, bytes: Vec<u8>, value: Option<serde_json::Value>) -> Vec<u8> {
        if self.session.answer(value.as_ref()) != Answer::Saved {
            return bytes;
        }
        match save::send() {
            Ok(size) => {
                say(&format!(
                    "{size} bytes of QEMU's state sent to the toolstack"
                ));
                bytes
            }
            Err(error) => {
                say(&format!("error: {error}"));
                qmp::failure(&value.unwrap_or_default(), &error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests;
