//! The connection: requests go out in order, answers are matched by their id, watch events by their token.
//!
//! Nothing here waits. Requests are queued; whoever owns the event loop calls [`Conn::flush`] before it sleeps and
//! [`Conn::service`] when [`Conn::fd`] is ready.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use store_wire::{Kind, Message};

use crate::sys::faults;
use crate::sys::fork::{self, SensitiveFd};
use crate::{Error, Result};

/// Different paths that may wait in one watch; beyond that the watched path itself stands for all of them.
const WATCH_BACKLOG: usize = 256;

/// How the other side wants messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// The daemon's socket: a stream.
    Socket,
    /// The kernel's device: one message per write, and one request at a time, because it keeps a request in the buffer
    /// that the next write fills (Linux's xenbus_dev_request_and_reply; seen as arguments of one read in another).
    Device,
}

/// A connection; shared by all handles.
#[derive(Debug)]
pub struct Conn {
    fd: SensitiveFd,
    transport: Transport,
    generation: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    out: VecDeque<Vec<u8>>,
    sent: usize,
    /// Whether the device has a request that it did not answer yet.
    asked: bool,
    input: Vec<u8>,
    last_id: u32,
    waiting: HashMap<u32, Slot>,
    watches: HashMap<u64, Pending>,
    last_token: u64,
    dead: Option<String>,
}

#[derive(Debug)]
struct Slot {
    kind: Kind,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting(Option<Waker>),
    Done(Answer),
    Abandoned,
}

#[derive(Debug, Default)]
struct Pending {
    watched: String,
    paths: VecDeque<String>,
    waker: Option<Waker>,
}

/// The payload, or the daemon's error number.
pub(super) type Answer = Result<Vec<u8>, i32>;

impl Conn {
    /// Takes over a non-blocking descriptor.
    pub(super) fn new(fd: OwnedFd, transport: Transport) -> Self {
        Self {
            fd: SensitiveFd::new(fd),
            transport,
            generation: fork::generation(),
            state: Mutex::default(),
        }
    }

    /// The descriptor to poll; `None` after a fork.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.get()
    }

    /// Whether it can still be used: the daemon is there, and this is the process that opened it.
    pub fn is_alive(&self) -> bool {
        self.generation == fork::generation() && self.lock().dead.is_none()
    }

    /// Whether something is expected from the daemon: an answer, or a watch event.
    pub fn is_expecting(&self) -> bool {
        let state = self.lock();
        state.dead.is_none() && !(state.waiting.is_empty() && state.watches.is_empty())
    }

    /// Sends what is queued; true when the descriptor must become writable for the rest.
    pub fn flush(&self) -> bool {
        let mut state = self.lock();
        if let Err(error) = self.send(&mut state) {
            let wakers = state.die(&error);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            return false;
        }
        // While the device owes an answer, being writable means nothing.
        !state.out.is_empty() && !state.asked
    }

    /// Sends and receives as much as is possible without waiting, and wakes those whose answers came.
    pub fn service(&self) {
        let mut state = self.lock();
        let mut wakers = Vec::new();
        let result = self
            .send(&mut state)
            .and_then(|()| self.receive(&mut state, &mut wakers))
            .and_then(|()| self.send(&mut state));
        if let Err(error) = result {
            wakers.extend(state.die(&error));
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Queues a request.
    pub(super) fn request(
        self: &Arc<Self>,
        kind: Kind,
        tx: u32,
        parts: &[&[u8]],
    ) -> Result<Request> {
        let mut state = self.usable()?;
        let what = parts.first().copied().unwrap_or_default();
        let what = what.escape_ascii();
        let id = match faults::point("store", format_args!("{kind:?} {what}")) {
            Ok(()) => state.queue(kind, tx, parts, Stage::Waiting(None))?,
            Err(_) => state.refuse(kind, tx)?,
        };
        Ok(Request {
            conn: Arc::clone(self),
            id,
        })
    }

    /// Queues a request whose answer nobody needs.
    pub(super) fn post(&self, kind: Kind, tx: u32, parts: &[&[u8]]) {
        if let Ok(mut state) = self.usable() {
            // The only possible failure is a payload that is too long, and those posted are short.
            let _ = state.queue(kind, tx, parts, Stage::Abandoned);
        }
    }

    /// Makes room for a watch's events; gives its token.
    pub(super) fn add_watch(&self, path: &str) -> Result<u64> {
        let mut state = self.usable()?;
        state.last_token += 1;
        let token = state.last_token;
        let pending = Pending {
            watched: path.to_owned(),
            ..Pending::default()
        };
        state.watches.insert(token, pending);
        Ok(token)
    }

    /// Ends a watch here and in the daemon.
    pub(super) fn remove_watch(&self, token: u64) {
        let Some(pending) = self.lock().watches.remove(&token) else {
            return;
        };
        let token = token.to_string();
        self.post(
            Kind::Unwatch,
            0,
            &[pending.watched.as_bytes(), b"\0", token.as_bytes(), b"\0"],
        );
    }

    /// The next path that changed under a watch.
    pub(super) fn poll_watch(&self, token: u64, cx: &mut Context<'_>) -> Poll<Result<String>> {
        let mut state = self.lock();
        let dead = state.dead.as_deref().map(dead_error);
        let Some(pending) = state.watches.get_mut(&token) else {
            return Poll::Ready(Err(Error::fail("this xenstore watch has ended")));
        };
        if let Some(path) = pending.paths.pop_front() {
            return Poll::Ready(Ok(path));
        }
        if let Some(error) = dead {
            return Poll::Ready(Err(error));
        }
        pending.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Result<MutexGuard<'_, State>> {
        if self.generation != fork::generation() {
            return Err(Error::fail(
                "this xenstore connection belongs to the parent process",
            ));
        }
        let state = self.lock();
        match &state.dead {
            Some(why) => Err(dead_error(why)),
            None => Ok(state),
        }
    }

    fn raw(&self) -> Result<BorrowedFd<'_>> {
        self.fd
            .get()
            .ok_or_else(|| Error::fail("the connection was closed after a fork"))
    }

    fn send(&self, state: &mut State) -> Result<()> {
        // Several small messages leave in one call where the transport is a stream.
        if self.transport == Transport::Socket && state.out.len() > 1 {
            let joined: Vec<_> = state.out.drain(..).flatten().collect();
            state.out.push_back(joined);
        }
        while let Some(first) = state.out.front() {
            if state.asked {
                return Ok(());
            }
            let bytes = &first[state.sent..];
            let result = match self.transport {
                // No SIGPIPE: the process is the application's.
                Transport::Socket => {
                    rustix::net::send(self.raw()?, bytes, rustix::net::SendFlags::NOSIGNAL)
                }
                Transport::Device => rustix::io::write(self.raw()?, bytes),
            };
            match result {
                Ok(count) if count < bytes.len() => state.sent += count,
                Ok(_) => {
                    state.out.pop_front();
                    state.sent = 0;
                    state.asked = self.transport == Transport::Device;
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Error::io("sending to xenstored", &errno.into())),
            }
        }
        Ok(())
    }

    fn receive(&self, state: &mut State, wakers: &mut Vec<Waker>) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match rustix::io::read(self.raw()?, &mut chunk) {
                Ok(0) => return Err(Error::fail("xenstored closed the connection")),
                Ok(count) => {
                    state.input.extend_from_slice(&chunk[..count]);
                    state.dispatch(wakers)?;
                    // A short read emptied the socket; the device gives one message at a time.
                    if self.transport == Transport::Socket && count < chunk.len() {
                        return Ok(());
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Error::io("reading from xenstored", &errno.into())),
            }
        }
    }

    fn poll_answer(&self, id: u32, cx: &mut Context<'_>) -> Poll<Result<Answer>> {
        let mut state = self.lock();
        let dead = state.dead.as_deref().map(dead_error);
        match state.waiting.get_mut(&id).map(|slot| &mut slot.stage) {
            Some(Stage::Waiting(waker)) if dead.is_none() => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Stage::Done(_)) => match state.waiting.remove(&id).map(|slot| slot.stage) {
                Some(Stage::Done(answer)) => Poll::Ready(Ok(answer)),
                _ => Poll::Ready(Err(gone())),
            },
            _ => Poll::Ready(Err(dead.unwrap_or_else(gone))),
        }
    }

    fn abandon(&self, id: u32) {
        let mut state = self.lock();
        let Some(slot) = state.waiting.get_mut(&id) else {
            return;
        };
        let answer = match std::mem::replace(&mut slot.stage, Stage::Abandoned) {
            Stage::Done(answer) => answer,
            Stage::Waiting(_) | Stage::Abandoned => return,
        };
        if let Some(slot) = state.waiting.remove(&id) {
            state.answer_nobody(slot.kind, answer);
        }
    }
}

impl State {
    /// As if the daemon answered with an error; it ends a transaction then, too.
    fn refuse(&mut self, kind: Kind, tx: u32) -> Result<u32> {
        if kind == Kind::TransactionEnd {
            self.queue(kind, tx, &[b"F\0"], Stage::Abandoned)?;
        }
        self.last_id = self.last_id.wrapping_add(1);
        let stage = Stage::Done(Err(faults::ERRNO));
        self.waiting.insert(self.last_id, Slot { kind, stage });
        Ok(self.last_id)
    }

    fn queue(&mut self, kind: Kind, tx: u32, parts: &[&[u8]], stage: Stage) -> Result<u32> {
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        let message = store_wire::encode(kind, id, tx, parts).ok_or_else(|| {
            Error::inval("path and value are longer than the 4096 bytes xenstored takes")
        })?;
        self.out.push_back(message);
        self.waiting.insert(id, Slot { kind, stage });
        Ok(id)
    }

    fn dispatch(&mut self, wakers: &mut Vec<Waker>) -> Result<()> {
        let mut used = 0;
        let bad = |error| Error::fail(format!("xenstored sent {error}"));
        while let Some((message, size)) = store_wire::decode(&self.input[used..]).map_err(bad)? {
            used += size;
            if message.is(Kind::WatchEvent) {
                wakers.extend(self.watch_event(&message.payload)?);
            } else {
                wakers.extend(self.reply(message)?);
            }
        }
        self.input.drain(..used);
        Ok(())
    }

    fn reply(&mut self, message: Message) -> Result<Option<Waker>> {
        self.asked = false;
        let Some(slot) = self.waiting.get_mut(&message.header.id) else {
            return Err(Error::fail(format!(
                "xenstored answered request {}, which nobody made",
                message.header.id
            )));
        };
        let answer = if message.is(Kind::Error) {
            Err(store_wire::errno(&message.payload))
        } else if message.is(slot.kind) {
            Ok(message.payload)
        } else {
            return Err(Error::fail(format!(
                "xenstored answered {:?} with a message of type {}",
                slot.kind, message.header.kind
            )));
        };
        match std::mem::replace(&mut slot.stage, Stage::Abandoned) {
            Stage::Waiting(waker) => {
                slot.stage = Stage::Done(answer);
                Ok(waker)
            }
            Stage::Abandoned => {
                let kind = slot.kind;
                self.waiting.remove(&message.header.id);
                self.answer_nobody(kind, answer);
                Ok(None)
            }
            Stage::Done(_) => Err(Error::fail("xenstored answered a request twice")),
        }
    }

    /// A transaction that was started for somebody who left in the meantime must be ended.
    fn answer_nobody(&mut self, kind: Kind, answer: Answer) {
        if kind != Kind::TransactionStart {
            return;
        }
        if let Some(tx) = answer
            .ok()
            .and_then(|payload| store_wire::transaction(&payload))
        {
            // "F\0" always fits.
            let _ = self.queue(Kind::TransactionEnd, tx, &[b"F\0"], Stage::Abandoned);
        }
    }

    fn watch_event(&mut self, payload: &[u8]) -> Result<Option<Waker>> {
        let bad = || Error::fail("xenstored sent a watch event nobody can read");
        let (path, token) = store_wire::event(payload).ok_or_else(bad)?;
        let path = std::str::from_utf8(path).map_err(|_| bad())?;
        let token = std::str::from_utf8(token)
            .ok()
            .and_then(|token| token.parse().ok());
        // An event of a watch that has just ended may still be on its way.
        let Some(pending) = token.and_then(|token: u64| self.watches.get_mut(&token)) else {
            return Ok(None);
        };
        if !pending.paths.iter().any(|known| known == path) {
            if pending.paths.len() >= WATCH_BACKLOG {
                pending.paths.clear();
                pending.paths.push_back(pending.watched.clone());
            } else {
                pending.paths.push_back(path.to_owned());
            }
        }
        Ok(pending.waker.take())
    }

    fn die(&mut self, error: &Error) -> Vec<Waker> {
        self.dead = Some(error.to_string());
        self.out.clear();
        let mut wakers = Vec::new();
        self.waiting.retain(|_, slot| match &mut slot.stage {
            Stage::Waiting(waker) => {
                wakers.extend(waker.take());
                true
            }
            Stage::Done(_) => true,
            Stage::Abandoned => false,
        });
        wakers.extend(
            self.watches
                .values_mut()
                .filter_map(|pending| pending.waker.take()),
        );
        wakers
    }
}

fn dead_error(why: &str) -> Error {
    Error::fail(format!("no connection to xenstored any more: {why}")).hint("is xenstored running?")
}

fn gone() -> Error {
    Error::fail("the answer from xenstored was taken already")
}

/// A request under way; the future of its answer. Dropping it throws the answer away.
#[derive(Debug)]
pub(super) struct Request {
    conn: Arc<Conn>,
    id: u32,
}

impl Future for Request {
    type Output = Result<Answer>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.conn.poll_answer(self.id, cx)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.conn.abandon(self.id);
    }
}
