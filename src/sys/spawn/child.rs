//! What a new process does between fork and exec: async-signal-safe calls only, on memory prepared before. Other threads of
//! the application may have held any lock at the moment of the fork.

use std::os::fd::{AsRawFd, RawFd};

use super::{GO, MOST_FDS, Prepared, STAGE_PID, Work};

/// The highest signal number.
const SIGNALS: i32 = 64;

/// Reports a failure (or a pid) to the parent; async-signal-safe.
fn report(fd: RawFd, stage: u8, number: i32) {
    let n = number.to_ne_bytes();
    let message = [stage, n[0], n[1], n[2], n[3]];
    // SAFETY: writes five bytes of this stack frame to the parent's pipe, in one piece.
    unsafe { libc::write(fd, message.as_ptr().cast(), message.len()) };
}

/// # Safety
/// Runs in a forked child, and never returns.
pub(super) unsafe fn main(prepared: &Prepared<'_>) -> ! {
    // SAFETY: async-signal-safe calls only, on memory prepared by the parent.
    unsafe {
        for fd in prepared.not_ours {
            libc::close(fd);
        }
        if prepared.spec.double_fork {
            let pid = prepared.fork();
            if pid != 0 {
                if pid < 0 {
                    report(prepared.report, 0, *libc::__errno_location());
                } else {
                    report(prepared.report, STAGE_PID, pid);
                }
                libc::_exit(0);
            }
        }
        if !may_work(prepared) {
            libc::_exit(127);
        }
        let stage = run(prepared);
        report(prepared.report, stage, *libc::__errno_location());
        libc::_exit(127);
    }
}

/// Waits for the parent's word. Anything but that, and the parent's end, means no.
///
/// The end of the socket is not enough to learn of the parent's end: what another thread forked at the same time may hold
/// the parent's side open, and wait in the same way.
///
/// # Safety
/// As for [`main`].
unsafe fn may_work(prepared: &Prepared<'_>) -> bool {
    let wait = |fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut ends = [wait(prepared.go), wait(prepared.parent)];
    // SAFETY: async-signal-safe calls on this stack frame.
    unsafe {
        while libc::poll(ends.as_mut_ptr(), 2, -1) < 0 {
            if *libc::__errno_location() != libc::EINTR {
                return false;
            }
        }
        let mut word = 0_u8;
        ends[0].revents != 0
            && libc::read(prepared.go, (&raw mut word).cast(), 1) == 1
            && word == GO
    }
}

/// Gives signals with a handler of the application's their default back, as exec will: one that came meanwhile must not
/// run it.
///
/// # Safety
/// As for [`main`].
unsafe fn forget_handlers() {
    // SAFETY: async-signal-safe calls on this stack frame; zeroed memory is a valid sigaction.
    unsafe {
        for signal in 1..=SIGNALS {
            let mut action: libc::sigaction = std::mem::zeroed();
            let known = libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0;
            if known && action.sa_sigaction != libc::SIG_IGN {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// Does the child's work; returns the number of the stage that failed, with errno set.
///
/// # Safety
/// As for [`main`].
unsafe fn run(prepared: &Prepared<'_>) -> u8 {
    let spec = prepared.spec;
    // SAFETY: async-signal-safe calls only; every pointer leads to memory that the parent prepared and that this
    // process has a private copy of.
    unsafe {
        if spec.setsid && libc::setsid() < 0 {
            return 1;
        }
        if spec.unshare != 0 && libc::unshare(spec.unshare) < 0 {
            return 2;
        }
        for (resource, limit) in &spec.limits {
            let both = libc::rlimit {
                rlim_cur: *limit,
                rlim_max: *limit,
            };
            if libc::setrlimit(*resource, &raw const both) < 0 {
                return 3;
            }
        }
        // First out of the way of all targets, then to their places.
        let mut moved = [-1; MOST_FDS];
        for (at, (fd, _)) in spec.fds.iter().enumerate() {
            moved[at] = libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, prepared.lowest_free);
            if moved[at] < 0 {
                return 4;
            }
        }
        // The pipe to the parent may sit on a target as well.
        let report_fd = libc::fcntl(prepared.report, libc::F_DUPFD_CLOEXEC, prepared.lowest_free);
        for (at, (_, target)) in spec.fds.iter().enumerate() {
            if libc::dup2(moved[at], *target) < 0 {
                return 4;
            }
        }
        if spec.terminal && libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
            report(report_fd, 8, *libc::__errno_location());
            libc::_exit(127);
        }
        let stage = match &spec.work {
            Work::Exec { file, .. } => {
                let mut none = std::mem::zeroed();
                libc::sigemptyset(&raw mut none);
                forget_handlers();
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                libc::signal(libc::SIGCHLD, libc::SIG_DFL);
                let files = |limit: &(u32, u64)| limit.0 == libc::RLIMIT_FSIZE;
                if spec.limits.iter().any(files) {
                    libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
                libc::execve(file.as_ptr(), prepared.argv.as_ptr(), prepared.env.as_ptr());
                7
            }
            Work::KillUser { real, effective } => {
                if libc::setresuid(*real, *effective, 0) < 0 {
                    5
                } else if libc::kill(-1, libc::SIGKILL) < 0
                    && *libc::__errno_location() != libc::ESRCH
                {
                    6
                } else {
                    libc::_exit(0)
                }
            }
        };
        report(report_fd, stage, *libc::__errno_location());
        libc::_exit(127)
    }
}
