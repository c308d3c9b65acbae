//! ioreq servers: libxendevicemodel's calls, and the pages through which the hypervisor hands over a guest's accesses.

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use super::super::faults;
use super::super::raw::guest;
use super::{PAGE_SIZE, Xc, control};

/// A page that the hypervisor writes to at any moment: words are loaded and stored, never borrowed as plain memory.
pub type SharedPage = [AtomicU64; PAGE_SIZE / 8];

// xen/memory.h; a resource of this kind has the ring of buffered requests at frame 0 and the vCPUs' slots behind it.
const RESOURCE_IOREQ_SERVER: u32 = 0;
const FRAME_RING: u64 = 0;
const FRAME_SLOTS: u64 = 1;

impl Xc {
    /// Makes a call of libxendevicemodel about one domain.
    fn device_model<R: Into<i64>>(
        &self,
        domid: u32,
        call: impl FnOnce(*mut control::xendevicemodel_handle, control::domid_t) -> R,
    ) -> io::Result<i64> {
        let domid = narrow(domid)?;
        faults::point("hypercall", format_args!("{}", faults::name_of(&call)))?;
        // SAFETY: the handle is live; it owns the device model handle that it returns.
        let handle = unsafe { control::xc_interface_dmod_handle(self.as_ptr()) };
        let result = call(handle, domid).into();
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(result)
    }

    /// Makes an ioreq server, disabled and without any range; returns its number. It belongs to the calling domain.
    pub fn ioreq_server_create(&self, domid: u32, buffered: bool) -> io::Result<u16> {
        let ring = if buffered {
            control::HVM_IOREQSRV_BUFIOREQ_ATOMIC
        } else {
            control::HVM_IOREQSRV_BUFIOREQ_OFF
        };
        let ring = i32::try_from(ring).unwrap_or(0);
        let mut id = 0;
        // SAFETY: the handle is live and the pointer is to a local of the right type.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_create_ioreq_server(handle, domid, ring, &mut id)
        })?;
        Ok(id)
    }

    /// Removes an ioreq server with its ranges.
    pub fn ioreq_server_destroy(&self, domid: u32, id: u16) -> io::Result<()> {
        // SAFETY: the handle is live and every other argument is an integer.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_destroy_ioreq_server(handle, domid, id)
        })
        .map(drop)
    }

    /// Lets requests come, or no more.
    pub fn ioreq_server_set_enabled(&self, domid: u32, id: u16, enabled: bool) -> io::Result<()> {
        // SAFETY: the handle is live and every other argument is an integer.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_set_ioreq_server_state(handle, domid, id, i32::from(enabled))
        })
        .map(drop)
    }

    /// The guest's event channel for buffered requests; 0 when the server takes none. EPERM when the server belongs to
    /// another domain than the caller's, ENOENT when there is none.
    pub fn ioreq_server_ring_port(&self, domid: u32, id: u16) -> io::Result<u32> {
        let mut port = 0;
        // Asking for the frames as well would put the pages into the guest's memory.
        let none = ptr::null_mut();
        // SAFETY: the handle is live; the other pointers are NULL, which is allowed, or to a local of the right type.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_get_ioreq_server_info(handle, domid, id, none, none, &mut port)
        })?;
        Ok(port)
    }

    /// Sends accesses to `first..=last` to the server: guest physical memory, or ports.
    pub fn ioreq_server_claim(
        &self,
        domid: u32,
        id: u16,
        memory: bool,
        first: u64,
        last: u64,
    ) -> io::Result<()> {
        let memory = i32::from(memory);
        // SAFETY: the handle is live and every other argument is an integer.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_map_io_range_to_ioreq_server(
                handle, domid, id, memory, first, last,
            )
        })
        .map(drop)
    }

    /// Sends accesses to the configuration space of a PCI function (segment, bus, device, function) to the server.
    pub fn ioreq_server_claim_pci(
        &self,
        domid: u32,
        id: u16,
        (segment, bus, device, function): (u16, u8, u8, u8),
    ) -> io::Result<()> {
        // SAFETY: the handle is live and every other argument is an integer.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_map_pcidev_to_ioreq_server(
                handle, domid, id, segment, bus, device, function,
            )
        })
        .map(drop)
    }

    /// How many vCPUs the guest can have, as its device model may ask.
    pub fn device_model_vcpus(&self, domid: u32) -> io::Result<u32> {
        let mut vcpus = 0;
        // SAFETY: the handle is live and the pointer is to a local of the right type.
        self.device_model(domid, |handle, domid| unsafe {
            guest::xendevicemodel_nr_vcpus(handle, domid, &mut vcpus)
        })?;
        Ok(vcpus)
    }

    /// Maps the pages of an ioreq server, which must have been made with the same `buffered`.
    pub fn ioreq_server_pages(
        &self,
        domid: u32,
        id: u16,
        buffered: bool,
    ) -> io::Result<IoreqPages<'_>> {
        let domid = narrow(domid)?;
        faults::point("hypercall", format_args!("ioreq_server_pages"))?;
        let (frame, frames) = if buffered {
            (FRAME_RING, 2)
        } else {
            (FRAME_SLOTS, 1)
        };
        let mut address: *mut c_void = ptr::null_mut();
        // SAFETY: the handle is live and owns the memory handle; `address` is a local, NULL to let the kernel choose.
        let resource = unsafe {
            let memory = control::xc_interface_fmem_handle(self.as_ptr());
            guest::xenforeignmemory_map_resource(
                memory.cast(),
                domid,
                RESOURCE_IOREQ_SERVER,
                u32::from(id),
                frame,
                frames,
                &mut address,
                libc::PROT_READ | libc::PROT_WRITE,
                0,
            )
        };
        let resource = NonNull::new(resource).ok_or_else(io::Error::last_os_error)?;
        let first = NonNull::new(address).ok_or_else(|| io::Error::from(io::ErrorKind::Other))?;
        Ok(IoreqPages {
            xc: self,
            resource,
            first: first.cast(),
            buffered,
        })
    }
}

/// A domain's number as libxendevicemodel takes it.
fn narrow(domid: u32) -> io::Result<control::domid_t> {
    u16::try_from(domid).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// The pages that an ioreq server shares with the hypervisor.
#[derive(Debug)]
pub struct IoreqPages<'a> {
    xc: &'a Xc,
    resource: NonNull<guest::xenforeignmemory_resource_handle>,
    first: NonNull<SharedPage>,
    buffered: bool,
}

impl IoreqPages<'_> {
    /// The slots of the vCPUs, four words each.
    pub fn slots(&self) -> &SharedPage {
        // SAFETY: one page is mapped without a ring, two with it; both live and page-aligned until drop, and any bits
        // are valid words. Whoever else writes there does so outside this process.
        unsafe { self.first.add(usize::from(self.buffered)).as_ref() }
    }

    /// The ring of buffered requests, when the server has one.
    pub fn ring(&self) -> Option<&SharedPage> {
        if !self.buffered {
            return None;
        }
        // SAFETY: as in `slots`; the ring is the first of two pages.
        Some(unsafe { self.first.as_ref() })
    }
}

impl Drop for IoreqPages<'_> {
    fn drop(&mut self) {
        // SAFETY: mapped through the same handle, which is still live; unmapped once, and no borrow outlives `self`.
        unsafe {
            let memory = control::xc_interface_fmem_handle(self.xc.as_ptr());
            guest::xenforeignmemory_unmap_resource(memory.cast(), self.resource.as_ptr());
        }
    }
}
