//! The guest's memory behind accesses that move more than a register.

use std::io;

use xenlight::xen::ioreq::{ForeignMemory, PAGE_SIZE, Registration};

use crate::access::Memory;
use crate::request::Malformed;

/// Maps a page at a time and keeps the last one, for the elements of one request: by the next there may be another page.
pub(crate) struct GuestMemory<'a> {
    registration: &'a Registration<'a>,
    page: Option<(u64, ForeignMemory<'a>)>,
    /// The address that could not be mapped last.
    missing: u64,
}

impl<'a> GuestMemory<'a> {
    pub(crate) fn new(registration: &'a Registration<'a>) -> Self {
        Self {
            registration,
            page: None,
            missing: 0,
        }
    }

    /// What went wrong last.
    pub(crate) fn failed(&self) -> Malformed {
        Malformed::Memory(self.missing)
    }

    /// Calls `work` for each piece of a range that lies in one page: the page, the offset in it, and where in the range
    /// the piece begins and ends.
    fn pieces(
        &mut self,
        mut address: u64,
        length: usize,
        mut work: impl FnMut(&mut ForeignMemory<'a>, usize, usize, usize),
    ) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let frame = address / PAGE_SIZE as u64;
            let offset = usize::try_from(address % PAGE_SIZE as u64).unwrap_or(0);
            let end = length.min(done + (PAGE_SIZE - offset));
            let page = match self.page.take() {
                Some((known, page)) if known == frame => page,
                _ => self
                    .registration
                    .map(frame)
                    .inspect_err(|_| self.missing = address)?,
            };
            let (_, page) = self.page.insert((frame, page));
            work(page, offset, done, end);
            address += (end - done) as u64;
            done = end;
        }
        Ok(())
    }
}

impl Memory for GuestMemory<'_> {
    fn read(&mut self, address: u64, to: &mut [u8]) -> io::Result<()> {
        self.pieces(address, to.len(), |page, offset, begin, end| {
            page.read(offset, &mut to[begin..end]);
        })
    }

    fn write(&mut self, address: u64, from: &[u8]) -> io::Result<()> {
        self.pieces(address, from.len(), |page, offset, begin, end| {
            page.write(offset, &from[begin..end]);
        })
    }
}
