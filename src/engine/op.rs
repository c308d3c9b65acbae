//! One running operation, as the code of that operation sees it.

use std::future::Future;
use std::os::fd::AsFd;
use std::time::Duration;

use super::Ctx;
use super::child::{Child, Command};
use super::event::{EventKind, ProgressHow};
use super::rollback::Rollback;
use crate::log::Logger;
use crate::store::{Store, Watch};
use crate::xen::Xen;
use crate::{Code, Domid, Error, Result};

fn ni<T>() -> Result<T> {
    Err(Error::new(Code::Ni, "the engine is not wired up"))
}

/// A running operation, cheap to clone. Whatever it waits for ends in [`Code::Aborted`] once it was aborted.
#[derive(Clone, Debug)]
pub struct Op {
    ctx: Ctx,
}

impl Op {
    /// The context the operation runs on.
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// The same operation, deaf to aborts: for undos, and for steps that must not stop half-way.
    #[must_use]
    pub fn shielded(&self) -> Op {
        self.clone()
    }

    /// Where to log.
    pub fn log(&self) -> &Logger {
        self.ctx.log()
    }

    /// The hypervisor.
    pub fn xen(&self) -> Result<&Xen> {
        self.ctx.xen()
    }

    /// The connection to xenstored.
    pub fn store(&self) -> Result<Store> {
        self.ctx.store()
    }

    /// An error when the operation was aborted.
    pub fn check(&self) -> Result<()> {
        ni()
    }

    /// Waits.
    pub async fn sleep(&self, _time: Duration) -> Result<()> {
        ni()
    }

    /// Waits for `work`, at most `limit`; then it is dropped, its undos run, and the error is
    /// [`Code::Timedout`] with `what` in its text ("waiting for ...").
    pub async fn timeout<T>(
        &self,
        _limit: Duration,
        _what: &str,
        _work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        ni()
    }

    /// Watches a store path and everything below.
    pub async fn watch(&self, _path: &str) -> Result<Watch> {
        ni()
    }

    /// Starts a process. Dropping the child kills it; see [`Child::detach`].
    pub fn spawn(&self, _command: Command) -> Result<Child> {
        ni()
    }

    /// Waits until `fd` can be read, or is at its end or in error.
    pub async fn readable(&self, _fd: &impl AsFd) -> Result<()> {
        ni()
    }

    /// Waits until `fd` can be written, or is in error.
    pub async fn writable(&self, _fd: &impl AsFd) -> Result<()> {
        ni()
    }

    /// Runs all of `work` at the same time; results in the order of `work`.
    pub async fn join<Fut: Future>(&self, _work: Vec<Fut>) -> Vec<Fut::Output> {
        Vec::new()
    }

    /// Sends a progress report.
    pub fn progress(&self, _how: &ProgressHow, _domid: Domid, _kind: EventKind) {}

    /// Runs `body`; when it fails (or is dropped), what it pushed onto the rollback runs in reverse order.
    pub async fn with_rollback<T, F, Fut>(&self, _body: F) -> Result<T>
    where
        F: FnOnce(Rollback) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        ni()
    }
}
