//! Whose business child processes are.

use std::ffi::c_int;
use std::sync::Arc;

use libc::pid_t;
use xenlight::engine::{ChildHooks, ChildOwner, ForkCallback, Reaped, ReapedCallback};
use xenlight::{Code, Error};

use crate::args::{Hooks, Word};
use crate::boundary::OK;
use crate::export::export;
use crate::types::{
    SIGCHLD_OWNER_LIBXL, SIGCHLD_OWNER_LIBXL_ALWAYS, SIGCHLD_OWNER_LIBXL_ALWAYS_SELECTIVE_REAP,
    SIGCHLD_OWNER_MAINLOOP, libxl_childproc_hooks,
};

export! {
    /// Sets who collects ended children, and how they are started. NULL is the default; not while there are children.
    fn libxl_childproc_setmode(
        this,
        hooks: Hooks<libxl_childproc_hooks>,
        user: Word,
    ) -> () [else ()] {
        let Some(hooks) = hooks.get() else {
            return this.core.set_child_hooks(ChildHooks::default());
        };
        let word = user.kept();
        let owner = match hooks.chldowner {
            SIGCHLD_OWNER_LIBXL => ChildOwner::Libxl,
            SIGCHLD_OWNER_MAINLOOP => ChildOwner::Mainloop,
            SIGCHLD_OWNER_LIBXL_ALWAYS => ChildOwner::LibxlAlways,
            SIGCHLD_OWNER_LIBXL_ALWAYS_SELECTIVE_REAP => ChildOwner::LibxlAlwaysSelective,
            other => return Err(Error::inval(format!("there is no child mode {other}"))),
        };
        let fork = hooks.fork_replacement.map(|fork| -> ForkCallback {
            // SAFETY: the hook behaves like fork and gets its word.
            Arc::new(move || unsafe { fork(word.get()) })
        });
        let reaped = hooks.reaped_callback.map(|reaped| -> ReapedCallback {
            // SAFETY: the hook gets its word.
            Arc::new(move |pid, status| verdict(unsafe { reaped(pid, status, word.get()) }))
        });
        this.core.set_child_hooks(ChildHooks { owner, fork, reaped })
    }

    /// The application collected a child. `ERROR_UNKNOWN_CHILD` when it was not the library's.
    fn libxl_childproc_reaped(this, pid: pid_t, status: c_int) {
        match this.core.child_reaped(pid, status) {
            Ok(()) => Ok(OK),
            // An answer, not a failure to be logged.
            Err(error) if error.code() == Code::UnknownChild => Ok(Code::UnknownChild.raw()),
            Err(error) => Err(error),
        }
    }

    /// The application saw SIGCHLD; the library looks after its own children.
    fn libxl_childproc_sigchld_occurred(this) -> () [else ()] {
        this.core.sigchld_occurred()
    }
}

fn verdict(rc: c_int) -> Reaped {
    match rc {
        0 => Reaped::Known,
        rc if rc == Code::UnknownChild as c_int => Reaped::Unknown,
        rc => Reaped::Failed(rc),
    }
}
