//! Operations from their start to the announcement of their end.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Ctx;
use super::core::{Task, TaskFuture};
use super::drive::{Polling, panicked};
use super::event::event;
use super::op::Op;
use crate::types::{EventOperationComplete, EventU};
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

/// An operation whose panic is its failure.
struct CatchPanic(Work);

impl Future for CatchPanic {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    }
}

impl Ctx {
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
        core.ops.insert(id, Arc::clone(op.life()));
        op
    }

    /// Polls an operation for the first time: a failure is returned, all else is announced in time.
    fn start_task(&self, op: &Op, notify: Notify, domid: Domid, mut work: Work) -> Result<()> {
        let guard = self.shared.lock();
        let task = guard.borrow_mut().fresh_id();
        let task_waker = self.task_waker(task);
        let waker = Waker::from(Arc::clone(&task_waker));
        let first = {
            let _polling = Polling::new(&guard);
            let mut cx = Context::from_waker(&waker);
            catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut cx)))
        };
        let first = first.unwrap_or_else(|_| Poll::Ready(Err(panicked())));
        if let Poll::Ready(result) = first {
            drop(work);
            self.forget_op(op.id());
            return result.map(|()| self.announce(notify, domid, 0));
        }
        let (ctx, id) = (self.clone(), op.id());
        let future: TaskFuture = Box::pin(async move {
            let result = CatchPanic(work).await;
            ctx.forget_op(id);
            if let Err(error) = &result {
                ctx.shared.log.failure(error);
            }
            let rc = result.map_or_else(|error| error.code() as i32, |()| 0);
            ctx.announce(notify, domid, rc);
        });
        let future = Some(future);
        let waker = task_waker;
        guard
            .borrow_mut()
            .tasks
            .insert(task, Task { future, waker });
        Ok(())
    }

    /// Puts an operation that has ended out of reach of aborts.
    fn forget_op(&self, id: u64) {
        let guard = self.shared.lock();
        let gone = guard.borrow_mut().ops.remove(&id);
        drop(gone);
    }

    /// Tells the application that an operation about `domid` has ended.
    fn announce(&self, notify: Notify, domid: Domid, rc: i32) {
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
}

/// Takes a synchronous operation off the list of those that can be aborted, also when it panics.
struct Listed<'a>(&'a Op);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.ctx().forget_op(self.0.id());
    }
}
