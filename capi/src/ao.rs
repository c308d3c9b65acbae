//! How C callers say what happens at an operation's end and on the way: `libxl_asyncop_how`, `libxl_asyncprogress_how`.

use std::ffi::{c_int, c_void};
use std::future::Future;
use std::sync::Arc;

use xenlight::engine::{How, Notify, Op, ProgressHow};
use xenlight::types::{EvUser, Event};
use xenlight::{Domid, Error, Result};

use crate::boundary;
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::{CType, libxl_asyncop_how, libxl_asyncprogress_how, libxl_event};

/// A pointer of the caller's that an operation keeps until its end.
///
/// libxl.h obliges callers to leave what it points to alone until then.
pub(crate) struct Kept<T>(pub(crate) *mut T);

// SAFETY: the library hands the pointer from thread to thread but uses it in one at a time.
unsafe impl<T> Send for Kept<T> {}
// SAFETY: as for Send; shared references give out nothing but the pointer.
unsafe impl<T> Sync for Kept<T> {}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Kept<T> {}

impl<T> Kept<T> {
    /// The pointer; a method, so that closures capture the whole.
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}

/// Runs an operation about `domid` (0 for a creation) as `how` says: here to its end, or in the background.
///
/// # Safety
/// `how` is NULL or valid for reading; its callback may be called until the operation has ended. `this` is `ctx`.
pub(crate) unsafe fn start<F, Fut>(
    this: &libxl_ctx,
    ctx: *mut libxl_ctx,
    domid: Domid,
    how: *const libxl_asyncop_how,
    body: F,
) -> Result<c_int>
where
    F: FnOnce(Op) -> Fut,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    // SAFETY: the same contract.
    let how = unsafe { self::how(ctx, domid, how) };
    this.core.start(how, body)?;
    Ok(boundary::OK)
}

/// Which operation a `how` means to [`xenlight::engine::Ctx::abort`]: the callback's address and its word, or 0 and the
/// event's number; `None` for NULL.
///
/// # Safety
/// `how` is NULL or valid for reading.
pub(crate) unsafe fn key(how: *const libxl_asyncop_how) -> Option<(usize, u64)> {
    // SAFETY: NULL or valid by the caller's promise.
    let how = unsafe { how.as_ref() }?;
    match how.callback {
        // SAFETY: with a callback, this is the member that was set.
        Some(callback) => Some((callback as usize, unsafe { how.u.for_callback } as u64)),
        None => {
            // SAFETY: without a callback, this is the member that was set; any bits are a number.
            let EvUser(for_event) = unsafe { how.u.for_event.to_native() }.ok()?;
            Some((0, for_event))
        }
    }
}

/// # Safety
/// As for [`start`].
unsafe fn how(ctx: *mut libxl_ctx, domid: Domid, how: *const libxl_asyncop_how) -> Option<How> {
    // SAFETY: the same contract.
    let key = unsafe { key(how) }?;
    // SAFETY: NULL or valid by the caller's promise.
    let how = unsafe { how.as_ref() }?;
    let notify = match how.callback {
        None => Notify::Event(key.1),
        Some(callback) => {
            // SAFETY: with a callback, this is the member that was set.
            let (ctx, word) = (Kept(ctx), Kept(unsafe { how.u.for_callback }));
            Notify::Callback(Box::new(move |rc| {
                // SAFETY: libxl.h lets the callback be called once, with the context and the word it was given.
                unsafe { callback(ctx.get(), rc, word.get()) };
            }))
        }
    };
    Some(How { notify, key, domid })
}

/// Where progress reports go.
///
/// # Safety
/// `how` is NULL or valid for reading; its callback may be called until the operation has ended.
pub(crate) unsafe fn progress(
    ctx: *mut libxl_ctx,
    how: *const libxl_asyncprogress_how,
) -> ProgressHow {
    // SAFETY: NULL or valid by the caller's promise.
    let Some(how) = (unsafe { how.as_ref() }) else {
        return ProgressHow::Drop;
    };
    // SAFETY: a plain number.
    let for_event = unsafe { how.for_event.to_native() }.map_or(0, |EvUser(word)| word);
    let Some(callback) = how.callback else {
        return ProgressHow::Queue(for_event);
    };
    let (ctx, word): (_, Kept<c_void>) = (Kept(ctx), Kept(how.for_callback));
    ProgressHow::Callback(Arc::new(move |mut event| {
        event.for_user = EvUser(for_event);
        // SAFETY: the callback owns the event it gets, and gets the context and the word it was given with.
        unsafe { callback(ctx.get(), event_to_c(&event), word.get()) };
    }))
}

/// A malloc'd event, for `libxl_event_free`.
pub(crate) fn event_to_c(event: &Event) -> *mut libxl_event {
    mem::array(vec![event_value(event)])
}

/// The C value of an event; whoever gets it disposes of it.
pub(crate) fn event_value(event: &Event) -> libxl_event {
    libxl_event::from_native(event)
}

/// The value behind a pointer that must not be NULL.
///
/// # Safety
/// `value` is NULL or an initialised value.
pub(crate) unsafe fn native<T: CType>(what: &str, value: *const T) -> Result<T::Native> {
    // SAFETY: NULL or valid by the caller's promise.
    match unsafe { value.as_ref() } {
        // SAFETY: the same contract.
        Some(value) => unsafe { value.to_native() }.map_err(|error| error.context(what)),
        None => Err(Error::inval(format!("{what} is NULL"))),
    }
}

/// Puts `native` where an initialised value is, whose memory is freed. Members that are the caller's alone stay.
///
/// # Safety
/// `value` is an initialised value that nobody else uses.
pub(crate) unsafe fn replace<T: CType>(value: *mut T, native: &T::Native) {
    // SAFETY: the same contract.
    unsafe {
        let mut new = T::from_native(native);
        new.keep_unmanaged(&*value);
        (*value).dispose();
        value.write(new);
    }
}
