//! A conversation with one QEMU: greeting, capabilities, then a command at a time.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, sendmsg, socket_with,
};
use serde_json::{Map, Value};

use super::message::{self, Framer, Message, protocol};
use super::{Version, socket_path};
use crate::engine::{FileLock, Op};
use crate::log::Level;
use crate::paths::XEN_LOGDIR;
use crate::types::Uuid;
use crate::{Code, Domid, Error, Result, log_line};

/// Ids have this first byte ("x" in ASCII), so that a trace shows whose command it is. Bits below differ from one conversation
/// to the next, so that no answer is taken for another's.
const FIRST_ID: i64 = 0x786c_7100;
const VARIED: i64 = 0x007f_ff00;

/// How long a QEMU that has nothing else to do takes to greet, generously.
const GREETING: Duration = Duration::from_secs(2);

/// How often a peer that does not greet is connected to again. The other end of a vchan does not notice that a client has gone
/// when the next one is quicker.
const TRIES: u32 = 2;

/// Time for the other end of a vchan to notice.
const CLOSED: Duration = Duration::from_millis(200);

/// The most, in bytes, that one client can leave to the next: a proxy's buffer, and a ring.
const MOST_STALE: usize = 16 << 10;

/// Messages other than the awaited answer that are read before a command is given up: events of a busy guest are few.
const MAX_IGNORED: usize = 10_000;

const CHUNK: usize = 4096;

/// A connection to the QEMU of a domain, with the lock on its socket.
///
/// After an error of the protocol the conversation cannot go on; a refused command (`ERROR_QMP_*`) leaves it usable.
pub struct Client {
    op: Op,
    domid: Domid,
    stream: UnixStream,
    framer: Framer,
    next_id: i64,
    version: Version,
    /// Whether the other end has closed the connection.
    hung_up: bool,
    /// Released after the stream is closed: fields are dropped in this order.
    lock: Option<FileLock>,
}

impl Client {
    /// Takes the lock, connects to the domain's QMP socket and negotiates.
    ///
    /// Waits as long as another process talks to this QEMU; the caller sets the limit with [`Op::timeout`].
    pub async fn connect(op: &Op, domid: Domid) -> Result<Self> {
        Self::connect_or(op, domid, async { Ok(false) }).await
    }

    /// The same. Where nobody serves the socket, `revive` is to see to that, under the lock; when it says that somebody does
    /// now, the connection is tried once more.
    pub async fn connect_or(
        op: &Op,
        domid: Domid,
        revive: impl Future<Output = Result<bool>>,
    ) -> Result<Self> {
        let uuid = uuid_of(op, domid)?;
        let lock = FileLock::acquire(op, super::lock_path(domid, uuid)).await?;
        // The domain may have gone while we waited, and its number may be another's now.
        if uuid_of(op, domid)? != uuid {
            return Err(Error::new(Code::LockFail, "the domain is gone").domain(domid));
        }
        let path = socket_path(domid);
        let mut client = Self::reach_or(op, domid, Path::new(&path), revive).await?;
        client.lock = Some(lock);
        Ok(client)
    }

    /// Connects to whoever serves `path`, before or after `revive`.
    pub(super) async fn reach_or(
        op: &Op,
        domid: Domid,
        path: &Path,
        revive: impl Future<Output = Result<bool>>,
    ) -> Result<Self> {
        let mut revive = Some(revive);
        let mut tries = TRIES;
        loop {
            match Self::reach(op, domid, path, tries == 0).await {
                Ok(client) => return Ok(client),
                Err(Unreached::Nobody(error)) => {
                    let revived = match revive.take() {
                        Some(revive) => revive.await?,
                        None => false,
                    };
                    if !revived {
                        return Err(error);
                    }
                }
                Err(Unreached::Silent(error)) if tries > 0 => {
                    tries -= 1;
                    log_line!(op.log(), Level::Debug, domid, "connecting again: {error}");
                    op.sleep(CLOSED).await?;
                }
                Err(Unreached::Silent(error) | Unreached::Other(error)) => return Err(error),
            }
        }
    }

    async fn reach(op: &Op, domid: Domid, path: &Path, patient: bool) -> Result<Self, Unreached> {
        let shown = path.display();
        log_line!(op.log(), Level::Debug, domid, "connecting to {shown}");
        let stream = open(op, path).await.map_err(|error| {
            let error = error.domain(domid);
            match error.errno() {
                Some(libc::ECONNREFUSED | libc::ENOENT) => {
                    let log = format!("{XEN_LOGDIR}/qemu-dm-NAME.log, with the guest's name");
                    Unreached::Nobody(
                        error.hint(format!("its device model may have ended: see {log}")),
                    )
                }
                _ => Unreached::Other(error),
            }
        })?;
        let mut client = Self::over(op, domid, stream);
        client.negotiate(patient).await?;
        Ok(client)
    }

    /// Negotiates over an open stream.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) async fn converse(op: &Op, domid: Domid, stream: UnixStream) -> Result<Self> {
        let mut client = Self::over(op, domid, stream);
        match client.negotiate(true).await {
            Ok(()) => Ok(client),
            Err(Unreached::Nobody(error) | Unreached::Silent(error) | Unreached::Other(error)) => {
                Err(error)
            }
        }
    }

    fn over(op: &Op, domid: Domid, stream: UnixStream) -> Self {
        Self {
            op: op.clone(),
            domid,
            stream,
            framer: Framer::default(),
            next_id: first_id(),
            version: Version::default(),
            hung_up: false,
            lock: None,
        }
    }

    /// `patient` is who waits for the first byte without a limit of its own.
    async fn negotiate(&mut self, patient: bool) -> Result<(), Unreached> {
        self.version = self.greeting(patient).await?;
        let Version {
            major,
            minor,
            micro,
        } = self.version;
        log_line!(
            self.op.log(),
            Level::Debug,
            self.domid,
            "QEMU {major}.{minor}.{micro}"
        );
        self.enable_commands()
            .await
            .map_err(|error| Unreached::Other(self.about(error.code_as(Code::ProtocolErrorQmp))))
    }

    /// Waits for the greeting. The vchan to a stub domain may hold what the last client did not read, and its end begins
    /// within a line.
    async fn greeting(&mut self, patient: bool) -> Result<Version, Unreached> {
        let op = self.op.clone();
        if patient {
            op.readable(&self.stream).await.map_err(Unreached::Other)?;
        }
        let mut wrong = None;
        let looking = async {
            let mut left = MOST_STALE;
            loop {
                let line = self.line().await?;
                let error = match message::greeting(&line) {
                    Ok(version) => return Ok(version),
                    Err(error) => wrong.get_or_insert(error),
                };
                match left.checked_sub(line.len()) {
                    Some(rest) => left = rest,
                    None => return Err(protocol(error.to_string())),
                }
            }
        };
        let outcome = op
            .timeout(GREETING, "waiting for QEMU's greeting", looking)
            .await;
        outcome.map_err(|error| match (error.code(), wrong) {
            (Code::Timedout, wrong) if !patient => Unreached::Silent(wrong.unwrap_or(error)),
            // A proxy that ends leaves those behind who stood in its queue.
            (_, None) if self.hung_up => Unreached::Nobody(error),
            (Code::Timedout | Code::ProtocolErrorQmp, Some(wrong)) => Unreached::Other(wrong),
            _ => Unreached::Other(error),
        })
    }

    /// `qmp_capabilities`. What comes before its answer may still be the last client's.
    async fn enable_commands(&mut self) -> Result<()> {
        let ours = self.command("qmp_capabilities", None, None).await?;
        let mut left = MOST_STALE;
        for _ in 0..MAX_IGNORED {
            let line = self.line().await?;
            match Message::parse(&line) {
                Ok(Message::Return { id, .. }) if id == ours => return Ok(()),
                Ok(Message::Error {
                    id: Some(id),
                    class,
                    desc,
                }) if id == ours => return Err(Error::new(message::code_of_class(&class), desc)),
                Ok(Message::Event) => {}
                _ => match left.checked_sub(line.len()) {
                    Some(rest) => left = rest,
                    None => break,
                },
            }
        }
        Err(protocol("QEMU does not answer the first command"))
    }

    /// QEMU's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The operation that the conversation is part of.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// The domain whose QEMU this is.
    pub fn domid(&self) -> Domid {
        self.domid
    }

    /// Sends a command and awaits what it returns; a refusal is an error with one of the `ERROR_QMP_*` statuses.
    pub async fn execute(
        &mut self,
        name: &str,
        arguments: Option<Map<String, Value>>,
    ) -> Result<Value> {
        self.exchange(name, arguments.as_ref(), None).await
    }

    /// Like [`Client::execute`], and hands QEMU a descriptor with the command.
    pub async fn execute_with_fd(
        &mut self,
        name: &str,
        arguments: Option<Map<String, Value>>,
        fd: BorrowedFd<'_>,
    ) -> Result<Value> {
        self.exchange(name, arguments.as_ref(), Some(fd)).await
    }

    async fn exchange(
        &mut self,
        name: &str,
        arguments: Option<&Map<String, Value>>,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<Value> {
        let id = self.command(name, arguments, fd).await?;
        self.answer(id)
            .await
            .map_err(|error| self.about(error.context(format_args!("QMP {name}"))))
    }

    /// Sends a command; gives its id.
    async fn command(
        &mut self,
        name: &str,
        arguments: Option<&Map<String, Value>>,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<i64> {
        let id = self.next_id;
        self.next_id += 1;
        log_line!(self.op.log(), Level::Debug, self.domid, "QMP {name}");
        self.send(&message::command_line(name, id, arguments), fd)
            .await?;
        Ok(id)
    }

    async fn answer(&mut self, awaited: i64) -> Result<Value> {
        for _ in 0..MAX_IGNORED {
            match self.receive().await? {
                Message::Event => {}
                Message::Return { id, value } if id == awaited => return Ok(value),
                Message::Error {
                    id: Some(id),
                    class,
                    desc,
                } if id == awaited => {
                    return Err(Error::new(message::code_of_class(&class), desc));
                }
                Message::Greeting(_) => return Err(protocol("QEMU greeted twice")),
                Message::Return { id, .. } | Message::Error { id: Some(id), .. } => {
                    return Err(protocol(format!(
                        "QEMU answered command {id}, not {awaited}"
                    )));
                }
                Message::Error { id: None, desc, .. } => {
                    return Err(protocol(format!("QEMU could not read us: {desc}")));
                }
            }
        }
        Err(protocol(format!(
            "{MAX_IGNORED} events came instead of an answer"
        )))
    }

    async fn receive(&mut self) -> Result<Message> {
        let line = self.line().await?;
        Message::parse(&line).map_err(|error| self.about(error))
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Result<Vec<u8>> {
        let mut chunk = [0; CHUNK];
        loop {
            if let Some(line) = self.framer.next_line() {
                return Ok(line);
            }
            // Asked for each time: a peer that never pauses must not keep time limits and aborts from being seen.
            self.op.readable(&self.stream).await?;
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.hung_up = true;
                    return Err(self.about(protocol("QEMU closed the QMP connection")));
                }
                Ok(count) => self.framer.push(&chunk[..count])?,
                Err(error) => match error.kind() {
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted => {}
                    std::io::ErrorKind::ConnectionReset => {
                        self.hung_up = true;
                        return Err(self.about(protocol("QEMU reset the QMP connection")));
                    }
                    _ => return Err(self.about(Error::io("cannot read from QEMU", &error))),
                },
            }
        }
    }

    /// Sends a whole line; a descriptor goes with its first byte.
    async fn send(&mut self, line: &[u8], fd: Option<BorrowedFd<'_>>) -> Result<()> {
        let mut rest = line;
        if let Some(fd) = fd {
            while !self.send_with_fd(&rest[..1], fd)? {
                self.op.writable(&self.stream).await?;
            }
            rest = &rest[1..];
        }
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => match error.kind() {
                    std::io::ErrorKind::WouldBlock => self.op.writable(&self.stream).await?,
                    std::io::ErrorKind::Interrupted => {}
                    std::io::ErrorKind::BrokenPipe => {
                        return Err(self.about(protocol("QEMU closed the QMP connection")));
                    }
                    _ => return Err(self.about(Error::io("cannot write to QEMU", &error))),
                },
            }
        }
        Ok(())
    }

    /// Says whether it could be sent without waiting.
    fn send_with_fd(&self, bytes: &[u8], fd: BorrowedFd<'_>) -> Result<bool> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = [fd];
        if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(self.about(Error::fail("cannot hand QEMU a descriptor: no space")));
        }
        let sent = sendmsg(
            &self.stream,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        );
        match sent {
            Ok(_) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(error) => {
                Err(self.about(Error::io("cannot hand QEMU a descriptor", &error.into())))
            }
        }
    }

    fn about(&self, error: Error) -> Error {
        error.domain(self.domid)
    }
}

/// Fixed where hostile data is to get further than the first answer.
fn first_id() -> i64 {
    // The inputs that are kept answer this one.
    if cfg!(all(feature = "fuzzing", not(test))) {
        return FIRST_ID;
    }
    let random = RandomState::new().build_hasher().finish();
    FIRST_ID ^ (random.cast_signed() & VARIED)
}

/// Why there is no conversation.
enum Unreached {
    /// There was nobody to have it with.
    Nobody(Error),
    /// There was no greeting in time.
    Silent(Error),
    Other(Error),
}

fn uuid_of(op: &Op, domid: Domid) -> Result<Uuid> {
    match op.xen()?.domain_info(domid)? {
        Some(info) => Ok(Uuid(info.handle)),
        None => Err(Error::new(Code::LockFail, "the domain is gone").domain(domid)),
    }
}

/// Connects without blocking the caller's thread: a Unix socket with a full queue would.
async fn open(op: &Op, path: &Path) -> Result<UnixStream> {
    let failed = |error: Errno| {
        Error::io(
            format_args!("cannot connect to {}", path.display()),
            &error.into(),
        )
    };
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    loop {
        match connect(&socket, &address) {
            Ok(()) => return Ok(UnixStream::from(socket)),
            Err(Errno::AGAIN | Errno::INTR) => op.sleep(Duration::from_millis(10)).await?,
            Err(error) => return Err(failed(error)),
        }
    }
}
