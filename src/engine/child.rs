//! Child processes, watched by pidfd.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Poll, Waker};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Ctx;
use super::core::{ChildEntry, Target};
use super::exit::{ExitStatus, collect};
use super::hooks::ChildOwner;
use super::life::Life;
use super::op::Op;
use super::reactor::READ;
use crate::sys::pidfd;
use crate::sys::spawn::{self, Held, Spec, Work};
use crate::sys::standard;
use crate::{Error, Result};

/// A process to start.
#[derive(Debug, Default)]
pub struct Command {
    /// What to execute; a name without a slash is looked up in PATH.
    pub program: OsString,
    /// The arguments, without the program's name.
    pub args: Vec<OsString>,
    /// Variables set in addition to the inherited ones; `None` removes one.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// Standard input; /dev/null when `None`.
    pub stdin: Option<OwnedFd>,
    /// Standard output; the library's own when `None`.
    pub stdout: Option<OwnedFd>,
    /// Standard error; the library's own when `None`.
    pub stderr: Option<OwnedFd>,
    /// Further descriptors that the process gets under the given numbers.
    pub fds: Vec<(i32, OwnedFd)>,
    /// Makes it the leader of a session of its own.
    pub setsid: bool,
    /// Makes its standard input the controlling terminal of that session.
    pub terminal: bool,
    /// Makes it a grandchild, so that nobody has to wait for it; its exit status then stays unknown.
    pub double_fork: bool,
    /// Namespaces it leaves (`CLONE_NEW*`).
    pub unshare: i32,
    /// Resource limits (`RLIMIT_*`), soft and hard alike.
    pub limits: Vec<(u32, u64)>,
    /// Instead of executing a program: kills all processes of the second user, as which it runs; the first is its
    /// real user, whom the victims cannot signal.
    pub kill_user: Option<(u32, u32)>,
    /// It is made, and starts only with [`Child::go`].
    pub held: bool,
}

impl Command {
    /// A command without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            ..Self::default()
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    fn into_spec(self) -> io::Result<Spec> {
        let work = match self.kill_user {
            Some((real, effective)) => Work::KillUser { real, effective },
            None => Work::exec(&self.program, &self.args, &self.env)?,
        };
        let stdin = match self.stdin {
            Some(stdin) => stdin,
            None => standard::null()?,
        };
        let mut fds = vec![(stdin, 0)];
        for (given, number) in [(self.stdout, 1), (self.stderr, 2)] {
            // What it opens first must not become its standard output.
            let missing = given.is_none() && !standard::is_open(number);
            let fd = if missing {
                Some(standard::null()?)
            } else {
                given
            };
            fds.extend(fd.map(|fd| (fd, number)));
        }
        fds.extend(self.fds.into_iter().map(|(number, fd)| (fd, number)));
        Ok(Spec {
            work,
            fds,
            setsid: self.setsid,
            terminal: self.terminal,
            double_fork: self.double_fork,
            unshare: self.unshare,
            limits: self.limits,
        })
    }
}

/// A running process. Dropping it kills it; the end of its operation is announced when it is gone.
#[derive(Debug)]
pub struct Child {
    op: Op,
    pid: i32,
    pub(super) pidfd: Option<Arc<OwnedFd>>,
    status: Option<ExitStatus>,
    held: Option<Held>,
}

impl Op {
    /// Starts a process. Dropping the child kills it; see [`Child::detach`].
    pub fn spawn(&self, command: Command) -> Result<Child> {
        self.check()?;
        Child::start(self, command)
    }
}

impl Child {
    fn start(op: &Op, command: Command) -> Result<Self> {
        let ctx = op.ctx();
        let guard = ctx.shared.lock();
        let hooks = guard.borrow().child_hooks.clone();
        let name = command.program.to_string_lossy().into_owned();
        let failed = |error: io::Error| Error::io(format!("starting {name}"), &error);
        let waits = command.held;
        let spec = command.into_spec().map_err(failed)?;
        ctx.prepare_sigchld().map_err(failed)?;
        let fork = hooks.fork.as_ref().map(|fork| move || fork());
        let fork = fork.as_ref().map(|fork| fork as spawn::Fork<'_>);
        let held = spawn::hold(&spec, fork).map_err(failed)?;
        let own = !spec.double_fork;
        let (pid, pidfd) = (held.pid(), held.pidfd().cloned());
        let mut child = Self {
            op: op.clone(),
            pid,
            pidfd: pidfd.clone(),
            status: None,
            held: Some(held),
        };
        let gone = pidfd.is_none() && !(own && hooks.owner == ChildOwner::Mainloop);
        let entry = ChildEntry {
            pidfd: pidfd.clone(),
            row: None,
            own,
            status: gone.then_some(ExitStatus::Gone),
            waker: None,
            unattended: false,
            holds: None,
        };
        guard.borrow_mut().children.insert(pid, entry);
        if let (Some(pidfd), true) = (pidfd, !own || hooks.owner != ChildOwner::Mainloop) {
            let row = ctx.add_fd(pidfd.as_raw_fd(), READ, Target::Child(pid))?;
            if let Some(entry) = guard.borrow_mut().children.get_mut(&pid) {
                entry.row = Some(row);
            }
        }
        if !waits {
            child.go().map_err(failed)?;
        }
        Ok(child)
    }

    /// Lets a held process start.
    pub fn go(&mut self) -> io::Result<()> {
        let gone = self.held.take().map_or(Ok(()), Held::go);
        if gone.is_err() {
            self.over();
        }
        gone
    }

    /// It has ended, and its status has been taken.
    fn over(&mut self) {
        self.status = Some(ExitStatus::Gone);
        self.op.ctx().forget_child(self.pid);
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let ctx = self.op.ctx();
        let status = poll_fn(|cx| {
            self.op.check()?;
            let guard = ctx.shared.lock();
            let mut core = guard.borrow_mut();
            let Some(entry) = core.children.get_mut(&self.pid) else {
                return Poll::Ready(Ok(ExitStatus::Gone));
            };
            match entry.status {
                Some(status) => Poll::Ready(Ok(status)),
                None => {
                    entry.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        if let Ok(status) = status {
            self.status = Some(status);
            ctx.forget_child(self.pid);
        }
        status
    }

    /// Sends a signal; fine when it is gone already.
    pub fn kill(&self, signal: i32) -> Result<()> {
        let (Some(pidfd), Some(signal)) = (&self.pidfd, Signal::from_named_raw(signal)) else {
            return Ok(());
        };
        match pidfd::send_signal(pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => {
                let what = format!("sending signal {} to process {}", signal.as_raw(), self.pid);
                Err(Error::io(what, &errno.into()))
            }
        }
    }

    /// Sends a signal to the process group that it leads, as one with a session of its own does. Once it has ended there is
    /// nothing to signal: the group's number may be another's.
    pub fn kill_group(&self, signal: i32) -> Result<()> {
        let (Some(pidfd), Some(pid)) = (&self.pidfd, Pid::from_raw(self.pid)) else {
            return Ok(());
        };
        let (Some(signal), false) = (Signal::from_named_raw(signal), pidfd::has_ended(pidfd))
        else {
            return Ok(());
        };
        match kill_process_group(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => {
                let what = format!("sending signal {} to process group {pid}", signal.as_raw());
                Err(Error::io(what, &errno.into()))
            }
        }
    }

    /// Lets it live on its own. The status of a child is collected in the background while the context lives; a
    /// grandchild is forgotten.
    pub fn detach(self) {
        self.op.ctx().leave_child(self.pid, None);
        // There is no attended record now, so dropping finds nothing to kill.
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // Ends it at once, without help of the reactor.
            drop(held);
            self.over();
            return;
        }
        let ctx = self.op.ctx();
        if self.status.is_none()
            && ctx.leave_child(self.pid, Some(self.op.life()))
            && let Err(error) = self.kill(libc::SIGKILL)
        {
            ctx.log().failure(&error);
        }
    }
}

impl Ctx {
    /// Nobody asks for this child's status any more. True when it still runs and was attended until now; then the end
    /// of `op` waits for it.
    fn leave_child(&self, pid: i32, op: Option<&Arc<Life>>) -> bool {
        let guard = self.shared.lock();
        let mut core = guard.borrow_mut();
        let Some(entry) = core
            .children
            .get_mut(&pid)
            .filter(|entry| !entry.unattended)
        else {
            return false;
        };
        if entry.status.is_some() || (op.is_none() && !entry.own) {
            drop(core);
            self.forget_child(pid);
            return false;
        }
        entry.unattended = true;
        if let Some(op) = op {
            op.hold();
            entry.holds = Some(Arc::clone(op));
        }
        true
    }

    fn forget_child(&self, pid: i32) {
        let guard = self.shared.lock();
        let Some(entry) = guard.borrow_mut().children.remove(&pid) else {
            return;
        };
        if let Some(row) = entry.row {
            self.remove_fd(row);
        }
        if let Some(op) = entry.holds {
            op.release();
        }
        self.release_sigchld();
    }

    /// The pidfd of a child is readable: it ended.
    pub(super) fn child_ready(&self, pid: i32) {
        let guard = self.shared.lock();
        let found = guard
            .borrow()
            .children
            .get(&pid)
            .map(|entry| (entry.pidfd.clone(), entry.own));
        let Some((Some(pidfd), own)) = found else {
            return;
        };
        match own {
            true => {
                if let Some(status) = collect(&pidfd) {
                    self.child_ended(pid, status);
                }
            }
            false => {
                self.child_ended(pid, ExitStatus::Gone);
            }
        }
    }

    /// Records how a child ended and tells whoever waits. False when it is not one of ours.
    pub(super) fn child_ended(&self, pid: i32, status: ExitStatus) -> bool {
        let guard = self.shared.lock();
        let (row, waker, unattended) = {
            let mut core = guard.borrow_mut();
            let Some(entry) = core.children.get_mut(&pid) else {
                return false;
            };
            entry.status.get_or_insert(status);
            (entry.row.take(), entry.waker.take(), entry.unattended)
        };
        if let Some(row) = row {
            self.remove_fd(row);
        }
        waker.into_iter().for_each(Waker::wake);
        if unattended {
            self.forget_child(pid);
        }
        true
    }

    /// Collects those of our children that ended, by asking for each.
    pub(super) fn collect_own(&self) {
        let guard = self.shared.lock();
        let own: Vec<_> = {
            let core = guard.borrow();
            let own = core.children.iter().filter(|(_, entry)| entry.own);
            own.filter(|(_, entry)| entry.status.is_none())
                .map(|(pid, entry)| (*pid, entry.pidfd.clone()))
                .collect()
        };
        for (pid, pidfd) in own {
            let status = match pidfd {
                Some(pidfd) => collect(&pidfd),
                None => Some(ExitStatus::Gone),
            };
            if let Some(status) = status {
                self.child_ended(pid, status);
            }
        }
    }
}
