//! Stands between the vchan proxy and QEMU's QMP socket, and watches over both processes.
//!
//! One client at a time, as QEMU itself does. Everything passes unchanged except saving, see [`crate::save`].

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use crate::console::say;
use crate::error::{Error, Result};
use crate::qmp::{self, Answer, Session, Splitter};
use crate::{save, sys};

/// A peer that takes nothing for this long is dropped.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Between attempts to reach a QEMU that has not opened its socket yet, and to restart a proxy.
const RETRY: Duration = Duration::from_millis(20);
const PROXY_RESTARTS: u32 = 10;

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

/// Serves clients until QEMU ends; an error unless it ended with status 0.
pub(crate) fn run(
    listener: &UnixListener,
    qemu_socket: &str,
    mut qemu: Child,
    mut proxy: Child,
    restart_proxy: impl Fn() -> Result<Child>,
) -> Result<()> {
    let qemu_exit = sys::watch_child(&qemu)?;
    let mut proxy_exit = sys::watch_child(&proxy)?;
    let mut restarts = 0;
    let mut waiting: Option<UnixStream> = None;
    let mut link: Option<Link> = None;

    loop {
        let mut sources: Vec<BorrowedFd<'_>> = vec![qemu_exit.as_fd(), proxy_exit.as_fd()];
        match &link {
            Some(link) => sources.extend([link.client.as_fd(), link.qemu.as_fd()]),
            None if waiting.is_none() => sources.push(listener.as_fd()),
            None => {}
        }
        let ready = sys::poll(&sources, waiting.is_some().then_some(RETRY))?;

        if ready[0] {
            let status = qemu
                .wait()
                .map_err(|source| Error::io("learn how QEMU ended", source))?;
            return describe_exit(status);
        }
        if ready[1] {
            let status = proxy
                .wait()
                .map_or_else(|error| error.to_string(), |status| status.to_string());
            restarts += 1;
            if restarts > PROXY_RESTARTS {
                return Err(Error::new(format!(
                    "the QMP proxy ended {restarts} times, last with {status}"
                )));
            }
            say(&format!(
                "the QMP proxy ended ({status}); starting it again"
            ));
            std::thread::sleep(RETRY);
            proxy = restart_proxy()?;
            proxy_exit = sys::watch_child(&proxy)?;
            continue;
        }
        if let Some(open) = &mut link {
            let alive = (!ready[2] || open.pass_commands()) && (!ready[3] || open.pass_answers());
            if !alive {
                link = None;
            }
        } else {
            if waiting.is_none() && ready.get(2) == Some(&true) {
                waiting = listener.accept().ok().map(|(client, _)| client);
            }
            if let (Some(client), Ok(qemu)) = (&waiting, UnixStream::connect(qemu_socket)) {
                link = Link::new(client, qemu);
                waiting = None;
            }
        }
    }
}

fn describe_exit(status: ExitStatus) -> Result<()> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Error::new(format!(
            "QEMU ended with status {code}; its own words are above"
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
