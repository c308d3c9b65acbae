//! libyajl's generator, which writes all JSON text, so that it is byte for byte what the C library writes.

use std::ffi::{c_char, c_int, c_longlong, c_uchar};
use std::ptr::NonNull;

/// A generator of libyajl; C programs hand theirs to the `*_gen_json` functions.
#[repr(C)]
pub struct YajlGen {
    _private: [u8; 0],
}

#[link(name = "yajl")]
unsafe extern "C" {
    fn yajl_gen_alloc(alloc_funcs: *const u8) -> *mut YajlGen;
    fn yajl_gen_free(hand: *mut YajlGen);
    fn yajl_gen_config(hand: *mut YajlGen, option: c_int, ...) -> c_int;
    fn yajl_gen_null(hand: *mut YajlGen) -> c_int;
    fn yajl_gen_bool(hand: *mut YajlGen, boolean: c_int) -> c_int;
    fn yajl_gen_integer(hand: *mut YajlGen, number: c_longlong) -> c_int;
    fn yajl_gen_number(hand: *mut YajlGen, text: *const c_char, len: usize) -> c_int;
    fn yajl_gen_string(hand: *mut YajlGen, text: *const c_uchar, len: usize) -> c_int;
    fn yajl_gen_map_open(hand: *mut YajlGen) -> c_int;
    fn yajl_gen_map_close(hand: *mut YajlGen) -> c_int;
    fn yajl_gen_array_open(hand: *mut YajlGen) -> c_int;
    fn yajl_gen_array_close(hand: *mut YajlGen) -> c_int;
    fn yajl_gen_get_buf(hand: *mut YajlGen, text: *mut *const c_uchar, len: *mut usize) -> c_int;
}

/// `yajl_gen_beautify`: indent by four spaces.
const BEAUTIFY: c_int = 1;

/// A status of libyajl (`yajl_gen_status`) other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub c_int);

impl Status {
    /// `yajl_gen_in_error_state`, which also stands for "there is no value to write".
    pub const IN_ERROR_STATE: Self = Self(3);
}

/// What writing one piece gives.
pub type Written = Result<(), Status>;

/// Writes JSON piece by piece through a generator.
pub struct Writer {
    hand: NonNull<YajlGen>,
    owned: bool,
}

impl Writer {
    /// A generator of our own, set up as the C library sets up its own; None when memory is out.
    pub fn new() -> Option<Self> {
        // SAFETY: NULL asks for malloc.
        let hand = NonNull::new(unsafe { yajl_gen_alloc(std::ptr::null()) })?;
        // SAFETY: a fresh generator, and this option takes an int.
        unsafe { yajl_gen_config(hand.as_ptr(), BEAUTIFY, 1 as c_int) };
        Some(Self { hand, owned: true })
    }

    /// Writes through a caller's generator; None for NULL.
    ///
    /// # Safety
    /// `hand` is NULL or a generator that nobody else uses while the writer lives.
    pub unsafe fn borrow(hand: *mut YajlGen) -> Option<Self> {
        let hand = NonNull::new(hand)?;
        Some(Self { hand, owned: false })
    }

    /// The text so far.
    pub fn text(&self) -> Result<Vec<u8>, Status> {
        let (mut text, mut len) = (std::ptr::null(), 0);
        // SAFETY: a live generator, and places for both results.
        check(unsafe { yajl_gen_get_buf(self.hand.as_ptr(), &mut text, &mut len) })?;
        if text.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the generator owns `len` bytes at `text` until the next call on it.
        Ok(unsafe { std::slice::from_raw_parts(text, len) }.to_vec())
    }

    /// `null`.
    pub fn null(&mut self) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_null(self.hand.as_ptr()) })
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_bool(self.hand.as_ptr(), c_int::from(value)) })
    }

    /// A number that fits 64 bits with a sign.
    pub fn integer(&mut self, value: i64) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_integer(self.hand.as_ptr(), value) })
    }

    /// A number without a sign.
    pub fn unsigned(&mut self, value: u64) -> Written {
        let digits = value.to_string();
        // SAFETY: a live generator; the digits live through the call and their length is right.
        check(unsafe { yajl_gen_number(self.hand.as_ptr(), digits.as_ptr().cast(), digits.len()) })
    }

    /// A string, which may be a member's name.
    pub fn string(&mut self, text: &str) -> Written {
        // SAFETY: a live generator; the text lives through the call and its length is right.
        check(unsafe { yajl_gen_string(self.hand.as_ptr(), text.as_ptr(), text.len()) })
    }

    /// `{`.
    pub fn map_open(&mut self) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_map_open(self.hand.as_ptr()) })
    }

    /// `}`.
    pub fn map_close(&mut self) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_map_close(self.hand.as_ptr()) })
    }

    /// `[`.
    pub fn array_open(&mut self) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_array_open(self.hand.as_ptr()) })
    }

    /// `]`.
    pub fn array_close(&mut self) -> Written {
        // SAFETY: a live generator.
        check(unsafe { yajl_gen_array_close(self.hand.as_ptr()) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: allocated by `new`, and this is the only handle.
            unsafe { yajl_gen_free(self.hand.as_ptr()) };
        }
    }
}

fn check(status: c_int) -> Written {
    match status {
        0 => Ok(()),
        other => Err(Status(other)),
    }
}
