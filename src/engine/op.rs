//! One running operation, as the code of that operation sees it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::Ctx;
use super::blocking::Beside;
use super::child::{Child, Command};
use super::drive::panicked;
use super::event::{ProgressHow, event};
use super::reactor::{READ, Readiness, WRITE, Waiting};
use super::rollback::{Keeper, Rollback};
use super::wake::lock;
use crate::gate::Gate;
use crate::log::Logger;
use crate::store::{Store, Watch};
use crate::types::EventU;
use crate::xen::Xen;
use crate::{Boxed, Code, Domid, Error, Result};

/// What an operation that was aborted ends with.
pub(super) fn aborted() -> Error {
    Error::new(Code::Aborted, "the operation was aborted")
}

/// What all handles of one operation share.
pub(super) struct OpInner {
    ctx: Ctx,
    pub(super) id: u64,
    /// Which operation an abort means; `None` for a synchronous one.
    pub(super) key: Option<(usize, u64)>,
    aborted: AtomicBool,
    /// The waker of the task or thread that runs the operation.
    waker: Mutex<Option<Waker>>,
    orphans: Rollback,
    /// Threads that work for parts which were dropped.
    left: Mutex<Vec<Arc<Beside>>>,
    /// Progress callbacks that have not returned and killed children that are not reaped: its end waits for them.
    holds: AtomicUsize,
}

impl OpInner {
    /// True when it was aborted before.
    pub(super) fn abort(&self) -> bool {
        let before = self.aborted.swap(true, Ordering::SeqCst);
        self.wake();
        before
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        waker.iter().for_each(Waker::wake_by_ref);
    }

    pub(super) fn hold(&self) {
        self.holds.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn release(&self) {
        self.holds.fetch_sub(1, Ordering::SeqCst);
        self.wake();
    }
}

/// A running operation, cheap to clone. Whatever it waits for ends in [`Code::Aborted`] once it was aborted, but for
/// requests to xenstored that were sent already: those are always answered soon, and the caller must know the outcome.
#[derive(Clone)]
pub struct Op {
    inner: Arc<OpInner>,
    shielded: bool,
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Op({})", self.inner.id)
    }
}

impl Gate for Op {
    fn check(&self) -> Result<()> {
        Op::check(self)
    }
}

impl Op {
    pub(super) fn new(ctx: &Ctx, id: u64, key: Option<(usize, u64)>) -> Self {
        Self {
            inner: Arc::new(OpInner {
                ctx: ctx.clone(),
                id,
                key,
                aborted: AtomicBool::new(false),
                waker: Mutex::default(),
                orphans: Rollback::default(),
                left: Mutex::default(),
                holds: AtomicUsize::new(0),
            }),
            shielded: false,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.inner.id
    }

    pub(super) fn inner(&self) -> &Arc<OpInner> {
        &self.inner
    }

    pub(super) fn orphans(&self) -> &Rollback {
        &self.inner.orphans
    }

    /// The same operation, deaf to aborts: for undos, and for steps that must not stop half-way.
    #[must_use]
    pub fn shielded(&self) -> Op {
        Op {
            inner: Arc::clone(&self.inner),
            shielded: true,
        }
    }

    /// The context the operation runs on.
    pub fn ctx(&self) -> &Ctx {
        &self.inner.ctx
    }

    /// Where to log.
    pub fn log(&self) -> &Logger {
        self.ctx().log()
    }

    /// The hypervisor.
    pub fn xen(&self) -> Result<&Xen> {
        self.ctx().xen()
    }

    /// The connection to xenstored; new requests are refused once the operation was aborted.
    pub fn store(&self) -> Result<Store> {
        let conn = self.ctx().conn()?;
        Ok(Store::new(conn, Some(Arc::new(self.clone()))))
    }

    /// An error when the operation was aborted.
    pub fn check(&self) -> Result<()> {
        if !self.shielded && self.inner.aborted.load(Ordering::SeqCst) {
            return Err(aborted());
        }
        Ok(())
    }

    /// Runs a future that knows nothing of aborts, and stops it when the operation is aborted.
    pub(super) async fn abortable<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        poll_fn(|cx| match self.check() {
            Err(error) => Poll::Ready(Err(error)),
            Ok(()) => work.as_mut().poll(cx),
        })
        .await
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) -> Result<()> {
        self.abortable(Waiting::new(self.ctx(), Instant::now() + time))
            .await
    }

    /// Waits for `work`, at most `limit`; then it is dropped, its undos run, and the error is
    /// [`Code::Timedout`] with `what` in its text ("waiting for ...").
    pub async fn timeout<T>(
        &self,
        limit: Duration,
        what: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        // In a scope of their own, so that both are dropped before the undos run.
        let outcome = {
            let mut work = Box::pin(work);
            let mut timer = std::pin::pin!(Waiting::new(self.ctx(), Instant::now() + limit));
            poll_fn(|cx| {
                if let Poll::Ready(outcome) = work.as_mut().poll(cx) {
                    return Poll::Ready(Ok(outcome));
                }
                timer.as_mut().poll(cx).map(Err)
            })
            .await
        };
        match outcome {
            Ok(outcome) => outcome,
            Err(timer) => Err(self.late(limit, what, timer).await),
        }
    }

    async fn late(&self, limit: Duration, what: &str, timer: Result<()>) -> Error {
        self.run_orphans().await;
        let late = || {
            let what = format!("{what} took more than {} s", limit.as_secs_f32());
            Error::new(Code::Timedout, what)
        };
        timer.err().unwrap_or_else(late)
    }

    /// Watches a store path and everything below.
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        self.store()?.watch(path).await
    }

    /// Starts a process. Dropping the child kills it; see [`Child::detach`].
    pub fn spawn(&self, command: Command) -> Result<Child> {
        self.check()?;
        Child::spawn(self, command)
    }

    /// Waits until `fd` can be read, or is at its end or in error.
    pub async fn readable(&self, fd: &impl AsFd) -> Result<()> {
        let fd = fd.as_fd();
        self.abortable(Waiting::new(self.ctx(), Readiness(fd.as_raw_fd(), READ)))
            .await
    }

    /// Waits until `fd` can be written, or is in error.
    pub async fn writable(&self, fd: &impl AsFd) -> Result<()> {
        let fd = fd.as_fd();
        self.abortable(Waiting::new(self.ctx(), Readiness(fd.as_raw_fd(), WRITE)))
            .await
    }

    /// Runs all of `work` at the same time; results in the order of `work`.
    pub async fn join<'a, T, Fut>(&self, work: Vec<Fut>) -> Vec<T>
    where
        T: Send,
        Fut: Future<Output = T> + Send + 'a,
    {
        let boxed = |work| Box::pin(work) as Boxed<'a, T>;
        Self::joined(work.into_iter().map(boxed).collect()).await
    }

    async fn joined<T>(work: Vec<Boxed<'_, T>>) -> Vec<T> {
        enum Item<'a, T> {
            Running(Boxed<'a, T>),
            Done(T),
        }
        let mut items: Vec<_> = work.into_iter().map(Item::Running).collect();
        poll_fn(|cx| {
            let mut pending = false;
            for item in &mut items {
                if let Item::Running(work) = item {
                    match work.as_mut().poll(cx) {
                        Poll::Ready(output) => *item = Item::Done(output),
                        Poll::Pending => pending = true,
                    }
                }
            }
            if pending {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        items
            .into_iter()
            .filter_map(|item| match item {
                Item::Done(output) => Some(output),
                Item::Running(_) => None,
            })
            .collect()
    }

    /// Sends a progress report. The operation's end is announced only after a callback has returned.
    pub fn progress(&self, how: &ProgressHow, domid: Domid, what: EventU) {
        match how {
            ProgressHow::Drop => {}
            ProgressHow::Queue(for_user) => {
                self.ctx().event_occurred(event(domid, *for_user, what));
            }
            ProgressHow::Callback(callback) => {
                let callback = Arc::clone(callback);
                let inner = Arc::clone(&self.inner);
                inner.hold();
                self.ctx().call_back(Box::new(move || {
                    callback(event(domid, 0, what));
                    inner.release();
                    inner.ctx.settle();
                }));
            }
        }
    }

    /// Runs `body`; when it fails (or is dropped), what it pushed onto the rollback runs in reverse order.
    pub async fn with_rollback<T, F, Fut>(&self, body: F) -> Result<T>
    where
        F: FnOnce(Rollback) -> Fut,
        Fut: Future<Output = Result<T>> + Send,
    {
        let keeper = Keeper {
            op: self,
            undo: Rollback::default(),
        };
        let body: Boxed<'_, Result<T>> = Box::pin(body(keeper.undo.clone()));
        let result = body.await;
        match &result {
            Ok(_) => keeper.undo.discard(),
            Err(_) => {
                self.run_orphans().await;
                keeper.undo.run(self).await;
            }
        }
        result
    }

    pub(super) fn leave_running(&self, beside: Arc<Beside>) {
        lock(&self.inner.left).push(beside);
    }

    pub(super) fn left_running(&self) -> Option<Arc<Beside>> {
        lock(&self.inner.left).first().cloned()
    }

    pub(super) fn forget_left(&self, beside: &Arc<Beside>) {
        lock(&self.inner.left).retain(|other| !Arc::ptr_eq(other, beside));
    }

    /// Runs the undos of parts that were dropped, once nothing of those works any more.
    pub(super) async fn run_orphans(&self) {
        self.finish_left().await;
        self.inner.orphans.run(self).await;
    }

    /// The whole of an operation: its body, then undos that were left, then what its end has to wait for. A panic in the
    /// body is its failure.
    pub(super) async fn run<F>(&self, mut body: Pin<Box<F>>) -> Result<()>
    where
        F: Future<Output = Result<()>> + ?Sized,
    {
        let result = poll_fn(|cx| {
            self.set_waker(cx.waker());
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx)))
                .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
        })
        .await;
        // What it pushed for its undo is left with the operation now.
        drop(body);
        self.run_orphans().await;
        poll_fn(|cx| {
            self.set_waker(cx.waker());
            match self.inner.holds.load(Ordering::SeqCst) {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        result
    }

    fn set_waker(&self, waker: &Waker) {
        let mut known = lock(&self.inner.waker);
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}
