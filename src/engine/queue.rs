//! The event queue, and how events reach the application.

use std::sync::Arc;

use super::Ctx;
use super::core::Callback;
use super::drive::Patience;
use super::event::mask_bit;
use super::hooks::{Disaster, EventSink};
use super::wake::Parker;
use crate::log::Level;
use crate::types::{Event, EventType};
use crate::{Code, Error, Result};

impl Ctx {
    /// Sends events of certain types to `sink` from now on, instead of to the queue; `disaster` learns when events
    /// may be lost.
    pub fn set_event_sink(&self, sink: Option<EventSink>, disaster: Option<Disaster>) {
        let guard = self.shared.lock();
        let mut core = guard.borrow_mut();
        core.event_sink = sink;
        core.disaster = disaster;
    }

    /// Takes the oldest event whose type is in `mask` (bit `1 << type`) and that `wanted` likes.
    /// [`Code::NotReady`] when there is none. `wanted` is called with the context's lock held.
    pub fn event_check(&self, mask: u64, mut wanted: impl FnMut(&Event) -> bool) -> Result<Event> {
        self.take_event(mask, &mut wanted)
            .ok_or_else(|| Error::new(Code::NotReady, "no such event has happened"))
    }

    /// Like [`Ctx::event_check`], but waits; serves the context meanwhile.
    pub fn event_wait(&self, mask: u64, mut wanted: impl FnMut(&Event) -> bool) -> Result<Event> {
        let parker = Arc::new(Parker::default());
        self.drive(&parker, Patience::Long, || {
            self.take_event(mask, &mut wanted)
        })
    }

    fn take_event(&self, mask: u64, wanted: &mut dyn FnMut(&Event) -> bool) -> Option<Event> {
        let guard = self.shared.lock();
        // The queue is put aside while the application's predicate looks at it, so that it may look at the context.
        let mut queue = std::mem::take(&mut guard.borrow_mut().events);
        let found = queue
            .iter()
            .position(|event| mask & mask_bit(event) != 0 && wanted(event));
        let event = found.and_then(|at| queue.remove(at));
        let mut core = guard.borrow_mut();
        let later = std::mem::replace(&mut core.events, queue);
        core.events.extend(later);
        event
    }

    /// An event goes to the application's sink or into the queue; waiting threads look at it.
    pub(super) fn event_occurred(&self, event: Event) {
        let guard = self.shared.lock();
        let sink = guard.borrow().event_sink.clone();
        if let Some(sink) = sink.filter(|sink| sink.mask & mask_bit(&event) != 0) {
            self.call_back(Box::new(move || (sink.deliver)(event)));
            return;
        }
        guard.borrow_mut().events.push_back(event);
        self.wake_waiters();
    }

    /// Queues a call into the application for the moment when the lock is dropped.
    pub(super) fn call_back(&self, callback: Callback) {
        let guard = self.shared.lock();
        guard.borrow_mut().callbacks.push_back(callback);
        self.shared.wakeups.kick();
    }

    /// Events of a type (None: of all types) are lost from now on. False when the application has no hook for that.
    pub(super) fn disaster(&self, type_: Option<EventType>, error: &Error) -> bool {
        let text = format_args!("events may be lost: {error}");
        self.shared.log.line(Level::Error, error.domid(), text);
        let Some(disaster) = self.shared.lock().borrow().disaster.clone() else {
            return false;
        };
        let (text, errno) = (error.to_string(), error.errno().unwrap_or(0));
        self.call_back(Box::new(move || disaster(type_, &text, errno)));
        true
    }
}
