//! Memory of a domain: limits, map, page-table pool, virtual NUMA.

use super::{PAGE_SIZE, Xen};
use crate::sys::xc::{self, PodTarget, ReadableFrames};
use crate::{Domid, Error, Result};

/// Kinds of regions in a BIOS memory map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum E820Type {
    /// Usable.
    Ram = 1,
    /// Kept by firmware or devices.
    Reserved = 2,
    /// ACPI tables.
    Acpi = 3,
    /// ACPI memory to keep over sleep.
    Nvs = 4,
    /// Known to be bad, or to be left alone.
    Unusable = 5,
}

/// One region of a BIOS memory map, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct E820Region {
    /// First byte.
    pub start: u64,
    /// Length.
    pub size: u64,
    /// What it is.
    pub kind: E820Type,
}

impl E820Region {
    /// One past the last byte.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }

    pub(crate) fn raw(&self) -> xc::E820Entry {
        xc::E820Entry {
            addr: self.start,
            size: self.size,
            type_: self.kind as u32,
        }
    }
}

/// Guest memory `start..end` (bytes) on virtual node `node`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VNumaRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// The virtual node.
    pub node: u32,
}

impl VNumaRange {
    pub(crate) fn raw(&self) -> xc::VMemRange {
        xc::VMemRange {
            start: self.start,
            end: self.end,
            flags: 0,
            nid: self.node,
        }
    }
}

/// A guest's virtual NUMA layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VNuma {
    /// Where each node's memory is.
    pub ranges: Vec<VNumaRange>,
    /// Square matrix by rows, one row per virtual node.
    pub distances: Vec<u32>,
    /// The virtual node of each vCPU.
    pub vcpu_to_vnode: Vec<u32>,
    /// The machine's node behind each virtual one.
    pub vnode_to_pnode: Vec<u32>,
}

impl Xen {
    /// Limits the domain to this many KiB.
    pub fn set_max_mem(&self, domid: Domid, kib: u64) -> Result<()> {
        self.domctl(domid, "setting the memory limit", |xc| {
            xc.domain_setmaxmem(domid, kib)
        })
    }

    /// Gives a PV domain a memory map of one region that ends at `kib` KiB.
    pub fn set_memmap_limit(&self, domid: Domid, kib: u64) -> Result<()> {
        self.domctl(domid, "setting the memory map's end", |xc| {
            xc.domain_set_memmap_limit(domid, kib)
        })
    }

    /// Sets the memory map that a guest reads through the hypervisor.
    pub fn set_memory_map(&self, domid: Domid, map: &[E820Region]) -> Result<()> {
        let raw: Vec<_> = map.iter().map(E820Region::raw).collect();
        self.domctl(domid, "setting the memory map", |xc| {
            xc.domain_set_memory_map(domid, &raw)
        })
    }

    /// The machine's own memory map; kinds the hypervisor has no name for are reserved.
    pub fn machine_memory_map(&self) -> Result<Vec<E820Region>> {
        let map = self.sysctl(
            "reading the machine's memory map",
            xc::Xc::machine_memory_map,
        )?;
        Ok(map
            .iter()
            .map(|entry| E820Region {
                start: entry.addr,
                size: entry.size,
                kind: match entry.type_ {
                    1 => E820Type::Ram,
                    3 => E820Type::Acpi,
                    4 => E820Type::Nvs,
                    5 => E820Type::Unusable,
                    _ => E820Type::Reserved,
                },
            })
            .collect())
    }

    /// Bytes `start..end` that firmware reserves for the device `sbdf`, or for all of them.
    pub fn reserved_device_memory(
        &self,
        sbdf: Option<(u16, u8, u8)>,
    ) -> Result<Vec<std::ops::Range<u64>>> {
        let list = self.sysctl("reading the devices' reserved memory", |xc| {
            xc.reserved_device_memory(sbdf)
        })?;
        Ok(list
            .iter()
            .map(|region| {
                let start = region.start_pfn.saturating_mul(PAGE_SIZE);
                start..start.saturating_add(region.nr_pages.saturating_mul(PAGE_SIZE))
            })
            .collect())
    }

    /// Bytes that the hypervisor keeps for the domain's own page tables (shadow or nested paging).
    pub fn set_paging_mempool(&self, domid: Domid, bytes: u64) -> Result<()> {
        self.domctl(domid, "setting the page-table pool", |xc| {
            xc.set_paging_mempool_size(domid, bytes)
        })
    }

    /// Bytes of the pool above.
    pub fn paging_mempool(&self, domid: Domid) -> Result<u64> {
        self.domctl(domid, "reading the page-table pool", |xc| {
            xc.get_paging_mempool_size(domid)
        })
    }

    /// MiB of the pool above, by the call that PV domains answer as well.
    pub fn shadow_allocation(&self, domid: Domid) -> Result<u32> {
        self.domctl(domid, "reading the shadow allocation", |xc| {
            xc.shadow_allocation(domid)
        })
    }

    /// Declares the guest's virtual NUMA layout.
    pub fn set_vnuma(&self, domid: Domid, numa: &VNuma) -> Result<()> {
        let ranges: Vec<_> = numa.ranges.iter().map(VNumaRange::raw).collect();
        self.domctl(domid, "setting the virtual NUMA layout", |xc| {
            xc.domain_setvnuma(
                domid,
                &ranges,
                &numa.distances,
                &numa.vcpu_to_vnode,
                &numa.vnode_to_pnode,
            )
        })
    }

    /// Pages that a populate-on-demand guest shall have.
    pub fn set_pod_target(&self, domid: Domid, pages: u64) -> Result<PodTarget> {
        self.domctl(domid, "setting the populate-on-demand target", |xc| {
            xc.domain_set_pod_target(domid, pages)
        })
    }

    /// The machine's highest frame of memory.
    pub fn maximum_ram_page(&self) -> Result<u64> {
        let doing = "asking for the machine's highest page";
        self.sysctl(doing, |xc| xc.maximum_ram_page())
    }

    /// Those of a domain's frames that there are, for reading: guest frames, for PV machine frames.
    pub fn map_readable(&self, domid: Domid, frames: &[u64]) -> Result<ReadableFrames<'_>> {
        let mapped = self.xc_about(domid)?.map_readable(domid, frames);
        mapped.map_err(|error| Error::io("mapping pages for reading", &error).domain(domid))
    }

    /// The highest guest page number in use.
    pub fn maximum_gpfn(&self, domid: Domid) -> Result<u64> {
        self.domctl(domid, "asking for the highest page", |xc| {
            xc.domain_maximum_gpfn(domid)
        })
    }
}
