//! For applications with an event loop of their own.

use std::ffi::{c_int, c_short, c_void};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use libc::{pollfd, timeval};
use xenlight::engine::OsEvents;
use xenlight::{Code, Error, Result};

use crate::ao::Kept;
use crate::args::{Array, Hooks, InOut, Number, Room, Word};
use crate::boundary::OK;
use crate::export::export;
use crate::types::libxl_osevent_hooks;

export! {
    /// Fills `fds` with what to poll for, and lowers `*timeout_upd` (milliseconds, negative for none).
    /// `ERROR_BUFFERFULL` when there is not enough room; `*nfds_io` then says how much is needed.
    fn libxl_osevent_beforepoll(
        this,
        nfds_io: InOut<c_int>,
        fds: Room<pollfd>[nfds_io],
        timeout_upd: InOut<c_int>,
        _now: timeval,
    ) {
        let (Some(_), Some(timeout)) = (nfds_io.get(), timeout_upd.get()) else {
            return Err(Error::inval("the count's or the timeout's place is NULL"));
        };
        let (wanted, limit) = this.core.before_poll()?;
        if let Some(limit) = limit.map(milliseconds)
            && (timeout < 0 || timeout > limit)
        {
            timeout_upd.replace(&limit)?;
        }
        nfds_io.replace(&c_int::try_from(wanted.len()).unwrap_or(c_int::MAX))?;
        if fds.len() < wanted.len() {
            return Ok(Code::Bufferfull.raw());
        }
        fds.called("the array to poll").fill(&wanted)?;
        Ok(OK)
    }

    /// Does what the application's poll showed to be possible.
    fn libxl_osevent_afterpoll(
        this,
        nfds: c_int,
        fds: Array<pollfd>[nfds],
        _now: timeval,
    ) -> () [else ()] {
        this.core.after_poll(fds.elements().unwrap_or_default())
    }

    /// Registers the library's descriptors and timers with the application's event loop: those that the context has already, as
    /// after a call that used xenstore, and those to come. NULL ends that.
    fn libxl_osevent_register_hooks(
        this,
        hooks: Hooks<libxl_osevent_hooks>,
        user: Word,
    ) -> () [else ()] {
        let user = user.kept();
        let hooks = hooks.get();
        this.core
            .set_os_events(hooks.map(|hooks| -> Arc<dyn OsEvents> { Arc::new(Loop { hooks, user }) }))
    }

    /// A descriptor that was registered by the hooks may be ready; a stale `for_libxl` is fine.
    fn libxl_osevent_occurred_fd(
        this,
        for_libxl: Number<c_void>,
        _fd: c_int,
        _events: c_short,
        _revents: c_short,
    ) -> () [else ()] {
        this.core.occurred_fd(for_libxl.get())
    }

    /// A timer that was registered by the hooks went off; a stale `for_libxl` is fine.
    fn libxl_osevent_occurred_timeout(this, for_libxl: Number<c_void>) -> () [else ()] {
        this.core.occurred_timeout(for_libxl.get())
    }
}

/// Rounded up, so that a poll does not end just before the timer.
fn milliseconds(limit: Duration) -> c_int {
    let limit = limit + Duration::from_nanos(999_999);
    c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX)
}

/// The application's event loop. What it gets as `for_libxl` is a number that is never reused, not an address.
struct Loop {
    hooks: libxl_osevent_hooks,
    user: Kept<c_void>,
}

fn outcome(name: &str, rc: c_int) -> Result<()> {
    match rc {
        0 => Ok(()),
        rc => Err(Error::new(
            Code::OseventRegFail,
            format!("the application's hook {name} failed with {rc}"),
        )),
    }
}

fn absent(name: &str) -> Error {
    Error::new(
        Code::OseventRegFail,
        format!("the application has no hook {name}"),
    )
}

fn number(ours: u64) -> Result<*mut c_void> {
    let ours = usize::try_from(ours).map_err(|_| Error::fail("out of registration numbers"))?;
    Ok(std::ptr::without_provenance_mut(ours))
}

impl OsEvents for Loop {
    fn fd_register(&self, fd: RawFd, events: i16, ours: u64) -> Result<usize> {
        let hook = self
            .hooks
            .fd_register
            .ok_or_else(|| absent("fd_register"))?;
        let mut theirs = std::ptr::null_mut();
        // SAFETY: called as libxl_event.h says, with a place for the application's mark.
        let rc = unsafe { hook(self.user.get(), fd, &raw mut theirs, events, number(ours)?) };
        outcome("fd_register", rc).map(|()| theirs.expose_provenance())
    }

    fn fd_modify(&self, fd: RawFd, theirs: &mut usize, events: i16) -> Result<()> {
        let hook = self.hooks.fd_modify.ok_or_else(|| absent("fd_modify"))?;
        let mut mark = std::ptr::with_exposed_provenance_mut(*theirs);
        // SAFETY: as for fd_register; the mark is the one that the application gave.
        let rc = unsafe { hook(self.user.get(), fd, &raw mut mark, events) };
        *theirs = mark.expose_provenance();
        outcome("fd_modify", rc)
    }

    fn fd_deregister(&self, fd: RawFd, theirs: usize) {
        if let Some(hook) = self.hooks.fd_deregister {
            // SAFETY: as for fd_modify.
            unsafe {
                hook(
                    self.user.get(),
                    fd,
                    std::ptr::with_exposed_provenance_mut(theirs),
                )
            };
        }
    }

    fn timeout_register(&self, at: Duration, ours: u64) -> Result<usize> {
        let hook = self
            .hooks
            .timeout_register
            .ok_or_else(|| absent("timeout_register"))?;
        // Rounded up, so that it does not go off just before its time.
        let at = at + Duration::from_nanos(999);
        let at = timeval {
            tv_sec: at.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_usec: at.subsec_micros().into(),
        };
        let mut theirs = std::ptr::null_mut();
        // SAFETY: as for fd_register.
        let rc = unsafe { hook(self.user.get(), &raw mut theirs, at, number(ours)?) };
        outcome("timeout_register", rc).map(|()| theirs.expose_provenance())
    }

    fn timeout_modify(&self, theirs: &mut usize) -> Result<()> {
        let hook = self
            .hooks
            .timeout_modify
            .ok_or_else(|| absent("timeout_modify"))?;
        let mut mark = std::ptr::with_exposed_provenance_mut(*theirs);
        let at_once = timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        // SAFETY: as for fd_modify.
        let rc = unsafe { hook(self.user.get(), &raw mut mark, at_once) };
        *theirs = mark.expose_provenance();
        outcome("timeout_modify", rc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_rounded_up() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(5)), 5);
        assert_eq!(milliseconds(Duration::from_secs(u64::MAX >> 1)), c_int::MAX);
    }
}
