//! What an operation can wait for.

use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, AsRawFd};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::op::Op;
use super::reactor::{READ, Readiness, WRITE, Waiting};
use crate::{Boxed, Code, Error, Result};

impl Op {
    /// Runs a future that knows nothing of aborts, and stops it when the operation is aborted.
    async fn abortable<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
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
}
