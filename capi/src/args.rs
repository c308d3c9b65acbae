//! What an exported function takes, as types: each says what C must pass, and what safe code may do with it.
//!
//! `export!` makes the values, from raw pointers and in one place; the promise of an argument is that of its type.

mod operation;

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;

use xenlight::types::Bitmap;
use xenlight::{Error, Result};

use crate::ao;
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::{CType, array_from_native, dispose_array, elements, libxl_bitmap};

pub(crate) use operation::{AoHow, AoInOut};

/// What surrounds an argument: the call, which lasts for `'a`, and the name of the parameter.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    ctx: *mut libxl_ctx,
    name: &'static str,
    call: PhantomData<&'a ()>,
}

impl<'a> At<'a> {
    /// `call` is anything that lives as long as the call does.
    pub(crate) fn new(_call: &'a (), ctx: *mut libxl_ctx, name: &'static str) -> At<'a> {
        At {
            ctx,
            name,
            call: PhantomData,
        }
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
plain_arguments!(u32, u64, i64, usize, c_int, c_char);

/// A pointer argument that is NULL.
fn missing(name: &str) -> Error {
    Error::inval(format!("{name} is NULL"))
}

/// A structure that is passed whole; its pointers are what libxl.h says.
pub(crate) struct Whole<'a, T> {
    value: T,
    call: PhantomData<&'a ()>,
}

impl<'a, T: CType> Arg for Whole<'a, T> {
    type Raw = T;
}

impl<'a, T: CType> FromRaw<'a> for Whole<'a, T> {
    unsafe fn from_raw(_at: At<'a>, value: T) -> Self {
        let call = PhantomData;
        Whole { value, call }
    }
}

impl<T: CType> Whole<'_, T> {
    /// As C passes it.
    pub(crate) fn raw(&self) -> T {
        self.value
    }

    pub(crate) fn native(&self) -> Result<T::Native> {
        // SAFETY: the pointers inside are what libxl.h says, by this type's promise.
        unsafe { self.value.to_native() }
    }
}

/// NULL or an initialised value of the caller's, which is only read.
pub(crate) struct In<'a, T> {
    name: &'static str,
    value: Option<&'a T>,
}

impl<'a, T: 'a> Arg for In<'a, T> {
    type Raw = *const T;
}

impl<'a, T: 'a> FromRaw<'a> for In<'a, T> {
    unsafe fn from_raw(at: At<'a>, raw: *const T) -> Self {
        In {
            name: at.name,
            // SAFETY: NULL or valid for the call, by this type's promise.
            value: unsafe { raw.as_ref() },
        }
    }
}

impl<'a, T: CType> In<'a, T> {
    /// The value as C has it, which must be there.
    fn there(&self) -> Result<&'a T> {
        self.value.ok_or_else(|| missing(self.name))
    }

    /// Names the value in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The value, which must be there.
    pub(crate) fn native(&self) -> Result<T::Native> {
        self.optional()?.ok_or_else(|| missing(self.name))
    }

    /// [`In::native`] for values that users write: the parameter's name is part of a failure.
    pub(crate) fn native_named(&self) -> Result<T::Native> {
        let value = self.optional().map_err(|error| error.context(self.name))?;
        value.ok_or_else(|| missing(self.name))
    }

    /// The value, `None` for NULL.
    pub(crate) fn optional(&self) -> Result<Option<T::Native>> {
        // SAFETY: the value is initialised, by this type's promise.
        self.value
            .map(|value| unsafe { value.to_native() })
            .transpose()
    }
}

/// NULL or an initialised value of the caller's, which may be read and replaced.
pub(crate) struct InOut<'a, T> {
    name: &'static str,
    place: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for InOut<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for InOut<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        InOut {
            name: at.name,
            place,
            call: PhantomData,
        }
    }
}

impl<T: CType> InOut<'_, T> {
    /// Names the value in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The value as it is now.
    fn now(&self) -> In<'_, T> {
        In {
            name: self.name,
            // SAFETY: NULL or initialised, by this type's promise.
            value: unsafe { self.place.as_ref() },
        }
    }

    /// The value, which must be there.
    pub(crate) fn native(&self) -> Result<T::Native> {
        self.now().native()
    }

    /// [`InOut::native`] for values that users write: the parameter's name is part of a failure.
    pub(crate) fn native_named(&self) -> Result<T::Native> {
        self.now().native_named()
    }

    /// Puts `native` in the value's place.
    pub(crate) fn replace(&self, native: &T::Native) -> Result<()> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        // SAFETY: not NULL, so initialised and the caller's to change, by this type's promise.
        unsafe { ao::replace(self.place, native) };
        Ok(())
    }
}

impl InOut<'_, libxl_bitmap> {
    /// How many bits the bitmap has room for.
    pub(crate) fn room(&self) -> Result<usize> {
        Ok(self.now().there()?.size as usize * 8)
    }

    /// Replaces the bits of the bitmap, which keeps its size.
    pub(crate) fn fill(&self, bits: &Bitmap) -> Result<()> {
        let map = *self.now().there()?;
        if map.map.is_null() {
            return Ok(());
        }
        for index in 0..map.size as usize {
            let byte = bits.bytes.get(index).copied().unwrap_or(0);
            // SAFETY: `index` is below the size of the map, which is the caller's to change, by this type's promise.
            unsafe { map.map.add(index).write(byte) };
        }
        Ok(())
    }
}

/// NULL or a place to fill; what was there is not freed.
pub(crate) struct Out<'a, T> {
    name: &'static str,
    place: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for Out<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for Out<'a, T> {
    unsafe fn from_raw(at: At<'a>, place: *mut T) -> Self {
        Out {
            name: at.name,
            place,
            call: PhantomData,
        }
    }
}

impl<T> Out<'_, T> {
    /// Names the place in errors by something else than its parameter.
    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.place.is_null()
    }

    /// Fills the place; NULL is an error.
    pub(crate) fn set(&self, value: T) -> Result<()> {
        self.make(|| value)
    }

    /// Fills the place if there is one; nothing is made otherwise.
    pub(crate) fn offer(&self, value: impl FnOnce() -> T) {
        // That there is none is fine.
        let _ = self.make(value);
    }

    /// Fills the place; NULL is an error, and nothing is made.
    fn make(&self, value: impl FnOnce() -> T) -> Result<()> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        // SAFETY: not NULL, so writable, by this type's promise.
        unsafe { self.place.write(value()) };
        Ok(())
    }
}

impl<T: CType> Out<'_, T> {
    /// Fills the place with the C side of `native`; NULL is an error.
    pub(crate) fn give(&self, native: &T::Native) -> Result<()> {
        self.make(|| T::from_native(native))
    }
}

impl Out<'_, *mut c_char> {
    /// Fills the place with a malloc'd string; NULL is an error.
    pub(crate) fn text(&self, text: &str) -> Result<()> {
        self.make(|| mem::string(text))
    }
}

/// Where the length of a list goes that the function returns.
impl Out<'_, c_int> {
    /// Hands over a list as a malloc'd array, never NULL.
    pub(crate) fn list<T: CType>(&self, list: &[T::Native]) -> Result<*mut T> {
        self.set(c_int::try_from(list.len()).unwrap_or(c_int::MAX))?;
        Ok(array(list))
    }

    /// Hands over a list as a malloc'd array, NULL when it is empty.
    pub(crate) fn list_or_null<T: CType>(&self, list: &[T::Native]) -> Result<*mut T> {
        if self.place.is_null() {
            return Err(missing(self.name));
        }
        let (array, count) = array_from_native(list);
        self.set(count)?;
        Ok(array)
    }
}

/// A malloc'd array, never NULL.
pub(crate) fn array<T: CType>(list: &[T::Native]) -> *mut T {
    let array = mem::zeroed_array::<T>(list.len());
    for (index, item) in list.iter().enumerate() {
        // SAFETY: `index` is below the allocation's element count.
        unsafe { array.add(index).write(T::from_native(item)) };
    }
    array
}

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
}

/// NULL or an array that the library returned, with as many elements as the function is told; it is not used again.
pub(crate) struct List<'a, T> {
    items: *mut T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for List<'a, T> {
    type Raw = *mut T;
}

impl<'a, T> FromRaw<'a> for List<'a, T> {
    unsafe fn from_raw(_at: At<'a>, items: *mut T) -> Self {
        let call = PhantomData;
        List { items, call }
    }
}

impl<T: CType> List<'_, T> {
    /// Frees the array and what its elements hold.
    ///
    /// # Safety
    /// `count` is what the caller has said of this array.
    pub(crate) unsafe fn free(self, count: c_int) {
        // SAFETY: such an array, by this type's promise and this function's contract.
        unsafe { dispose_array(self.items, count) };
    }
}

/// A pointer that is not looked at.
pub(crate) struct Unused<T>(PhantomData<T>);

impl<T> Arg for Unused<T> {
    type Raw = *mut T;
}

impl<T> FromRaw<'_> for Unused<T> {
    unsafe fn from_raw(_at: At<'_>, _raw: *mut T) -> Self {
        Unused(PhantomData)
    }
}

/// NULL or a live handle that `Box::into_raw` made, and that nobody else uses during the call.
pub(crate) struct Handle<'a, T>(Option<&'a mut T>);

impl<T> Arg for Handle<'_, T> {
    type Raw = *mut T;
}

impl<'a, T: 'a> FromRaw<'a> for Handle<'a, T> {
    unsafe fn from_raw(_at: At<'a>, raw: *mut T) -> Self {
        // SAFETY: NULL, or valid and not used by others during the call, by this type's promise.
        Handle(unsafe { raw.as_mut() })
    }
}

impl<T> Handle<'_, T> {
    /// What the handle stands for; `None` for NULL.
    pub(crate) fn get(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

/// NULL or a live handle that `Box::into_raw` made, and that nobody uses again.
pub(crate) struct LastUse<T>(Option<Box<T>>);

impl<T> Arg for LastUse<T> {
    type Raw = *mut T;
}

impl<T> FromRaw<'_> for LastUse<T> {
    unsafe fn from_raw(_at: At<'_>, raw: *mut T) -> Self {
        // SAFETY: not NULL there, so made by Box::into_raw and given back once, by this type's promise.
        LastUse((!raw.is_null()).then(|| unsafe { Box::from_raw(raw) }))
    }
}

impl<T> LastUse<T> {
    /// What the handle stood for; `None` for NULL.
    pub(crate) fn take(self) -> Option<Box<T>> {
        self.0
    }
}

/// NULL or an array of the caller's, with as many elements as the function is told.
pub(crate) struct Array<'a, T> {
    items: *const T,
    call: PhantomData<&'a ()>,
}

impl<'a, T> Arg for Array<'a, T> {
    type Raw = *const T;
}

impl<'a, T> FromRaw<'a> for Array<'a, T> {
    unsafe fn from_raw(_at: At<'a>, items: *const T) -> Self {
        let call = PhantomData;
        Array { items, call }
    }
}

impl<'a, T> Array<'a, T> {
    /// The elements; an array must be there unless there are none.
    ///
    /// # Safety
    /// `count` is what the caller has said of this array.
    pub(crate) unsafe fn elements(&self, count: c_int) -> Result<&'a [T]> {
        // SAFETY: such an array, by this type's promise and this function's contract.
        unsafe { elements(self.items, count) }
    }
}
