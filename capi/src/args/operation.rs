//! Arguments of functions that start an operation, which may outlast the call.

use std::marker::PhantomData;

use xenlight::engine::Op;
use xenlight::{Domid, Result};

use super::{Arg, At, FromRaw, In, missing};
use crate::ao::{self, Kept};
use crate::ctx::libxl_ctx;
use crate::types::{CType, libxl_asyncop_how};

/// NULL or valid for reading: how to tell of an operation's end. Its callback may be called until then.
pub(crate) struct AoHow<'a> {
    ctx: *mut libxl_ctx,
    how: *const libxl_asyncop_how,
    call: PhantomData<&'a ()>,
}

impl<'a> Arg for AoHow<'a> {
    type Raw = *const libxl_asyncop_how;
}

impl<'a> FromRaw<'a> for AoHow<'a> {
    unsafe fn from_raw(at: At<'a>, how: *const libxl_asyncop_how) -> Self {
        AoHow {
            ctx: at.ctx,
            how,
            call: PhantomData,
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
        // SAFETY: `how` is what is asked for, by this type's promise, and `this` is its context.
        unsafe { ao::start(this, self.ctx, domid, self.how, body) }.map(drop)
    }
}

/// NULL or an initialised value of the caller's, which belongs to the library until the operation has ended.
pub(crate) struct AoInOut<'a, T> {
    name: &'static str,
    place: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for AoInOut<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for AoInOut<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        AoInOut {
            name: at.name,
            place,
            call: PhantomData,
        }
    }
}

impl<T: CType> AoInOut<'_, T> {
    /// Names the value in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The value, which must be there.
    pub(crate) fn native(&self) -> Result<T::Native> {
        let now = In {
            name: self.name,
            // SAFETY: NULL or initialised, by this type's promise.
            value: unsafe { self.place.as_ref() },
        };
        now.native_named()
    }

    /// The value's place, for the operation; NULL is an error.
    pub(crate) fn place(&self) -> Result<AoPlace<T>> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        Ok(AoPlace(Kept(self.place)))
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
