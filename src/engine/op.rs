//! One running operation, as the code of that operation sees it, and its undo: what a step made visible is taken back when a
//! later step fails.
//!
//! Undos survive their owner: when the future that pushed them is dropped (a timeout around it, for instance), they are
//! left with the operation, which runs them before it goes on. So is one that was already running.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use super::Ctx;
use super::beside::Beside;
use super::drive::panicked;
use super::life::{Life, aborted};
use super::wake::lock;
use crate::gate::Gate;
use crate::log::{Level, Logger};
use crate::store::{Store, Watch};
use crate::xen::Xen;
use crate::{Boxed, DOM0, Domid, Result};

/// What all handles of one operation share.
struct OpInner {
    ctx: Ctx,
    life: Arc<Life>,
    /// Undos of parts that were dropped.
    orphans: Rollback,
    /// Threads that work for parts which were dropped.
    left: Mutex<Vec<Arc<Beside>>>,
}

/// A running operation, cheap to clone. Once it was aborted, what it waits for ends in [`Aborted`](crate::Code::Aborted). A request
/// that xenstored has got is waited for all the same: it is always answered soon, and the caller must know the outcome.
#[derive(Clone)]
pub struct Op {
    inner: Arc<OpInner>,
    shielded: bool,
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Op({})", self.inner.life.id)
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
                life: Arc::new(Life::new(id, key)),
                orphans: Rollback::default(),
                left: Mutex::default(),
            }),
            shielded: false,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.inner.life.id
    }

    pub(super) fn life(&self) -> &Arc<Life> {
        &self.inner.life
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
        if !self.shielded && self.inner.life.is_aborted() {
            return Err(aborted());
        }
        Ok(())
    }

    /// Watches a store path and everything below.
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        self.store()?.watch(path).await
    }

    /// The number of the domain that this process runs in. Once xenstore has told it, it is not asked again.
    ///
    /// Every domain that libxl makes finds it in its own part of xenstore, so where it is missing this is a dom0 that was not
    /// told about itself.
    pub async fn own_domid(&self) -> Result<Domid> {
        let known = self.ctx().shared_state(OnceLock::<Domid>::new);
        if let Some(domid) = known.get() {
            return Ok(*domid);
        }
        let Some(domid) = self.store()?.own_domid().await? else {
            return Ok(DOM0);
        };
        Ok(*known.get_or_init(|| domid))
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
            self.life().set_waker(cx.waker());
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx)))
                .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
        })
        .await;
        // What it pushed for its undo is left with the operation now.
        drop(body);
        self.run_orphans().await;
        poll_fn(|cx| {
            self.life().set_waker(cx.waker());
            match self.life().is_held() {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        })
        .await;
        result
    }
}

type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
type Start = Box<dyn FnOnce(Op) -> Work + Send>;

enum Stage {
    Waiting(Option<Start>),
    Running(Work),
}

struct Undo {
    what: String,
    stage: Stage,
}

/// The undos of one operation, or of one part of it; cheap to clone.
#[derive(Clone, Default)]
pub struct Rollback(Arc<Mutex<Vec<Undo>>>);

impl fmt::Debug for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let undos = lock(&self.0);
        f.debug_list()
            .entries(undos.iter().map(|undo| &undo.what))
            .finish()
    }
}

impl Rollback {
    /// Remembers how to take back the step just made; `what` says it for the log ("destroy domain 5").
    /// The undo gets an operation that cannot be aborted.
    pub fn push<F, Fut>(&self, what: impl Into<String>, undo: F)
    where
        F: FnOnce(Op) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let start: Start = Box::new(move |op| Box::pin(undo(op)));
        lock(&self.0).push(Undo {
            what: what.into(),
            stage: Stage::Waiting(Some(start)),
        });
    }

    /// Forgets all undos: what they would take back is to stay.
    pub fn discard(&self) {
        let undos = std::mem::take(&mut *lock(&self.0));
        drop(undos);
    }

    /// Whether there is nothing to undo.
    pub fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }

    /// Runs the undos, the last one first. A failure is logged and does not keep the others from running.
    async fn run(&self, op: &Op) {
        let op = op.shielded();
        poll_fn(|cx| self.poll_run(&op, cx)).await;
    }

    fn poll_run(&self, op: &Op, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Out of the list while it is polled, so that an undo can look at the list; back in when it waits, so
            // that it is not lost when we are dropped.
            let Some(mut undo) = lock(&self.0).pop() else {
                return Poll::Ready(());
            };
            let mut work = match undo.stage {
                Stage::Running(work) => work,
                Stage::Waiting(Some(start)) => start(op.clone()),
                Stage::Waiting(None) => continue,
            };
            // An undo that panics has failed like any other.
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
            match polled.unwrap_or_else(|_| Poll::Ready(Err(panicked()))) {
                Poll::Pending => {
                    undo.stage = Stage::Running(work);
                    lock(&self.0).push(undo);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    let what = &undo.what;
                    let text = format_args!("undo failed ({what}): {error}");
                    op.log().line(Level::Error, error.domid(), text);
                }
            }
        }
    }

    /// Moves all undos of `other` to the end of these.
    fn append(&self, other: &Rollback) {
        let mut undos = std::mem::take(&mut *lock(&other.0));
        lock(&self.0).append(&mut undos);
    }
}

/// Leaves the undos with the operation when the part that pushed them is dropped before its end.
struct Keeper<'a> {
    op: &'a Op,
    undo: Rollback,
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        if !self.undo.is_empty() {
            self.op.inner.orphans.append(&self.undo);
        }
    }
}
