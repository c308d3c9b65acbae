//! Exports of the area "flask": the hypervisor's security module.
//!
//! Here the hypercall's -1 and errno are the answer: `xl getenforce` takes ENOSYS for "no such module". Nothing is logged.

use std::ffi::{c_char, c_int, c_void};

use xenlight::{Error, Result};

use crate::args::{Bytes, Out};
use crate::boundary::{OK, value};
use crate::ctx::libxl_ctx;
use crate::export::export;

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

export! {
    /// The number of a label of `len` bytes, which need not end with NUL.
    fn libxl_flask_context_to_sid(
        this,
        buf: Bytes<*mut c_char>[len],
        len: usize,
        ssidref: Out<u32>,
    ) -> c_int [by answer] {
        let label = std::str::from_utf8(buf.required()?)
            .map_err(|_| Error::inval("the label is not UTF-8"))?
            .trim_end_matches('\0');
        let sid = needed(this.core.xen()?.flask_sid(label)?)?;
        ssidref.set(sid)?;
        Ok(OK)
    }

    /// The label for a number, to be freed by the caller, and its length.
    fn libxl_flask_sid_to_context(
        this,
        ssidref: u32,
        buf: Out<*mut c_char>,
        len: Out<usize>,
    ) -> c_int [by answer] {
        let label = needed(this.core.xen()?.flask_label(ssidref)?)?;
        len.set(label.len())?;
        buf.text(&label)?;
        Ok(OK)
    }

    /// Whether the policy is enforced: 1 or 0.
    fn libxl_flask_getenforce(this) -> c_int [by answer] {
        needed(this.core.xen()?.flask_enforcing()?).map(c_int::from)
    }

    /// Sets whether the policy is enforced.
    fn libxl_flask_setenforce(this, mode: c_int) -> c_int [by answer] {
        this.core.xen()?.set_flask_enforcing(mode != 0)?;
        Ok(OK)
    }

    /// Loads a policy.
    fn libxl_flask_loadpolicy(
        this,
        policy: Bytes<*mut c_void>[size],
        size: u32,
    ) -> c_int [by answer] {
        this.core.xen()?.flask_load(policy.required()?)?;
        Ok(OK)
    }
}
