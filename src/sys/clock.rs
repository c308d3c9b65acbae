//! Clocks that the standard library does not show as numbers.

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
