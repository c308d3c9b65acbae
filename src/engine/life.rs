//! An operation as those see it who do not run it: they can abort it, and its end waits for them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;

use super::wake::lock;
use crate::{Code, Error};

/// What an operation that was aborted ends with.
pub(super) fn aborted() -> Error {
    Error::new(Code::Aborted, "the operation was aborted")
}

/// One operation's.
pub(super) struct Life {
    pub(super) id: u64,
    /// Which operation an abort means; `None` for a synchronous one.
    pub(super) key: Option<(usize, u64)>,
    aborted: AtomicBool,
    /// The waker of the task or thread that runs the operation.
    waker: Mutex<Option<Waker>>,
    /// Progress callbacks that have not returned and killed children that are not reaped: its end waits for them.
    holds: AtomicUsize,
}

impl Life {
    pub(super) fn new(id: u64, key: Option<(usize, u64)>) -> Self {
        Self {
            id,
            key,
            aborted: AtomicBool::new(false),
            waker: Mutex::default(),
            holds: AtomicUsize::new(0),
        }
    }

    /// True when it was aborted before.
    pub(super) fn abort(&self) -> bool {
        let before = self.aborted.swap(true, Ordering::SeqCst);
        self.wake();
        before
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        waker.iter().for_each(Waker::wake_by_ref);
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        let mut known = lock(&self.waker);
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    pub(super) fn hold(&self) {
        self.holds.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn release(&self) {
        self.holds.fetch_sub(1, Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn is_held(&self) -> bool {
        self.holds.load(Ordering::SeqCst) != 0
    }
}
