//! Event generators of the layers above: tasks beside all operations that report events until they are stopped.

use std::future::Future;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use super::Ctx;
use super::event::Event;
use super::reactor::{READ, Readiness, Waiting};
use crate::Result;

impl Ctx {
    /// Runs `work` until it ends or [`Ctx::stop_generator`] is called with the number that this returns.
    ///
    /// Its failure is a disaster for events of the type `type_raw` (`LIBXL_EVENT_TYPE_*`).
    pub(crate) fn start_generator<F, Fut>(&self, type_raw: u32, work: F) -> u64
    where
        F: FnOnce(Ctx) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let (ctx, work) = (self.clone(), work(self.clone()));
        let id = self.add_task(Box::pin(async move {
            if let Err(error) = work.await {
                ctx.disaster(type_raw, &error);
            }
        }));
        self.settle();
        id
    }

    /// Ends a generator. Events that it reported already stay in the queue.
    pub(crate) fn stop_generator(&self, id: u64) {
        self.remove_task(id);
        self.settle();
    }

    /// Lets a generator wait.
    pub(crate) async fn generator_pause(&self, time: Duration) -> Result<()> {
        self.pause(time).await
    }

    /// Lets a generator wait until `fd` can be read.
    pub(crate) async fn generator_readable(&self, fd: &impl AsFd) -> Result<()> {
        let fd = fd.as_fd();
        Waiting::new(self, Readiness(fd.as_raw_fd(), READ)).await
    }

    /// Reports an event.
    pub(crate) fn report_event(&self, event: Event) {
        self.event_occurred(event);
    }
}
