//! Starting processes. A new process waits until it is told to work, so that whoever made it can note its number first; it
//! ends instead when its parent does, or is told not to.

mod child;
#[cfg(test)]
mod tests;

use std::ffi::{CString, OsStr, OsString, c_char, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, waitpid};

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
    /// Whether its standard input becomes the session's controlling terminal.
    pub terminal: bool,
    /// Whether it becomes a grandchild, adopted by init.
    pub double_fork: bool,
    /// Namespaces to leave (`CLONE_NEW*`).
    pub unshare: c_int,
    /// Resource limits, soft and hard alike (`RLIMIT_*`). With a limit for files, a write beyond it fails with EFBIG; the
    /// signal that would end the process is ignored.
    pub limits: Vec<(u32, u64)>,
}

/// A process that waits to be told to work. Dropping this ends it, and collects it where it is a child.
#[derive(Debug)]
pub struct Held {
    pid: i32,
    pidfd: Option<Arc<OwnedFd>>,
    /// Ours to wait for, not a grandchild.
    own: bool,
    report: OwnedFd,
    go: Option<OwnedFd>,
}

/// An application's own fork; must behave like fork(2).
pub type Fork<'a> = &'a dyn Fn() -> c_int;

/// Where a child failed, told to the parent through a pipe.
const STAGES: [&str; 9] = [
    "fork",
    "setsid",
    "unshare",
    "setrlimit",
    "dup",
    "setresuid",
    "kill",
    "exec",
    "ioctl",
];
const STAGE_PID: u8 = 0xff;
/// The one byte after which a new process works.
const GO: u8 = b'x';
/// What ends it.
const NO: u8 = b'-';
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
    /// Where it tells of failures, and hears whether to work.
    report: RawFd,
    go: RawFd,
    /// The parent's ends of the two.
    not_ours: [RawFd; 2],
    /// The parent's pidfd.
    parent: RawFd,
    lowest_free: RawFd,
}

impl Prepared<'_> {
    fn fork(&self) -> c_int {
        match self.fork {
            Some(fork) => fork(),
            // SAFETY: the child runs only `child::main`, which is restricted to async-signal-safe calls.
            None => unsafe { libc::fork() },
        }
    }
}

/// Makes a process, which waits for [`Held::go`]. The error names the step that failed; then there is no process.
pub fn hold(spec: &Spec, fork: Option<Fork<'_>>) -> io::Result<Held> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
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
    // A socket, because writing to a pipe that nobody reads raises SIGPIPE.
    let (go_ours, go_theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let ourselves = pidfd::open(rustix::process::getpid(), PidfdFlags::empty())?;
    let ourselves = ourselves.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
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
        not_ours: [report_ours.as_raw_fd(), go_ours.as_raw_fd()],
        parent: ourselves.as_raw_fd(),
        lowest_free: highest.unwrap_or(2).max(2) + 1,
    };
    let signals = BlockedSignals::new();
    let pid = prepared.fork();
    if pid == 0 {
        // SAFETY: this is the child; `prepared` was made before the fork and is not shared with any thread here.
        unsafe { child::main(&prepared) }
    }
    let forked = if pid < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(pid)
    };
    drop(signals);
    let mut held = Held {
        pid: forked?,
        pidfd: None,
        own: !spec.double_fork,
        report: report_ours,
        go: Some(go_ours),
    };
    drop((report_theirs, go_theirs, ourselves));
    if spec.double_fork {
        let message = read_report(held.report.as_fd());
        collect(held.pid);
        match message? {
            Some((STAGE_PID, grandchild)) => held.pid = grandchild,
            Some((stage, errno)) => return Err(failed(stage, errno)),
            None => return Err(io::Error::other("the intermediate process died")),
        }
    }
    // While it surely lives.
    let process =
        Pid::from_raw(held.pid).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    held.pidfd = pidfd::open(process, PidfdFlags::empty())?.map(Arc::new);
    Ok(held)
}

impl Held {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its pidfd; `None` when it ended and was collected by somebody else at once.
    pub fn pidfd(&self) -> Option<&Arc<OwnedFd>> {
        self.pidfd.as_ref()
    }

    /// Lets it work, and waits until it executes. The error names the step that failed; then there is no process.
    pub fn go(mut self) -> io::Result<()> {
        faults::point("go", format_args!("process {}", self.pid))?;
        self.tell(GO)?;
        let outcome = match read_report(self.report.as_fd())? {
            None => Ok(()),
            Some((stage, errno)) => Err(failed(stage, errno)),
        };
        self.go = None;
        if outcome.is_err() && self.own {
            collect(self.pid);
        }
        outcome
    }

    fn tell(&self, word: u8) -> io::Result<()> {
        use rustix::net::{SendFlags, send};
        if let Some(go) = &self.go {
            send(go, &[word], SendFlags::NOSIGNAL)?;
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.go.is_none() {
            return;
        }
        // By word as well: the end of the socket may be open in a child that another thread has just forked.
        let _ = self.tell(NO);
        self.go = None;
        if let Some(pidfd) = &self.pidfd {
            let _ = pidfd::send_signal(pidfd, Signal::KILL);
        }
        if self.own {
            collect(self.pid);
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

/// Waits for the end of a child and takes its status.
fn collect(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else {
        return;
    };
    // ECHILD is fine: an application that collects everything was faster.
    let wait = || waitpid(Some(pid), WaitOptions::empty());
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
