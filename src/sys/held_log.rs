//! Log lines of the library's own threads, held until one of the application's threads takes them: a logger may belong to
//! a runtime that knows no other threads, as OCaml's does.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_ulong};
use std::mem;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use super::raw::guest;
use super::toollog::ToolLog;
use crate::log::Level;

/// Bytes of a line of libxenctrl's that are kept.
const MOST: usize = 1024;
/// Lines that are held; more are dropped until these are taken.
const MOST_LINES: usize = 4096;

/// A line that waits.
#[derive(Debug)]
pub struct Line {
    logger: Arc<ToolLog>,
    level: guest::xentoollog_level,
    errno: i32,
    context: CString,
    text: CString,
}

impl Line {
    pub(super) fn new(logger: &Arc<ToolLog>, level: Level, context: &CStr, text: CString) -> Self {
        Self {
            logger: Arc::clone(logger),
            level: level as guest::xentoollog_level,
            errno: -1,
            context: context.into(),
            text,
        }
    }

    /// Hands the line to its logger, in the calling thread.
    pub fn deliver(&self) {
        let (context, text) = (&self.context, &self.text);
        self.logger.send(self.level, self.errno, context, text);
    }
}

/// The lines of one thread.
#[derive(Debug, Default)]
pub struct Held(Mutex<Vec<Line>>);

impl Held {
    /// What came since the last time, in order.
    pub fn take(&self) -> Vec<Line> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST_LINES {
            lines.push(line);
        }
    }
}

/// Told of a line, and whether a user may want to see it ([`Level::Detail`] and above).
pub type Notice = Box<dyn Fn(bool)>;

thread_local! {
    /// Where this thread's lines go, and who hears of them; `None` in the application's threads.
    static HOLDER: RefCell<Option<(Arc<Held>, Notice)>> = const { RefCell::new(None) };
}

/// Holds all lines that `body` logs in this thread; `notice` hears of each.
pub fn hold<T>(held: &Arc<Held>, notice: Notice, body: impl FnOnce() -> T) -> T {
    HOLDER.set(Some((Arc::clone(held), notice)));
    let result = body();
    HOLDER.set(None);
    result
}

/// Keeps the line if this is a thread of the library's; otherwise gives it back.
pub(super) fn keep(line: impl FnOnce() -> Line) -> bool {
    let kept = HOLDER.try_with(|holder| {
        let Some((held, notice)) = &*holder.borrow() else {
            return false;
        };
        let line = line();
        let matters = line.level >= Level::Detail as guest::xentoollog_level;
        held.push(line);
        notice(matters);
        true
    });
    // An application may free its context when it exits, and then this thread has no such place any more.
    kept.unwrap_or(false)
}

/// What libxenctrl logs to: the application's logger, or where lines are held.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Relay {
    head: guest::xentoollog_logger,
    to: NonNull<guest::xentoollog_logger>,
}

// SAFETY: its functions read it and write nothing, and libxentoollog's contract makes the logger usable from any thread.
unsafe impl Send for Relay {}
// SAFETY: as for Send.
unsafe impl Sync for Relay {}

impl Relay {
    pub(super) fn new(to: NonNull<guest::xentoollog_logger>) -> Self {
        let head = guest::xentoollog_logger {
            vmessage: Some(vmessage),
            progress: Some(progress),
            destroy: Some(destroy),
        };
        Self { head, to }
    }

    pub(super) fn as_ptr(&self) -> *mut guest::xentoollog_logger {
        (&raw const self.head).cast_mut()
    }
}

unsafe extern "C" {
    pub(super) fn vsnprintf(
        text: *mut c_char,
        size: usize,
        format: *const c_char,
        args: *mut guest::__va_list_tag,
    ) -> c_int;
}

/// # Safety
/// As libxentoollog calls it: the head of a [`Relay`], C strings (the context may be NULL), and arguments that fit the format.
unsafe extern "C" fn vmessage(
    logger: *mut guest::xentoollog_logger,
    level: guest::xentoollog_level,
    errno: c_int,
    context: *const c_char,
    format: *const c_char,
    args: *mut guest::__va_list_tag,
) {
    // SAFETY: only a Relay's head has this function, and the head is its first member.
    let to = unsafe { (*logger.cast::<Relay>()).to };
    let kept = keep(|| {
        let mut text = [0_u8; MOST];
        // SAFETY: writes at most MOST bytes with their NUL; format and arguments belong together by the contract.
        unsafe { vsnprintf(text.as_mut_ptr().cast(), MOST, format, args) };
        let text = CStr::from_bytes_until_nul(&text).unwrap_or_default();
        let context = match context.is_null() {
            true => c"",
            // SAFETY: a C string by the contract, read before this call returns.
            false => unsafe { CStr::from_ptr(context) },
        };
        Line {
            // SAFETY: whoever made the Relay keeps `to` alive as long as contexts log to it, and those outlive their threads.
            logger: unsafe { ToolLog::new(to, false) },
            level,
            errno,
            context: context.into(),
            text: text.into(),
        }
    });
    if !kept {
        // SAFETY: the application's logger with the arguments of this very call.
        unsafe { guest::xtl_logv(to.as_ptr(), level, errno, context, format, args) };
    }
}

/// # Safety
/// As for [`vmessage`].
unsafe extern "C" fn progress(
    logger: *mut guest::xentoollog_logger,
    context: *const c_char,
    doing: *const c_char,
    percent: c_int,
    done: c_ulong,
    total: c_ulong,
) {
    // A thread of the library's reports no progress: nothing that it calls does.
    if HOLDER.try_with(|holder| holder.borrow().is_some()) == Ok(true) {
        return;
    }
    // SAFETY: as in `vmessage`; a logger without progress has NULL there.
    unsafe {
        let to = (*logger.cast::<Relay>()).to;
        if let Some(progress) = to.as_ref().progress {
            progress(to.as_ptr(), context, doing, percent, done, total);
        }
    }
}

/// # Safety
/// Never touches its argument: what it leads to is the application's.
unsafe extern "C" fn destroy(_: *mut guest::xentoollog_logger) {}
