//! What of the machine a domain may touch: ports, interrupts, memory, PCI devices.

use super::Xen;
use crate::{Domid, Result};

impl Xen {
    /// Allows or forbids `count` ports from `first` on.
    pub fn ioport_permission(
        &self,
        domid: Domid,
        first: u32,
        count: u32,
        allow: bool,
    ) -> Result<()> {
        self.domctl(domid, &format!("ports {first:#x}+{count}"), |xc| {
            xc.domain_ioport_permission(domid, first, count, u32::from(allow))
        })
    }

    /// Allows or forbids a physical interrupt.
    pub fn irq_permission(&self, domid: Domid, pirq: u32, allow: bool) -> Result<()> {
        self.domctl(domid, &format!("interrupt {pirq}"), |xc| {
            xc.domain_irq_permission(domid, pirq, allow)
        })
    }

    /// Allows or forbids `count` machine pages from `first` on.
    pub fn iomem_permission(
        &self,
        domid: Domid,
        first: u64,
        count: u64,
        allow: bool,
    ) -> Result<()> {
        self.domctl(domid, &format!("machine pages {first:#x}+{count}"), |xc| {
            xc.domain_iomem_permission(domid, first, count, u8::from(allow))
        })
    }

    /// Maps machine pages into an HVM guest, or unmaps them.
    pub fn memory_mapping(
        &self,
        domid: Domid,
        gfn: u64,
        mfn: u64,
        count: u64,
        add: bool,
    ) -> Result<()> {
        self.domctl(
            domid,
            &format!("mapping machine pages {mfn:#x}+{count}"),
            |xc| xc.domain_memory_mapping(domid, gfn, mfn, count, u32::from(add)),
        )
    }

    /// Gives the domain the machine's interrupt `irq`; the number under which it sees it.
    pub fn map_pirq(&self, domid: Domid, irq: i32) -> Result<i32> {
        self.domctl(domid, &format!("mapping interrupt {irq}"), |xc| {
            xc.physdev_map_pirq(domid, irq)
        })
    }

    /// Takes the interrupt away.
    pub fn unmap_pirq(&self, domid: Domid, pirq: i32) -> Result<()> {
        self.domctl(domid, &format!("unmapping interrupt {pirq}"), |xc| {
            xc.physdev_unmap_pirq(domid, pirq)
        })
    }

    /// Puts a PCI device (segment << 16 | bus << 8 | devfn) into the domain's IOMMU tables.
    pub fn assign_device(&self, domid: Domid, sbdf: u32, relaxed_rdm: bool) -> Result<()> {
        self.domctl(domid, &format!("assigning PCI device {sbdf:#x}"), |xc| {
            xc.assign_device(domid, sbdf, u32::from(relaxed_rdm))
        })
    }

    /// Whether the device could be assigned: not, when another guest has it.
    pub fn test_assign_device(&self, domid: Domid, sbdf: u32) -> Result<()> {
        self.domctl(domid, &format!("asking for PCI device {sbdf:#x}"), |xc| {
            xc.test_assign_device(domid, sbdf)
        })
    }

    /// Takes a PCI device out of the domain's IOMMU tables.
    pub fn deassign_device(&self, domid: Domid, sbdf: u32) -> Result<()> {
        self.domctl(domid, &format!("deassigning PCI device {sbdf:#x}"), |xc| {
            xc.deassign_device(domid, sbdf)
        })
    }
}
