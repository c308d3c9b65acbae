//! What an operation keeps of its caller's, and what it hands to callbacks.

use xenlight::types::Event;

use crate::mem;
use crate::types::{CType, libxl_event};

/// A pointer of the caller's that an operation keeps until its end.
///
/// libxl.h obliges callers to leave what it points to alone until then.
pub(crate) struct Kept<T>(pub(crate) *mut T);

// SAFETY: the library hands the pointer from thread to thread but uses it in one at a time.
unsafe impl<T> Send for Kept<T> {}
// SAFETY: as for Send; shared references give out nothing but the pointer.
unsafe impl<T> Sync for Kept<T> {}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Kept<T> {}

impl<T> Kept<T> {
    /// The pointer; a method, so that closures capture the whole.
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}

/// A malloc'd event, for `libxl_event_free`.
pub(crate) fn event_to_c(event: &Event) -> *mut libxl_event {
    mem::array(vec![event_value(event)])
}

/// The C value of an event; whoever gets it disposes of it.
pub(crate) fn event_value(event: &Event) -> libxl_event {
    libxl_event::from_native(event)
}

/// Puts `native` where an initialised value is, whose memory is freed. Members that are the caller's alone stay.
///
/// # Safety
/// `value` is an initialised value that nobody else uses.
pub(crate) unsafe fn replace<T: CType>(value: *mut T, native: &T::Native) {
    // SAFETY: initialised and not used by others, so that it may be read, freed and written.
    unsafe {
        let mut new = T::from_native(native);
        new.keep_unmanaged(&*value);
        (*value).dispose();
        value.write(new);
    }
}
