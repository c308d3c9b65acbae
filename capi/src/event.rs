//! Events on their way to the application: the queue, calls instead of it, and domain-death generators.

use std::ffi::CString;
use std::sync::Arc;

use xenlight::dm;
use xenlight::domain::death;
use xenlight::engine::{Disaster, EventSink};
use xenlight::types::EventType;
use xenlight::{Code, Error};

use crate::ao;
use crate::args::{Hooks, List, Number, Out, Predicate, Unused, Word};
use crate::boundary::OK;
use crate::ctx::libxl_ctx;
use crate::export::export;
use crate::handles::libxl_evgen_domain_death;
use crate::types::{libxl_event, libxl_event_hooks, libxl_event_type};

/// What errors call the place for an event.
const PLACE: &str = "the event's place";

export! {
    /// Takes an event out of the queue; `ERROR_NOT_READY` when there is none of the types in `typemask` that `predicate`
    /// likes. Free it with `libxl_event_free`.
    fn libxl_event_check(
        this,
        event_r: Out<*mut libxl_event>,
        typemask: u64,
        predicate: Predicate,
        predicate_user: Word,
    ) {
        let wanted = |event: &_| predicate.wants(event, &predicate_user);
        match this.core.event_check(typemask, wanted) {
            Ok(event) => event_r.called(PLACE).make(|| ao::event_to_c(&event)).map(|()| OK),
            Err(error) if error.code() == Code::NotReady => Ok(Code::NotReady.raw()),
            Err(error) => Err(error),
        }
    }

    /// Like `libxl_event_check`, but waits, and runs the library's operations meanwhile.
    fn libxl_event_wait(
        this,
        event_r: Out<*mut libxl_event>,
        typemask: u64,
        predicate: Predicate,
        predicate_user: Word,
    ) {
        let event_r = event_r.called(PLACE).there()?;
        let wanted = |event: &_| predicate.wants(event, &predicate_user);
        let event = this.core.event_wait(typemask, wanted)?;
        event_r.make(|| ao::event_to_c(&event))
    }

    /// Frees an event; NULL is fine.
    fn libxl_event_free(_ctx: Unused<libxl_ctx>, event: List<libxl_event>[1]) -> () [else ()] {
        event.free();
    }

    /// Sends events of the types in the hooks' mask to the application instead of the queue; NULL ends that.
    fn libxl_event_register_callbacks(
        this,
        hooks: Hooks<libxl_event_hooks>,
        user: Word,
    ) -> () [else ()] {
        let Some(hooks) = hooks.get() else {
            this.core.set_event_sink(None, None);
            return Ok(());
        };
        let word = user.kept();
        let sink = hooks.event_occurs.map(|occurs| EventSink {
            mask: hooks.event_occurs_mask,
            deliver: Arc::new(move |event| {
                // SAFETY: libxl.h lets the hook be called with its word and an event that it then owns.
                unsafe { occurs(word.get(), ao::event_to_c(&event)) };
            }),
        });
        let disaster = hooks.disaster.map(|disaster| -> Disaster {
            Arc::new(move |type_, text, errno| {
                let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
                let type_ = libxl_event_type(type_.map_or(0, EventType::raw));
                // SAFETY: the hook gets its word, and a text that lives as long as the call.
                unsafe { disaster(word.get(), type_, text.as_ptr(), errno) };
            })
        });
        this.core.set_event_sink(sink, disaster);
        Ok(())
    }

    /// Reports shutdown and death of a domain as events that carry `user`.
    fn libxl_evenable_domain_death(
        this,
        domid: u32,
        user: u64,
        evgen_out: Out<*mut libxl_evgen_domain_death>,
    ) {
        let evgen_out = evgen_out.called("the generator's place").there();
        let evgen_out = evgen_out.map_err(|error| error.domain(domid))?;
        let id = death::enable(&this.core, domid, user)?;
        dm::keep_served(&this.core, domid);
        let id = usize::try_from(id).map_err(|_| Error::fail("out of generator numbers"))?;
        // The handle is the generator's number, never 0, and never looked into: a stale one is harmless.
        evgen_out.set(std::ptr::without_provenance_mut(id))
    }

    /// Ends a generator; events that happened before may still come. NULL is fine.
    fn libxl_evdisable_domain_death(
        this,
        evgen: Number<libxl_evgen_domain_death>,
    ) -> () [else ()] {
        death::disable(&this.core, evgen.get());
        Ok(())
    }
}
