//! Foreign calls: the ioctls of Xen's devices, and memory that another domain writes at the same time.
//! The only unsafe code of this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::PAGE_SIZE;

/// _IOC(none, group, number, size), as all of these devices have it.
const fn request(group: u8, number: u32, size: u32) -> libc::Ioctl {
    (size << 16 | (group as u32) << 8 | number) as libc::Ioctl
}

const MAP_GRANT_REF: libc::Ioctl = request(b'G', 0, 24);
const UNMAP_GRANT_REF: libc::Ioctl = request(b'G', 1, 16);
const ALLOC_GREF: libc::Ioctl = request(b'G', 5, 24);
const DEALLOC_GREF: libc::Ioctl = request(b'G', 6, 16);
/// One number for both of the grant devices.
const SET_UNMAP_NOTIFY: libc::Ioctl = request(b'G', 7, 16);
const BIND_INTERDOMAIN: libc::Ioctl = request(b'E', 1, 8);
const BIND_UNBOUND_PORT: libc::Ioctl = request(b'E', 2, 4);
const UNBIND: libc::Ioctl = request(b'E', 3, 4);
const NOTIFY: libc::Ioctl = request(b'E', 4, 4);

/// The requests that an end makes of the devices after they are open, for a process that confines itself.
pub const IOCTLS: &[u64] = &[
    MAP_GRANT_REF,
    UNMAP_GRANT_REF,
    ALLOC_GREF,
    DEALLOC_GREF,
    SET_UNMAP_NOTIFY,
    BIND_INTERDOMAIN,
    BIND_UNBOUND_PORT,
    UNBIND,
    NOTIFY,
];

const GNTALLOC_WRITABLE: u16 = 1;
const CLEAR_BYTE: u32 = 1;
const SEND_EVENT: u32 = 2;

/// Words before the list of grants, in what MAP_GRANT_REF and ALLOC_GREF take.
const LIST_AT: usize = 4;
/// Words that the kernel writes back of them, for a list of any length.
const LEAST: usize = 6;

fn check(result: libc::c_int) -> io::Result<u32> {
    u32::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// An ioctl whose argument has `N` words.
fn ioctl<const N: usize>(
    device: &File,
    request: libc::Ioctl,
    mut argument: [u32; N],
) -> io::Result<u32> {
    // SAFETY: every request that comes here carries the size of its argument, `4 * N`; the kernel keeps to that, and no
    // address is in it. The array lives through the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), request, argument.as_mut_ptr()) })
}

fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_ne_bytes();
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
    ]
}

fn joined(words: &[u32]) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (words[0].to_ne_bytes(), words[1].to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

pub(crate) fn bind_interdomain(events: &File, peer: u16, port: u32) -> io::Result<u32> {
    ioctl(events, BIND_INTERDOMAIN, [u32::from(peer), port])
}

pub(crate) fn bind_unbound(events: &File, peer: u16) -> io::Result<u32> {
    ioctl(events, BIND_UNBOUND_PORT, [u32::from(peer)])
}

pub(crate) fn unbind(events: &File, port: u32) -> io::Result<()> {
    ioctl(events, UNBIND, [port]).map(drop)
}

pub(crate) fn notify(events: &File, port: u32) -> io::Result<()> {
    ioctl(events, NOTIFY, [port]).map(drop)
}

/// Where pages come from, which is where they go back to.
enum Origin {
    /// The device that maps another domain's grants, and the device's name for these pages.
    Mapped(Arc<File>, u64),
    /// The device that grants pages of ours.
    Granted(Arc<File>, u64),
    /// This process alone.
    Private,
}

/// Whole pages of memory that somebody else may write at any time. They are given back on drop.
pub(crate) struct Pages {
    start: NonNull<u8>,
    /// In bytes; a multiple of the page size.
    length: usize,
    writable: bool,
    origin: Origin,
}

// SAFETY: the memory belongs to the process, not to a thread, and is reached through atomics alone.
unsafe impl Send for Pages {}
// SAFETY: as above: all access is atomic.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps pages that domain `peer` granted, one for each of `grants`.
    pub(crate) fn map(
        device: &Arc<File>,
        peer: u16,
        grants: &[u32],
        writable: bool,
    ) -> io::Result<Self> {
        let count = count(grants.len())?;
        let mut argument = vec![count, 0, 0, 0];
        argument.extend(grants.iter().flat_map(|grant| [u32::from(peer), *grant]));
        // SAFETY: the kernel reads and writes the four words and the two of the first grant, which are there because there
        // is one at least, and then reads as many pairs as the first word says, which have just been put there.
        check(unsafe { libc::ioctl(device.as_raw_fd(), MAP_GRANT_REF, argument.as_mut_ptr()) })?;
        let index = joined(&argument[2..LIST_AT]);
        Self::from_device(Origin::Mapped(Arc::clone(device), index), count, writable)
    }

    /// Allocates `pages` pages that domain `peer` may map and write. Gives their grants as well.
    pub(crate) fn grant(
        device: &Arc<File>,
        peer: u16,
        pages: usize,
    ) -> io::Result<(Self, Vec<u32>)> {
        let count = count(pages)?;
        let ([a, b], [c, d]) = (peer.to_ne_bytes(), GNTALLOC_WRITABLE.to_ne_bytes());
        let mut argument = vec![0; LEAST.max(LIST_AT + pages)];
        argument[0] = u32::from_ne_bytes([a, b, c, d]);
        argument[1] = count;
        // SAFETY: the kernel writes the six words and then a list, from the fifth on, of as many words as the second one
        // says; the vector has room for either.
        check(unsafe { libc::ioctl(device.as_raw_fd(), ALLOC_GREF, argument.as_mut_ptr()) })?;
        let index = joined(&argument[2..LIST_AT]);
        let pages_of_ours =
            Self::from_device(Origin::Granted(Arc::clone(device), index), count, true)?;
        Ok((pages_of_ours, argument[LIST_AT..LIST_AT + pages].to_vec()))
    }

    /// Pages of this process alone, all zeros.
    pub(crate) fn private(pages: usize) -> io::Result<Self> {
        Self::from_device(Origin::Private, count(pages)?, true)
    }

    fn from_device(origin: Origin, count: u32, writable: bool) -> io::Result<Self> {
        let length = usize::try_from(count).unwrap_or(usize::MAX) * PAGE_SIZE;
        let mapped = match &origin {
            Origin::Mapped(device, index) | Origin::Granted(device, index) => {
                mmap(length, writable, Some((device, *index)))
            }
            Origin::Private => mmap(length, writable, None),
        };
        match mapped {
            Ok(start) => Ok(Self {
                start,
                length,
                writable,
                origin,
            }),
            Err(error) => {
                origin.give_back(length);
                Err(error)
            }
        }
    }

    /// Makes the kernel clear the byte at `clear` and ring `port` when these pages go, even with the process.
    pub(crate) fn notify_on_unmap(&self, clear: usize, port: u32) -> io::Result<()> {
        assert!(clear < self.length, "a byte outside of the pages");
        let (Origin::Mapped(device, index) | Origin::Granted(device, index)) = &self.origin else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let [low, high] = halves(index + u64::try_from(clear).unwrap_or(u64::MAX));
        let argument = [low, high, CLEAR_BYTE | SEND_EVENT, port];
        ioctl(device, SET_UNMAP_NOTIFY, argument).map(drop)
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    pub(crate) fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: `length` bytes at `start` stay mapped as long as `self` is. The memory is only ever looked at as atomics of
        // eight bytes at most, which hold any bits and may be changed by others; those who store ask `is_writable` first.
        unsafe { slice::from_raw_parts(self.start.cast().as_ptr(), self.length) }
    }

    pub(crate) fn words(&self) -> &[AtomicU32] {
        // SAFETY: as for `bytes`; pages are aligned to more than a word and hold a whole number of them.
        unsafe { slice::from_raw_parts(self.start.cast().as_ptr(), self.length / 4) }
    }

    pub(crate) fn longs(&self) -> &[AtomicU64] {
        // SAFETY: as for `words`.
        unsafe { slice::from_raw_parts(self.start.cast().as_ptr(), self.length / 8) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `mmap` made, whole, and no borrow of it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
        self.origin.give_back(self.length);
    }
}

impl Origin {
    /// Forgets the device's name for these pages. The kernel lets go of them when the other domain has as well.
    fn give_back(&self, length: usize) {
        let pages = count(length / PAGE_SIZE).unwrap_or(0);
        let _ = match self {
            Self::Mapped(device, index) => {
                let [low, high] = halves(*index);
                ioctl(device, UNMAP_GRANT_REF, [low, high, pages, 0])
            }
            Self::Granted(device, index) => {
                let [low, high] = halves(*index);
                ioctl(device, DEALLOC_GREF, [low, high, pages, 0])
            }
            Self::Private => Ok(0),
        };
    }
}

/// A number of pages, at least one and no more than any use of them needs.
fn count(pages: usize) -> io::Result<u32> {
    match u32::try_from(pages) {
        Ok(count @ 1..=0x1_0000) => Ok(count),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn mmap(length: usize, writable: bool, device: Option<(&File, u64)>) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
    let (flags, fd, index) = match device {
        Some((device, index)) => (libc::MAP_SHARED, device.as_raw_fd(), index),
        None => (libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0),
    };
    let index = libc::off_t::try_from(index).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: asks for a mapping at an address that the kernel chooses, so no memory of ours is touched.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, fd, index) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_kernels_headers() {
        // As printed by a C program that includes the headers.
        assert_eq!(MAP_GRANT_REF, 0x18_4700);
        assert_eq!(UNMAP_GRANT_REF, 0x10_4701);
        assert_eq!(ALLOC_GREF, 0x18_4705);
        assert_eq!(DEALLOC_GREF, 0x10_4706);
        assert_eq!(SET_UNMAP_NOTIFY, 0x10_4707);
        assert_eq!(BIND_INTERDOMAIN, 0x8_4501);
        assert_eq!(BIND_UNBOUND_PORT, 0x4_4502);
        assert_eq!(UNBIND, 0x4_4503);
        assert_eq!(NOTIFY, 0x4_4504);
    }

    #[test]
    fn an_index_survives_its_way_through_words() {
        assert_eq!(
            joined(&halves(0x0123_4567_89ab_cdef)),
            0x0123_4567_89ab_cdef
        );
    }

    #[test]
    fn a_request_that_a_device_does_not_know_fails_with_its_error() {
        let null = Arc::new(File::open("/dev/null").unwrap());
        assert!(Pages::map(&null, 1, &[1], true).is_err());
        assert!(Pages::grant(&null, 1, 4).is_err());
        assert!(Pages::map(&null, 1, &[], true).is_err());
        assert!(bind_unbound(&null, 1).is_err());
    }
}
