//! Values of the caller's: passed whole, read, or read and replaced.

use std::marker::PhantomData;

use xenlight::Result;

use super::{Arg, At, FromRaw, missing};
use crate::ao;
use crate::types::CType;

/// A structure that is passed whole; its pointers are what libxl.h says.
pub(crate) struct Whole<'a, T> {
    value: T,
    call: PhantomData<&'a ()>,
}

impl<'a, T: CType> Arg for Whole<'a, T> {
    type Raw = T;
}

impl<'a, T: CType> FromRaw<'a> for Whole<'a, T> {
    unsafe fn from_raw(_at: At<'a>, value: T) -> Self {
        let call = PhantomData;
        Whole { value, call }
    }
}

impl<T: CType> Whole<'_, T> {
    /// As C passes it.
    pub(crate) fn raw(&self) -> T {
        self.value
    }

    pub(crate) fn native(&self) -> Result<T::Native> {
        // SAFETY: the pointers inside are what libxl.h says, by this type's promise.
        unsafe { self.value.to_native() }
    }
}

/// NULL or an initialised value of the caller's, which is only read.
pub(crate) struct In<'a, T> {
    name: &'static str,
    value: Option<&'a T>,
}

impl<'a, T: 'a> Arg for In<'a, T> {
    type Raw = *const T;
}

impl<'a, T: 'a> FromRaw<'a> for In<'a, T> {
    unsafe fn from_raw(at: At<'a>, raw: *const T) -> Self {
        In {
            name: at.name,
            // SAFETY: NULL or valid for the call, by this type's promise.
            value: unsafe { raw.as_ref() },
        }
    }
}

impl<'a, T> In<'a, T> {
    /// The value as C has it; `None` for NULL.
    pub(crate) fn get(&self) -> Option<&'a T> {
        self.value
    }
}

impl<T: CType> In<'_, T> {
    /// Names the value in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The value, which must be there.
    pub(crate) fn native(&self) -> Result<T::Native> {
        self.optional()?.ok_or_else(|| missing(self.name))
    }

    /// [`In::native`] for values that users write: the parameter's name is part of a failure.
    pub(crate) fn native_named(&self) -> Result<T::Native> {
        let value = self.optional().map_err(|error| error.context(self.name))?;
        value.ok_or_else(|| missing(self.name))
    }

    /// The value, `None` for NULL.
    pub(crate) fn optional(&self) -> Result<Option<T::Native>> {
        // SAFETY: the value is initialised, by this type's promise.
        self.value
            .map(|value| unsafe { value.to_native() })
            .transpose()
    }
}

/// NULL or an initialised value of the caller's, which nobody else uses during the call. It may be read and replaced; the memory
/// that it holds came from malloc.
pub(crate) struct InOut<'a, T> {
    name: &'static str,
    place: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for InOut<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for InOut<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        InOut {
            name: at.name,
            place,
            call: PhantomData,
        }
    }
}

impl<T: CType> InOut<'_, T> {
    /// Names the value in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// What errors call the value.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The value as it is now.
    pub(super) fn now(&self) -> In<'_, T> {
        In {
            name: self.name,
            // SAFETY: NULL or initialised, by this type's promise.
            value: unsafe { self.place.as_ref() },
        }
    }

    /// The value as C has it; `None` for NULL.
    pub(crate) fn get(&self) -> Option<T> {
        self.now().get().copied()
    }

    /// The value, which must be there.
    pub(crate) fn native(&self) -> Result<T::Native> {
        self.now().native()
    }

    /// The value, `None` for NULL.
    pub(crate) fn optional(&self) -> Result<Option<T::Native>> {
        self.now().optional()
    }

    /// [`InOut::native`] for values that users write: the parameter's name is part of a failure.
    pub(crate) fn native_named(&self) -> Result<T::Native> {
        self.now().native_named()
    }

    /// Where the value is, which must be there.
    pub(super) fn there(&self) -> Result<*mut T> {
        match self.place.is_null() {
            true => Err(missing(self.name)),
            false => Ok(self.place),
        }
    }

    /// Puts `native` in the value's place.
    pub(crate) fn replace(&self, native: &T::Native) -> Result<()> {
        let place = self.there()?;
        // SAFETY: not NULL, so initialised and the caller's to change, by this type's promise.
        unsafe { ao::replace(place, native) };
        Ok(())
    }

    /// Changes the value if there is one.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        // SAFETY: NULL, or initialised and not used by others during the call, by this type's promise.
        unsafe { self.place.as_mut() }.map(change)
    }

    /// Frees what the value holds and leaves zeros, if there is one.
    pub(crate) fn dispose(&self) {
        // SAFETY: the value is initialised and its memory came from malloc, by this type's promise.
        self.change(|value| unsafe { value.dispose() });
    }
}
