//! A xenstored for tests: the protocol over a socket pair, a tree in memory, and faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};

use store_wire::{HEADER, Header};

use super::conn::{Conn, Transport};

/// The type of a request that sets a value.
pub(crate) const WRITE: u32 = 11;

type Tree = BTreeMap<String, (Vec<u8>, Vec<u8>)>;

#[derive(Default)]
struct State {
    tree: Tree,
    generation: u64,
    transactions: BTreeMap<u32, (Tree, u64)>,
    last_tx: u32,
    watches: Vec<(String, String, usize)>,
    writers: Vec<Arc<Mutex<UnixStream>>>,
    log: Vec<(u32, String)>,
    writes: Vec<(String, String)>,
    faults: VecDeque<(u32, Fault)>,
    events: VecDeque<(String, String, usize)>,
    denied: Vec<String>,
}

/// What the daemon does wrong with the next request of a type.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers with this error.
    Error(&'static str),
    /// Sends these bytes instead of an answer.
    Raw(Vec<u8>),
    /// Never answers.
    Silence,
    /// Closes the connection.
    Close,
}

/// A handle on the daemon behind one or more [`Conn`]s.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
}

impl Fake {
    /// A daemon with an empty tree, and a connection to it.
    pub(crate) fn start() -> (Self, Arc<Conn>) {
        let fake = Self::default();
        let conn = Arc::new(fake.connect());
        (fake, conn)
    }

    /// One more connection.
    pub(crate) fn connect(&self) -> Conn {
        let (ours, theirs) = UnixStream::pair().expect("socket pair");
        ours.set_nonblocking(true).expect("non-blocking");
        let reader = theirs.try_clone().expect("clone");
        let number = {
            let mut state = self.state();
            state.writers.push(Arc::new(Mutex::new(theirs)));
            state.writers.len() - 1
        };
        let daemon = self.clone();
        std::thread::spawn(move || daemon.serve(reader, number));
        Conn::new(ours.into(), Transport::Socket)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("fake state")
    }

    /// Plans what happens at the next request of type `kind`.
    pub(crate) fn fault(&self, kind: u32, fault: Fault) {
        self.state().faults.push_back((kind, fault));
    }

    /// Sets a value from outside, with watch events.
    pub(crate) fn set(&self, path: &str, value: impl AsRef<[u8]>) {
        let mut state = self.state();
        state.write(0, path, value.as_ref());
        self.send_events(&mut state);
    }

    /// Removes a node and everything below from outside, with watch events.
    pub(crate) fn remove(&self, path: &str) {
        let mut state = self.state();
        state.rm(0, path);
        self.send_events(&mut state);
    }

    /// Fires a special watch, "@releaseDomain" for instance.
    pub(crate) fn fire(&self, path: &str) {
        let mut state = self.state();
        state.fire(path);
        self.send_events(&mut state);
    }

    /// Lets nobody remove this node.
    pub(crate) fn deny_removal(&self, path: &str) {
        self.state().denied.push(path.to_owned());
    }

    /// A value of the tree.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.state().tree.get(path).map(|(value, _)| value.clone())
    }

    /// The paths of all nodes that were made.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.state().tree.keys().cloned().collect()
    }

    /// All values that were asked to be written to a node, in their order.
    pub(crate) fn values_of(&self, path: &str) -> Vec<String> {
        let state = self.state();
        let writes = state.writes.iter().filter(|(at, _)| at == path);
        writes.map(|(_, value)| value.clone()).collect()
    }

    /// All requests so far: type and first string.
    pub(crate) fn log(&self) -> Vec<(u32, String)> {
        self.state().log.clone()
    }

    /// Watches that are set at the moment.
    pub(crate) fn watches(&self) -> usize {
        self.state().watches.len()
    }

    fn send(writer: &Mutex<UnixStream>, kind: u32, id: u32, tx: u32, payload: &[u8]) {
        let bytes = store_wire::encode(kind, id, tx, &[payload]).expect("short");
        let _ = writer.lock().expect("writer").write_all(&bytes);
    }

    fn send_events(&self, state: &mut State) {
        for (path, token, conn) in std::mem::take(&mut state.events) {
            let payload = format!("{path}\0{token}\0");
            Self::send(&state.writers[conn], 15, 0, 0, payload.as_bytes());
        }
    }

    fn serve(&self, mut reader: UnixStream, number: usize) {
        let writer = Arc::clone(&self.state().writers[number]);
        loop {
            let mut header = [0; HEADER];
            if reader.read_exact(&mut header).is_err() {
                return;
            }
            let header = Header::parse(&header).expect("no client sends too much");
            let Header { kind, id, tx, .. } = header;
            let mut payload = vec![0; header.length];
            if reader.read_exact(&mut payload).is_err() {
                return;
            }
            let mut state = self.state();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let first = payload.split(|byte| *byte == 0).next().unwrap_or(b"");
            state.log.push((kind, text(first)));
            if kind == WRITE {
                let value = payload.get(first.len() + 1..).unwrap_or_default();
                state.writes.push((text(first), text(value)));
            }
            let planned = state.faults.iter().position(|(of, _)| *of == kind);
            match planned.and_then(|at| state.faults.remove(at)) {
                Some((_, Fault::Error(name))) => {
                    Self::send(&writer, 16, id, tx, format!("{name}\0").as_bytes())
                }
                Some((_, Fault::Raw(bytes))) => {
                    drop(writer.lock().expect("writer").write_all(&bytes))
                }
                Some((_, Fault::Silence)) => {}
                Some((_, Fault::Close)) => {
                    state.watches.retain(|watch| watch.2 != number);
                    let _ = reader.shutdown(std::net::Shutdown::Both);
                    return;
                }
                None => match state.handle(number, kind, tx, &payload) {
                    Ok(answer) => Self::send(&writer, kind, id, tx, &answer),
                    Err(name) => Self::send(&writer, 16, id, tx, format!("{name}\0").as_bytes()),
                },
            }
            self.send_events(&mut state);
        }
    }
}

impl State {
    fn tree(&mut self, tx: u32) -> &mut Tree {
        match self.transactions.get_mut(&tx) {
            Some((tree, _)) => tree,
            None => &mut self.tree,
        }
    }

    fn fire(&mut self, path: &str) {
        for (watched, token, conn) in &self.watches {
            let below = path.strip_prefix(watched.as_str());
            if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                self.events
                    .push_back((path.to_owned(), token.clone(), *conn));
            }
        }
    }

    fn changed(&mut self, tx: u32, path: &str) {
        if tx == 0 {
            self.generation += 1;
            self.fire(path);
        }
    }

    fn write(&mut self, tx: u32, path: &str, value: &[u8]) {
        let tree = self.tree(tx);
        for (at, _) in path.match_indices('/').skip(1) {
            let parent = path[..at].to_owned();
            tree.entry(parent)
                .or_insert_with(|| (Vec::new(), b"n0\0".to_vec()));
        }
        let node = tree
            .entry(path.to_owned())
            .or_insert_with(|| (Vec::new(), b"n0\0".to_vec()));
        node.0 = value.to_vec();
        self.changed(tx, path);
    }

    /// Like the daemon, tells of every node that goes.
    fn rm(&mut self, tx: u32, path: &str) {
        let below = format!("{path}/");
        let tree = self.tree(tx);
        let goes = |node: &&String| *node == path || node.starts_with(&below);
        let gone: Vec<_> = tree.keys().filter(goes).cloned().collect();
        for node in gone {
            self.tree(tx).remove(&node);
            self.changed(tx, &node);
        }
    }

    fn children(&mut self, tx: u32, path: &str) -> Result<Vec<u8>, &'static str> {
        let tree = self.tree(tx);
        if path != "/" && !tree.contains_key(path) {
            return Err("ENOENT");
        }
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let mut out = Vec::new();
        for known in tree.keys().filter_map(|key| key.strip_prefix(&prefix)) {
            if !known.contains('/') {
                out.extend_from_slice(known.as_bytes());
                out.push(0);
            }
        }
        Ok(out)
    }

    fn handle(
        &mut self,
        conn: usize,
        kind: u32,
        tx: u32,
        payload: &[u8],
    ) -> Result<Vec<u8>, &'static str> {
        if tx != 0 && !self.transactions.contains_key(&tx) {
            return Err("ENOENT");
        }
        let at = payload.iter().position(|byte| *byte == 0).ok_or("EINVAL")?;
        let path = String::from_utf8(payload[..at].to_vec()).map_err(|_| "EINVAL")?;
        let rest = payload[at + 1..].to_vec();
        let ok = b"OK\0".to_vec();
        match kind {
            1 => {
                let names = self.children(tx, &path)?;
                if names.len() > 4096 {
                    Err("E2BIG")
                } else {
                    Ok(names)
                }
            }
            22 => {
                let names = self.children(tx, &path)?;
                let offset: usize = String::from_utf8_lossy(&rest[..rest.len() - 1])
                    .parse()
                    .map_err(|_| "EINVAL")?;
                let mut answer = format!("{}\0", self.generation).into_bytes();
                let mut end = (offset + 4000).min(names.len());
                while end < names.len() && names[end - 1] != 0 {
                    end -= 1;
                }
                answer.extend_from_slice(&names[offset..end]);
                if end == names.len() {
                    answer.push(0);
                }
                Ok(answer)
            }
            2 => self
                .tree(tx)
                .get(&path)
                .map(|node| node.0.clone())
                .ok_or("ENOENT"),
            3 => self
                .tree(tx)
                .get(&path)
                .map(|node| node.1.clone())
                .ok_or("ENOENT"),
            14 => {
                self.tree(tx).get_mut(&path).ok_or("ENOENT")?.1 = rest;
                self.changed(tx, &path);
                Ok(ok)
            }
            4 => {
                let token = String::from_utf8_lossy(&rest[..rest.len() - 1]).into_owned();
                self.events.push_back((path.clone(), token.clone(), conn));
                self.watches.push((path, token, conn));
                Ok(ok)
            }
            5 => {
                let token = String::from_utf8_lossy(&rest[..rest.len() - 1]).into_owned();
                let before = self.watches.len();
                self.watches
                    .retain(|watch| *watch != (path.clone(), token.clone(), conn));
                if self.watches.len() < before {
                    Ok(ok)
                } else {
                    Err("ENOENT")
                }
            }
            6 => {
                self.last_tx += 1;
                let copy = (self.tree.clone(), self.generation);
                self.transactions.insert(self.last_tx, copy);
                Ok(format!("{}\0", self.last_tx).into_bytes())
            }
            7 => {
                let (tree, generation) = self.transactions.remove(&tx).ok_or("ENOENT")?;
                if path == "T" {
                    if generation != self.generation {
                        return Err("EAGAIN");
                    }
                    let changed: Vec<_> = tree
                        .iter()
                        .filter(|(path, node)| self.tree.get(*path) != Some(*node))
                        .map(|(path, _)| path.clone())
                        .chain(
                            self.tree
                                .keys()
                                .filter(|path| !tree.contains_key(*path))
                                .cloned(),
                        )
                        .collect();
                    self.tree = tree;
                    changed.iter().for_each(|path| self.changed(0, path));
                }
                Ok(ok)
            }
            11 => {
                self.write(tx, &path, &rest);
                Ok(ok)
            }
            12 => {
                if !self.tree(tx).contains_key(&path) {
                    self.write(tx, &path, b"");
                }
                Ok(ok)
            }
            13 if self.denied.contains(&path) => Err("EACCES"),
            13 => {
                let there = self.tree(tx).contains_key(&path);
                self.rm(tx, &path);
                if there { Ok(ok) } else { Err("ENOENT") }
            }
            8 | 9 | 19 => Ok(ok),
            _ => Err("ENOSYS"),
        }
    }
}

/// Runs a future that needs nothing but the connection; gives up after five seconds without progress.
pub(crate) fn drive<T>(conn: &Conn, future: impl Future<Output = T>) -> T {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            conn.flush();
            return value;
        }
        let mut flags = PollFlags::IN;
        if conn.flush() {
            flags |= PollFlags::OUT;
        }
        let fd = conn.fd().expect("open");
        let limit = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        let ready = poll(&mut [PollFd::new(&fd, flags)], Some(&limit)).expect("poll");
        assert_ne!(ready, 0, "no progress");
        conn.service();
    }
}
