//! Arguments of functions that start an operation, which may outlast the call.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::sync::Arc;

use xenlight::engine::{How, Notify, Op, ProgressHow};
use xenlight::types::EvUser;
use xenlight::{Domid, Result};

use super::{Arg, At, FromRaw, InOut, missing};
use crate::ao::{self, Kept};
use crate::ctx::libxl_ctx;
use crate::types::{CType, libxl_asyncop_how, libxl_asyncprogress_how};

/// NULL or valid for reading: how to tell of an operation's end. Its callback may be called until then.
pub(crate) struct AoHow<'a> {
    ctx: *mut libxl_ctx,
    how: Option<&'a libxl_asyncop_how>,
}

impl<'a> Arg for AoHow<'a> {
    type Raw = *const libxl_asyncop_how;
}

impl<'a> FromRaw<'a> for AoHow<'a> {
    unsafe fn from_raw(at: At<'a>, how: *const libxl_asyncop_how) -> Self {
        AoHow {
            ctx: at.ctx,
            // SAFETY: NULL or valid for the call, by this type's promise.
            how: unsafe { how.as_ref() },
        }
    }
}

impl AoHow<'_> {
    /// Runs an operation about `domid` (0 for a creation) as the caller wants: here to its end, or in the background.
    pub(crate) fn start<F, Fut>(&self, domid: Domid, body: F) -> Result<()>
    where
        F: FnOnce(Op) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        // SAFETY: the context of the call, which lives until its end.
        let this = unsafe { self.ctx.as_ref() }.ok_or_else(|| missing("the context"))?;
        this.core.start(self.how(domid), body)
    }

    /// Which operation this means to [`xenlight::engine::Ctx::abort`]: the callback's address and its word, or 0 and the
    /// event's number; `None` for NULL.
    pub(crate) fn key(&self) -> Option<(usize, u64)> {
        let how = self.how?;
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

    fn how(&self, domid: Domid) -> Option<How> {
        let (key, how) = (self.key()?, self.how?);
        let notify = match how.callback {
            None => Notify::Event(key.1),
            Some(callback) => {
                // SAFETY: with a callback, this is the member that was set.
                let (ctx, word) = (Kept(self.ctx), Kept(unsafe { how.u.for_callback }));
                Notify::Callback(Box::new(move |rc| {
                    // SAFETY: libxl.h lets the callback be called once, with the context and the word it was given.
                    unsafe { callback(ctx.get(), rc, word.get()) };
                }))
            }
        };
        Some(How { notify, key, domid })
    }
}

/// NULL or valid for reading: where reports of an operation's progress go. Its callback may be called until the operation has ended.
pub(crate) struct Progress(ProgressHow);

impl Arg for Progress {
    type Raw = *const libxl_asyncprogress_how;
}

impl FromRaw<'_> for Progress {
    unsafe fn from_raw(at: At<'_>, how: *const libxl_asyncprogress_how) -> Self {
        // SAFETY: NULL or valid for the call, by this type's promise.
        let Some(how) = (unsafe { how.as_ref() }) else {
            return Progress(ProgressHow::Drop);
        };
        // SAFETY: a plain number.
        let for_event = unsafe { how.for_event.to_native() }.map_or(0, |EvUser(word)| word);
        let Some(callback) = how.callback else {
            return Progress(ProgressHow::Queue(for_event));
        };
        let (ctx, word): (_, Kept<c_void>) = (Kept(at.ctx), Kept(how.for_callback));
        Progress(ProgressHow::Callback(Arc::new(move |mut event| {
            event.for_user = EvUser(for_event);
            // SAFETY: the callback owns the event it gets, and gets the context and the word it was given with.
            unsafe { callback(ctx.get(), ao::event_to_c(&event), word.get()) };
        })))
    }
}

impl Progress {
    /// For the operation.
    pub(crate) fn take(self) -> ProgressHow {
        self.0
    }
}

/// NULL or an initialised value of the caller's, which belongs to the library until the operation has ended.
pub(crate) struct AoInOut<'a, T>(InOut<'a, T>);

impl<'a, T> Arg for AoInOut<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for AoInOut<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        // SAFETY: what is the library's for longer than the call is so during the call.
        AoInOut(unsafe { InOut::from_raw(at, place) })
    }
}

impl<T: CType> AoInOut<'_, T> {
    /// Names the value in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self(self.0.called(name))
    }

    /// The value, which must be there.
    pub(crate) fn native(&self) -> Result<T::Native> {
        self.0.native_named()
    }

    /// The value as C has it; `None` for NULL.
    pub(crate) fn get(&self) -> Option<T> {
        self.0.get()
    }

    /// The value's place, for the operation; NULL is an error.
    pub(crate) fn place(&self) -> Result<AoPlace<T>> {
        self.0.there().map(|place| AoPlace(Kept(place)))
    }
}

/// The place of an [`AoInOut`], not NULL.
pub(crate) struct AoPlace<T>(Kept<T>);

impl<T: CType> AoPlace<T> {
    /// Puts `native` in the value's place.
    pub(crate) fn replace(&self, native: &T::Native) {
        // SAFETY: not NULL, initialised, and the library's until the operation has ended, by the promise of `AoInOut`.
        unsafe { ao::replace(self.0.get(), native) };
    }
}

/// NULL or a place that the library may fill until the operation has ended; what was there is not freed.
pub(crate) struct AoOut<'a, T> {
    name: &'static str,
    place: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for AoOut<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for AoOut<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        AoOut {
            name: at.name,
            place,
            call: PhantomData,
        }
    }
}

impl<T> AoOut<'_, T> {
    /// The place, for the operation; NULL is an error.
    pub(crate) fn place(&self) -> Result<AoEmpty<T>> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        Ok(AoEmpty(Kept(self.place)))
    }
}

/// The place of an [`AoOut`], not NULL.
pub(crate) struct AoEmpty<T>(Kept<T>);

impl<T> AoEmpty<T> {
    /// Fills the place.
    pub(crate) fn set(&self, value: T) {
        // SAFETY: not NULL, and the library's to fill until the operation has ended, by the promise of `AoOut`.
        unsafe { self.0.get().write(value) };
    }
}
