//! What the exported functions of all types do, written once; `export_struct!` and `export_enum!` give them names.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use xenlight::log::{Level, Logger};
use xenlight::types::json::{Json, Status, Value, Writer};
use xenlight::types::to_json_string;
use xenlight::{Code, Error, Result, sys::yajl::YajlGen};

use super::convert::CType;
use crate::boundary::{OK, plain};
use crate::ctx::libxl_ctx;
use crate::mem;

/// `libxl_*_init`: what the native default says. NULL is ignored.
///
/// # Safety
/// `p` is NULL or valid for writing; its old contents are not looked at.
pub(super) unsafe fn init<T: CType<Native: Default>>(name: &str, p: *mut T) {
    if !p.is_null() {
        plain(name, (), || {
            let value = T::from_native(&T::Native::default());
            // SAFETY: not NULL, so valid for writing by the caller's promise.
            unsafe { p.write(value) };
        });
    }
}

/// `libxl_*_dispose`: frees what the value holds and leaves zeros. NULL is ignored.
///
/// # Safety
/// `p` is NULL or points to a value that was initialised, whose memory came from malloc.
pub(super) unsafe fn dispose<T: CType>(name: &str, p: *mut T) {
    // SAFETY: NULL or an initialised value that the caller gives up.
    plain(name, (), || unsafe {
        if let Some(value) = p.as_mut() {
            value.dispose();
        }
    });
}

/// `libxl_*_copy`: a deep copy. NULL on either side is ignored.
///
/// # Safety
/// `src` is NULL or an initialised value; `dst` is NULL or valid for writing.
pub(super) unsafe fn copy<T: CType>(name: &str, dst: *mut T, src: *const T) {
    // SAFETY: NULL or an initialised value.
    let src = unsafe { src.as_ref() };
    if let (Some(src), false) = (src, dst.is_null()) {
        // SAFETY: `src` is initialised and `dst` valid for writing, by the caller's promise.
        plain(name, (), || unsafe { src.deep_copy(dst) });
    }
}

/// `libxl_*_to_json`: malloc'd text, or NULL after a line in the log.
///
/// # Safety
/// `ctx` is NULL or a live context; `p` is NULL or an initialised value.
pub(super) unsafe fn to_json<T: CType<Native: Json>>(
    name: &str,
    ctx: *const libxl_ctx,
    p: *const T,
) -> *mut c_char {
    // SAFETY: the same contract.
    let mut text = || unsafe { native(p) }.and_then(|value| to_json_string(&value));
    // SAFETY: the same contract.
    unsafe { text_out(name, ctx, &mut text) }
}

/// # Safety
/// `ctx` is NULL or a live context.
unsafe fn text_out(
    name: &str,
    ctx: *const libxl_ctx,
    text: &mut dyn FnMut() -> Result<String>,
) -> *mut c_char {
    plain(name, null_mut(), || match text() {
        Ok(text) => mem::string(&text),
        Err(error) => {
            // SAFETY: the same contract.
            unsafe { log_failure(ctx, &error.context(name)) };
            null_mut()
        }
    })
}

/// `libxl_*_gen_json`: writes the value through the caller's generator; a status of libyajl.
///
/// # Safety
/// `hand` is NULL or a generator; `p` is NULL or an initialised value.
pub(crate) unsafe fn gen_json<T: CType<Native: Json>>(
    name: &str,
    hand: *mut YajlGen,
    p: *const T,
) -> c_int {
    plain(name, Status::IN_ERROR_STATE.0, || {
        // SAFETY: the same contract.
        let (value, writer) = unsafe { (native(p), Writer::borrow(hand)) };
        match (value, writer) {
            (Ok(value), Some(mut writer)) => write_status(value.write_json(&mut writer)),
            _ => Status::IN_ERROR_STATE.0,
        }
    })
}

/// The status that C sees for what writing gave.
pub(crate) fn write_status(written: Result<(), Status>) -> c_int {
    written.err().map_or(0, |Status(status)| status)
}

/// `libxl_*_from_json` of a struct: initialises it, then reads it; after an error it is as initialised.
///
/// # Safety
/// `ctx` is NULL or a live context; `p` is NULL or valid for writing; `text` is NULL or a C string.
pub(super) unsafe fn from_json<T: CType<Native: Json + Default>>(
    name: &str,
    ctx: *const libxl_ctx,
    p: *mut T,
    text: *const c_char,
) -> c_int {
    // SAFETY: the same contract.
    unsafe {
        init(name, p);
        enum_from_json(name, ctx, p, text)
    }
}

/// `libxl_*_from_json` of an enumeration, which stays as it is after an error.
///
/// # Safety
/// As for [`from_json`].
pub(super) unsafe fn enum_from_json<T: CType<Native: Json>>(
    name: &str,
    ctx: *const libxl_ctx,
    p: *mut T,
    text: *const c_char,
) -> c_int {
    let text = if p.is_null() { null() } else { text };
    let mut read = |value: &Value| {
        let value = T::Native::parse_json(value)?;
        // SAFETY: not NULL, or there is no text, so valid for writing; what `init` set owns no memory.
        unsafe { p.write(T::from_native(&value)) };
        Ok(())
    };
    // SAFETY: the same contract.
    unsafe { text_in(name, ctx, text, &mut read) }
}

/// # Safety
/// `ctx` is NULL or a live context; `text` is NULL or a C string.
unsafe fn text_in(
    name: &str,
    ctx: *const libxl_ctx,
    text: *const c_char,
    read: &mut dyn FnMut(&Value) -> Result<()>,
) -> c_int {
    plain(name, Code::Fail.raw(), || {
        if text.is_null() {
            return Code::Inval.raw();
        }
        // SAFETY: not NULL, so a C string by the caller's promise.
        match parse(unsafe { CStr::from_ptr(text) }).and_then(|value| read(&value)) {
            Ok(()) => OK,
            Err(error) => {
                let code = error.code();
                // SAFETY: the same contract.
                unsafe { log_failure(ctx, &error.context(name)) };
                code.raw()
            }
        }
    })
}

fn parse(text: &CStr) -> Result<Value> {
    let text = text.to_str();
    let text = text.map_err(|_| Error::fail("not valid JSON: the text is not UTF-8"))?;
    Value::parse(text)
}

/// # Safety
/// `p` is NULL or an initialised value.
unsafe fn native<T: CType>(p: *const T) -> Result<T::Native> {
    // SAFETY: NULL or an initialised value by the caller's promise.
    let value = unsafe { p.as_ref() }.ok_or_else(|| Error::inval("called without a value"))?;
    // SAFETY: an initialised value.
    unsafe { value.to_native() }
}

/// Logs a failure. Some functions work without a context, as the C library's do; then nothing is logged.
///
/// # Safety
/// `ctx` is NULL or a live context.
pub(crate) unsafe fn log_failure(ctx: *const libxl_ctx, error: &Error) {
    // SAFETY: NULL or a live context by the caller's promise.
    if let Some(ctx) = unsafe { ctx.as_ref() } {
        ctx.log.failure(error);
    }
}

/// An enumerator's name and number, as libxl.h lays them out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_enum_string_table {
    /// NULL ends the table.
    pub s: *const c_char,
    /// The number.
    pub v: c_int,
}

/// An exported table of names.
#[repr(transparent)]
pub struct StringTable<const N: usize>(pub [libxl_enum_string_table; N]);

// SAFETY: the names are string literals, and nothing changes the table.
unsafe impl<const N: usize> Sync for StringTable<N> {}

/// The name of a number, or NULL.
pub(super) fn enum_to_string(table: &[libxl_enum_string_table], number: c_int) -> *const c_char {
    let named = table.iter().filter(|entry| !entry.s.is_null());
    let mut named = named.filter(|entry| entry.v == number);
    named.next().map_or(std::ptr::null(), |entry| entry.s)
}

/// `libxl_*_from_string`: the enumerator with this name, whatever its case; ERROR_FAIL where there is none.
///
/// # Safety
/// `text` is NULL or a C string; `out` is NULL or valid for writing.
pub(super) unsafe fn enum_from_string(
    table: &[libxl_enum_string_table],
    text: *const c_char,
    out: *mut c_int,
) -> c_int {
    if text.is_null() || out.is_null() {
        return Code::Inval.raw();
    }
    // SAFETY: not NULL, so a C string by the caller's promise.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    for entry in table.iter().filter(|entry| !entry.s.is_null()) {
        // SAFETY: the names in a table are string literals.
        let name = unsafe { CStr::from_ptr(entry.s) }.to_bytes();
        if name.eq_ignore_ascii_case(text) {
            // SAFETY: not NULL, so valid for writing by the caller's promise.
            unsafe { out.write(entry.v) };
            return OK;
        }
    }
    Code::Fail.raw()
}

/// Writes an enumerator's name, or null for a number without one.
///
/// # Safety
/// `hand` is NULL or a generator.
pub(super) unsafe fn enum_gen_json(
    table: &[libxl_enum_string_table],
    hand: *mut YajlGen,
    number: Option<c_int>,
) -> c_int {
    // SAFETY: the same contract.
    let writer = unsafe { Writer::borrow(hand) };
    match (writer, number) {
        (Some(mut writer), Some(number)) => {
            write_status(write_name(&mut writer, enum_to_string(table, number)))
        }
        _ => Status::IN_ERROR_STATE.0,
    }
}

/// `libxl_*_to_json` of an enumeration.
pub(super) fn enum_to_json(table: &[libxl_enum_string_table], number: c_int) -> *mut c_char {
    let Some(mut writer) = Writer::new() else {
        return null_mut();
    };
    let written = write_name(&mut writer, enum_to_string(table, number));
    match written.and_then(|()| writer.text()) {
        Ok(text) => mem::string(&String::from_utf8_lossy(&text)),
        Err(_) => null_mut(),
    }
}

fn write_name(writer: &mut Writer, name: *const c_char) -> Result<(), Status> {
    if name.is_null() {
        return writer.null();
    }
    // SAFETY: the names in a table are string literals.
    writer.string(&unsafe { CStr::from_ptr(name) }.to_string_lossy())
}

/// Says on stderr that the key of a union is set already; there is no context to log through.
pub(super) fn key_is_set(name: &str) {
    Logger::new(StderrSink).line(
        Level::Error,
        None,
        format_args!("{name}: the key is set already; nothing was changed"),
    );
}

struct StderrSink;

impl xenlight::log::Sink for StderrSink {
    fn line(&self, _: Level, _: Option<i32>, text: &str) {
        use std::io::Write;
        // A closed stderr must not turn into a panic at the boundary.
        let _ = writeln!(std::io::stderr(), "libxl: {text}");
    }
}
