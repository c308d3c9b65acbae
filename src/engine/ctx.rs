//! The context: one connection to the host's services, one reactor, any number of operations.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use super::core::{Connect, Shared, StoreEntry, Target};
use super::drive::panicked;
use super::event::event;
use super::op::Op;
use super::reactor::READ;
use crate::log::{Level, Logger};
use crate::store::{Conn, Store};
use crate::sys::log::CLogger;
use crate::types::{EventOperationComplete, EventU};
use crate::xen::Xen;
use crate::{Code, Domid, Error, Result};

/// The body of an operation.
type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// How the end of an asynchronous operation is announced.
pub enum Notify {
    /// By a call with 0 or `ERROR_*`, made without any lock of the library.
    Callback(Box<dyn FnOnce(i32) + Send>),
    /// By an OPERATION_COMPLETE event with this number as `for_user`.
    Event(u64),
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notify::Callback(_) => f.write_str("Callback"),
            Notify::Event(user) => write!(f, "Event({user})"),
        }
    }
}

/// A C caller's `libxl_asyncop_how`, taken apart.
#[derive(Debug)]
pub struct How {
    /// What to do at the end.
    pub notify: Notify,
    /// Which operation [`Ctx::abort`] means: the callback's address and its `for_*` word.
    pub key: (usize, u64),
    /// The domain that the operation is about, for its OPERATION_COMPLETE event; 0 for creation.
    pub domid: Domid,
}

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

    fn check_process(&self) -> Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        Err(Error::fail("this context belongs to the parent process")
            .hint("a forked child must make a context of its own"))
    }

    /// The connection to xenstored, opened by the first call, and again after it was lost.
    pub fn store(&self) -> Result<Store> {
        Ok(Store::new(self.conn()?, None))
    }

    pub(super) fn conn(&self) -> Result<Arc<Conn>> {
        let guard = self.shared.lock();
        self.check_process()?;
        if let Some(store) = &guard.borrow().store {
            return Ok(Arc::clone(&store.conn));
        }
        let conn = Arc::new((self.shared.connect)()?);
        let fd = conn
            .fd()
            .ok_or_else(|| Error::fail("xenstored's descriptor is gone"))?;
        let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
        let fd = self.add_fd(raw, READ, Target::Store)?;
        guard.borrow_mut().store = Some(StoreEntry {
            conn: Arc::clone(&conn),
            fd,
            wants_write: false,
        });
        Ok(conn)
    }

    /// Runs an operation to its end in this thread, which meanwhile serves the context's other operations too.
    /// An error is returned, not logged.
    pub fn block_on<T>(&self, body: impl AsyncFnOnce(&Op) -> Result<T>) -> Result<T> {
        let op = self.new_op(None);
        let mut result = None;
        // One loop for all bodies: the code of each is there once.
        let work = Box::pin(async {
            result = Some(body(&op).await?);
            Ok(())
        });
        self.run_here(&op, work)?;
        result.ok_or_else(panicked)
    }

    fn run_here(
        &self,
        op: &Op,
        work: Pin<Box<dyn Future<Output = Result<()>> + '_>>,
    ) -> Result<()> {
        let listed = Listed(op);
        let mut result = Ok(());
        self.drive_future(pin!(async { result = op.run(work).await }))?;
        drop(listed);
        result
    }

    /// Starts an operation; `how` announces its end. `None` runs it to its end like [`Ctx::block_on`].
    /// A failure before the first wait is returned here and not announced.
    pub fn start<F, Fut>(&self, how: Option<How>, body: F) -> Result<()>
    where
        F: FnOnce(Op) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let op = self.new_op(how.as_ref().map(|how| how.key));
        let work: Work = Box::pin(body(op.clone()));
        self.start_boxed(op, how, work)
    }

    fn start_boxed(&self, op: Op, how: Option<How>, work: Work) -> Result<()> {
        let Some(how) = how else {
            return self.run_here(&op, work);
        };
        let work = Box::pin({
            let op = op.clone();
            async move { op.run(work).await }
        });
        let early = self.start_task(&op, how.notify, how.domid, work);
        self.settle();
        early
    }

    fn new_op(&self, key: Option<(usize, u64)>) -> Op {
        let guard = self.shared.lock();
        let mut core = guard.borrow_mut();
        let id = core.fresh_id();
        let op = Op::new(self, id, key);
        core.ops.insert(id, Arc::clone(op.inner()));
        op
    }

    /// Puts an operation that has ended out of reach of aborts.
    pub(super) fn forget_op(&self, id: u64) {
        let guard = self.shared.lock();
        let gone = guard.borrow_mut().ops.remove(&id);
        drop(gone);
    }

    /// Tells the application that an operation about `domid` has ended.
    pub(super) fn announce(&self, notify: Notify, domid: Domid, rc: i32) {
        match notify {
            Notify::Callback(callback) => self.call_back(Box::new(move || callback(rc))),
            Notify::Event(for_user) => {
                let ended = EventU::OperationComplete(EventOperationComplete { rc });
                self.event_occurred(event(domid, for_user, ended));
            }
        }
    }

    /// Aborts the operation that was started with this key; `None` means the oldest synchronous one. An error is
    /// [`Code::Notfound`], or [`Code::Aborted`] when it was aborted before.
    pub fn abort(&self, key: Option<(usize, u64)>) -> Result<()> {
        let found = {
            let guard = self.shared.lock();
            let core = guard.borrow();
            core.ops.values().find(|op| op.key == key).map(Arc::clone)
        };
        let Some(op) = found else {
            return Err(Error::new(
                Code::Notfound,
                "there is no such operation to abort",
            ));
        };
        let before = op.abort();
        self.settle();
        if before {
            return Err(Error::new(
                Code::Aborted,
                "the operation was aborted before",
            ));
        }
        Ok(())
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

/// Takes a synchronous operation off the list of those that can be aborted, also when it panics.
struct Listed<'a>(&'a Op);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.ctx().forget_op(self.0.inner().id);
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
