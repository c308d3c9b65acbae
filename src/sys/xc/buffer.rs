//! Memory that a hypercall's argument may point to.

use std::io;
use std::ptr::NonNull;

use super::{Xc, control, count};

/// An array for a hypercall, which the kernel does not move meanwhile. `T` is a plain structure of the hypervisor's
/// interface, for which all bits are valid.
pub(super) struct Buffer<'a, T: Copy + Default> {
    xc: &'a Xc,
    raw: control::xc_hypercall_buffer,
    address: NonNull<T>,
    length: usize,
}

impl<'a, T: Copy + Default> Buffer<'a, T> {
    pub(super) fn new(xc: &'a Xc, length: usize) -> io::Result<Self> {
        let too_large = || io::Error::from_raw_os_error(libc::E2BIG);
        let bytes = length.max(1).checked_mul(size_of::<T>());
        let mut raw = control::xc_hypercall_buffer::default();
        // SAFETY: the handle is live, and `raw` is a local that is not in use as a buffer yet.
        let address = unsafe {
            control::xc__hypercall_buffer_alloc(xc.as_ptr(), &mut raw, bytes.ok_or_else(too_large)?)
        };
        let address = NonNull::new(address).ok_or_else(io::Error::last_os_error)?;
        let mut buffer = Self {
            xc,
            raw,
            address: address.cast(),
            length,
        };
        buffer.fill(&vec![T::default(); length]);
        Ok(buffer)
    }

    pub(super) fn holding(xc: &'a Xc, values: &[T]) -> io::Result<Self> {
        let mut buffer = Self::new(xc, values.len())?;
        buffer.fill(values);
        Ok(buffer)
    }

    fn fill(&mut self, values: &[T]) {
        let count = values.len().min(self.length);
        // SAFETY: the buffer has `length` elements in whole pages, and is nobody else's memory.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.address.as_ptr(), count) };
    }

    pub(super) fn count(&self) -> u32 {
        count(self.length)
    }

    /// The address for the hypercall's argument, valid as long as this lives.
    pub(super) fn as_ptr(&self) -> *mut T {
        self.address.as_ptr()
    }

    /// The first `count` elements, or as many as there are.
    pub(super) fn first(&self, count: u32) -> Vec<T> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let count = count.min(self.length);
        // SAFETY: all elements were written by `new`, any bits are a valid T, and no hypercall is under way.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), count) }.to_vec()
    }
}

impl<T: Copy + Default> Drop for Buffer<'_, T> {
    fn drop(&mut self) {
        // SAFETY: allocated through the same handle, which is still live; freed once.
        unsafe { control::xc__hypercall_buffer_free(self.xc.as_ptr(), &mut self.raw) };
    }
}
