//! Events on their way to the application: the queue, calls instead of it, and domain-death generators.

use std::ffi::{CString, c_int, c_void};
use std::sync::Arc;

use xenlight::dm;
use xenlight::domain::death;
use xenlight::engine::{Disaster, EventSink};
use xenlight::types::{Event, EventType};
use xenlight::{Code, Error, Result};

use crate::ao::{self, Kept};
use crate::boundary::{self, OK};
use crate::ctx::libxl_ctx;
use crate::handles::libxl_evgen_domain_death;
use crate::types::{
    CType, libxl_event, libxl_event_hooks, libxl_event_predicate, libxl_event_type,
};

/// Takes an event out of the queue; `ERROR_NOT_READY` when there is none of the types in `typemask` that `predicate`
/// likes. Free it with `libxl_event_free`.
///
/// # Safety
/// `event_r` is NULL or writable; `predicate` may be called with `user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_event_check(
    ctx: *mut libxl_ctx,
    event_r: *mut *mut libxl_event,
    typemask: u64,
    predicate: libxl_event_predicate,
    predicate_user: *mut c_void,
) -> c_int {
    boundary::status(ctx, "libxl_event_check", |ctx| {
        let wanted = wanted(predicate, predicate_user);
        match ctx.core.event_check(typemask, wanted) {
            // SAFETY: `event_r` is NULL or writable.
            Ok(event) => unsafe { hand_over(event_r, &event) },
            Err(error) if error.code() == Code::NotReady => Ok(Code::NotReady as c_int),
            Err(error) => Err(error),
        }
    })
}

/// Like `libxl_event_check`, but waits, and runs the library's operations meanwhile.
///
/// # Safety
/// As for [`libxl_event_check`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_event_wait(
    ctx: *mut libxl_ctx,
    event_r: *mut *mut libxl_event,
    typemask: u64,
    predicate: libxl_event_predicate,
    predicate_user: *mut c_void,
) -> c_int {
    boundary::status(ctx, "libxl_event_wait", |ctx| {
        if event_r.is_null() {
            return Err(Error::inval("the event's place is NULL"));
        }
        let event = ctx
            .core
            .event_wait(typemask, wanted(predicate, predicate_user))?;
        // SAFETY: `event_r` is writable.
        unsafe { hand_over(event_r, &event) }
    })
}

/// # Safety
/// `event_r` is NULL or writable.
unsafe fn hand_over(event_r: *mut *mut libxl_event, event: &Event) -> Result<c_int> {
    if event_r.is_null() {
        return Err(Error::inval("the event's place is NULL"));
    }
    // SAFETY: not NULL, and writable by this function's contract.
    unsafe { event_r.write(ao::event_to_c(event)) };
    Ok(OK)
}

/// The application's predicate over our events. It sees a C copy that lives as long as its call.
fn wanted(predicate: libxl_event_predicate, user: *mut c_void) -> impl FnMut(&Event) -> bool {
    move |event| {
        let Some(predicate) = predicate else {
            return true;
        };
        let mut value = ao::event_value(event);
        // SAFETY: libxl.h lets the predicate be called with an event and the word it was given with.
        let verdict = unsafe { predicate(&raw const value, user) };
        // SAFETY: made above and owned by nobody else.
        unsafe { value.dispose() };
        verdict != 0
    }
}

/// Frees an event; NULL is fine.
///
/// # Safety
/// `event` is NULL or came from the library, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_event_free(_ctx: *mut libxl_ctx, event: *mut libxl_event) {
    boundary::plain("libxl_event_free", (), || {
        // SAFETY: NULL or a live event by this function's contract.
        if let Some(value) = unsafe { event.as_mut() } {
            // SAFETY: the event was made by `ao::event_to_c`, whose memory comes from malloc.
            unsafe {
                value.dispose();
                libc::free(event.cast());
            }
        }
    });
}

/// Sends events of the types in the hooks' mask to the application instead of the queue; NULL ends that.
///
/// # Safety
/// `hooks` is NULL or valid for reading; its functions may be called with `user` while the context lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_event_register_callbacks(
    ctx: *mut libxl_ctx,
    hooks: *const libxl_event_hooks,
    user: *mut c_void,
) {
    boundary::value(ctx, "libxl_event_register_callbacks", (), |ctx| {
        // SAFETY: NULL or valid by this function's contract.
        let Some(hooks) = (unsafe { hooks.as_ref() }).copied() else {
            ctx.core.set_event_sink(None, None);
            return Ok(());
        };
        let word = Kept(user);
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
                // SAFETY: the hook gets its word, and a text that lives as long as the call.
                unsafe {
                    disaster(
                        word.get(),
                        libxl_event_type(type_.map_or(0, EventType::raw)),
                        text.as_ptr(),
                        errno,
                    )
                };
            })
        });
        ctx.core.set_event_sink(sink, disaster);
        Ok(())
    });
}

/// Reports shutdown and death of a domain as events that carry `user`.
///
/// # Safety
/// `evgen_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_evenable_domain_death(
    ctx: *mut libxl_ctx,
    domid: u32,
    user: u64,
    evgen_out: *mut *mut libxl_evgen_domain_death,
) -> c_int {
    boundary::status(ctx, "libxl_evenable_domain_death", |ctx| {
        if evgen_out.is_null() {
            return Err(Error::inval("the generator's place is NULL").domain(domid));
        }
        let id = death::enable(&ctx.core, domid, user)?;
        dm::keep_served(&ctx.core, domid);
        let id = usize::try_from(id).map_err(|_| Error::fail("out of generator numbers"))?;
        // The handle is the generator's number, never 0, and never looked into: a stale one is harmless.
        // SAFETY: checked above, and writable by this function's contract.
        unsafe { evgen_out.write(std::ptr::without_provenance_mut(id)) };
        Ok(OK)
    })
}

/// Ends a generator; events that happened before may still come. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_evdisable_domain_death(
    ctx: *mut libxl_ctx,
    evgen: *mut libxl_evgen_domain_death,
) {
    boundary::value(ctx, "libxl_evdisable_domain_death", (), |ctx| {
        death::disable(&ctx.core, evgen.addr() as u64);
        Ok(())
    });
}
