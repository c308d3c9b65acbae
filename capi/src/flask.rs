//! Exports of the area "flask": the hypervisor's security module.
//!
//! Here the hypercall's -1 and errno are the answer: `xl getenforce` takes ENOSYS for "no such module". Nothing is logged.

use std::ffi::{c_char, c_int, c_void};

use xenlight::{Error, Result};

use crate::boundary::{OK, store_out, value};
use crate::ctx::libxl_ctx;
use crate::mem;

/// What a failure looks like.
const FAILED: c_int = -1;

/// Runs `body`; a failure becomes -1 and errno.
fn answer(
    ctx: *mut libxl_ctx,
    name: &str,
    body: impl FnOnce(&libxl_ctx) -> Result<c_int>,
) -> c_int {
    let (status, errno) = value(ctx, name, (FAILED, libc::EINVAL), |this| {
        Ok(match body(this) {
            Ok(status) => (status, 0),
            Err(error) => (FAILED, error.errno().unwrap_or(libc::EINVAL)),
        })
    });
    if status < 0 {
        // SAFETY: errno is this thread's own.
        unsafe { *libc::__errno_location() = errno };
    }
    status
}

/// Without the module there is no answer.
fn needed<T>(answer: Option<T>) -> Result<T> {
    let missing = std::io::Error::from_raw_os_error(libc::ENOSYS);
    answer.ok_or_else(|| Error::io("FLASK", &missing))
}

/// Bytes of a caller's.
///
/// # Safety
/// `data` is NULL or points to `size` bytes that live as long as the result is used.
unsafe fn bytes<'a>(what: &str, data: *const u8, size: usize) -> Result<&'a [u8]> {
    if data.is_null() {
        return Err(Error::inval(format!("{what} is NULL")));
    }
    // SAFETY: not NULL, so `size` bytes by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts(data, size) })
}

/// The number of a label of `len` bytes, which need not end with NUL.
///
/// # Safety
/// `buf` is NULL or points to `len` bytes, `ssidref` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_flask_context_to_sid(
    ctx: *mut libxl_ctx,
    buf: *mut c_char,
    len: usize,
    ssidref: *mut u32,
) -> c_int {
    answer(ctx, "libxl_flask_context_to_sid", |this| {
        // SAFETY: the same contract.
        let label = unsafe { bytes("buf", buf.cast(), len) }?;
        let label = std::str::from_utf8(label)
            .map_err(|_| Error::inval("the label is not UTF-8"))?
            .trim_end_matches('\0');
        let sid = needed(this.core.xen()?.flask_sid(label)?)?;
        // SAFETY: the same contract.
        unsafe { store_out("ssidref", ssidref, sid) }?;
        Ok(OK)
    })
}

/// The label for a number, to be freed by the caller, and its length.
///
/// # Safety
/// `buf` and `len` are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_flask_sid_to_context(
    ctx: *mut libxl_ctx,
    ssidref: u32,
    buf: *mut *mut c_char,
    len: *mut usize,
) -> c_int {
    answer(ctx, "libxl_flask_sid_to_context", |this| {
        let label = needed(this.core.xen()?.flask_label(ssidref)?)?;
        // SAFETY: the same contract.
        unsafe { store_out("len", len, label.len()) }?;
        if buf.is_null() {
            return Err(Error::inval("buf is NULL"));
        }
        // SAFETY: not NULL, so writable by the caller's promise.
        unsafe { buf.write(mem::string(&label)) };
        Ok(OK)
    })
}

/// Whether the policy is enforced: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_getenforce(ctx: *mut libxl_ctx) -> c_int {
    answer(ctx, "libxl_flask_getenforce", |this| {
        needed(this.core.xen()?.flask_enforcing()?).map(c_int::from)
    })
}

/// Sets whether the policy is enforced.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_flask_setenforce(ctx: *mut libxl_ctx, mode: c_int) -> c_int {
    answer(ctx, "libxl_flask_setenforce", |this| {
        this.core.xen()?.set_flask_enforcing(mode != 0)?;
        Ok(OK)
    })
}

/// Loads a policy.
///
/// # Safety
/// `policy` is NULL or points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_flask_loadpolicy(
    ctx: *mut libxl_ctx,
    policy: *mut c_void,
    size: u32,
) -> c_int {
    answer(ctx, "libxl_flask_loadpolicy", |this| {
        // SAFETY: the same contract.
        let policy = unsafe { bytes("policy", policy.cast(), size as usize) }?;
        this.core.xen()?.flask_load(policy)?;
        Ok(OK)
    })
}
