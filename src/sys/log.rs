//! libxentoollog: the logger that a C application hands us, and a default one that writes to stderr.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

use super::raw::{control, guest};
use crate::Error;
use crate::log::{Level, Sink};

/// The name under which C applications filter the library's lines.
const CONTEXT: &std::ffi::CStr = c"libxl";

/// A logger of libxentoollog: the application's own or one made here. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CLogger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    raw: NonNull<control::xentoollog_logger>,
    owned: bool,
}

// SAFETY: libxentoollog's contract makes a logger usable from any thread; xc_interface relies on the same.
unsafe impl Send for Inner {}
// SAFETY: as for Send; a logger's functions take it by pointer and guard their own state.
unsafe impl Sync for Inner {}

impl CLogger {
    /// Borrows the application's `xentoollog_logger`; None for NULL.
    ///
    /// # Safety
    /// `logger` is NULL or points at a logger that outlives every clone of the result.
    pub unsafe fn from_application(logger: *mut std::ffi::c_void) -> Option<Self> {
        let raw = NonNull::new(logger.cast())?;
        Some(Self(Arc::new(Inner { raw, owned: false })))
    }

    /// A logger that writes lines of at least `level` to stderr, the way C programs without their own logger do.
    pub fn stderr(level: Level) -> Result<Self, Error> {
        // SAFETY: fd 2 is only duplicated; the stream made from the copy lives as long as the process.
        let stream = unsafe { libc::fdopen(libc::dup(2), c"w".as_ptr()) };
        if stream.is_null() {
            let error = std::io::Error::last_os_error();
            return Err(Error::io("opening a stream on stderr", &error));
        }
        // SAFETY: `stream` was checked and is unbuffered, so that lines come out as they are written.
        unsafe { libc::setvbuf(stream, std::ptr::null_mut(), libc::_IONBF, 0) };
        // SAFETY: the stream is live; the function copies its other arguments.
        let raw = unsafe {
            guest::xtl_createlogger_stdiostream(stream.cast(), level as guest::xentoollog_level, 0)
        };
        let raw = NonNull::new(raw.cast::<control::xentoollog_logger>()).ok_or_else(|| {
            Error::fail("libxentoollog made no logger").code_as(crate::Code::Nomem)
        })?;
        Ok(Self(Arc::new(Inner { raw, owned: true })))
    }

    pub(super) fn as_ptr(&self) -> *mut control::xentoollog_logger {
        self.0.raw.as_ptr()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.owned {
            return;
        }
        let logger = self.raw.as_ptr().cast::<guest::xentoollog_logger>();
        // SAFETY: made by xtl_createlogger_stdiostream and dropped once; `destroy` is the C library's own destructor.
        unsafe {
            if let Some(destroy) = (*logger).destroy {
                destroy(logger);
            }
        }
    }
}

impl Sink for CLogger {
    /// `text` names the system error already; libxentoollog would append it a second time.
    fn line(&self, level: Level, _errno: Option<i32>, text: &str) {
        let text = CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
        // SAFETY: the logger is live; the format takes one C string, which lives across the call.
        unsafe {
            guest::xtl_log(
                self.as_ptr().cast(),
                level as guest::xentoollog_level,
                -1,
                CONTEXT.as_ptr(),
                c"%s".as_ptr(),
                text.as_ptr(),
            );
        }
    }
}
