//! `libxl_bitmap_*`.

use std::ffi::{c_char, c_int};

use xenlight::Code;
use xenlight::types::Bitmap;

use crate::boundary::{OK, plain};
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::{CType, libxl_bitmap};

/// Makes an empty bitmap, without room.
///
/// # Safety
/// `map` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_init(map: *mut libxl_bitmap) {
    if !map.is_null() {
        // SAFETY: not NULL, so valid for writing by the caller's promise.
        unsafe { map.write(libxl_bitmap::from_bytes(&[])) };
    }
}

/// Gives a bitmap room for `n_bits` bits, rounded up to bytes, all clear. The old contents are not freed.
///
/// # Safety
/// `bitmap` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_alloc(
    _ctx: *mut libxl_ctx,
    bitmap: *mut libxl_bitmap,
    n_bits: c_int,
) -> c_int {
    let Ok(bits) = usize::try_from(n_bits) else {
        return Code::Inval.raw();
    };
    if bitmap.is_null() {
        return Code::Inval.raw();
    }
    let value = libxl_bitmap::from_native(&Bitmap::new(bits));
    // SAFETY: not NULL, so valid for writing by the caller's promise.
    unsafe { bitmap.write(value) };
    OK
}

/// Frees a bitmap and leaves an empty one.
///
/// # Safety
/// `map` is NULL or an initialised bitmap whose memory came from malloc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_dispose(map: *mut libxl_bitmap) {
    // SAFETY: NULL or an initialised bitmap that the caller gives up.
    unsafe {
        if let Some(map) = map.as_mut() {
            map.dispose();
        }
    }
}

/// Copies bit by bit between bitmaps of one size; bitmaps of different sizes are left alone.
///
/// # Safety
/// Both are NULL or initialised bitmaps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_copy(
    _ctx: *mut libxl_ctx,
    dptr: *mut libxl_bitmap,
    sptr: *const libxl_bitmap,
) {
    // SAFETY: NULL or initialised bitmaps.
    unsafe {
        let from = bytes(sptr);
        if bytes(dptr).len() == from.len() && !dptr.is_null() {
            // The two may be one and the same.
            std::ptr::copy(from.as_ptr(), (*dptr).map, from.len());
        }
    }
}

/// Makes a copy with memory of its own. The old contents of the destination are not freed.
///
/// # Safety
/// `sptr` is NULL or an initialised bitmap; `dptr` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_copy_alloc(
    _ctx: *mut libxl_ctx,
    dptr: *mut libxl_bitmap,
    sptr: *const libxl_bitmap,
) {
    if !dptr.is_null() {
        // SAFETY: NULL or an initialised bitmap, and valid for writing.
        unsafe { dptr.write(libxl_bitmap::from_bytes(bytes(sptr))) };
    }
}

/// 1 if every bit is set.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_is_full(bitmap: *const libxl_bitmap) -> c_int {
    // SAFETY: the same contract.
    c_int::from(unsafe { native(bitmap) }.is_full())
}

/// 1 if no bit is set.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_is_empty(bitmap: *const libxl_bitmap) -> c_int {
    // SAFETY: the same contract.
    c_int::from(unsafe { native(bitmap) }.is_empty())
}

/// 1 if the bit is set; 0 if it is clear or there is no room for it.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_test(bitmap: *const libxl_bitmap, bit: c_int) -> c_int {
    // SAFETY: the same contract.
    let byte = unsafe { byte_of(bitmap, bit) };
    byte.map_or(0, |(byte, mask)| c_int::from(byte & mask != 0))
}

/// Sets a bit, if there is room for it.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_set(bitmap: *mut libxl_bitmap, bit: c_int) {
    // SAFETY: the same contract.
    unsafe { change(bitmap, bit, |byte, mask| byte | mask) };
}

/// Clears a bit, if there is room for it.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_reset(bitmap: *mut libxl_bitmap, bit: c_int) {
    // SAFETY: the same contract.
    unsafe { change(bitmap, bit, |byte, mask| byte & !mask) };
}

/// How many bits are set.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_count_set(bitmap: *const libxl_bitmap) -> c_int {
    // SAFETY: the same contract.
    let count = unsafe { native(bitmap) }.count();
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

/// A new bitmap of the bits in either, as large as the larger one.
///
/// # Safety
/// The maps are NULL or initialised bitmaps; `or_map` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_or(
    _ctx: *mut libxl_ctx,
    or_map: *mut libxl_bitmap,
    map1: *const libxl_bitmap,
    map2: *const libxl_bitmap,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { combine(or_map, native(map1).or(&native(map2))) }
}

/// A new bitmap of the bits in both, as large as the smaller one.
///
/// # Safety
/// As for [`libxl_bitmap_or`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_and(
    _ctx: *mut libxl_ctx,
    and_map: *mut libxl_bitmap,
    map1: *const libxl_bitmap,
    map2: *const libxl_bitmap,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { combine(and_map, native(map1).and(&native(map2))) }
}

/// The bytes in hexadecimal after `0x`, the last one first; malloc'd.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_bitmap_to_hex_string(
    _ctx: *mut libxl_ctx,
    bitmap: *const libxl_bitmap,
) -> *mut c_char {
    plain("libxl_bitmap_to_hex_string", std::ptr::null_mut(), || {
        // SAFETY: the same contract.
        mem::string(&unsafe { native(bitmap) }.to_hex())
    })
}

/// # Safety
/// `bitmap` is NULL or an initialised bitmap, not changed while the result is used.
unsafe fn bytes<'a>(bitmap: *const libxl_bitmap) -> &'a [u8] {
    // SAFETY: the same contract.
    unsafe { bitmap.as_ref().map_or(&[], |bitmap| bitmap.bytes()) }
}

/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
unsafe fn native(bitmap: *const libxl_bitmap) -> Bitmap {
    Bitmap {
        // SAFETY: the same contract.
        bytes: unsafe { bytes(bitmap) }.to_vec(),
    }
}

/// The byte that a bit is in, and the bit in it; None where there is no room for it.
///
/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
unsafe fn byte_of(bitmap: *const libxl_bitmap, bit: c_int) -> Option<(u8, u8)> {
    let bit = usize::try_from(bit).ok()?;
    // SAFETY: the same contract.
    let byte = unsafe { bytes(bitmap) }.get(bit / 8)?;
    Some((*byte, 1 << (bit % 8)))
}

/// # Safety
/// `bitmap` is NULL or an initialised bitmap.
unsafe fn change(bitmap: *mut libxl_bitmap, bit: c_int, change: impl Fn(u8, u8) -> u8) {
    // SAFETY: the same contract; `byte_of` says that the byte is inside the map.
    unsafe {
        if let (Some((byte, mask)), Ok(bit)) = (byte_of(bitmap, bit), usize::try_from(bit)) {
            (*bitmap).map.add(bit / 8).write(change(byte, mask));
        }
    }
}

/// # Safety
/// `out` is NULL or valid for writing.
unsafe fn combine(out: *mut libxl_bitmap, value: Bitmap) -> c_int {
    if out.is_null() {
        return Code::Inval.raw();
    }
    // SAFETY: not NULL, so valid for writing by the caller's promise.
    unsafe { out.write(libxl_bitmap::from_native(&value)) };
    OK
}
