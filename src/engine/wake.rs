//! Waking: tasks by a queue of their numbers, waiting threads by parkers, a thread in poll(2) by an eventfd.

use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use crate::sys::fork::SensitiveFd;
use crate::{Error, Result};

/// Locks a mutex whose data stays sound when a holder panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What wakers reach without the context's lock.
#[derive(Debug)]
pub(super) struct Wakeups {
    ready: Mutex<VecDeque<u64>>,
    leader: SensitiveFd,
    leader_polls: AtomicBool,
    app: SensitiveFd,
    app_polls: AtomicBool,
}

impl Wakeups {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            ready: Mutex::default(),
            leader: eventfd()?,
            leader_polls: AtomicBool::new(false),
            app: eventfd()?,
            app_polls: AtomicBool::new(false),
        })
    }

    /// The eventfd of the thread that polls for the library.
    pub(super) fn leader_fd(&self) -> Option<BorrowedFd<'_>> {
        self.leader.get()
    }

    /// The eventfd of an application that polls for us.
    pub(super) fn app_fd(&self) -> Option<BorrowedFd<'_>> {
        self.app.get()
    }

    /// Tells wakers that a thread is about to sleep in poll(2). Called under the context's lock.
    pub(super) fn leader_sleeps(&self) {
        self.leader_polls.store(true, Ordering::SeqCst);
    }

    /// The end of that sleep; `fired` tells whether the eventfd was found readable. What is fired after poll(2) looked ends
    /// the next sleep at once, and is seen then.
    pub(super) fn leader_wakes(&self, fired: bool) {
        self.leader_polls.store(false, Ordering::SeqCst);
        if fired {
            drain(self.leader.get());
        }
    }

    /// Tells wakers whether an application is between beforepoll and afterpoll. Called under the context's lock.
    pub(super) fn set_app_polls(&self, polls: bool) {
        self.app_polls.store(polls, Ordering::SeqCst);
        if !polls {
            drain(self.app.get());
        }
    }

    /// Ends the sleep of whoever polls.
    pub(super) fn kick(&self) {
        if self.leader_polls.load(Ordering::SeqCst) {
            fire(self.leader.get());
        }
        if self.app_polls.load(Ordering::SeqCst) {
            fire(self.app.get());
        }
    }

    pub(super) fn pop_ready(&self) -> Option<u64> {
        lock(&self.ready).pop_front()
    }

    pub(super) fn any_ready(&self) -> bool {
        !lock(&self.ready).is_empty()
    }

    pub(super) fn push_ready(&self, task: u64) {
        lock(&self.ready).push_back(task);
        self.kick();
    }
}

fn eventfd() -> Result<SensitiveFd> {
    use rustix::event::EventfdFlags;
    let fd: OwnedFd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|errno| Error::io("making an eventfd", &errno.into()))?;
    Ok(SensitiveFd::new(fd))
}

fn fire(fd: Option<BorrowedFd<'_>>) {
    if let Some(fd) = fd {
        // EAGAIN means that the counter is full, hence that the sleeper is woken anyway.
        let _ = rustix::io::write(fd, &1_u64.to_ne_bytes());
    }
}

fn drain(fd: Option<BorrowedFd<'_>>) {
    if let Some(fd) = fd {
        // EAGAIN means that nobody fired.
        let _ = rustix::io::read(fd, &mut [0; 8]);
    }
}

/// The waker of a task in the context's slab.
#[derive(Debug)]
pub(super) struct TaskWaker {
    pub(super) task: u64,
    pub(super) queued: AtomicBool,
    pub(super) wakeups: Arc<Wakeups>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            self.wakeups.push_ready(self.task);
        }
    }
}

/// Where a thread sleeps while another one polls.
#[derive(Debug, Default)]
pub(super) struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(super) fn park(&self) {
        let mut woken = lock(&self.woken);
        while !*woken {
            woken = self
                .changed
                .wait(woken)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *woken = false;
    }

    /// Whether it was woken since the last time.
    pub(super) fn take(&self) -> bool {
        std::mem::take(&mut *lock(&self.woken))
    }

    pub(super) fn unpark(&self) {
        *lock(&self.woken) = true;
        self.changed.notify_one();
    }
}

/// The waker of a thread that runs an operation to its end.
#[derive(Debug)]
pub(super) struct ThreadWaker {
    pub(super) woken: AtomicBool,
    pub(super) parker: Arc<Parker>,
    pub(super) wakeups: Arc<Wakeups>,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.parker.unpark();
        self.wakeups.kick();
    }
}
