//! Strings.

use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;

use xenlight::{Error, Result};

use super::{Arg, At, FromRaw, missing};

/// NULL or a C string. `P` is how the prototype spells the pointer.
pub(crate) struct Text<'a, P = *const c_char> {
    name: &'static str,
    bytes: Option<&'a [u8]>,
    pointer: PhantomData<P>,
}

/// # Safety
/// `raw` is NULL or a C string that outlives `'a`.
unsafe fn text<'a, P>(at: At<'a>, raw: *const c_char) -> Text<'a, P> {
    Text {
        name: at.name,
        // SAFETY: not NULL there, so a C string, by this function's contract.
        bytes: (!raw.is_null()).then(|| unsafe { CStr::from_ptr(raw) }.to_bytes()),
        pointer: PhantomData,
    }
}

impl<'a> Arg for Text<'a> {
    type Raw = *const c_char;
}

impl<'a> FromRaw<'a> for Text<'a> {
    unsafe fn from_raw(at: At<'a>, raw: *const c_char) -> Self {
        // SAFETY: NULL or a C string, by this type's promise.
        unsafe { text(at, raw) }
    }
}

impl<'a> Arg for Text<'a, *mut c_char> {
    type Raw = *mut c_char;
}

impl<'a> FromRaw<'a> for Text<'a, *mut c_char> {
    unsafe fn from_raw(at: At<'a>, raw: *mut c_char) -> Self {
        // SAFETY: NULL or a C string, by this type's promise.
        unsafe { text(at, raw) }
    }
}

impl<'a, P> Text<'a, P> {
    /// Names the text in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The text as it is; `None` for NULL.
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        self.bytes
    }

    /// The text as it is, which must be there.
    pub(crate) fn required_bytes(&self) -> Result<&'a [u8]> {
        self.bytes.ok_or_else(|| missing(self.name))
    }

    /// The text, which must be there and UTF-8.
    pub(crate) fn required(&self) -> Result<&'a str> {
        let bytes = self.required_bytes()?;
        std::str::from_utf8(bytes).map_err(|_| {
            let text = String::from_utf8_lossy(bytes);
            Error::inval(format!("{} is not UTF-8: {text:?}", self.name))
        })
    }

    /// The text for a line of the log; `otherwise` for NULL.
    pub(crate) fn lossy_or(&self, otherwise: &str) -> String {
        let text = self.bytes.map(String::from_utf8_lossy);
        text.map_or_else(|| otherwise.to_owned(), Cow::into_owned)
    }
}
