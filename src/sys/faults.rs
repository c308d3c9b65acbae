//! Faults on demand, for the test that proves that failures leave nothing behind; only with the feature `faults`.
//!
//! What can fail below the rest of the crate (hypercalls, mappings, xenstored, processes, timers) passes a
//! point. `XENLIGHT_FAULT=N` fails the Nth point that a process passes, `XENLIGHT_FAULT_LOG=FILE` lists them. With
//! `XENLIGHT_FAULT_KILL` set the process ends there instead, as by `kill -9`.

use std::fmt::Arguments;
use std::io;

/// What a failing point answers, as a request to xenstored does. Neither EIO nor ENOMEM, after which a transaction begins
/// anew: what comes after a failure is what the walk is about.
pub const ERRNO: i32 = libc::ENOSPC;

/// Passes a point: an error when it is this one's turn to fail. `kind` is a word, `what` names the call.
#[cfg(feature = "faults")]
pub fn point(kind: &str, what: Arguments<'_>) -> io::Result<()> {
    use std::io::Write;
    use std::sync::LazyLock;
    static PLAN: LazyLock<Plan> = LazyLock::new(|| {
        let wanted = std::env::var("XENLIGHT_FAULT").ok();
        Plan::new(wanted.and_then(|number| number.parse().ok()))
    });
    let (number, fails) = PLAN.pass();
    if let Some(path) = std::env::var_os("XENLIGHT_FAULT_LOG") {
        // Opened each time: an application that becomes a daemon may close all its descriptors.
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(path);
        let line = format!("{number} {kind} {what}\n");
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    if !fails {
        return Ok(());
    }
    if std::env::var_os("XENLIGHT_FAULT_KILL").is_some() {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    Err(io::Error::from_raw_os_error(ERRNO))
}

/// Passes a point: nothing, in a library that is not built for faults.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_kind: &str, _what: Arguments<'_>) -> io::Result<()> {
    Ok(())
}

/// The name of the function that a closure stands in.
pub(super) fn name_of<T>(_: &T) -> &'static str {
    let path = std::any::type_name::<T>().trim_end_matches("::{{closure}}");
    path.rsplit("::").next().unwrap_or(path)
}

/// Counts points; one of them fails, once. A forked child goes on from its parent's number.
#[cfg(any(test, feature = "faults"))]
#[derive(Debug)]
struct Plan {
    passed: std::sync::atomic::AtomicU64,
    fails: Option<u64>,
}

#[cfg(any(test, feature = "faults"))]
impl Plan {
    fn new(fails: Option<u64>) -> Self {
        Self {
            passed: 0.into(),
            fails,
        }
    }

    /// The point's number, from 1, and whether it fails.
    fn pass(&self) -> (u64, bool) {
        let order = std::sync::atomic::Ordering::Relaxed;
        let number = self.passed.fetch_add(1, order) + 1;
        (number, self.fails == Some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_fails_once() {
        let plan = Plan::new(Some(3));
        let passed: Vec<_> = (0..5).map(|_| plan.pass()).collect();
        let expected = [(1, false), (2, false), (3, true), (4, false), (5, false)];
        assert_eq!(passed, expected);
        let never = Plan::new(None);
        assert!((0..9).all(|_| !never.pass().1));
    }

    #[test]
    fn closures_are_named_after_their_function() {
        let closure = || ();
        assert_eq!(name_of(&closure), "closures_are_named_after_their_function");
    }

    #[test]
    fn nothing_fails_unasked() {
        assert!((0..9).all(|_| point("test", format_args!("nothing")).is_ok()));
    }
}
