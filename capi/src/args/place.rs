//! Places that a function fills.

use std::ffi::{c_char, c_int};
use std::marker::PhantomData;

use xenlight::Result;

use super::{Arg, At, FromRaw, In, missing};
use crate::mem;
use crate::types::{CType, array_from_native};

/// NULL or a place to fill; what was there is not freed.
pub(crate) struct Out<'a, T> {
    name: &'static str,
    place: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for Out<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for Out<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        Out {
            name: at.name,
            place,
            call: PhantomData,
        }
    }
}

impl<T> Out<'_, T> {
    /// Names the place in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.place.is_null()
    }

    /// The place, which must be there.
    pub(crate) fn there(self) -> Result<Self> {
        match self.is_null() {
            true => Err(missing(self.name)),
            false => Ok(self),
        }
    }

    /// Fills the place; NULL is an error.
    pub(crate) fn set(&self, value: T) -> Result<()> {
        self.make(|| value)
    }

    /// Fills the place if there is one; nothing is made otherwise.
    pub(crate) fn offer(&self, value: impl FnOnce() -> T) {
        // That there is none is fine.
        let _ = self.make(value);
    }

    /// Fills the place; NULL is an error, and nothing is made.
    pub(crate) fn make(&self, value: impl FnOnce() -> T) -> Result<()> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        // SAFETY: not NULL, so writable, by this type's promise.
        unsafe { self.place.write(value()) };
        Ok(())
    }
}

impl<T: CType> Out<'_, T> {
    /// Fills the place with the C side of `native`; NULL is an error.
    pub(crate) fn give(&self, native: &T::Native) -> Result<()> {
        self.make(|| T::from_native(native))
    }

    /// Fills the place with a deep copy, if both sides are there.
    pub(crate) fn copy_of(&self, source: &In<T>) {
        if let (Some(value), false) = (source.get(), self.is_null()) {
            // SAFETY: the value is initialised and the place writable, by the promises of the two types.
            unsafe { value.deep_copy(self.place) };
        }
    }
}

impl Out<'_, *mut c_char> {
    /// Fills the place with a malloc'd string; NULL is an error.
    pub(crate) fn text(&self, text: &str) -> Result<()> {
        self.make(|| mem::string(text))
    }
}

/// Where the length of a list goes that the function returns.
impl Out<'_, c_int> {
    /// Hands over a list as a malloc'd array, never NULL.
    pub(crate) fn list<T: CType>(&self, list: &[T::Native]) -> Result<*mut T> {
        self.set(c_int::try_from(list.len()).unwrap_or(c_int::MAX))?;
        Ok(array(list))
    }

    /// Hands over a list as a malloc'd array, NULL when it is empty.
    pub(crate) fn list_or_null<T: CType>(&self, list: &[T::Native]) -> Result<*mut T> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        let (array, count) = array_from_native(list);
        self.set(count)?;
        Ok(array)
    }
}

/// A malloc'd array, never NULL.
pub(crate) fn array<T: CType>(list: &[T::Native]) -> *mut T {
    let array = mem::zeroed_array::<T>(list.len());
    for (index, item) in list.iter().enumerate() {
        // SAFETY: `index` is below the allocation's element count.
        unsafe { array.add(index).write(T::from_native(item)) };
    }
    array
}
