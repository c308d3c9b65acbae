//! Handles on processes (pidfd_open(2), pidfd_send_signal(2)), by libc's `syscall`: valgrind 3.19 does not know these calls, and
//! a program under it gets them past it there (compat-tests/c/preload/past-valgrind.c). Requests to the kernel that rustix
//! makes by itself cannot be led around.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::poll::{PollFd, poll};

/// A process's pidfd; `None` when there is none of that number (any more).
pub fn open(pid: Pid, flags: PidfdFlags) -> Result<Option<OwnedFd>, Errno> {
    // SAFETY: the call takes two numbers and touches no memory of ours.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_pidfd_open,
            pid.as_raw_nonzero().get(),
            flags.bits(),
        )
    };
    let fd = match check(fd) {
        // Linux 6.1 says INVAL where the number lives on as that of a session or group, whose other members run.
        Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
        fd => i32::try_from(fd?).map_err(|_| Errno::OVERFLOW)?,
    };
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Sends a signal; `SRCH` when the process has ended.
pub fn send_signal(pidfd: impl AsFd, signal: Signal) -> Result<(), Errno> {
    let fd = pidfd.as_fd().as_raw_fd();
    let nothing: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: the descriptor is open for the length of the borrow; with no siginfo the call touches no memory of ours.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal.as_raw(), nothing, 0) };
    check(sent).map(drop)
}

/// Whether the process has ended, collected or not.
pub fn has_ended(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    }];
    poll(&mut fds, Some(Duration::ZERO)).is_ok_and(|ready| ready != 0)
}

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result >= 0 {
        return Ok(result);
    }
    let error = std::io::Error::last_os_error();
    Err(Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_found_signalled_and_missed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let pidfd = open(pid, PidfdFlags::NONBLOCK).unwrap().unwrap();
        assert!(!has_ended(&pidfd));
        send_signal(&pidfd, Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(has_ended(&pidfd));
        assert_eq!(send_signal(&pidfd, Signal::KILL), Err(Errno::SRCH));
        assert!(open(pid, PidfdFlags::empty()).unwrap().is_none());
    }

    #[test]
    fn a_leader_that_has_ended_is_none_while_its_group_lives() {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & exit"]).process_group(0);
        let mut leader = command.spawn().unwrap();
        leader.wait().unwrap();
        let pid = Pid::from_child(&leader);
        let found = open(pid, PidfdFlags::empty());
        rustix::process::kill_process_group(pid, Signal::KILL).unwrap();
        assert!(found.unwrap().is_none());
    }
}
