//! Starting processes. Between fork and exec only async-signal-safe calls are made, on memory prepared before: other
//! threads of the application may hold any lock at the moment of the fork.

use std::ffi::{CString, OsStr, OsString, c_char, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::{faults, pidfd};

/// What the new process does.
#[derive(Debug)]
pub enum Work {
    /// Executes a program.
    Exec {
        /// The file, resolved.
        file: CString,
        /// The arguments, the program's name first.
        argv: Vec<CString>,
        /// The whole environment, as NAME=VALUE.
        env: Vec<CString>,
    },
    /// Kills every process of a user: becomes that user (`real`, `effective`) and signals all it may.
    KillUser {
        /// The real user id, one that the victims cannot signal.
        real: u32,
        /// The effective user id, the victims'.
        effective: u32,
    },
}

/// A process to start.
#[derive(Debug)]
pub struct Spec {
    /// What it does.
    pub work: Work,
    /// Descriptors it gets, with their numbers there.
    pub fds: Vec<(OwnedFd, RawFd)>,
    /// Whether it leads a session of its own.
    pub setsid: bool,
    /// Whether it becomes a grandchild, adopted by init.
    pub double_fork: bool,
    /// Namespaces to leave (`CLONE_NEW*`).
    pub unshare: c_int,
    /// Resource limits, soft and hard alike (`RLIMIT_*`). With a limit for files, a write beyond it fails with EFBIG; the
    /// signal that would end the process is ignored.
    pub limits: Vec<(u32, u64)>,
}

/// A process that was started.
#[derive(Debug)]
pub struct Spawned {
    /// Its process id.
    pub pid: i32,
    /// Its pidfd; `None` when it ended and was reaped by somebody else at once.
    pub pidfd: Option<OwnedFd>,
}

/// An application's own fork; must behave like fork(2).
pub type Fork<'a> = &'a dyn Fn() -> c_int;

/// Where a child failed, told to the parent through a pipe.
const STAGES: [&str; 8] = [
    "fork",
    "setsid",
    "unshare",
    "setrlimit",
    "dup",
    "setresuid",
    "kill",
    "exec",
];
const STAGE_PID: u8 = 0xff;
/// Descriptors one process can get; the child has room for them on its stack.
const MOST_FDS: usize = 64;

impl Work {
    /// Prepares the execution of `program` (looked up in PATH when it has no slash) with `args`; `env` changes the
    /// inherited environment, where `None` removes a variable.
    pub fn exec(
        program: &OsStr,
        args: &[OsString],
        env: &[(OsString, Option<OsString>)],
    ) -> io::Result<Self> {
        let file = c_string(find(program)?.into_os_string())?;
        let mut argv = vec![c_string(program.to_owned())?];
        for arg in args {
            argv.push(c_string(arg.clone())?);
        }
        let mut all: std::collections::BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        for (name, value) in env {
            match value {
                Some(value) => all.insert(name.clone(), value.clone()),
                None => all.remove(name),
            };
        }
        let env = all
            .into_iter()
            .map(|(mut name, value)| {
                name.push("=");
                name.push(value);
                c_string(name)
            })
            .collect::<io::Result<_>>()?;
        Ok(Work::Exec { file, argv, env })
    }
}

fn c_string(text: OsString) -> io::Result<CString> {
    CString::new(text.into_vec())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "an argument holds a NUL"))
}

fn find(program: &OsStr) -> io::Result<std::path::PathBuf> {
    let runnable = |file: &Path| rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok();
    if program.as_bytes().contains(&b'/') {
        return Ok(program.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin:/usr/sbin:/sbin".into());
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file() && runnable(file))
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Everything the child touches, as raw memory made by the parent.
struct Prepared<'a> {
    spec: &'a Spec,
    fork: Option<Fork<'a>>,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    report: RawFd,
    go: RawFd,
    lowest_free: RawFd,
}

impl Prepared<'_> {
    fn fork(&self) -> c_int {
        match self.fork {
            Some(fork) => fork(),
            // SAFETY: the child runs only `child`, which is restricted to async-signal-safe calls.
            None => unsafe { libc::fork() },
        }
    }
}

/// Starts a process and waits until it executes. The error names the step that failed.
pub fn spawn(spec: &Spec, fork: Option<Fork<'_>>) -> io::Result<Spawned> {
    use rustix::pipe::{PipeFlags, pipe_with};
    if spec.fds.len() > MOST_FDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    match &spec.work {
        Work::Exec { file, .. } => faults::point("spawn", format_args!("{file:?}"))?,
        Work::KillUser { effective, .. } => {
            faults::point("spawn", format_args!("kill user {effective}"))?;
        }
    }
    let (report_ours, report_theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    let (go_theirs, go_ours) = pipe_with(PipeFlags::CLOEXEC)?;
    let pointers = |list: &[CString]| {
        let mut raw: Vec<_> = list.iter().map(|text| text.as_ptr()).collect();
        raw.push(std::ptr::null());
        raw
    };
    let (argv, env) = match &spec.work {
        Work::Exec { argv, env, .. } => (pointers(argv), pointers(env)),
        Work::KillUser { .. } => (Vec::new(), Vec::new()),
    };
    let highest = spec.fds.iter().map(|(_, target)| *target).max();
    let prepared = Prepared {
        spec,
        fork,
        argv,
        env,
        report: report_theirs.as_raw_fd(),
        go: go_theirs.as_raw_fd(),
        lowest_free: highest.unwrap_or(2).max(2) + 1,
    };
    let signals = BlockedSignals::new();
    let pid = prepared.fork();
    if pid == 0 {
        // SAFETY: this is the child; `prepared` was made before the fork and is not shared with any thread here.
        unsafe { child(&prepared) }
    }
    let forked = if pid < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(pid)
    };
    drop(signals);
    let pid = forked?;
    drop((report_theirs, go_theirs));
    finish(pid, spec.double_fork, report_ours.as_fd(), go_ours)
}

/// The parent's part: learns the grandchild's pid, takes its pidfd while it surely lives, lets it run.
fn finish(pid: i32, double: bool, report: BorrowedFd<'_>, go: OwnedFd) -> io::Result<Spawned> {
    let mut spawned = Spawned { pid, pidfd: None };
    if double {
        let message = read_report(report)?;
        reap(pid);
        match message {
            Some((STAGE_PID, grandchild)) => spawned.pid = grandchild,
            Some((stage, errno)) => return Err(failed(stage, errno)),
            None => return Err(io::Error::other("the intermediate process died")),
        }
    }
    let process = rustix::process::Pid::from_raw(spawned.pid)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    spawned.pidfd = pidfd::open(process, rustix::process::PidfdFlags::empty())?;
    rustix::io::write(&go, b"x")?;
    drop(go);
    match read_report(report)? {
        None => Ok(spawned),
        Some((stage, errno)) => {
            if !double {
                reap(pid);
            }
            Err(failed(stage, errno))
        }
    }
}

fn failed(stage: u8, errno: i32) -> io::Error {
    let source = io::Error::from_raw_os_error(errno);
    match STAGES.get(usize::from(stage)) {
        Some(&"exec") | None => source,
        Some(stage) => io::Error::new(source.kind(), format!("{stage}: {source}")),
    }
}

fn read_report(report: BorrowedFd<'_>) -> io::Result<Option<(u8, i32)>> {
    let mut message = [0; 5];
    let mut got = 0;
    while got < message.len() {
        match rustix::io::read(report, &mut message[got..]) {
            Ok(0) => return Ok(None),
            Ok(count) => got += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let number = i32::from_ne_bytes([message[1], message[2], message[3], message[4]]);
    Ok(Some((message[0], number)))
}

fn reap(pid: i32) {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return;
    };
    // ECHILD is fine: an application that reaps everything was faster.
    let wait = || rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
    while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
}

/// All signals are blocked around a fork or a new thread, so that no handler of the application runs there.
pub(super) struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    pub(super) fn new() -> Self {
        // SAFETY: both sets are plain memory, filled by the calls before they are read.
        unsafe {
            let mut all = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set was filled by `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
    }
}

/// Reports a failure (or a pid) to the parent; async-signal-safe.
fn report(fd: RawFd, stage: u8, number: i32) {
    let n = number.to_ne_bytes();
    let message = [stage, n[0], n[1], n[2], n[3]];
    // SAFETY: writes five bytes of this stack frame to the parent's pipe, in one piece.
    unsafe { libc::write(fd, message.as_ptr().cast(), message.len()) };
}

/// # Safety
/// Runs in a forked child, and never returns.
unsafe fn child(prepared: &Prepared<'_>) -> ! {
    // SAFETY: async-signal-safe calls only, on memory prepared by the parent.
    unsafe {
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
        let mut byte = 0_u8;
        while libc::read(prepared.go, (&raw mut byte).cast(), 1) < 0
            && *libc::__errno_location() == libc::EINTR
        {}
        let stage = run(prepared);
        report(prepared.report, stage, *libc::__errno_location());
        libc::_exit(127);
    }
}

/// Does the child's work; returns the number of the stage that failed, with errno set.
///
/// # Safety
/// As for [`child`].
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
        let stage = match &spec.work {
            Work::Exec { file, .. } => {
                let mut none = std::mem::zeroed();
                libc::sigemptyset(&raw mut none);
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                libc::signal(libc::SIGCHLD, libc::SIG_DFL);
                if spec
                    .limits
                    .iter()
                    .any(|limit| limit.0 == libc::RLIMIT_FSIZE)
                {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(program: &str, args: &[&str]) -> Spec {
        let args: Vec<_> = args.iter().map(OsString::from).collect();
        Spec {
            work: Work::exec(OsStr::new(program), &args, &[]).unwrap(),
            fds: Vec::new(),
            setsid: false,
            double_fork: false,
            unshare: 0,
            limits: Vec::new(),
        }
    }

    fn status(pid: i32) -> i32 {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let (_, status) =
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty())
                .unwrap()
                .unwrap();
        status.exit_status().unwrap()
    }

    #[test]
    fn passes_descriptors_and_limits() {
        let (ours, theirs) = rustix::pipe::pipe().unwrap();
        let mut spec = spec(
            "sh",
            &["-c", "echo hello >&7; ulimit -n; exit $(ulimit -n)"],
        );
        spec.fds = vec![(theirs.try_clone().unwrap(), 7), (theirs, 1)];
        spec.limits = vec![(libc::RLIMIT_NOFILE, 33)];
        spec.setsid = true;
        let spawned = spawn(&spec, None).unwrap();
        drop(spec);
        assert!(spawned.pidfd.is_some());
        assert_eq!(status(spawned.pid), 33);
        let mut text = String::new();
        io::Read::read_to_string(&mut std::fs::File::from(ours), &mut text).unwrap();
        assert_eq!(text, "hello\n33\n");
    }

    #[test]
    fn a_file_that_may_not_grow_is_an_error_and_no_signal() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = r#"exec dd if=/dev/zero of="$1" bs=3000 count=3 2>"$2""#;
        let path = file.path().to_str().unwrap();
        let words = tempfile::NamedTempFile::new().unwrap();
        let words_path = words.path().to_str().unwrap();
        let mut spec = spec("sh", &["-c", script, "sh", path, words_path]);
        spec.limits = vec![(libc::RLIMIT_FSIZE, 4096)];
        assert_eq!(status(spawn(&spec, None).unwrap().pid), 1);
        let words = std::fs::read_to_string(words.path()).unwrap();
        let too_large = io::Error::from_raw_os_error(libc::EFBIG).to_string();
        let too_large = too_large.split(" (os").next().unwrap();
        assert!(words.contains(too_large), "{words}");
        assert_eq!(file.as_file().metadata().unwrap().len(), 4096);
    }

    #[test]
    fn failed_exec_is_told() {
        let mut missing = spec("sh", &[]);
        if let Work::Exec { file, .. } = &mut missing.work {
            *file = c"/nonexistent".into();
        }
        let error = spawn(&missing, None).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
        missing.double_fork = true;
        let error = spawn(&missing, None).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
        assert!(Work::exec(OsStr::new("no-such-program"), &[], &[]).is_err());
    }

    #[test]
    fn grandchild_is_not_ours() {
        let mut spec = spec("sleep", &["0"]);
        spec.double_fork = true;
        let spawned = spawn(&spec, None).unwrap();
        let pid = rustix::process::Pid::from_raw(spawned.pid).unwrap();
        let waited = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        assert_eq!(waited.unwrap_err(), rustix::io::Errno::CHILD);
    }

    #[test]
    fn applications_fork_is_used() {
        let called = std::cell::Cell::new(0);
        let fork = || {
            called.set(called.get() + 1);
            // SAFETY: plain fork; the child goes on in `child` only.
            unsafe { libc::fork() }
        };
        let spawned = spawn(&spec("true", &[]), Some(&fork)).unwrap();
        assert_eq!(called.get(), 1);
        assert_eq!(status(spawned.pid), 0);
    }

    #[test]
    fn environment_is_changed() {
        let env = [
            (OsString::from("XL_TEST"), Some(OsString::from("3"))),
            (OsString::from("HOME"), None),
        ];
        let args = ["-c".into(), "test -z \"$HOME\" && exit $XL_TEST".into()];
        let mut spec = spec("true", &[]);
        spec.work = Work::exec(OsStr::new("sh"), &args, &env).unwrap();
        assert_eq!(status(spawn(&spec, None).unwrap().pid), 3);
    }
}
