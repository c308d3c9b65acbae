//! Memory: limits, maps, pools, NUMA layout, pages for a domain.

use std::io;

use super::{Xc, check, control, count, integer_calls};

/// `struct e820entry`, packed as in the BIOS call.
pub type E820Entry = control::e820entry;
/// `struct xen_vmemrange`: guest physical bytes `start..end` on virtual node `nid`.
pub type VMemRange = control::xen_vmemrange_t;
/// `struct xen_reserved_device_memory`.
pub type ReservedRegion = control::xen_reserved_device_memory;

/// Bytes of a page.
pub const PAGE_SIZE: usize = 4096;

integer_calls! {
    /// Limit of the domain's memory in KiB.
    fn domain_setmaxmem(domid: u32, kib: u64) = xc_domain_setmaxmem;
    /// Gives a PV domain a memory map of one region that ends at `kib` KiB.
    fn domain_set_memmap_limit(domid: u32, kib: u64) = xc_domain_set_memmap_limit;
    /// Bytes for page tables of the hypervisor's own (shadow or nested paging).
    fn set_paging_mempool_size(domid: u32, bytes: u64) = xc_set_paging_mempool_size;
    /// Keeps this many free pages for the domain, on top of those it has; 0 gives them up.
    fn domain_claim_pages(domid: u32, pages: u64) = xc_domain_claim_pages;
}

/// Pages of a populate-on-demand guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodTarget {
    /// All pages the domain has.
    pub total: u64,
    /// Of them, in the cache.
    pub cache: u64,
    /// Guest pages without memory behind them.
    pub entries: u64,
}

impl Xc {
    /// Gives the domain extents of 2^`order` pages, one at each of `frames`; how many it got, which may be fewer. For a
    /// PV domain the frames become the machine's. `flags` are `XENMEMF_*`.
    pub fn domain_populate_physmap(
        &self,
        domid: u32,
        order: u32,
        flags: u32,
        frames: &mut [u64],
    ) -> io::Result<usize> {
        // SAFETY: the array has the length that is passed.
        let done = check(|| unsafe {
            control::xc_domain_populate_physmap(
                self.as_ptr(),
                domid,
                frames.len() as u64,
                order,
                flags,
                frames.as_mut_ptr(),
            )
        })?;
        Ok(usize::try_from(done).unwrap_or(0).min(frames.len()))
    }

    /// Bytes for page tables of the hypervisor's own.
    pub fn get_paging_mempool_size(&self, domid: u32) -> io::Result<u64> {
        let mut bytes = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_get_paging_mempool_size(self.as_ptr(), domid, &mut bytes) })?;
        Ok(bytes)
    }

    /// MiB of shadow memory, by the older call that also domains without paging answer.
    pub fn shadow_allocation(&self, domid: u32) -> io::Result<u32> {
        let mut mib = 0;
        let operation = control::XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe {
            control::xc_shadow_control(self.as_ptr(), domid, operation, &mut mib, 0)
        })?;
        Ok(mib)
    }

    /// Sets the memory map that a guest reads through the hypervisor.
    pub fn domain_set_memory_map(&self, domid: u32, map: &[E820Entry]) -> io::Result<()> {
        let mut map = map.to_vec();
        // SAFETY: the array has the length that is passed.
        check(|| unsafe {
            control::xc_domain_set_memory_map(
                self.as_ptr(),
                domid,
                map.as_mut_ptr(),
                count(map.len()),
            )
        })
        .map(drop)
    }

    /// The machine's own memory map.
    pub fn machine_memory_map(&self) -> io::Result<Vec<E820Entry>> {
        let mut map = vec![E820Entry::default(); control::E820MAX as usize];
        // SAFETY: the array has E820MAX elements.
        let filled = check(|| unsafe {
            control::xc_get_machine_memory_map(self.as_ptr(), map.as_mut_ptr(), control::E820MAX)
        })?;
        map.truncate(usize::try_from(filled).unwrap_or(0));
        Ok(map)
    }

    /// Pages that firmware reserves for a PCI device (`sbdf` None: for all of them).
    pub fn reserved_device_memory(
        &self,
        sbdf: Option<(u16, u8, u8)>,
    ) -> io::Result<Vec<ReservedRegion>> {
        // XENMEM_RDM_ALL of xen/memory.h.
        const ALL: u32 = 1;
        let (segment, bus, devfn) = sbdf.unwrap_or_default();
        let flags = if sbdf.is_none() { ALL } else { 0 };
        let mut list: Vec<ReservedRegion> = Vec::new();
        loop {
            let mut length = count(list.len());
            // SAFETY: `length` is the array's length on entry; the call raises it when more are needed.
            let result = check(|| unsafe {
                control::xc_reserved_device_memory_map(
                    self.as_ptr(),
                    flags,
                    segment,
                    bus,
                    devfn,
                    list.as_mut_ptr(),
                    &mut length,
                )
            });
            match result {
                Ok(_) => {
                    list.truncate(length as usize);
                    return Ok(list);
                }
                Err(error)
                    if error.raw_os_error() == Some(libc::ENOBUFS)
                        && length as usize > list.len() =>
                {
                    list.resize(length as usize, ReservedRegion::default());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Declares the guest's virtual NUMA layout; `distances` is a square matrix by rows.
    pub fn domain_setvnuma(
        &self,
        domid: u32,
        ranges: &[VMemRange],
        distances: &[u32],
        vcpu_to_vnode: &[u32],
        vnode_to_pnode: &[u32],
    ) -> io::Result<()> {
        let nodes = vnode_to_pnode.len();
        if distances.len() != nodes * nodes {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let (mut ranges, mut distances) = (ranges.to_vec(), distances.to_vec());
        let (mut vcpus, mut pnodes) = (vcpu_to_vnode.to_vec(), vnode_to_pnode.to_vec());
        // SAFETY: the lengths passed are those of the arrays; `distances` was checked to be a square.
        check(|| unsafe {
            control::xc_domain_setvnuma(
                self.as_ptr(),
                domid,
                count(nodes),
                count(ranges.len()),
                count(vcpus.len()),
                ranges.as_mut_ptr(),
                distances.as_mut_ptr(),
                vcpus.as_mut_ptr(),
                pnodes.as_mut_ptr(),
            )
        })
        .map(drop)
    }

    /// Sets how many pages a populate-on-demand guest shall have.
    pub fn domain_set_pod_target(&self, domid: u32, pages: u64) -> io::Result<PodTarget> {
        let mut pod = PodTarget::default();
        // SAFETY: the pointers are to fields of a local, of the right type.
        check(|| unsafe {
            control::xc_domain_set_pod_target(
                self.as_ptr(),
                domid,
                pages,
                &mut pod.total,
                &mut pod.cache,
                &mut pod.entries,
            )
        })?;
        Ok(pod)
    }

    /// How many pages a populate-on-demand guest has.
    pub fn domain_get_pod_target(&self, domid: u32) -> io::Result<PodTarget> {
        let mut pod = PodTarget::default();
        // SAFETY: the pointers are to fields of a local, of the right type.
        check(|| unsafe {
            control::xc_domain_get_pod_target(
                self.as_ptr(),
                domid,
                &mut pod.total,
                &mut pod.cache,
                &mut pod.entries,
            )
        })?;
        Ok(pod)
    }

    /// The machine's highest frame of memory.
    pub fn maximum_ram_page(&self) -> io::Result<u64> {
        let mut frame = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_maximum_ram_page(self.as_ptr(), &mut frame) })?;
        Ok(frame)
    }

    /// The highest guest page number in use.
    pub fn domain_maximum_gpfn(&self, domid: u32) -> io::Result<u64> {
        let mut gfn = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_domain_maximum_gpfn(self.as_ptr(), domid, &mut gfn) })?;
        Ok(gfn)
    }
}
