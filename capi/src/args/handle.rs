//! Pointers that stand for something of the library's or of another library's.

use std::marker::PhantomData;

use xenlight::Error;
use xenlight::sys::log::CLogger;
use xenlight::sys::yajl::{Status, Writer, YajlGen};

use super::{Arg, At, FromRaw};
use crate::ctx::libxl_ctx;
use crate::handles::xentoollog_logger;

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

/// A pointer that is a number of the library's. It is never looked into, so that a stale one is harmless.
pub(crate) struct Number<T>(u64, PhantomData<T>);

impl<T> Arg for Number<T> {
    type Raw = *mut T;
}

impl<T> FromRaw<'_> for Number<T> {
    unsafe fn from_raw(_at: At<'_>, raw: *mut T) -> Self {
        Number(raw.addr() as u64, PhantomData)
    }
}

impl<T> Number<T> {
    /// The number; 0 for NULL.
    pub(crate) fn get(&self) -> u64 {
        self.0
    }
}

/// NULL or a live context, of which only the log is needed. Without one nothing is logged, as in the C library.
pub(crate) struct LogOf<'a>(Option<&'a libxl_ctx>);

impl Arg for LogOf<'_> {
    type Raw = *mut libxl_ctx;
}

impl<'a> FromRaw<'a> for LogOf<'a> {
    unsafe fn from_raw(_at: At<'a>, raw: *mut libxl_ctx) -> Self {
        // SAFETY: NULL or a context that lives until the call has ended, by this type's promise.
        LogOf(unsafe { raw.as_ref() })
    }
}

impl LogOf<'_> {
    /// Logs a failure.
    pub(crate) fn failure(&self, error: &Error) {
        if let Some(ctx) = self.0 {
            ctx.log.failure(error);
        }
    }
}

/// NULL or a logger of the application's, which outlives the context that is made with it.
pub(crate) struct AppLogger(Option<CLogger>);

impl Arg for AppLogger {
    type Raw = *mut xentoollog_logger;
}

impl FromRaw<'_> for AppLogger {
    unsafe fn from_raw(_at: At<'_>, raw: *mut xentoollog_logger) -> Self {
        // SAFETY: NULL or a logger that outlives its context and so every clone of the result, by this type's promise.
        AppLogger(unsafe { CLogger::from_application(raw.cast()) })
    }
}

impl AppLogger {
    /// The logger; `None` for NULL.
    pub(crate) fn take(self) -> Option<CLogger> {
        self.0
    }
}

/// NULL or a generator of libyajl's, which nobody else uses during the call.
pub(crate) struct Generator<'a> {
    writer: Option<Writer>,
    call: PhantomData<&'a ()>,
}

impl Arg for Generator<'_> {
    type Raw = *mut YajlGen;
}

impl<'a> FromRaw<'a> for Generator<'a> {
    unsafe fn from_raw(_at: At<'a>, raw: *mut YajlGen) -> Self {
        Generator {
            // SAFETY: NULL, or a generator that nobody else uses during the call, by this type's promise.
            writer: unsafe { Writer::borrow(raw) },
            call: PhantomData,
        }
    }
}

impl Generator<'_> {
    /// Writes through the generator; without one it is not in a state to be written through.
    pub(crate) fn write(
        self,
        write: impl FnOnce(&mut Writer) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let mut writer = self.writer.ok_or(Status::IN_ERROR_STATE)?;
        write(&mut writer)
    }
}
