//! The state of a context: tables of tasks, descriptors, timers, operations, children and events.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::os::fd::{OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use parking_lot::{ReentrantMutex, ReentrantMutexGuard};

use super::beside::Beside;
use super::exit::ExitStatus;
use super::hooks::{ChildHooks, Disaster, EventSink, OsEvents};
use super::life::Life;
use super::wake::{Parker, TaskWaker, Wakeups};
use crate::Result;
use crate::log::Logger;
use crate::store::Conn;
use crate::types::Event;
use crate::xen::Xen;

/// A task's future. It is taken out of the table while it is polled.
pub(super) type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
/// A call into the application, made after the lock was dropped.
pub(super) type Callback = Box<dyn FnOnce() + Send>;
/// Makes the connection to xenstored.
pub(super) type Connect = Box<dyn Fn() -> Result<Conn> + Send + Sync>;
/// What a module above the engine keeps in a context.
pub(super) type State = Arc<dyn Any + Send + Sync>;

/// What all clones of a context share.
pub(super) struct Shared {
    pub(super) log: Logger,
    /// Which of a process's lives it belongs to, see [`crate::sys::fork::generation`].
    pub(super) generation: u64,
    pub(super) xen: Xen,
    pub(super) wakeups: Arc<Wakeups>,
    pub(super) connect: Connect,
    core: ReentrantMutex<RefCell<Core>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx(generation {})", self.generation)
    }
}

/// The lock, held. The cell inside is borrowed for single statements only, never while a future is polled or a
/// hook is called.
pub(super) type Guard<'a> = ReentrantMutexGuard<'a, RefCell<Core>>;

impl Shared {
    pub(super) fn new(log: Logger, xen: Xen, connect: Connect) -> Result<Self> {
        Ok(Self {
            log,
            generation: crate::sys::fork::generation(),
            xen,
            wakeups: Arc::new(Wakeups::new()?),
            connect,
            core: ReentrantMutex::new(RefCell::default()),
        })
    }

    pub(super) fn lock(&self) -> Guard<'_> {
        self.core.lock()
    }
}

/// The tables.
#[derive(Default)]
pub(super) struct Core {
    pub(super) closed: bool,
    /// A future is being polled, by this thread, for it holds the lock.
    pub(super) polling: bool,
    pub(super) tasks: HashMap<u64, Task>,
    pub(super) fds: BTreeMap<u64, FdEntry>,
    pub(super) timers: HashMap<u64, TimerEntry>,
    pub(super) deadlines: BTreeSet<(Instant, u64)>,
    pub(super) ops: BTreeMap<u64, Arc<Life>>,
    pub(super) store: Option<StoreEntry>,
    /// Threads that work for operations.
    pub(super) beside: Vec<Arc<Beside>>,
    pub(super) children: HashMap<i32, ChildEntry>,
    pub(super) child_hooks: ChildHooks,
    pub(super) sigchld: Option<(crate::sys::sigchld::Handler, u64)>,
    pub(super) events: VecDeque<Event>,
    pub(super) event_sink: Option<EventSink>,
    pub(super) disaster: Option<Disaster>,
    /// A value for each type that asked for one.
    pub(super) states: HashMap<TypeId, State>,
    pub(super) callbacks: VecDeque<Callback>,
    pub(super) hooks: Option<Arc<dyn OsEvents>>,
    /// How the application learned what memory a guest needs: with page tables, without them.
    pub(super) counted: [bool; 2],
    /// A thread sleeps in poll(2) for everybody.
    pub(super) leader: bool,
    pub(super) followers: Vec<Arc<Parker>>,
    last_id: u64,
}

impl Core {
    /// A number that this context has never used before.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// A task: something that runs without a thread waiting for it.
pub(super) struct Task {
    pub(super) future: Option<TaskFuture>,
    pub(super) waker: Arc<TaskWaker>,
}

/// A descriptor that somebody waits for.
#[derive(Debug)]
pub(super) struct FdEntry {
    pub(super) fd: RawFd,
    pub(super) events: i16,
    pub(super) ready: bool,
    pub(super) target: Target,
    pub(super) theirs: Option<usize>,
}

/// Who is told that a descriptor is ready.
#[derive(Debug)]
pub(super) enum Target {
    /// A future.
    Future(Option<Waker>),
    /// The connection to xenstored.
    Store,
    /// The child with this pid.
    Child(i32),
    /// The SIGCHLD handler's eventfd.
    Sigchld,
}

/// A timer that somebody waits for.
#[derive(Debug)]
pub(super) struct TimerEntry {
    pub(super) at: Instant,
    pub(super) waker: Option<Waker>,
    pub(super) fired: bool,
    pub(super) theirs: Option<usize>,
}

/// A child that was started.
pub(super) struct ChildEntry {
    pub(super) pidfd: Option<Arc<OwnedFd>>,
    pub(super) row: Option<u64>,
    /// Ours to wait for, not a grandchild.
    pub(super) own: bool,
    pub(super) status: Option<ExitStatus>,
    pub(super) waker: Option<Waker>,
    /// Nobody asks for the status any more: the record goes with the process.
    pub(super) unattended: bool,
    /// The operation whose end waits for this one's.
    pub(super) holds: Option<Arc<Life>>,
}

/// The open connection to xenstored and its row in the descriptor table.
#[derive(Debug)]
pub(super) struct StoreEntry {
    pub(super) conn: Arc<Conn>,
    pub(super) fd: u64,
    pub(super) wants_write: bool,
}
