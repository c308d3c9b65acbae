//! libxentoollog: the logger that a C application hands us, and a default one that writes to stderr.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::Arc;

use super::held_log::{self, Line, Relay};
use super::raw::{control, guest};
use super::toollog::ToolLog;
use crate::Error;
use crate::log::{Level, Sink};

/// The name under which C applications filter the library's lines.
const CONTEXT: &CStr = c"libxl";

unsafe extern "C" {
    /// stdio's own stream, which is unbuffered; a copy would be one more descriptor for each logger.
    static stderr: *mut libc::FILE;
}

/// A logger of libxentoollog: the application's own or one made here. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CLogger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    own: Arc<ToolLog>,
    /// What the C libraries below log to; they keep a pointer to it.
    relay: Relay,
}

impl CLogger {
    /// Borrows the application's `xentoollog_logger`; None for NULL.
    ///
    /// # Safety
    /// `logger` is NULL or points at a logger that outlives every clone of the result.
    pub unsafe fn from_application(logger: *mut std::ffi::c_void) -> Option<Self> {
        let raw = NonNull::new(logger.cast())?;
        // SAFETY: the caller vouches for it, and it stays the application's.
        Some(Self::of(unsafe { ToolLog::new(raw, false) }))
    }

    fn of(own: Arc<ToolLog>) -> Self {
        let relay = Relay::new(own.raw());
        Self(Arc::new(Inner { own, relay }))
    }

    /// A logger that writes lines of at least `level` to stderr, the way C programs without their own logger do.
    pub fn stderr(level: Level) -> Result<Self, Error> {
        // SAFETY: the C library's stream lives as long as the process, and the logger does not close it.
        let raw = unsafe {
            guest::xtl_createlogger_stdiostream(stderr.cast(), level as guest::xentoollog_level, 0)
        };
        let raw = NonNull::new(raw.cast::<guest::xentoollog_logger>()).ok_or_else(|| {
            Error::fail("libxentoollog made no logger").code_as(crate::Code::Nomem)
        })?;
        // SAFETY: it was made here, so that nobody else can destroy it.
        Ok(Self::of(unsafe { ToolLog::new(raw, true) }))
    }

    /// What the C libraries below are to log to.
    pub(super) fn as_ptr(&self) -> *mut control::xentoollog_logger {
        self.0.relay.as_ptr().cast()
    }
}

impl Sink for CLogger {
    /// `text` names the system error already; libxentoollog would append it a second time.
    fn line(&self, level: Level, _errno: Option<i32>, text: &str) {
        let text = CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
        if !held_log::keep(|| Line::new(&self.0.own, level, CONTEXT, text.clone())) {
            self.0
                .own
                .send(level as guest::xentoollog_level, -1, CONTEXT, &text);
        }
    }
}

/// An application's logger, for tests: it notes what is logged, and in which thread.
#[cfg(test)]
pub(crate) mod testing {
    use std::ffi::{CStr, c_char, c_int};
    use std::sync::{Arc, Mutex};
    use std::thread::ThreadId;

    use super::held_log::vsnprintf;
    use super::{CLogger, NonNull, ToolLog, guest};

    pub(crate) type Lines = Mutex<Vec<(ThreadId, String)>>;

    #[repr(C)]
    struct Noting {
        head: guest::xentoollog_logger,
        lines: Arc<Lines>,
    }

    /// # Safety
    /// As libxentoollog calls it, with a [`Noting`].
    unsafe extern "C" fn vmessage(
        logger: *mut guest::xentoollog_logger,
        _: guest::xentoollog_level,
        _: c_int,
        _: *const c_char,
        format: *const c_char,
        args: *mut guest::__va_list_tag,
    ) {
        let mut text = [0_u8; 256];
        // SAFETY: `logger` heads a Noting that lives for ever, and the text has room for 256 bytes.
        let noting = unsafe {
            vsnprintf(text.as_mut_ptr().cast(), text.len(), format, args);
            &*logger.cast::<Noting>()
        };
        let text = CStr::from_bytes_until_nul(&text).unwrap();
        let line = (std::thread::current().id(), text.to_str().unwrap().into());
        noting.lines.lock().unwrap().push(line);
    }

    /// A logger that lives as long as the process.
    pub(crate) fn logger(lines: &Arc<Lines>) -> CLogger {
        let noting = Box::leak(Box::new(Noting {
            head: guest::xentoollog_logger {
                vmessage: Some(vmessage),
                progress: None,
                destroy: None,
            },
            lines: Arc::clone(lines),
        }));
        // SAFETY: it is leaked, so it lives as long as the process.
        CLogger::of(unsafe { ToolLog::new(NonNull::from(noting).cast(), false) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Descriptors of this process on the file that stderr is.
    fn on_stderr() -> usize {
        let target = |path: &str| std::fs::read_link(path).ok();
        let second = target("/proc/self/fd/2");
        let fds = std::fs::read_dir("/proc/self/fd").expect("the descriptors");
        fds.flatten()
            .filter(|fd| target(&fd.path().to_string_lossy()) == second)
            .count()
    }

    #[test]
    fn loggers_keep_no_descriptor() {
        let before = on_stderr();
        let loggers: Vec<_> = (0..100).map(|_| CLogger::stderr(Level::Error)).collect();
        assert!(loggers.iter().all(Result::is_ok));
        assert!(on_stderr() < before + 50, "one for each logger");
        drop(loggers);
        assert!(on_stderr() < before + 50, "one for each logger that was");
    }
}
