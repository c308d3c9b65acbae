//! The reactor's tables of descriptors and timers. They are registered with the application's event loop as well, when
//! it brought one; so whoever comes first, our poll or the application's, serves them.

use std::future::Future;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Ctx;
use super::core::{Core, FdEntry, Guard, Target, TimerEntry};
use crate::sys::faults;
use crate::sys::poll::PollFd;
use crate::{Error, Result};

pub(super) const READ: i16 = libc::POLLIN;
pub(super) const WRITE: i16 = libc::POLLOUT;

impl Ctx {
    pub(super) fn add_fd(&self, fd: RawFd, events: i16, target: Target) -> Result<u64> {
        let guard = self.shared.lock();
        let (id, hooks) = {
            let mut core = guard.borrow_mut();
            if core.closed {
                return Err(Error::fail("the context was closed"));
            }
            (core.fresh_id(), core.hooks.clone())
        };
        let theirs = match hooks {
            Some(hooks) => Some(hooks.fd_register(fd, events, id)?),
            None => None,
        };
        let entry = FdEntry {
            fd,
            events,
            ready: false,
            target,
            theirs,
        };
        guard.borrow_mut().fds.insert(id, entry);
        self.shared.wakeups.kick();
        Ok(id)
    }

    pub(super) fn modify_fd(&self, id: u64, events: i16) -> Result<()> {
        let guard = self.shared.lock();
        let hooks = guard.borrow().hooks.clone();
        let before = guard
            .borrow()
            .fds
            .get(&id)
            .map(|entry| (entry.fd, entry.theirs));
        let Some((fd, theirs)) = before else {
            return Ok(());
        };
        let mut theirs = theirs;
        let result = match (hooks, &mut theirs) {
            (Some(hooks), Some(theirs)) => hooks.fd_modify(fd, theirs, events),
            _ => Ok(()),
        };
        if let Some(entry) = guard.borrow_mut().fds.get_mut(&id) {
            entry.theirs = theirs;
            if result.is_ok() {
                entry.events = events;
            }
        }
        self.shared.wakeups.kick();
        result
    }

    pub(super) fn remove_fd(&self, id: u64) {
        let guard = self.shared.lock();
        let Some(entry) = guard.borrow_mut().fds.remove(&id) else {
            return;
        };
        let hooks = guard.borrow().hooks.clone();
        if let (Some(hooks), Some(theirs)) = (hooks, entry.theirs) {
            hooks.fd_deregister(entry.fd, theirs);
        }
        self.shared.wakeups.kick();
    }

    /// Gives the application's event loop what the tables hold.
    pub(super) fn register_all(&self, guard: &Guard<'_>) -> Result<()> {
        let Some(hooks) = guard.borrow().hooks.clone() else {
            return Ok(());
        };
        let fds: Vec<_> = {
            let core = guard.borrow();
            let rows = core.fds.iter();
            rows.map(|(id, entry)| (*id, entry.fd, entry.events))
                .collect()
        };
        for (id, fd, events) in fds {
            let theirs = hooks.fd_register(fd, events, id)?;
            if let Some(entry) = guard.borrow_mut().fds.get_mut(&id) {
                entry.theirs = Some(theirs);
            }
        }
        let deadlines = guard.borrow().deadlines.clone();
        for (at, id) in deadlines {
            let theirs = hooks.timeout_register(time_of_day(at), id)?;
            if let Some(entry) = guard.borrow_mut().timers.get_mut(&id) {
                entry.theirs = Some(theirs);
            }
        }
        Ok(())
    }

    /// Takes all descriptors from the application's event loop.
    pub(super) fn take_fds_back(&self, guard: &Guard<'_>) {
        let (hooks, fds): (_, Vec<_>) = {
            let mut core = guard.borrow_mut();
            let hooks = core.hooks.clone();
            let rows = core.fds.values_mut();
            let taken = rows.filter_map(|entry| Some((entry.fd, entry.theirs.take()?)));
            (hooks, taken.collect())
        };
        for (fd, theirs) in fds {
            if let Some(hooks) = &hooks {
                hooks.fd_deregister(fd, theirs);
            }
        }
    }

    fn add_timer(&self, at: Instant, waker: &Waker) -> Result<u64> {
        faults::point("timer", format_args!("in {:?}", at - Instant::now()))
            .map_err(|error| Error::io("setting a timer", &error))?;
        let guard = self.shared.lock();
        let (id, hooks) = {
            let mut core = guard.borrow_mut();
            if core.closed {
                return Err(Error::fail("the context was closed"));
            }
            (core.fresh_id(), core.hooks.clone())
        };
        let theirs = match hooks {
            Some(hooks) => Some(hooks.timeout_register(time_of_day(at), id)?),
            None => None,
        };
        let mut core = guard.borrow_mut();
        let waker = Some(waker.clone());
        let entry = TimerEntry {
            at,
            waker,
            fired: false,
            theirs,
        };
        core.timers.insert(id, entry);
        core.deadlines.insert((at, id));
        drop(core);
        self.shared.wakeups.kick();
        Ok(id)
    }

    fn remove_timer(&self, id: u64) {
        let guard = self.shared.lock();
        let (entry, hooks) = {
            let mut core = guard.borrow_mut();
            let Some(entry) = core.timers.remove(&id) else {
                return;
            };
            core.deadlines.remove(&(entry.at, id));
            (entry, core.hooks.clone())
        };
        // The application's timer cannot be taken back, only be made to go off; its number is stale then.
        if let (Some(hooks), Some(mut theirs)) = (hooks, entry.theirs)
            && hooks.timeout_modify(&mut theirs).is_err()
        {
            let log = &self.shared.log;
            crate::log_line!(
                log,
                crate::log::Level::Warn,
                None,
                "the application kept a timer"
            );
        }
    }

    /// Waits, and no abort of an operation ends it.
    pub(super) async fn pause(&self, time: Duration) -> Result<()> {
        Waiting::new(self, Instant::now() + time).await
    }

    /// What to poll for, which rows the descriptors belong to, and when the next timer goes off.
    pub(super) fn poll_set(&self) -> (Vec<PollFd>, Vec<u64>, Option<Instant>) {
        let guard = self.shared.lock();
        let core = guard.borrow();
        let mut fds = Vec::with_capacity(core.fds.len() + 1);
        let mut ids = Vec::with_capacity(core.fds.len());
        for (id, entry) in &core.fds {
            let wanted = !matches!(entry.target, Target::Future(None)) && entry.events != 0;
            if wanted && !entry.ready {
                ids.push(*id);
                fds.push(PollFd {
                    fd: entry.fd,
                    events: entry.events,
                    revents: 0,
                });
            }
        }
        (fds, ids, core.deadlines.first().map(|(at, _)| *at))
    }

    /// Tells whoever waits for row `id` that its descriptor is ready.
    pub(super) fn fd_ready(&self, id: u64) {
        let guard = self.shared.lock();
        let mut core = guard.borrow_mut();
        let Some(entry) = core.fds.get_mut(&id) else {
            return;
        };
        match &mut entry.target {
            Target::Future(waker) => {
                entry.ready = true;
                let waker = waker.take();
                drop(core);
                waker.into_iter().for_each(Waker::wake);
            }
            Target::Store => {
                drop(core);
                self.service_store();
            }
            Target::Child(pid) => {
                let pid = *pid;
                drop(core);
                self.child_ready(pid);
            }
            Target::Sigchld => {
                drop(core);
                self.sigchld_ready();
            }
        }
    }

    /// Wakes all whose time has come.
    pub(super) fn fire_timers(&self, now: Instant) {
        let guard = self.shared.lock();
        let mut wakers = Vec::new();
        {
            let mut core = guard.borrow_mut();
            while let Some((at, id)) = core.deadlines.first().copied() {
                if at > now {
                    break;
                }
                core.deadlines.pop_first();
                if let Some(timer) = core.timers.get_mut(&id) {
                    timer.fired = true;
                    wakers.extend(timer.waker.take());
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The application's timer with our number went off; stale numbers are fine.
    pub(super) fn timer_occurred(&self, id: u64) {
        let guard = self.shared.lock();
        let waker = {
            let mut core = guard.borrow_mut();
            let Some(timer) = core.timers.get_mut(&id) else {
                return;
            };
            timer.fired = true;
            timer.theirs = None;
            let (at, waker) = (timer.at, timer.waker.take());
            core.deadlines.remove(&(at, id));
            waker
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

fn time_of_day(at: Instant) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now + at.saturating_duration_since(Instant::now())
}

/// What a [`Waiting`] waits for: a row in one of the tables.
pub(super) trait Row: Copy + Unpin {
    fn add(self, ctx: &Ctx, waker: &Waker) -> Result<u64>;

    /// Whether it has happened; if not, `waker` hears of it.
    fn happened(core: &mut Core, id: u64, waker: &Waker) -> bool;

    fn remove(ctx: &Ctx, id: u64);
}

/// A descriptor's events; who waits borrows the descriptor, which keeps the number valid.
#[derive(Clone, Copy)]
pub(super) struct Readiness(pub(super) RawFd, pub(super) i16);

impl Row for Readiness {
    fn add(self, ctx: &Ctx, waker: &Waker) -> Result<u64> {
        ctx.add_fd(self.0, self.1, Target::Future(Some(waker.clone())))
    }

    fn happened(core: &mut Core, id: u64, waker: &Waker) -> bool {
        match core.fds.get_mut(&id) {
            Some(entry) if !entry.ready => {
                entry.target = Target::Future(Some(waker.clone()));
                false
            }
            _ => true,
        }
    }

    fn remove(ctx: &Ctx, id: u64) {
        ctx.remove_fd(id);
    }
}

impl Row for Instant {
    fn add(self, ctx: &Ctx, waker: &Waker) -> Result<u64> {
        ctx.add_timer(self, waker)
    }

    fn happened(core: &mut Core, id: u64, waker: &Waker) -> bool {
        match core.timers.get_mut(&id) {
            Some(timer) if !timer.fired => {
                timer.waker = Some(waker.clone());
                false
            }
            _ => true,
        }
    }

    fn remove(ctx: &Ctx, id: u64) {
        ctx.remove_timer(id);
    }
}

/// Waits for a row, which is there from the first poll until this is dropped.
pub(super) struct Waiting<'a, R: Row> {
    ctx: &'a Ctx,
    row: R,
    id: Option<u64>,
}

impl<'a, R: Row> Waiting<'a, R> {
    pub(super) fn new(ctx: &'a Ctx, row: R) -> Self {
        Self { ctx, row, id: None }
    }
}

impl<R: Row> Future for Waiting<'_, R> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(id) = self.id else {
            self.id = Some(self.row.add(self.ctx, cx.waker())?);
            return Poll::Pending;
        };
        let guard = self.ctx.shared.lock();
        match R::happened(&mut guard.borrow_mut(), id, cx.waker()) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }
}

impl<R: Row> Drop for Waiting<'_, R> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            R::remove(self.ctx, id);
        }
    }
}
