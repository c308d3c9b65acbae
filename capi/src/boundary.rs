//! What every exported function shares: no panic leaves, failures are logged once and become a status.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use xenlight::log::{Level, Logger};
use xenlight::{Code, Result};

use crate::ctx::libxl_ctx;

/// The status of a success.
pub(crate) const OK: c_int = 0;

/// What a function that returns a status gives when it did not fail.
pub(crate) trait Success {
    /// The status.
    fn status(self) -> c_int;
}

impl Success for () {
    fn status(self) -> c_int {
        OK
    }
}

impl Success for c_int {
    fn status(self) -> c_int {
        self
    }
}

/// Runs `body` with the context behind `ctx`; its failure, or a panic, is logged and returned as `ERROR_*`.
///
/// A null context gives `ERROR_INVAL`.
pub(crate) fn status<S: Success>(
    ctx: *mut libxl_ctx,
    name: &str,
    body: impl FnOnce(&libxl_ctx) -> Result<S>,
) -> c_int {
    match run(ctx, name, body) {
        Ok(success) => success.status(),
        Err(code) => code as c_int,
    }
}

/// Like [`status`] for exports that return something else: `fallback` is what a failure looks like.
pub(crate) fn value<T>(
    ctx: *mut libxl_ctx,
    name: &str,
    fallback: T,
    body: impl FnOnce(&libxl_ctx) -> Result<T>,
) -> T {
    run(ctx, name, body).unwrap_or(fallback)
}

/// For exports without a context: a panic ends here and gives `fallback`.
pub(crate) fn plain<T>(name: &str, fallback: T, body: impl FnOnce() -> T) -> T {
    let mut body = Some(body);
    let mut given = None;
    caught(name, &mut || given = body.take().map(|body| body()));
    given.unwrap_or(fallback)
}

/// Not generic, as [`guarded`] is not: what all exports do is there once, and each adds only its own work.
fn caught(name: &str, body: &mut dyn FnMut()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        stderr_line(&format!("libxl: {name}: internal error, please report it"));
    }
}

fn run<T>(
    ctx: *mut libxl_ctx,
    name: &str,
    body: impl FnOnce(&libxl_ctx) -> Result<T>,
) -> Result<T, Code> {
    let mut body = Some(body);
    let mut given = None;
    guarded(ctx, name, &mut |ctx| {
        given = body.take().map(|body| body(ctx)).transpose()?;
        Ok(())
    })?;
    given.ok_or(Code::Fail)
}

fn guarded(
    ctx: *mut libxl_ctx,
    name: &str,
    body: &mut dyn FnMut(&libxl_ctx) -> Result<()>,
) -> Result<(), Code> {
    // SAFETY: a context comes from libxl_ctx_alloc and lives until libxl_ctx_free, which no caller may run during a call.
    let Some(ctx) = (unsafe { ctx.as_ref() }) else {
        stderr_line(&format!("libxl: {name}: called without a context"));
        return Err(Code::Inval);
    };
    match catch_unwind(AssertUnwindSafe(|| body(ctx))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            ctx.log.failure(&error);
            Err(error.code())
        }
        Err(_) => {
            ctx.log.line(
                Level::Error,
                None,
                format_args!("{name}: internal error, please report it"),
            );
            Err(Code::Fail)
        }
    }
}

/// Says once per process that `name` is not built yet, and `what` that means to a user.
pub(crate) fn not_yet(ctx: *mut libxl_ctx, name: &'static str, what: &str) {
    static SAID: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let first = SAID
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name);
    if first {
        let text = format!("{name} is not implemented: {what}");
        // SAFETY: as in `guarded`.
        match unsafe { ctx.as_ref() } {
            Some(ctx) => log(&ctx.log, &text),
            None => stderr_line(&format!("libxl: {text}")),
        }
    }
}

fn log(log: &Logger, text: &str) {
    log.line(Level::Error, None, format_args!("{text}"));
}

fn stderr_line(text: &str) {
    use std::io::Write;
    // A closed stderr must not turn into a panic at the boundary.
    let _ = writeln!(std::io::stderr(), "{text}");
}
