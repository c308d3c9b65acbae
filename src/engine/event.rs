//! Events: what happened to domains and operations, on their way to the application.

use std::fmt;
use std::sync::Arc;

use super::op::Op;
use crate::Domid;
use crate::types::{EvUser, Event, EventU};

/// An event about `domid`, or about no domain in particular (0). Nobody looks the domain's UUID up.
pub(super) fn event(domid: Domid, for_user: u64, u: EventU) -> Event {
    Event {
        domid,
        for_user: EvUser(for_user),
        u,
        ..Event::default()
    }
}

/// The bit of its type in masks.
pub(super) fn mask_bit(event: &Event) -> u64 {
    event.type_().map_or(0, |type_| 1 << type_.raw())
}

/// How an application wants progress reports of an operation.
#[derive(Clone, Default)]
pub enum ProgressHow {
    /// Not at all.
    #[default]
    Drop,
    /// By a call, made without any lock of the library; the event's `for_user` is 0.
    Callback(Arc<dyn Fn(Event) + Send + Sync>),
    /// Through the event queue, with this number as `for_user`.
    Queue(u64),
}

impl fmt::Debug for ProgressHow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgressHow::Drop => f.write_str("Drop"),
            ProgressHow::Callback(_) => f.write_str("Callback"),
            ProgressHow::Queue(user) => write!(f, "Queue({user})"),
        }
    }
}

impl Op {
    /// Sends a progress report. The operation's end is announced only after a callback has returned.
    pub fn progress(&self, how: &ProgressHow, domid: Domid, what: EventU) {
        match how {
            ProgressHow::Drop => {}
            ProgressHow::Queue(for_user) => {
                self.ctx().event_occurred(event(domid, *for_user, what));
            }
            ProgressHow::Callback(callback) => {
                let callback = Arc::clone(callback);
                let (ctx, life) = (self.ctx().clone(), Arc::clone(self.life()));
                life.hold();
                self.ctx().call_back(Box::new(move || {
                    callback(event(domid, 0, what));
                    life.release();
                    ctx.settle();
                }));
            }
        }
    }
}
