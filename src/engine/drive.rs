//! The loop: polls futures that were woken, calls the application back, and sleeps in poll(2) when nothing is left.
//!
//! Several threads may be in it. One of them, the leader, sleeps in poll(2) for all; the others sleep on their parkers
//! and one takes over when the leader leaves.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Ctx;
use super::core::{Guard, Task, TaskFuture};
use super::reactor::READ;
use super::wake::{Parker, TaskWaker, ThreadWaker};
use crate::sys::poll::{PollFd, poll};
use crate::{Error, Result};

/// Quiet for so long while nothing is under way, a thread that waits for events gives back what it need not keep.
const QUIET: Duration = Duration::from_secs(1);

/// Whether a thread that waits may be in for a long time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It waits for an operation.
    Short,
    /// It waits for events, which may take months.
    Long,
}

/// Marks the lock's holder as being inside of a future's poll, also when that panics.
pub(super) struct Polling<'a> {
    guard: &'a Guard<'a>,
    before: bool,
}

impl<'a> Polling<'a> {
    pub(super) fn new(guard: &'a Guard<'a>) -> Self {
        let before = std::mem::replace(&mut guard.borrow_mut().polling, true);
        Self { guard, before }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.guard.borrow_mut().polling = self.before;
    }
}

pub(super) fn panicked() -> Error {
    Error::fail("internal error in an operation, please report it")
}

impl Ctx {
    /// Adds a task; it is polled at the next [`Ctx::settle`].
    pub(super) fn add_task(&self, future: TaskFuture) -> u64 {
        let guard = self.shared.lock();
        let task = guard.borrow_mut().fresh_id();
        let waker = self.task_waker(task);
        let future = Some(future);
        guard.borrow_mut().tasks.insert(
            task,
            Task {
                future,
                waker: Arc::clone(&waker),
            },
        );
        Waker::from(waker).wake();
        task
    }

    /// Drops a task wherever it is.
    pub(super) fn remove_task(&self, task: u64) {
        let guard = self.shared.lock();
        let gone = guard.borrow_mut().tasks.remove(&task);
        drop(gone);
    }

    pub(super) fn task_waker(&self, task: u64) -> Arc<TaskWaker> {
        Arc::new(TaskWaker {
            task,
            queued: AtomicBool::new(false),
            wakeups: Arc::clone(&self.shared.wakeups),
        })
    }

    /// Whether the calling thread is inside of a future's poll.
    pub(super) fn is_polling(&self) -> bool {
        self.shared.lock().borrow().polling
    }

    /// Polls all tasks that were woken, until none is left, and sends what they asked of xenstored.
    fn run_ready(&self, guard: &Guard<'_>) {
        loop {
            while let Some(id) = self.shared.wakeups.pop_ready() {
                self.poll_task(guard, id);
            }
            // Sending may fail and wake those who wait for answers.
            self.flush_store();
            if !self.shared.wakeups.any_ready() {
                return;
            }
        }
    }

    fn poll_task(&self, guard: &Guard<'_>, id: u64) {
        let (mut future, waker) = {
            let mut core = guard.borrow_mut();
            let Some(task) = core.tasks.get_mut(&id) else {
                return;
            };
            task.waker.queued.store(false, Ordering::SeqCst);
            let Some(future) = task.future.take() else {
                return;
            };
            (future, Waker::from(Arc::clone(&task.waker)))
        };
        let mut cx = Context::from_waker(&waker);
        let result = {
            let _polling = Polling::new(guard);
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)))
        };
        if let Ok(Poll::Pending) = result {
            if let Some(task) = guard.borrow_mut().tasks.get_mut(&id) {
                task.future = Some(future);
            }
            return;
        }
        if result.is_err() {
            self.shared.log.failure(&panicked());
        }
        // The future goes before its row, and without the cell being borrowed: its destructors use the tables.
        drop(future);
        guard.borrow_mut().tasks.remove(&id);
    }

    /// Brings everything as far as it goes without waiting. To be called at the end of every entry into the engine.
    pub(super) fn settle(&self) {
        loop {
            let callbacks = {
                let guard = self.shared.lock();
                if guard.borrow().polling {
                    // The outer loop of this very thread goes on with it.
                    return;
                }
                self.run_ready(&guard);
                std::mem::take(&mut guard.borrow_mut().callbacks)
            };
            if callbacks.is_empty() {
                return;
            }
            for callback in callbacks {
                callback();
            }
        }
    }

    /// Serves the context until `step` gives a value; it is called with the lock held.
    pub(super) fn drive<T>(
        &self,
        parker: &Arc<Parker>,
        mut patience: Patience,
        mut step: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        loop {
            let guard = self.shared.lock();
            self.run_ready(&guard);
            let done = step();
            // What `step` did may have woken tasks, also the one it stands for.
            self.run_ready(&guard);
            let callbacks = std::mem::take(&mut guard.borrow_mut().callbacks);
            if done.is_none() && callbacks.is_empty() {
                self.sleep(guard, parker, &mut patience)?;
                continue;
            }
            self.hand_over(&guard);
            drop(guard);
            for callback in callbacks {
                callback();
            }
            if let Some(done) = done {
                return Ok(done);
            }
        }
    }

    /// Wakes a follower to be the next leader, unless there is a leader.
    fn hand_over(&self, guard: &Guard<'_>) {
        let mut core = guard.borrow_mut();
        if !core.leader
            && let Some(next) = core.followers.pop()
        {
            next.unpark();
        }
    }

    /// Wakes all threads that wait, to look whether what happened is what they wait for.
    pub(super) fn wake_waiters(&self) {
        let guard = self.shared.lock();
        for follower in &guard.borrow().followers {
            follower.unpark();
        }
        self.shared.wakeups.kick();
    }

    /// An error is the leader's: it leaves, and somebody else takes its place.
    fn sleep(&self, guard: Guard<'_>, parker: &Arc<Parker>, patience: &mut Patience) -> Result<()> {
        if guard.borrow().leader {
            guard.borrow_mut().followers.push(Arc::clone(parker));
            drop(guard);
            parker.park();
            let guard = self.shared.lock();
            guard
                .borrow_mut()
                .followers
                .retain(|other| !Arc::ptr_eq(other, parker));
            return Ok(());
        }
        let (mut fds, ids, deadline) = self.poll_set();
        let Some(wake) = self.shared.wakeups.leader_fd() else {
            return Err(Error::fail("this context belongs to the parent process"));
        };
        fds.push(poll_fd(&wake));
        // Said first and looked at then: whoever wakes in between is seen here or fires the eventfd.
        self.shared.wakeups.leader_sleeps();
        if parker.take() || self.shared.wakeups.any_ready() {
            self.shared.wakeups.leader_wakes(false);
            return Ok(());
        }
        guard.borrow_mut().leader = true;
        let idle = *patience == Patience::Long && guard.borrow().ops.is_empty();
        drop(guard);
        let mut limit = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if idle && limit.is_none_or(|limit| limit > QUIET) {
            limit = Some(QUIET);
        }
        let result = poll(&mut fds, limit);
        if idle && matches!(result, Ok(0)) && limit == Some(QUIET) {
            crate::sys::memory::give_back();
            *patience = Patience::Short;
        }
        let guard = self.shared.lock();
        let fired = fds.last().is_some_and(|wake| wake.revents != 0);
        self.shared.wakeups.leader_wakes(fired);
        guard.borrow_mut().leader = false;
        if let Err(error) = result {
            self.hand_over(&guard);
            return Err(Error::io("waiting for events", &error));
        }
        self.dispatch(&fds, &ids);
        Ok(())
    }

    /// Tells those whose descriptors are ready or whose time has come. `fds` may be longer than `ids`.
    pub(super) fn dispatch(&self, fds: &[PollFd], ids: &[u64]) {
        for (fd, id) in fds.iter().zip(ids) {
            if fd.revents != 0 {
                self.fd_ready(*id);
            }
        }
        self.fire_timers(Instant::now());
    }

    /// Polls `future`, which need not be 'static, to its end in this thread.
    pub(super) fn drive_future(&self, mut future: Pin<&mut dyn Future<Output = ()>>) -> Result<()> {
        if self.is_polling() {
            return Err(Error::fail(
                "a synchronous call was made from within an operation of the same context",
            ));
        }
        let thread = Arc::new(ThreadWaker {
            woken: AtomicBool::new(true),
            parker: Arc::new(Parker::default()),
            wakeups: Arc::clone(&self.shared.wakeups),
        });
        let waker = Waker::from(Arc::clone(&thread));
        self.drive(&thread.parker, Patience::Short, || {
            let mut cx = Context::from_waker(&waker);
            while thread.woken.swap(false, Ordering::SeqCst) {
                let guard = self.shared.lock();
                let _polling = Polling::new(&guard);
                if future.as_mut().poll(&mut cx).is_ready() {
                    return Some(());
                }
            }
            None
        })
    }
}

pub(super) fn poll_fd(fd: &impl std::os::fd::AsRawFd) -> PollFd {
    PollFd {
        fd: fd.as_raw_fd(),
        events: READ,
        revents: 0,
    }
}
