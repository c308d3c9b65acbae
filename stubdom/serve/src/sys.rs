//! The calls that no crate has a safe word for; the only unsafe code of this program.
#![allow(unsafe_code)]

use std::io;

/// Gives up root and its groups for good.
pub(crate) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    let check = |result: libc::c_int| {
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    };
    // SAFETY: no groups are read where there are none.
    check(unsafe { libc::setgroups(0, std::ptr::null()) })?;
    // SAFETY: takes numbers. The C library changes all threads' ids; here is one.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: as above.
    check(unsafe { libc::setresuid(uid, uid, uid) })
}
