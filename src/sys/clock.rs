//! Clocks that the standard library does not show as numbers.

use std::io;

/// Whole seconds since some moment in the past, the same for all processes, never going back (`CLOCK_MONOTONIC`).
pub fn monotonic_seconds() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local of the right type.
    match unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) } {
        0 => u64::try_from(now.tv_sec).unwrap_or(0),
        // Only a clock the kernel does not have fails, and every kernel has this one.
        _ => 0,
    }
}

/// Seconds that local time is ahead of UTC now.
pub fn utc_offset() -> io::Result<i64> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(io::Error::other)?;
    let seconds = libc::time_t::try_from(now.as_secs()).map_err(io::Error::other)?;
    let mut local = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to locals of the right type; the function is the reentrant one.
    let filled = unsafe { libc::localtime_r(&seconds, local.as_mut_ptr()) };
    if filled.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed before, which is a valid `tm`, and filled by the call.
    Ok(unsafe { local.assume_init() }.tm_gmtoff)
}
