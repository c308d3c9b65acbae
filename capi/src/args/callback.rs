//! What an application hands over to be called back.

use std::ffi::c_void;
use std::marker::PhantomData;

use xenlight::types::Event;

use super::{Arg, At, FromRaw};
use crate::ao::{self, Kept};
use crate::types::{CType, libxl_event_predicate};

/// NULL or functions of the application's. They may be called as libxl_event.h says, with the word that they were given with, as
/// long as the context lives.
pub(crate) struct Hooks<'a, H> {
    hooks: Option<H>,
    call: PhantomData<&'a ()>,
}

impl<'a, H: Copy> Arg for Hooks<'a, H> {
    type Raw = *const H;
}

impl<'a, H: Copy> FromRaw<'a> for Hooks<'a, H> {
    unsafe fn from_raw(_at: At<'a>, raw: *const H) -> Self {
        Hooks {
            // SAFETY: NULL or valid for the call, by this type's promise.
            hooks: unsafe { raw.as_ref() }.copied(),
            call: PhantomData,
        }
    }
}

impl<H: Copy> Hooks<'_, H> {
    /// The functions; `None` for NULL.
    pub(crate) fn get(&self) -> Option<H> {
        self.hooks
    }
}

/// A word of the application's, which goes back to it with each call.
pub(crate) struct Word(Kept<c_void>);

impl Arg for Word {
    type Raw = *mut c_void;
}

impl FromRaw<'_> for Word {
    unsafe fn from_raw(_at: At<'_>, raw: *mut c_void) -> Self {
        Word(Kept(raw))
    }
}

impl Word {
    /// The word, for as long as somebody may be called.
    pub(crate) fn kept(&self) -> Kept<c_void> {
        self.0
    }
}

/// NULL or a function that chooses events, which may be called during the call, with the word that follows.
pub(crate) struct Predicate<'a> {
    predicate: libxl_event_predicate,
    call: PhantomData<&'a ()>,
}

impl Arg for Predicate<'_> {
    type Raw = libxl_event_predicate;
}

impl<'a> FromRaw<'a> for Predicate<'a> {
    unsafe fn from_raw(_at: At<'a>, predicate: libxl_event_predicate) -> Self {
        let call = PhantomData;
        Predicate { predicate, call }
    }
}

impl Predicate<'_> {
    /// Whether the application wants an event; without a predicate it does. It sees a C copy that lives as long as its call.
    pub(crate) fn wants(&self, event: &Event, user: &Word) -> bool {
        let Some(predicate) = self.predicate else {
            return true;
        };
        let mut value = ao::event_value(event);
        // SAFETY: it may be called with an event and its word, by this type's promise.
        let verdict = unsafe { predicate(&raw const value, user.kept().get()) };
        // SAFETY: made above and owned by nobody else.
        unsafe { value.dispose() };
        verdict != 0
    }
}
