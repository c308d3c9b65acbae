//! libxenhypfs: the hypervisor's file system of parameters.

use std::ffi::CString;
use std::io;
use std::ptr::{self, NonNull};

use super::log::CLogger;
use super::raw::guest;

/// An open connection.
#[derive(Debug)]
pub struct Hypfs {
    raw: NonNull<guest::xenhypfs_handle>,
    /// The C side keeps a pointer to the logger.
    _logger: Option<CLogger>,
}

impl Hypfs {
    /// Opens it.
    pub fn open(logger: Option<&CLogger>) -> io::Result<Self> {
        let sink = logger.map_or(ptr::null_mut(), CLogger::as_ptr);
        // SAFETY: NULL is allowed; otherwise the logger is kept alive by the result.
        let raw = unsafe { guest::xenhypfs_open(sink.cast(), 0) };
        let raw = NonNull::new(raw).ok_or_else(io::Error::last_os_error)?;
        Ok(Self {
            raw,
            _logger: logger.cloned(),
        })
    }

    /// Writes an entry, converting the text to the entry's type.
    pub fn write(&self, path: &str, value: &str) -> io::Result<()> {
        let text =
            |text| CString::new(text).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
        let (path, value) = (text(path)?, text(value)?);
        // SAFETY: the handle is live and both strings live across the call.
        match unsafe { guest::xenhypfs_write(self.raw.as_ptr(), path.as_ptr(), value.as_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Hypfs {
    fn drop(&mut self) {
        // SAFETY: opened by Hypfs::open, closed once.
        unsafe { guest::xenhypfs_close(self.raw.as_ptr()) };
    }
}
