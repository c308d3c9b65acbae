//! How a C value becomes a native one and back, and what `dispose` and `copy` do to it.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

use xenlight::{Error, Result};

use crate::mem;

/// A C type with a native counterpart. All zero bytes are a valid value of every one.
///
/// Values hold malloc'd memory that `dispose` frees; they are `Copy` as C structs are, so ownership is by agreement.
pub(crate) trait CType: Copy {
    /// What the core sees.
    type Native;

    /// The native value; `ERROR_INVAL` where there is none, as for text that is not UTF-8 or an unknown enumerator.
    ///
    /// # Safety
    /// The pointers in `self` are NULL or point to what libxl.h says.
    unsafe fn to_native(&self) -> Result<Self::Native>;

    /// A C value of its own memory.
    fn from_native(native: &Self::Native) -> Self;

    /// Frees what the value holds and leaves zeros.
    ///
    /// # Safety
    /// As for [`CType::to_native`]; nobody else frees the memory.
    unsafe fn dispose(&mut self);

    /// Writes a deep copy to `dst`, whose old contents are not looked at.
    ///
    /// # Safety
    /// As for [`CType::to_native`]; `dst` is valid for writing.
    unsafe fn deep_copy(&self, dst: *mut Self);

    /// Takes over from the value that this one replaces what the library neither sets nor frees.
    fn keep_unmanaged(&mut self, _old: &Self) {}
}

/// Types without memory of their own, the same on both sides.
macro_rules! plain_c_type {
    ($($ty:ty),*) => {$(
        impl CType for $ty {
            type Native = $ty;

            unsafe fn to_native(&self) -> Result<$ty> {
                Ok(*self)
            }

            fn from_native(native: &$ty) -> Self {
                *native
            }

            unsafe fn dispose(&mut self) {
                *self = 0;
            }

            unsafe fn deep_copy(&self, dst: *mut Self) {
                // SAFETY: `dst` is valid for writing by the caller's promise.
                unsafe { dst.write(*self) };
            }
        }
    )*};
}
plain_c_type!(u8, u16, u32, u64, c_int);

impl CType for *mut c_char {
    type Native = Option<String>;

    unsafe fn to_native(&self) -> Result<Option<String>> {
        if self.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, so a C string by the caller's promise.
        let text = unsafe { CStr::from_ptr(*self) };
        match text.to_str() {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Error::inval(format!("{text:?} is not UTF-8"))),
        }
    }

    fn from_native(native: &Option<String>) -> Self {
        mem::optional_string(native.as_deref())
    }

    unsafe fn dispose(&mut self) {
        // SAFETY: NULL or malloc'd, and nobody else frees it, by the caller's promise.
        unsafe { libc::free(self.cast()) };
        *self = null_mut();
    }

    unsafe fn deep_copy(&self, dst: *mut Self) {
        // SAFETY: `self` is NULL or a C string, `dst` valid for writing, by the caller's promise.
        unsafe { dst.write(copy_string(*self)) };
    }
}

/// A malloc'd copy of a C string in any encoding; NULL for NULL.
///
/// # Safety
/// `text` is NULL or a C string.
pub(crate) unsafe fn copy_string(text: *const c_char) -> *mut c_char {
    if text.is_null() {
        return null_mut();
    }
    // SAFETY: not NULL, so a C string by the caller's promise.
    mem::slice(unsafe { CStr::from_ptr(text) }.to_bytes_with_nul()).cast()
}

/// The elements behind a count and a pointer; `ERROR_INVAL` for a negative count or a missing array.
///
/// # Safety
/// `items` is NULL or points to `count` elements that live as long as the result is used.
pub(crate) unsafe fn elements<'a, T>(items: *const T, count: i64) -> Result<&'a [T]> {
    match usize::try_from(count) {
        Ok(0) => Ok(&[]),
        Ok(_) if items.is_null() => Err(Error::inval(format!("{count} elements, but no array"))),
        // SAFETY: not NULL, so `count` elements by the caller's promise.
        Ok(count) => Ok(unsafe { std::slice::from_raw_parts(items, count) }),
        Err(_) => Err(Error::inval(format!("an array of {count} elements"))),
    }
}

/// [`CType::to_native`] for each element of an array.
///
/// # Safety
/// As for [`elements`] and [`CType::to_native`].
pub(crate) unsafe fn array_to_native<T: CType>(
    items: *const T,
    count: c_int,
) -> Result<Vec<T::Native>> {
    // SAFETY: NULL or `count` elements, by the caller's promise, which are read before this returns.
    let items = unsafe { elements(items, count.into()) }?;
    let convert = |(index, item): (usize, &T)| {
        // SAFETY: an element is as valid as the array.
        unsafe { item.to_native() }.map_err(|error| error.context(format_args!("element {index}")))
    };
    items.iter().enumerate().map(convert).collect()
}

/// A malloc'd array and its count.
pub(crate) fn array_from_native<T: CType>(items: &[T::Native]) -> (*mut T, c_int) {
    // No caller of libxl can hold more elements than its int counts: the rest would be unreachable to it.
    let count = c_int::try_from(items.len()).unwrap_or(c_int::MAX);
    let kept = items.iter().take(count as usize);
    (mem::array(kept.map(T::from_native).collect()), count)
}

/// Frees an array and what its elements hold.
///
/// # Safety
/// As for [`elements`] and [`CType::dispose`].
pub(crate) unsafe fn dispose_array<T: CType>(items: *mut T, count: c_int) {
    if !items.is_null() {
        for index in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: an element of the array, whose memory is the caller's to free.
            unsafe { (*items.add(index)).dispose() };
        }
    }
    // SAFETY: NULL or malloc'd, by the caller's promise.
    unsafe { libc::free(items.cast()) };
}

/// A deep copy of an array and its count; nonsense gives an empty one.
///
/// # Safety
/// As for [`elements`] and [`CType::deep_copy`].
pub(crate) unsafe fn copy_array<T: CType>(items: *const T, count: c_int) -> (*mut T, c_int) {
    // SAFETY: NULL or `count` elements, by the caller's promise, which are read before this returns.
    let items = unsafe { elements(items, count.into()) }.unwrap_or_default();
    if items.is_empty() {
        return (null_mut(), 0);
    }
    let copy = mem::zeroed_array::<T>(items.len());
    for (index, item) in items.iter().enumerate() {
        // SAFETY: `copy` has room for every index of `items`.
        unsafe { item.deep_copy(copy.add(index)) };
    }
    (copy, count)
}
