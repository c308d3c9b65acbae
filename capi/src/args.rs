//! What an exported function takes, as types: each says what C must pass, and what safe code may do with it.
//!
//! `export!` makes the values, from raw pointers and in one place; the promise of an argument is that of its type.

mod array;
mod builtin;
mod callback;
mod handle;
mod operation;
mod place;
mod text;
mod value;

use std::ffi::{c_char, c_int, c_short};
use std::marker::PhantomData;

use xenlight::Error;

use crate::ctx::libxl_ctx;

pub(crate) use array::{Array, Buffer, Bytes, Count, List, Room};
pub(crate) use callback::{Hooks, Predicate, Word};
pub(crate) use handle::{AppLogger, Generator, Handle, LastUse, LogOf, Number, Unused};
pub(crate) use operation::{AoHow, AoInOut, AoOut, Progress};
pub(crate) use place::{Out, array};
pub(crate) use text::Text;
pub(crate) use value::{In, InOut, Whole};

/// What surrounds an argument: the call, which lasts for `'a`, the name of the parameter, and where it is an array what another
/// argument says of its length.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    ctx: *mut libxl_ctx,
    name: &'static str,
    count: i64,
    call: PhantomData<&'a ()>,
}

impl<'a> At<'a> {
    /// `call` is anything that lives as long as the call does.
    pub(crate) fn new(_call: &'a (), ctx: *mut libxl_ctx, name: &'static str) -> At<'a> {
        At {
            ctx,
            name,
            count: 0,
            call: PhantomData,
        }
    }

    /// With the length of an array.
    pub(crate) fn counted(self, count: &impl Count) -> At<'a> {
        let count = count.count();
        At { count, ..self }
    }
}

/// A type of argument.
pub(crate) trait Arg {
    /// What C passes.
    type Raw;
}

/// How a value of the type is made, for a call that lasts for `'a`.
pub(crate) trait FromRaw<'a>: Arg + Sized {
    /// # Safety
    /// `raw` is what this type's description asks for, and stays so for `'a`.
    unsafe fn from_raw(at: At<'a>, raw: Self::Raw) -> Self;
}

macro_rules! plain_arguments {
    ($($type:ty),*) => {$(
        impl Arg for $type {
            type Raw = $type;
        }

        impl FromRaw<'_> for $type {
            unsafe fn from_raw(_at: At<'_>, raw: $type) -> $type {
                raw
            }
        }
    )*};
}
plain_arguments!(
    u32,
    u64,
    i64,
    usize,
    isize,
    bool,
    c_int,
    c_short,
    c_char,
    libc::timeval
);

/// A pointer argument that is NULL.
fn missing(name: &str) -> Error {
    Error::inval(format!("{name} is NULL"))
}
