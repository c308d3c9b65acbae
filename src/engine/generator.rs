//! Event generators of the layers above: tasks beside all operations that report events until they are stopped, and the state
//! that generators of a kind share.

use std::any::{Any, TypeId};
use std::future::Future;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::Ctx;
use super::core::State;
use super::event::event;
use super::reactor::{READ, Readiness, Waiting};
use crate::types::{EventType, EventU};
use crate::{Domid, Error, Result};

impl Ctx {
    /// Runs `work` until it ends or [`Ctx::stop_generator`] is called with the number that this returns.
    ///
    /// Its failure is a disaster for events of this type (None: of all types).
    pub(crate) fn start_generator<F, Fut>(&self, type_: Option<EventType>, work: F) -> u64
    where
        F: FnOnce(Ctx) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let (ctx, work) = (self.clone(), work(self.clone()));
        let id = self.add_task(Box::pin(async move {
            if let Err(error) = work.await {
                ctx.disaster(type_, &error);
            }
        }));
        self.settle();
        id
    }

    /// Wakes the generator with this waker, if there is one, and lets it work as far as it can.
    pub(crate) fn wake_generator(&self, waker: Option<Waker>) {
        waker.into_iter().for_each(Waker::wake);
        self.settle();
    }

    /// The one value of type `T` that this context keeps for the module that `T` belongs to; the first call makes it. It goes
    /// when the context is closed, so it must not hold the context. `make` runs with the context's lock held.
    pub(crate) fn shared_state<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let guard = self.shared.lock();
        let known = guard.borrow().states.get(&TypeId::of::<T>()).cloned();
        if let Some(Ok(known)) = known.map(Arc::downcast) {
            return known;
        }
        let state = Arc::new(make());
        let kept: State = Arc::clone(&state) as _;
        guard.borrow_mut().states.insert(TypeId::of::<T>(), kept);
        state
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

    /// Tells the application that events of this type (None: of all types) may be lost from now on. False when it has
    /// no hook for that.
    pub(crate) fn report_disaster(&self, type_: Option<EventType>, error: &Error) -> bool {
        self.disaster(type_, error)
    }

    /// Reports an event about `domid`.
    pub(crate) fn report_event(&self, domid: Domid, for_user: u64, what: EventU) {
        self.event_occurred(event(domid, for_user, what));
    }
}
