//! Stands between the vchan proxy and QEMU's QMP socket, and watches over both processes.
//!
//! One client at a time, as QEMU itself does. Everything passes unchanged except saving, see [`crate::save`].

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use crate::child::{Kept, Watched};
use crate::console::say;
use crate::error::{Error, Result};
use crate::qmp::{self, Answer, Session, Splitter};
use crate::{save, sys};

/// A peer that takes nothing for this long is dropped.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Between attempts to reach a QEMU that has not opened its socket yet.
const RETRY: Duration = Duration::from_millis(20);
/// Between looks at what cannot be waited for.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn listen(path: &str) -> Result<UnixListener> {
    UnixListener::bind(path).map_err(|source| Error::io(format!("listen on {path}"), source))
}

/// A client and its connection to QEMU.
struct Link {
    client: UnixStream,
    qemu: UnixStream,
    session: Session,
    commands: Splitter,
    answers: Splitter,
}

/// Serves clients until QEMU ends; an error unless it ended with status 0. Nothing else ends this: a guest can live without
/// QMP for a while, and not without QEMU.
pub(crate) fn run(
    listener: &UnixListener,
    qemu_socket: &str,
    mut qemu: Watched,
    start_proxy: impl Fn() -> Result<Watched>,
) -> Result<()> {
    let mut proxy = Kept::new();
    let mut waiting: Option<UnixStream> = None;
    let mut link: Option<Link> = None;

    loop {
        if let Some(status) = qemu.status() {
            return describe_exit(status);
        }
        let now = sys::uptime();
        if let Some(words) = proxy.look_after(now, &start_proxy) {
            say(&format!("the QMP proxy: {words}"));
        }

        let exits = [qemu.exit(), proxy.process().and_then(Watched::exit)];
        let unwatched = exits[0].is_none() || proxy.process().is_some() && exits[1].is_none();
        let mut sources: Vec<BorrowedFd<'_>> = Vec::new();
        match &link {
            Some(link) => sources.extend([link.client.as_fd(), link.qemu.as_fd()]),
            None if waiting.is_none() => sources.push(listener.as_fd()),
            None => {}
        }
        let ours = sources.len();
        sources.extend(exits.iter().flatten());
        let timeout = [
            waiting.is_some().then_some(RETRY),
            proxy.due_in(now),
            unwatched.then_some(LOOK),
        ];
        let timeout = timeout.into_iter().flatten().min();
        let ready = sys::poll(&sources, timeout).unwrap_or_else(|error| {
            say(&format!("error: {error}"));
            std::thread::sleep(LOOK);
            Vec::new()
        });
        let is_ready = |place: usize| place < ours && ready.get(place) == Some(&true);

        if let Some(open) = &mut link {
            let alive =
                (!is_ready(0) || open.pass_commands()) && (!is_ready(1) || open.pass_answers());
            if !alive {
                link = None;
            }
            continue;
        }
        if waiting.is_none() && is_ready(0) {
            match listener.accept() {
                Ok((client, _)) => waiting = Some(client),
                // Not at once: the client is still there.
                Err(_) => std::thread::sleep(RETRY),
            }
        }
        if let (Some(client), Ok(qemu)) = (&waiting, UnixStream::connect(qemu_socket)) {
            link = Link::new(client, qemu);
            waiting = None;
        }
    }
}

fn describe_exit(status: ExitStatus) -> Result<()> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Error::new(format!(
            "QEMU ended with status {code}; why stands before this in the stub domain's log"
        ))),
        (None, Some(libc::SIGKILL)) => Err(Error::new(
            "QEMU was killed (signal 9): out of memory? Try a larger stubdomain_memory",
        )),
        (None, signal) => Err(Error::new(format!(
            "QEMU was killed by signal {}",
            signal.unwrap_or(0)
        ))),
    }
}

impl Link {
    fn new(client: &UnixStream, qemu: UnixStream) -> Option<Self> {
        let client = client.try_clone().ok()?;
        for peer in [&client, &qemu] {
            peer.set_write_timeout(Some(SEND_TIMEOUT)).ok()?;
        }
        Some(Self {
            client,
            qemu,
            session: Session::default(),
            commands: Splitter::default(),
            answers: Splitter::default(),
        })
    }

    /// Client to QEMU. False when the connection is over.
    fn pass_commands(&mut self) -> bool {
        let Some(bytes) = receive(&mut self.client) else {
            return false;
        };
        self.commands
            .push(&bytes)
            .into_iter()
            .all(|(bytes, value)| {
                let bytes = self.session.command(bytes, value);
                self.qemu.write_all(&bytes).is_ok()
            })
    }

    /// QEMU to client. False when the connection is over.
    fn pass_answers(&mut self) -> bool {
        let Some(bytes) = receive(&mut self.qemu) else {
            return false;
        };
        self.answers
            .push(&bytes)
            .into_iter()
            .all(|(mut bytes, value)| {
                if self.session.answer(value.as_ref()) == Answer::Saved {
                    match save::send() {
                        Ok(size) => say(&format!(
                            "{size} bytes of QEMU's state sent to the toolstack"
                        )),
                        Err(error) => {
                            say(&format!("error: {error}"));
                            bytes = qmp::failure(&value.unwrap_or_default(), &error.to_string());
                        }
                    }
                }
                self.client.write_all(&bytes).is_ok()
            })
    }
}

fn receive(from: &mut UnixStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 8192];
    let received = from
        .read(&mut buffer)
        .ok()
        .filter(|received| *received > 0)?;
    buffer.truncate(received);
    Some(buffer)
}
