//! The context: one connection to the host's services, one reactor, any number of operations.

use std::sync::Arc;

use super::core::{Connect, Shared};
use crate::log::{Level, Logger};
use crate::store::Conn;
use crate::sys::log::CLogger;
use crate::xen::Xen;
use crate::{Error, Result};

/// What an application had counted when it asked how much memory a guest needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All that the guest takes.
    All,
    /// As before Xen 4.13, without memory for shadow page tables and the IOMMU's.
    WithoutPaging,
}

/// A context, cheap to clone. [`Ctx::close`] ends it.
#[derive(Clone, Debug)]
pub struct Ctx {
    pub(super) shared: Arc<Shared>,
}

impl Ctx {
    /// A context that logs to `log`; the C libraries below log to stderr. Opens nothing that needs Xen.
    pub fn new(log: Logger) -> Result<Self> {
        Self::with_loggers(log, None)
    }

    /// A context that logs to an application's logger, as do the C libraries below it.
    pub fn with_c_logger(logger: CLogger) -> Result<Self> {
        Self::with_loggers(Logger::new(logger.clone()), Some(logger))
    }

    fn with_loggers(log: Logger, c_log: Option<CLogger>) -> Result<Self> {
        Self::with_services(log, Xen::new(c_log), Box::new(Conn::open))
    }

    /// A context whose connection to xenstored comes from elsewhere.
    pub(super) fn with_services(log: Logger, xen: Xen, connect: Connect) -> Result<Self> {
        let shared = Shared::new(log, xen, connect)?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Where this context logs.
    pub fn log(&self) -> &Logger {
        &self.shared.log
    }

    /// The hypervisor; its devices are opened by the first hypercall. An error in a forked child.
    pub fn xen(&self) -> Result<&Xen> {
        self.check_process()?;
        Ok(&self.shared.xen)
    }

    /// False once the process was told, as a forked child, to forget its parent's contexts. A fork alone does not end a
    /// context: daemon(3) forks, and xl goes on in the child.
    fn is_ours(&self) -> bool {
        self.shared.generation == crate::sys::fork::generation()
    }

    /// Notes how the application asked for the memory that a guest needs.
    pub fn counted_memory(&self, counted: Counted) {
        self.shared.lock().borrow_mut().counted[counted as usize] = true;
    }

    /// Whether a guest's memory for page tables may default to more than nothing: not for an application that only ever
    /// asked without it, for it has not made room for that.
    pub fn paging_defaults(&self) -> bool {
        let [all, without] = self.shared.lock().borrow().counted;
        all || !without
    }

    pub(super) fn check_process(&self) -> Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        Err(Error::fail("this context belongs to the parent process")
            .hint("a forked child must make a context of its own"))
    }

    /// Waits for the threads of operations that were dropped. Without the lock: what they hold may need it to go.
    fn end_beside(&self) {
        let beside = std::mem::take(&mut self.shared.lock().borrow_mut().beside);
        beside.iter().for_each(|beside| beside.abandon());
        beside.iter().for_each(|beside| beside.join());
    }

    /// Ends the context: operations that still run are dropped with a warning, descriptors and timers given back. A hypercall
    /// that is under way beside the context is waited for.
    /// In a forked child nothing of the parent's is touched.
    pub fn close(self) {
        if !self.is_ours() {
            // The lock may be held by a thread that does not exist here, and the descriptors are the parent's.
            std::mem::forget(self);
            return;
        }
        let guard = self.shared.lock();
        let (tasks, ops, states, fds) = {
            let mut core = guard.borrow_mut();
            let ops = std::mem::take(&mut core.ops);
            let tasks = std::mem::take(&mut core.tasks);
            let states = std::mem::take(&mut core.states);
            let fds: Vec<_> = core.fds.keys().copied().collect();
            (tasks, ops, states, fds)
        };
        if !ops.is_empty() {
            let count = ops.len();
            let text = format_args!("the context was freed with {count} operations under way");
            self.shared.log.line(Level::Error, None, text);
        }
        drop(tasks);
        drop(ops);
        drop(states);
        drop(guard);
        self.end_beside();
        let guard = self.shared.lock();
        for id in fds {
            self.remove_fd(id);
        }
        let (store, children, sigchld) = {
            let mut core = guard.borrow_mut();
            core.closed = true;
            core.hooks = None;
            core.events.clear();
            (
                core.store.take(),
                std::mem::take(&mut core.children),
                core.sigchld.take(),
            )
        };
        drop((store, children, sigchld));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn page_tables_default_to_nothing_for_old_callers_alone() {
        let ctx = Bench::new().ctx;
        assert!(ctx.paging_defaults());
        ctx.counted_memory(Counted::WithoutPaging);
        assert!(!ctx.paging_defaults());
        ctx.counted_memory(Counted::All);
        assert!(ctx.paging_defaults(), "who does both knows of them");
    }
}
