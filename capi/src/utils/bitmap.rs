//! `libxl_bitmap_*`.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::types::Bitmap;
use xenlight::{Code, Result};

use crate::args::{In, InOut, Out, Unused};
use crate::boundary::OK;
use crate::ctx::libxl_ctx;
use crate::export::export;
use crate::mem;
use crate::types::libxl_bitmap;

export! {
    /// Makes an empty bitmap, without room.
    fn libxl_bitmap_init(map: Out<libxl_bitmap>) -> () [else ()] {
        map.offer(|| libxl_bitmap::from_bytes(&[]));
    }

    /// Gives a bitmap room for `n_bits` bits, rounded up to bytes, all clear. The old contents are not freed.
    fn libxl_bitmap_alloc(
        _ctx: Unused<libxl_ctx>,
        bitmap: Out<libxl_bitmap>,
        n_bits: c_int,
    ) -> c_int [else Code::Fail.raw()] {
        match usize::try_from(n_bits) {
            Ok(bits) => made(bitmap.give(&Bitmap::new(bits))),
            Err(_) => Code::Inval.raw(),
        }
    }

    /// Frees a bitmap and leaves an empty one.
    fn libxl_bitmap_dispose(map: InOut<libxl_bitmap>) -> () [else ()] {
        map.dispose();
    }

    /// Copies bit by bit between bitmaps of one size; bitmaps of different sizes are left alone.
    fn libxl_bitmap_copy(
        _ctx: Unused<libxl_ctx>,
        dptr: InOut<libxl_bitmap>,
        sptr: In<libxl_bitmap>,
    ) -> () [else ()] {
        // The two may be one and the same, so that the bits are read first.
        let bits = sptr.bits();
        if dptr.bytes() == bits.bytes.len() {
            dptr.overwrite(&bits);
        }
    }

    /// Makes a copy with memory of its own. The old contents of the destination are not freed.
    fn libxl_bitmap_copy_alloc(
        _ctx: Unused<libxl_ctx>,
        dptr: Out<libxl_bitmap>,
        sptr: In<libxl_bitmap>,
    ) -> () [else ()] {
        dptr.offer(|| libxl_bitmap::from_bytes(sptr.bytes()));
    }

    /// 1 if every bit is set.
    fn libxl_bitmap_is_full(bitmap: In<libxl_bitmap>) -> c_int [else 0] {
        c_int::from(bitmap.bits().is_full())
    }

    /// 1 if no bit is set.
    fn libxl_bitmap_is_empty(bitmap: In<libxl_bitmap>) -> c_int [else 0] {
        c_int::from(bitmap.bits().is_empty())
    }

    /// 1 if the bit is set; 0 if it is clear or there is no room for it.
    fn libxl_bitmap_test(bitmap: In<libxl_bitmap>, bit: c_int) -> c_int [else 0] {
        let Ok(bit) = usize::try_from(bit) else {
            return 0;
        };
        let byte = bitmap.bytes().get(bit / 8);
        byte.map_or(0, |byte| c_int::from(byte >> (bit % 8) & 1))
    }

    /// Sets a bit, if there is room for it.
    fn libxl_bitmap_set(bitmap: InOut<libxl_bitmap>, bit: c_int) -> () [else ()] {
        bitmap.change_bit(bit, |byte, mask| byte | mask);
    }

    /// Clears a bit, if there is room for it.
    fn libxl_bitmap_reset(bitmap: InOut<libxl_bitmap>, bit: c_int) -> () [else ()] {
        bitmap.change_bit(bit, |byte, mask| byte & !mask);
    }

    /// How many bits are set.
    fn libxl_bitmap_count_set(bitmap: In<libxl_bitmap>) -> c_int [else 0] {
        c_int::try_from(bitmap.bits().count()).unwrap_or(c_int::MAX)
    }

    /// A new bitmap of the bits in either, as large as the larger one.
    fn libxl_bitmap_or(
        _ctx: Unused<libxl_ctx>,
        or_map: Out<libxl_bitmap>,
        map1: In<libxl_bitmap>,
        map2: In<libxl_bitmap>,
    ) -> c_int [else Code::Fail.raw()] {
        made(or_map.give(&map1.bits().or(&map2.bits())))
    }

    /// A new bitmap of the bits in both, as large as the smaller one.
    fn libxl_bitmap_and(
        _ctx: Unused<libxl_ctx>,
        and_map: Out<libxl_bitmap>,
        map1: In<libxl_bitmap>,
        map2: In<libxl_bitmap>,
    ) -> c_int [else Code::Fail.raw()] {
        made(and_map.give(&map1.bits().and(&map2.bits())))
    }

    /// The bytes in hexadecimal after `0x`, the last one first; malloc'd.
    fn libxl_bitmap_to_hex_string(
        _ctx: Unused<libxl_ctx>,
        bitmap: In<libxl_bitmap>,
    ) -> *mut c_char [else null_mut()] {
        mem::string(&bitmap.bits().to_hex())
    }
}

/// The status of a new bitmap, for which there may be no place. There is no context to log through.
fn made(given: Result<()>) -> c_int {
    given.map_or_else(|error| error.code().raw(), |()| OK)
}
