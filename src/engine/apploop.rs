//! For applications with an event loop of their own: they poll for us, between [`Ctx::before_poll`] and
//! [`Ctx::after_poll`], or tell what they saw through their [`OsEvents`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Ctx;
use super::drive::poll_fd;
use super::hooks::OsEvents;
use crate::sys::poll::{PollFd, poll};
use crate::{Code, Error, Result};

impl Ctx {
    /// Registers all descriptors and timers with the application's event loop from now on. Only once, and before
    /// there is any.
    pub fn set_os_events(&self, hooks: Arc<dyn OsEvents>) -> Result<()> {
        let guard = self.shared.lock();
        let mut core = guard.borrow_mut();
        if core.hooks.is_some() || !core.fds.is_empty() || !core.timers.is_empty() {
            return Err(Error::inval(
                "event hooks can be registered once, before the context is used",
            ));
        }
        core.hooks = Some(hooks);
        Ok(())
    }

    /// What the application is to poll for, and for how long at most.
    pub fn before_poll(&self) -> Result<(Vec<PollFd>, Option<Duration>)> {
        self.settle();
        let guard = self.shared.lock();
        self.shared.wakeups.set_app_polls(true);
        let (mut fds, _, deadline) = self.poll_set();
        let wake = self.shared.wakeups.app_fd();
        let wake = wake.ok_or_else(|| Error::fail("this context belongs to the parent process"))?;
        fds.push(poll_fd(&wake));
        drop(guard);
        let limit = match self.shared.wakeups.any_ready() {
            // It came before the wakers knew that the application polls.
            true => Some(Duration::ZERO),
            false => deadline.map(|at| at.saturating_duration_since(Instant::now())),
        };
        Ok((fds, limit))
    }

    /// What the application's poll saw. Descriptors are matched by number and polled again: another thread may have
    /// served them since.
    pub fn after_poll(&self, fds: &[PollFd]) -> Result<()> {
        let ready: Vec<_> = fds
            .iter()
            .filter(|fd| fd.revents != 0)
            .map(|fd| fd.fd)
            .collect();
        self.shared.wakeups.set_app_polls(false);
        self.poll_some(|fd| ready.contains(&fd))?;
        self.settle();
        Ok(())
    }

    /// The application saw the descriptor that was registered as `ours`; a stale number is fine.
    pub fn occurred_fd(&self, ours: u64) -> Result<()> {
        self.not_inside()?;
        let (fds, ids, _) = self.poll_set();
        if let Some(at) = ids.iter().position(|id| *id == ours) {
            self.poll_rows(&mut [fds[at]], &[ours])?;
        }
        self.settle();
        Ok(())
    }

    /// The application's timer that was registered as `ours` went off; a stale number is fine.
    pub fn occurred_timeout(&self, ours: u64) -> Result<()> {
        self.not_inside()?;
        self.timer_occurred(ours);
        self.settle();
        Ok(())
    }

    fn poll_some(&self, which: impl Fn(i32) -> bool) -> Result<()> {
        let (fds, ids, _) = self.poll_set();
        let rows = fds.into_iter().zip(ids).filter(|(fd, _)| which(fd.fd));
        let (mut fds, ids): (Vec<_>, Vec<_>) = rows.unzip();
        self.poll_rows(&mut fds, &ids)
    }

    fn poll_rows(&self, fds: &mut [PollFd], ids: &[u64]) -> Result<()> {
        let guard = self.shared.lock();
        poll(fds, Some(Duration::ZERO)).map_err(|error| Error::io("polling", &error))?;
        self.dispatch(fds, ids);
        drop(guard);
        Ok(())
    }

    fn not_inside(&self) -> Result<()> {
        if self.is_polling() {
            return Err(Error::new(
                Code::Inval,
                "an event hook called back into the library",
            ));
        }
        Ok(())
    }
}
