//! What every operation runs on: the context, its reactor, operations as futures with built-in undo, child processes,
//! the event queue and the application's hooks. docs/engine.md tells who wakes whom.

mod apploop;
mod beside;
mod blocking;
mod child;
mod childproc;
mod core;
mod ctx;
mod drive;
mod event;
mod exit;
mod generator;
mod hooks;
mod life;
mod lock;
mod op;
mod queue;
mod reactor;
mod start;
mod wait;
mod wake;
mod xenstored;

pub use blocking::Work;
pub use child::{Child, Command};
pub use ctx::{Counted, Ctx};
pub use event::ProgressHow;
pub use exit::ExitStatus;
pub use hooks::{
    ChildHooks, ChildOwner, Disaster, EventSink, ForkCallback, OsEvents, Reaped, ReapedCallback,
};
pub use lock::FileLock;
pub use op::{Op, Rollback};
pub use start::{How, Notify};

pub use crate::sys::poll::PollFd;

#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

/// In a forked child that goes on without exec: closes what belongs to the parent. All contexts made before are dead
/// from now on; they may be closed, which then touches nothing.
pub fn postfork_child() {
    crate::sys::fork::close_all_in_child();
    crate::sys::sigchld::forget_in_child();
}
