//! Another domain's memory, mapped here.

use std::ffi::c_void;
use std::io;
use std::ptr::NonNull;

use super::super::faults;
use super::super::raw::guest;
use super::{PAGE_SIZE, Xc, control};

const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;

impl Xc {
    fn foreign(&self) -> *mut control::xenforeignmemory_handle {
        // SAFETY: the handle is live; it owns the memory handle that it returns.
        unsafe { control::xc_interface_fmem_handle(self.as_ptr()) }
    }

    /// Maps pages of a domain one after the other: guest frames, for PV machine frames. All of them or none.
    pub fn map_frames(&self, domid: u32, frames: &[u64]) -> io::Result<ForeignMemory<'_>> {
        faults::point("hypercall", format_args!("map_frames"))?;
        // SAFETY: without an array for errors, one failing page fails the call, so that all are there.
        unsafe { self.map(domid, frames, READ_WRITE, std::ptr::null_mut()) }
    }

    /// Maps those of the pages that there are, for reading.
    pub fn map_readable(&self, domid: u32, frames: &[u64]) -> io::Result<ReadableFrames<'_>> {
        faults::point("hypercall", format_args!("map_readable"))?;
        let mut errors = vec![0; frames.len()];
        // SAFETY: the array for errors has an element for each frame; ReadableFrames touches only pages without one.
        let memory = unsafe { self.map(domid, frames, libc::PROT_READ, errors.as_mut_ptr()) }?;
        let present = errors.into_iter().map(|error| error == 0).collect();
        Ok(ReadableFrames { memory, present })
    }

    /// # Safety
    /// `errors` is NULL or has an element for each frame. The caller touches the memory only as `protection` allows, and
    /// no page that has an error.
    unsafe fn map(
        &self,
        domid: u32,
        frames: &[u64],
        protection: i32,
        errors: *mut i32,
    ) -> io::Result<ForeignMemory<'_>> {
        if frames.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        // SAFETY: the array has the length that is passed, and `errors` by this function's contract.
        let address = unsafe {
            guest::xenforeignmemory_map(
                self.foreign(),
                domid,
                protection,
                frames.len(),
                frames.as_ptr(),
                errors,
            )
        };
        let address = NonNull::new(address).ok_or_else(io::Error::last_os_error)?;
        Ok(ForeignMemory {
            xc: self,
            address,
            length: frames.len() * PAGE_SIZE,
            resource: None,
        })
    }

    /// Maps the first page of a domain's grant table.
    pub fn map_grant_table(&self, domid: u32) -> io::Result<ForeignMemory<'_>> {
        faults::point("hypercall", format_args!("map_grant_table"))?;
        let domid = u16::try_from(domid).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut address: *mut c_void = std::ptr::null_mut();
        // SAFETY: the pointer is to a local; NULL in it leaves the place to the kernel. One frame is asked for.
        let resource = unsafe {
            guest::xenforeignmemory_map_resource(
                self.foreign(),
                domid,
                control::XENMEM_resource_grant_table,
                control::XENMEM_resource_grant_table_id_shared,
                0,
                1,
                &mut address,
                READ_WRITE,
                0,
            )
        };
        let resource = NonNull::new(resource).ok_or_else(io::Error::last_os_error)?;
        let address = NonNull::new(address)
            .ok_or_else(|| io::Error::other("libxenforeignmemory gave no address"))?;
        Ok(ForeignMemory {
            xc: self,
            address,
            length: PAGE_SIZE,
            resource: Some(resource),
        })
    }
}

/// Pages of another domain, as far as they are there, mapped for reading until this is dropped.
#[derive(Debug)]
pub struct ReadableFrames<'a> {
    memory: ForeignMemory<'a>,
    present: Vec<bool>,
}

impl ReadableFrames<'_> {
    /// Copies the page of the frame that was `index`th in the list; false when it is not there. Panics where `to` is no page.
    pub fn read(&self, index: usize, to: &mut [u8]) -> bool {
        assert_eq!(to.len(), PAGE_SIZE, "a page is read as a whole");
        let present = self.present.get(index) == Some(&true);
        if present {
            self.memory.read(index * PAGE_SIZE, to);
        }
        present
    }
}

/// Memory of another domain, mapped here until this is dropped. That domain can change it at any moment, so it is
/// copied, never borrowed.
#[derive(Debug)]
pub struct ForeignMemory<'a> {
    xc: &'a Xc,
    address: NonNull<c_void>,
    length: usize,
    /// What it must be given back as, unless it is plain pages.
    resource: Option<NonNull<guest::xenforeignmemory_resource_handle>>,
}

impl ForeignMemory<'_> {
    /// The address of `offset`; panics where `length` bytes from there leave the mapping.
    fn at(&self, offset: usize, length: usize) -> *mut u8 {
        assert!(
            offset <= self.length && length <= self.length - offset,
            "{length} bytes at {offset} of a mapping of {} bytes",
            self.length
        );
        // SAFETY: the offset was checked to be inside the mapping.
        unsafe { self.address.as_ptr().cast::<u8>().add(offset) }
    }

    /// Copies bytes out; panics where the range leaves the mapping.
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        let from = self.at(offset, to.len());
        // SAFETY: the range was checked to be inside the mapping; `to` is our own memory.
        unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
    }

    /// Copies bytes in; panics where the range leaves the mapping.
    pub fn write(&mut self, offset: usize, from: &[u8]) {
        let to = self.at(offset, from.len());
        // SAFETY: the range was checked to be inside the mapping; `from` is our own memory.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    }

    /// Fills with zeros; panics where the range leaves the mapping.
    pub fn zero(&mut self, offset: usize, length: usize) {
        let to = self.at(offset, length);
        // SAFETY: the range was checked to be inside the mapping.
        unsafe { std::ptr::write_bytes(to, 0, length) };
    }
}

impl Drop for ForeignMemory<'_> {
    fn drop(&mut self) {
        let memory = self.xc.foreign();
        match self.resource {
            // SAFETY: made through the same handle, which is still live; released once.
            Some(resource) => unsafe {
                guest::xenforeignmemory_unmap_resource(memory, resource.as_ptr());
            },
            // SAFETY: mapped with that many pages through the same handle, which is still live; unmapped once.
            None => unsafe {
                guest::xenforeignmemory_unmap(
                    memory,
                    self.address.as_ptr(),
                    self.length / PAGE_SIZE,
                );
            },
        }
    }
}
