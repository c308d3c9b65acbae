//! A child process whose end is watched.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};

use crate::sys;

/// A child, and a descriptor that becomes readable when it ends. Without that the child is looked at now and then.
pub(crate) struct Watched {
    child: Child,
    exit: Option<OwnedFd>,
}

impl Watched {
    pub(crate) fn new(child: Child) -> Self {
        let exit = sys::watch_child(&child).ok();
        Self { child, exit }
    }

    /// How it ended, when it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(crate) fn exit(&self) -> Option<BorrowedFd<'_>> {
        self.exit.as_ref().map(AsFd::as_fd)
    }
}
