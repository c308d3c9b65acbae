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
    /// Registers all descriptors and timers with the application's event loop, those that there are and those to come;
    /// `None` ends that. An error while a timer is with the hooks before these: it cannot be taken back.
    pub fn set_os_events(&self, hooks: Option<Arc<dyn OsEvents>>) -> Result<()> {
        self.not_inside()?;
        let guard = self.shared.lock();
        if guard
            .borrow()
            .timers
            .values()
            .any(|timer| timer.theirs.is_some())
        {
            return Err(Error::inval("the event hooks before these have a timer"));
        }
        self.take_fds_back(&guard);
        guard.borrow_mut().hooks = hooks;
        let registered = self.register_all(&guard);
        if registered.is_err() {
            self.take_fds_back(&guard);
            guard.borrow_mut().hooks = None;
        }
        registered
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::fd::RawFd;
    use std::sync::Mutex;

    use super::*;
    use crate::engine::testing::Bench;
    use crate::engine::wake::lock;

    /// An application's loop that notes what it has: descriptors and times of day, by our numbers.
    #[derive(Default)]
    struct Noted {
        fds: Mutex<BTreeMap<u64, RawFd>>,
        timers: Mutex<Vec<u64>>,
        refuses: bool,
    }

    fn mark(ours: u64) -> Result<usize> {
        usize::try_from(ours).map_err(|_| Error::fail("too large for a mark"))
    }

    impl OsEvents for Noted {
        fn fd_register(&self, fd: RawFd, _: i16, ours: u64) -> Result<usize> {
            lock(&self.fds).insert(ours, fd);
            mark(ours)
        }
        fn fd_modify(&self, _: RawFd, _: &mut usize, _: i16) -> Result<()> {
            Ok(())
        }
        fn fd_deregister(&self, fd: RawFd, theirs: usize) {
            assert_eq!(lock(&self.fds).remove(&(theirs as u64)), Some(fd));
        }
        fn timeout_register(&self, _: Duration, ours: u64) -> Result<usize> {
            if self.refuses {
                return Err(Error::new(Code::OseventRegFail, "no timers"));
            }
            lock(&self.timers).push(ours);
            mark(ours)
        }
        fn timeout_modify(&self, _: &mut usize) -> Result<()> {
            Ok(())
        }
    }

    /// Long enough that only the application's word ends it.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn late_hooks_get_what_there_is() {
        let bench = Bench::new();
        let results = Arc::default();
        bench
            .ctx
            .block_on(async |op| op.store()?.read("/").await)
            .expect("the store is connected");
        let sleeping = async |op: crate::engine::Op| op.sleep(LONG).await;
        bench
            .ctx
            .start(Bench::how(1, &results), sleeping)
            .expect("started");

        let refusing = Arc::new(Noted {
            refuses: true,
            ..Noted::default()
        });
        let refused = bench.ctx.set_os_events(Some(refusing.clone()));
        assert_eq!(refused.unwrap_err().code(), Code::OseventRegFail);
        assert!(lock(&refusing.fds).is_empty(), "what it took is taken back");

        let hooks = Arc::new(Noted::default());
        bench
            .ctx
            .set_os_events(Some(hooks.clone()))
            .expect("late, but good");
        assert_eq!(lock(&hooks.fds).len(), 1, "the connection to xenstored");
        let timers = lock(&hooks.timers).clone();
        assert_eq!(timers.len(), 1);
        assert!(
            bench.ctx.set_os_events(None).is_err(),
            "the loop has a timer"
        );
        bench
            .ctx
            .occurred_timeout(timers[0])
            .expect("its time has come");
        assert_eq!(*lock(&results), [(1, 0)]);

        let others = Arc::new(Noted::default());
        bench
            .ctx
            .set_os_events(Some(others.clone()))
            .expect("another loop");
        assert!(lock(&hooks.fds).is_empty());
        assert_eq!(lock(&others.fds).len(), 1);
        bench.ctx.set_os_events(None).expect("no loop");
        assert!(lock(&others.fds).is_empty());
    }
}
