//! A logger of libxentoollog, as lines are sent to it.

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use super::raw::guest;

/// A logger of the application's, or one made here, which is destroyed with this.
#[derive(Debug)]
pub(super) struct ToolLog {
    raw: NonNull<guest::xentoollog_logger>,
    owned: bool,
}

// SAFETY: libxentoollog's contract makes a logger usable from any thread; xc_interface relies on the same.
unsafe impl Send for ToolLog {}
// SAFETY: as for Send; a logger's functions take it by pointer and guard their own state.
unsafe impl Sync for ToolLog {}

impl ToolLog {
    /// # Safety
    /// `raw` is live as long as the result. If it is `owned`, nobody else destroys it.
    pub(super) unsafe fn new(raw: NonNull<guest::xentoollog_logger>, owned: bool) -> Arc<Self> {
        Arc::new(Self { raw, owned })
    }

    pub(super) fn raw(&self) -> NonNull<guest::xentoollog_logger> {
        self.raw
    }

    /// Logs a line in this thread.
    pub(super) fn send(
        &self,
        level: guest::xentoollog_level,
        errno: i32,
        context: &CStr,
        text: &CStr,
    ) {
        // SAFETY: the logger is live; the format takes one C string, which lives across the call, as does the context.
        unsafe {
            guest::xtl_log(
                self.raw.as_ptr(),
                level,
                errno,
                context.as_ptr(),
                c"%s".as_ptr(),
                text.as_ptr(),
            );
        }
    }
}

impl Drop for ToolLog {
    fn drop(&mut self) {
        if !self.owned {
            return;
        }
        let logger = self.raw.as_ptr();
        // SAFETY: made by xtl_createlogger_stdiostream and dropped once; `destroy` is the C library's own destructor.
        unsafe {
            if let Some(destroy) = (*logger).destroy {
                destroy(logger);
            }
        }
    }
}
