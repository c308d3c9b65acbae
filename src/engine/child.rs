//! Child processes, watched by pidfd.

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use crate::{Code, Error, Result};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
    /// It is gone; it was somebody else's child, or somebody else took its status.
    Gone,
}

impl ExitStatus {
    /// Whether it exited with 0.
    pub fn success(self) -> bool {
        self == ExitStatus::Exited(0)
    }
}

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
    /// Makes it a grandchild, so that nobody has to wait for it; its exit status then stays unknown.
    pub double_fork: bool,
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
}

/// A running process. Dropping it kills it and waits for it in the background.
#[derive(Debug)]
pub struct Child {}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        0
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        Err(Error::new(Code::Ni, "the engine is not wired up"))
    }

    /// Sends a signal; fine when it is gone already.
    pub fn kill(&self, _signal: i32) -> Result<()> {
        Err(Error::new(Code::Ni, "the engine is not wired up"))
    }

    /// Lets it live on its own; its status is collected in the background while the context lives.
    pub fn detach(self) {}
}
