//! What every exported function shares: no panic leaves, failures are logged once and become a status.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use xenlight::log::{Level, Logger};
use xenlight::{Code, Error, Result};

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

/// Says once per process that `name` is not built yet, and `what` that means to a user; the status to return is `ERROR_NI`.
pub(crate) fn not_yet(ctx: *mut libxl_ctx, name: &'static str, what: &str) -> c_int {
    static SAID: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let first = SAID
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name);
    if first {
        let text = format!("{name} is not implemented: {what}");
        // SAFETY: as in `run`.
        match unsafe { ctx.as_ref() } {
            Some(ctx) => log(&ctx.log, &text),
            None => stderr_line(&format!("libxl: {text}")),
        }
    }
    Code::Ni as c_int
}

fn log(log: &Logger, text: &str) {
    log.line(Level::Error, None, format_args!("{text}"));
}

/// A string argument that may be NULL, as it is.
///
/// # Safety
/// `text` is NULL or a C string that outlives `'a`.
pub(crate) unsafe fn optional_bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and a C string by this function's contract.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// A string argument that may be NULL; what is not UTF-8 is refused.
///
/// # Safety
/// As for [`optional_bytes`].
pub(crate) unsafe fn optional_str<'a>(what: &str, text: *const c_char) -> Result<Option<&'a str>> {
    // SAFETY: the same contract.
    let bytes = unsafe { optional_bytes(text) };
    let bad = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        Error::inval(format!("{what} is not UTF-8: {text:?}"))
    };
    bytes
        .map(|bytes| std::str::from_utf8(bytes).map_err(|_| bad(bytes)))
        .transpose()
}

/// A string argument that must be there.
///
/// # Safety
/// As for [`optional_str`].
pub(crate) unsafe fn required_str<'a>(what: &str, text: *const c_char) -> Result<&'a str> {
    // SAFETY: the same contract.
    unsafe { optional_str(what, text) }?.ok_or_else(|| Error::inval(format!("{what} is NULL")))
}

/// Stores a result through a caller's pointer; NULL is `ERROR_INVAL`.
///
/// # Safety
/// `out` is NULL or valid for writing one `T`; what was there is not dropped.
pub(crate) unsafe fn store_out<T>(what: &str, out: *mut T, value: T) -> Result<()> {
    if out.is_null() {
        return Err(Error::inval(format!("{what} is NULL")));
    }
    // SAFETY: not NULL, and writable by this function's contract.
    unsafe { out.write(value) };
    Ok(())
}

fn stderr_line(text: &str) {
    use std::io::Write;
    // A closed stderr must not turn into a panic at the boundary.
    let _ = writeln!(std::io::stderr(), "{text}");
}
