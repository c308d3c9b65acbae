//! What an application can plug in: its own event loop, its own way to fork and reap, its own event delivery.

use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use crate::Result;
use crate::types::{Event, EventType};

/// An application's event loop, which watches descriptors and timers for us (`libxl_osevent_hooks`).
/// All calls are made with the context's lock held and must not call back.
pub trait OsEvents: Send + Sync {
    /// Starts to watch `fd` for `events` (poll(2)'s bits); `ours` comes back in [`super::Ctx::occurred_fd`].
    /// Gives the application's own mark.
    fn fd_register(&self, fd: RawFd, events: i16, ours: u64) -> Result<usize>;
    /// Changes the events; may change the application's mark, also when it fails.
    fn fd_modify(&self, fd: RawFd, theirs: &mut usize, events: i16) -> Result<()>;
    /// Stops watching.
    fn fd_deregister(&self, fd: RawFd, theirs: usize);
    /// Sets a timer to a time of day (since 1970); `ours` comes back in [`super::Ctx::occurred_timeout`].
    fn timeout_register(&self, at: Duration, ours: u64) -> Result<usize>;
    /// Makes a timer go off at once.
    fn timeout_modify(&self, theirs: &mut usize) -> Result<()>;
}

/// Takes events of the types in `mask` (bit `1 << type`) instead of the queue. Called without any lock.
#[derive(Clone)]
pub struct EventSink {
    /// Which types go to `deliver`.
    pub mask: u64,
    /// Gets each event, which it then owns.
    pub deliver: Arc<dyn Fn(Event) + Send + Sync>,
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventSink({:#x})", self.mask)
    }
}

/// Learns that events of a type (None: of all types) may be lost from now on; gets text and errno.
pub type Disaster = Arc<dyn Fn(Option<EventType>, &str, i32) + Send + Sync>;

/// Who collects ended children (`libxl_sigchld_owner`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChildOwner {
    /// The library, while it has children.
    #[default]
    Libxl,
    /// The application, which tells by [`super::Ctx::child_reaped`] or [`super::Ctx::sigchld_occurred`].
    Mainloop,
    /// The library, always, for the whole process.
    LibxlAlways,
    /// The library, but only its own children.
    LibxlAlwaysSelective,
}

/// What an application did with a child that is not the library's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// It knows the child.
    Known,
    /// It does not know it either.
    Unknown,
    /// It failed with this status.
    Failed(i32),
}

/// Tells the application of a child (pid, wait status) that the library reaped for it.
pub type ReapedCallback = Arc<dyn Fn(i32, i32) -> Reaped + Send + Sync>;

/// An application's fork(2).
pub type ForkCallback = Arc<dyn Fn() -> i32 + Send + Sync>;

/// How children are started and collected (`libxl_childproc_hooks`).
#[derive(Clone, Default)]
pub struct ChildHooks {
    /// Who collects.
    pub owner: ChildOwner,
    /// Used instead of fork(2).
    pub fork: Option<ForkCallback>,
    /// Gets children that are not the library's.
    pub reaped: Option<ReapedCallback>,
}

impl fmt::Debug for ChildHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildHooks({:?})", self.owner)
    }
}
