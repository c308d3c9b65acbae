//! Undo: what a step made visible is taken back when a later step fails.
//!
//! Undos survive their owner: when the future that pushed them is dropped (a timeout around it, for instance), they are
//! left with the operation, which runs them before it goes on. So is one that was already running.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::drive::panicked;
use super::op::Op;
use super::wake::lock;
use crate::Result;
use crate::log::Level;

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
    pub(super) async fn run(&self, op: &Op) {
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
    pub(super) fn append(&self, other: &Rollback) {
        let mut undos = std::mem::take(&mut *lock(&other.0));
        lock(&self.0).append(&mut undos);
    }
}

/// Leaves the undos with the operation when the part that pushed them is dropped before its end.
pub(super) struct Keeper<'a> {
    pub(super) op: &'a Op,
    pub(super) undo: Rollback,
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        if !self.undo.is_empty() {
            self.op.orphans().append(&self.undo);
        }
    }
}
