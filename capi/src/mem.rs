//! Memory handed to C: everything here comes from malloc, so that the caller's `free` fits.

use std::ffi::{CString, c_char};
use std::mem::size_of;

/// A malloc'd copy of `text`, cut at an inner NUL; ends the process when memory is out, as the library documents.
pub(crate) fn string(text: &str) -> *mut c_char {
    c_string(text.as_bytes())
}

/// [`string`], of bytes that need not be UTF-8.
pub(crate) fn c_string(text: &[u8]) -> *mut c_char {
    let text = match CString::new(text) {
        Ok(text) => text,
        Err(error) => {
            let end = error.nul_position();
            let mut bytes = error.into_vec();
            bytes.truncate(end);
            CString::new(bytes).unwrap_or_default()
        }
    };
    let bytes = text.as_bytes_with_nul();
    slice(bytes).cast()
}

/// [`string`], with NULL for `None`.
pub(crate) fn optional_string(text: Option<&str>) -> *mut c_char {
    text.map_or(std::ptr::null_mut(), string)
}

/// A malloc'd copy of `items`; NULL for none.
pub(crate) fn slice<T: Copy>(items: &[T]) -> *mut T {
    if items.is_empty() {
        return std::ptr::null_mut();
    }
    let copy = zeroed_array::<T>(items.len());
    // SAFETY: `copy` is a fresh allocation of `items.len()` elements and cannot overlap `items`.
    unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), copy, items.len()) };
    copy
}

/// A malloc'd array that takes over `items`, which may own further malloc'd memory; NULL for none.
pub(crate) fn array<T>(items: Vec<T>) -> *mut T {
    if items.is_empty() {
        return std::ptr::null_mut();
    }
    let array = zeroed_array::<T>(items.len());
    for (index, item) in items.into_iter().enumerate() {
        // SAFETY: `index` is below the allocation's element count.
        unsafe { array.add(index).write(item) };
    }
    array
}

/// Zeroed memory for `count` elements, at least one byte.
pub(crate) fn zeroed_array<T>(count: usize) -> *mut T {
    // SAFETY: calloc checks the product for overflow and may be called with any sizes.
    let memory = unsafe { libc::calloc(count.max(1), size_of::<T>().max(1)) };
    if memory.is_null() {
        eprintln!("libxl: FATAL ERROR: memory allocation failure");
        // SAFETY: _exit takes any status; no state of this process is used afterwards.
        unsafe { libc::_exit(255) };
    }
    memory.cast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn strings_are_cut_at_nul() {
        let text = string("ab\0c");
        // SAFETY: `string` returned a C string that only this test owns.
        unsafe {
            assert_eq!(CStr::from_ptr(text).to_bytes(), b"ab");
            libc::free(text.cast());
        }
    }

    #[test]
    fn nothing_is_null() {
        assert!(slice::<u32>(&[]).is_null());
        assert!(optional_string(None).is_null());
    }
}
