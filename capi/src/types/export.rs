//! What the exported functions of all types do, written once; `export_struct!` and `export_enum!` give them names.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use xenlight::log::{Level, Logger};
use xenlight::types::json::{Json, Status, Value, Writer};
use xenlight::types::to_json_string;
use xenlight::{Code, Error, Result};

use super::builtin::CEnum;
use super::convert::CType;
use crate::args::{Generator, InOut, LogOf, Out, Text};
use crate::boundary::OK;
use crate::mem;

/// `libxl_*_init`: what the native default says. NULL is ignored.
pub(super) fn init<T: CType<Native: Default>>(p: &Out<T>) {
    p.offer(|| T::from_native(&T::Native::default()));
}

/// `libxl_*_to_json`: malloc'd text, or NULL after a line in the log.
pub(super) fn to_json<T: CType<Native: Json>>(name: &str, ctx: LogOf, p: &InOut<T>) -> *mut c_char {
    text_out(
        name,
        ctx,
        native(p).and_then(|value| to_json_string(&value)),
    )
}

fn text_out(name: &str, ctx: LogOf, text: Result<String>) -> *mut c_char {
    match text {
        Ok(text) => mem::string(&text),
        Err(error) => {
            ctx.failure(&error.context(name));
            null_mut()
        }
    }
}

/// `libxl_*_gen_json`: writes the value through the caller's generator; a status of libyajl.
pub(crate) fn gen_json<T: CType<Native: Json>>(hand: Generator, p: &InOut<T>) -> c_int {
    match native(p) {
        Ok(value) => write_status(hand.write(|writer| value.write_json(writer))),
        Err(_) => Status::IN_ERROR_STATE.0,
    }
}

/// The status that C sees for what writing gave.
pub(crate) fn write_status(written: Result<(), Status>) -> c_int {
    written.err().map_or(0, |Status(status)| status)
}

/// `libxl_*_from_json` of a struct: initialises it, then reads it; after an error it is as initialised.
pub(super) fn from_json<T: CType<Native: Json + Default>>(
    name: &str,
    ctx: LogOf,
    p: &Out<T>,
    text: Text,
) -> c_int {
    init(p);
    // What `init` set owns no memory.
    enum_from_json(name, ctx, p, text)
}

/// `libxl_*_from_json` of an enumeration, which stays as it is after an error.
pub(super) fn enum_from_json<T: CType<Native: Json>>(
    name: &str,
    ctx: LogOf,
    p: &Out<T>,
    text: Text,
) -> c_int {
    let text = text.bytes().filter(|_| !p.is_null());
    let mut read = |value: &Value| p.give(&T::Native::parse_json(value)?);
    text_in(name, ctx, text, &mut read)
}

fn text_in(
    name: &str,
    ctx: LogOf,
    text: Option<&[u8]>,
    read: &mut dyn FnMut(&Value) -> Result<()>,
) -> c_int {
    let Some(text) = text else {
        return Code::Inval.raw();
    };
    match parse(text).and_then(|value| read(&value)) {
        Ok(()) => OK,
        Err(error) => {
            let code = error.code();
            ctx.failure(&error.context(name));
            code.raw()
        }
    }
}

fn parse(text: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(text);
    let text = text.map_err(|_| Error::fail("not valid JSON: the text is not UTF-8"))?;
    Value::parse(text)
}

fn native<T: CType>(p: &InOut<T>) -> Result<T::Native> {
    p.optional()?
        .ok_or_else(|| Error::inval("called without a value"))
}

/// `libxl__*_copy_deprecated`: moves deprecated members to their successors; 0, or -EINVAL where both are set.
pub(super) fn move_deprecated<T: CType>(
    p: &InOut<T>,
    work: impl FnOnce(&mut T::Native) -> Result<()>,
) -> c_int {
    let moved = p.native().and_then(|mut native| {
        work(&mut native)?;
        p.replace(&native)
    });
    moved.map_or(-libc::EINVAL, |()| 0)
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

impl libxl_enum_string_table {
    /// The name; `None` at the end of the table.
    fn name(&self) -> Option<&'static CStr> {
        // SAFETY: NULL at the end, and a string literal before.
        (!self.s.is_null()).then(|| unsafe { CStr::from_ptr(self.s) })
    }
}

/// An exported table of names.
#[repr(transparent)]
pub struct StringTable<const N: usize>(pub [libxl_enum_string_table; N]);

// SAFETY: the names are string literals, and nothing changes the table.
unsafe impl<const N: usize> Sync for StringTable<N> {}

/// The name of a number, or NULL.
pub(super) fn enum_to_string(table: &[libxl_enum_string_table], number: c_int) -> *const c_char {
    name_of(table, number).map_or(null(), CStr::as_ptr)
}

fn name_of(table: &[libxl_enum_string_table], number: c_int) -> Option<&'static CStr> {
    let mut named = table.iter().filter(|entry| entry.v == number);
    named.find_map(libxl_enum_string_table::name)
}

/// `libxl_*_from_string`: the enumerator with this name in any case; ERROR_FAIL where there is none.
pub(super) fn enum_from_string<E: CEnum>(
    table: &[libxl_enum_string_table],
    text: Text,
    out: &Out<E>,
) -> c_int {
    let Some(text) = text.bytes().filter(|_| !out.is_null()) else {
        return Code::Inval.raw();
    };
    let is = |name: &CStr| name.to_bytes().eq_ignore_ascii_case(text);
    match table.iter().find(|entry| entry.name().is_some_and(is)) {
        Some(entry) => {
            out.offer(|| E::from_raw(entry.v));
            OK
        }
        None => Code::Fail.raw(),
    }
}

/// Writes an enumerator's name, or null for a number without one.
pub(super) fn enum_gen_json<E: CEnum>(
    table: &[libxl_enum_string_table],
    hand: Generator,
    p: &InOut<E>,
) -> c_int {
    match p.get() {
        Some(value) => write_status(hand.write(|writer| write_name(writer, table, value.raw()))),
        None => Status::IN_ERROR_STATE.0,
    }
}

/// `libxl_*_to_json` of an enumeration.
pub(super) fn enum_to_json(table: &[libxl_enum_string_table], number: c_int) -> *mut c_char {
    let Some(mut writer) = Writer::new() else {
        return null_mut();
    };
    let written = write_name(&mut writer, table, number);
    match written.and_then(|()| writer.text()) {
        Ok(text) => mem::string(&String::from_utf8_lossy(&text)),
        Err(_) => null_mut(),
    }
}

fn write_name(
    writer: &mut Writer,
    table: &[libxl_enum_string_table],
    number: c_int,
) -> Result<(), Status> {
    match name_of(table, number) {
        Some(name) => writer.string(&name.to_string_lossy()),
        None => writer.null(),
    }
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
