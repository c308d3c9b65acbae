//! Whose business child processes are.

use std::ffi::c_int;
use std::sync::Arc;

use libc::pid_t;
use xenlight::engine::{ChildHooks, ChildOwner, ForkCallback, Reaped, ReapedCallback};
use xenlight::{Code, Error, Result};

use crate::args::{Hooks, Word};
use crate::boundary::OK;
use crate::export::export;
use crate::types::{libxl_childproc_hooks, libxl_sigchld_owner};

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
        let owner = owner(hooks.chldowner)?;
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

fn owner(mode: c_int) -> Result<ChildOwner> {
    use libxl_sigchld_owner::*;
    let owners = [
        (libxl_sigchld_owner_libxl, ChildOwner::Libxl),
        (libxl_sigchld_owner_mainloop, ChildOwner::Mainloop),
        (libxl_sigchld_owner_libxl_always, ChildOwner::LibxlAlways),
        (
            libxl_sigchld_owner_libxl_always_selective_reap,
            ChildOwner::LibxlAlwaysSelective,
        ),
    ];
    let mut owners = owners.into_iter();
    let found = owners.find(|&(owner, _)| owner as c_int == mode);
    found
        .map(|(_, owner)| owner)
        .ok_or_else(|| Error::inval(format!("there is no child mode {mode}")))
}

fn verdict(rc: c_int) -> Reaped {
    match rc {
        0 => Reaped::Known,
        rc if rc == Code::UnknownChild as c_int => Reaped::Unknown,
        rc => Reaped::Failed(rc),
    }
}
