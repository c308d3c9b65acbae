//! A child process whose end is watched.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};

use crate::sys;
use crate::words::Words;

/// A child, and a descriptor that becomes readable when it ends. Without that the child is looked at now and then.
pub(crate) struct Watched {
    child: Child,
    exit: Option<OwnedFd>,
    words: Option<Words>,
}

impl Watched {
    /// `words`: what it says, where that is heard.
    pub(crate) fn new(child: Child, words: Option<Words>) -> Self {
        let exit = sys::watch_child(&child).ok();
        Self { child, exit, words }
    }

    /// How it ended, when it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(crate) fn exit(&self) -> Option<BorrowedFd<'_>> {
        self.exit.as_ref().map(AsFd::as_fd)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said last, when it has ended; empty when it said nothing.
    pub(crate) fn last_words(&self) -> String {
        self.words.as_ref().map(Words::last).unwrap_or_default()
    }
}
