//! Arrays and bytes, as long as another argument says: `items: Array<T>[count]`.

use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::os::fd::RawFd;

use xenlight::Result;

use super::{Arg, At, FromRaw, InOut, missing};
use crate::types::{CType, dispose_array, elements};

/// What may say how long an array is.
pub(crate) trait Count {
    /// The number as C passes it, which may be negative.
    fn count(&self) -> i64;
}

macro_rules! counts {
    ($($type:ty),*) => {$(
        impl Count for $type {
            fn count(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
counts!(c_int, u32, usize, isize);

impl Count for InOut<'_, c_int> {
    fn count(&self) -> i64 {
        self.get().map_or(0, i64::from)
    }
}

/// A count as a length; nothing for a negative one.
fn length(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// NULL or an array that the library returned, of `count` elements; it is not used again.
pub(crate) struct List<'a, T> {
    items: *mut T,
    count: i64,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for List<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for List<'a, T> {
    unsafe fn from_raw(at: At<'a>, items: *mut T) -> Self {
        List {
            items,
            count: at.count,
            call: PhantomData,
        }
    }
}

impl<T: CType> List<'_, T> {
    /// Frees the array and what its elements hold.
    pub(crate) fn free(self) {
        let count = c_int::try_from(self.count).unwrap_or(0);
        // SAFETY: NULL, or as many elements in memory from malloc and not used again, by this type's promise.
        unsafe { dispose_array(self.items, count) };
    }
}

/// NULL or an array of the caller's, of `count` elements.
pub(crate) struct Array<'a, T> {
    items: *const T,
    count: i64,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for Array<'a, T> {
    type Raw = *const T;
}

impl<'a, T> FromRaw<'a> for Array<'a, T> {
    unsafe fn from_raw(at: At<'a>, items: *const T) -> Self {
        Array {
            items,
            count: at.count,
            call: PhantomData,
        }
    }
}

impl<'a, T> Array<'a, T> {
    /// The elements; an array must be there unless there are none.
    pub(crate) fn elements(&self) -> Result<&'a [T]> {
        // SAFETY: NULL, or as many elements as long as the call lasts, by this type's promise.
        unsafe { elements(self.items, self.count) }
    }
}

/// NULL or room for `count` elements.
pub(crate) struct Room<'a, T> {
    name: &'static str,
    place: *mut T,
    count: i64,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for Room<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for Room<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        Room {
            name: at.name,
            place,
            count: at.count,
            call: PhantomData,
        }
    }
}

impl<T: Copy> Room<'_, T> {
    /// Names the room in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// How many elements fit.
    pub(crate) fn len(&self) -> usize {
        length(self.count)
    }

    /// Puts these, or as many as fit, at the beginning; NULL is an error.
    pub(crate) fn fill(&self, items: &[T]) -> Result<()> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        let count = items.len().min(self.len());
        // SAFETY: there is room for as many, by this type's promise, and `items` is ours, so that they cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), self.place, count) };
        Ok(())
    }

    /// Where the room begins; NULL where there is none.
    pub(crate) fn place(&self) -> *mut T {
        self.place
    }
}

/// How prototypes spell a pointer to bytes.
pub(crate) trait BytePointer: Copy {
    /// The same pointer.
    fn to_bytes(self) -> *const u8;
}

macro_rules! byte_pointers {
    ($($type:ty),*) => {$(
        impl BytePointer for $type {
            fn to_bytes(self) -> *const u8 {
                self as *const u8
            }
        }
    )*};
}
byte_pointers!(*const c_void, *mut c_void, *mut c_char);

/// NULL or `count` bytes of the caller's, which are only read.
pub(crate) struct Bytes<'a, P> {
    name: &'static str,
    start: *const u8,
    size: usize,
    pointer: PhantomData<(&'a (), P)>,
}

impl<'a, P: BytePointer> Arg for Bytes<'a, P> {
    type Raw = P;
}

impl<'a, P: BytePointer> FromRaw<'a> for Bytes<'a, P> {
    unsafe fn from_raw(at: At<'a>, raw: P) -> Self {
        Bytes {
            name: at.name,
            start: raw.to_bytes(),
            size: length(at.count),
            pointer: PhantomData,
        }
    }
}

impl<'a, P> Bytes<'a, P> {
    /// The bytes, which must be there.
    pub(crate) fn required(&self) -> Result<&'a [u8]> {
        if self.start.is_null() {
            return Err(missing(self.name));
        }
        // SAFETY: not NULL, so as many bytes as long as the call lasts, by this type's promise.
        Ok(unsafe { std::slice::from_raw_parts(self.start, self.size) })
    }

    /// One write(2) of what follows the first `done` bytes.
    pub(crate) fn write(&self, fd: RawFd, done: usize) -> isize {
        let done = done.min(self.size);
        // SAFETY: the kernel reads no further than the bytes go, and refuses NULL.
        unsafe { libc::write(fd, self.start.wrapping_add(done).cast(), self.size - done) }
    }
}

/// NULL or room for `count` bytes.
pub(crate) struct Buffer<'a> {
    start: *mut c_void,
    size: usize,
    call: PhantomData<&'a ()>,
}

impl Arg for Buffer<'_> {
    type Raw = *mut c_void;
}

impl<'a> FromRaw<'a> for Buffer<'a> {
    unsafe fn from_raw(at: At<'a>, start: *mut c_void) -> Self {
        Buffer {
            start,
            size: length(at.count),
            call: PhantomData,
        }
    }
}

impl Buffer<'_> {
    /// One read(2) to where the first `done` bytes end.
    pub(crate) fn read(&self, fd: RawFd, done: usize) -> isize {
        let done = done.min(self.size);
        // SAFETY: the kernel writes no further than the room goes, and refuses NULL.
        unsafe { libc::read(fd, self.start.wrapping_byte_add(done), self.size - done) }
    }
}
