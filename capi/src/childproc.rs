//! Whose business child processes are.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use libc::pid_t;
use xenlight::engine::{ChildHooks, ChildOwner, ForkCallback, Reaped, ReapedCallback};
use xenlight::{Code, Error};

use crate::ao::Kept;
use crate::boundary::{self, OK};
use crate::ctx::libxl_ctx;
use crate::types::{
    SIGCHLD_OWNER_LIBXL, SIGCHLD_OWNER_LIBXL_ALWAYS, SIGCHLD_OWNER_LIBXL_ALWAYS_SELECTIVE_REAP,
    SIGCHLD_OWNER_MAINLOOP, libxl_childproc_hooks,
};

/// Sets who collects ended children, and how they are started. NULL is the default; not while there are children.
///
/// # Safety
/// `hooks` is NULL or valid for reading; its functions may be called with `user` while the context lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_childproc_setmode(
    ctx: *mut libxl_ctx,
    hooks: *const libxl_childproc_hooks,
    user: *mut c_void,
) {
    boundary::value(ctx, "libxl_childproc_setmode", (), |ctx| {
        // SAFETY: NULL or valid by this function's contract.
        let Some(hooks) = (unsafe { hooks.as_ref() }) else {
            return ctx.core.set_child_hooks(ChildHooks::default());
        };
        let word = Kept(user);
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
        ctx.core.set_child_hooks(ChildHooks {
            owner,
            fork,
            reaped,
        })
    });
}

fn verdict(rc: c_int) -> Reaped {
    match rc {
        0 => Reaped::Known,
        rc if rc == Code::UnknownChild as c_int => Reaped::Unknown,
        rc => Reaped::Failed(rc),
    }
}

/// The application collected a child. `ERROR_UNKNOWN_CHILD` when it was not the library's.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_childproc_reaped(ctx: *mut libxl_ctx, pid: pid_t, status: c_int) -> c_int {
    boundary::status(ctx, "libxl_childproc_reaped", |ctx| {
        match ctx.core.child_reaped(pid, status) {
            Ok(()) => Ok(OK),
            // An answer, not a failure to be logged.
            Err(error) if error.code() == Code::UnknownChild => Ok(Code::UnknownChild as c_int),
            Err(error) => Err(error),
        }
    })
}

/// The application saw SIGCHLD; the library looks after its own children.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_childproc_sigchld_occurred(ctx: *mut libxl_ctx) {
    boundary::value(ctx, "libxl_childproc_sigchld_occurred", (), |ctx| {
        ctx.core.sigchld_occurred()
    });
}
