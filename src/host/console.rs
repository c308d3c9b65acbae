//! Reading the hypervisor's log, as `xl dmesg` does.

use crate::Result;
use crate::xen::Xen;

/// Bytes asked for at a time, as the C library does.
const CHUNK: usize = 16384;

/// Where a reader is in the log.
#[derive(Clone, Copy, Debug)]
pub struct ConsoleReader {
    clear: bool,
    next: u32,
}

impl ConsoleReader {
    /// Starts at the oldest line; with `clear` the log is emptied while it is read.
    pub fn new(clear: bool) -> Self {
        Self { clear, next: 0 }
    }

    /// The next piece, up to 16 KiB of whole and partial lines; None when there is no more right now.
    pub fn read(&mut self, xen: &Xen) -> Result<Option<Vec<u8>>> {
        let chunk = xen.read_console(CHUNK, self.clear, Some(self.next))?;
        self.next = chunk.next;
        Ok((!chunk.bytes.is_empty()).then_some(chunk.bytes))
    }
}
