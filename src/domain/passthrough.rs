//! Parts of the machine that the configuration gives to a guest: I/O ports, interrupts, device memory.

use crate::engine::Op;
use crate::types::DomainBuildInfo;
use crate::{Domid, Error, Result};

/// Gives the guest what the configuration lists. The hypervisor takes it back when the domain ends.
pub(super) fn grant(op: &Op, domid: Domid, info: &DomainBuildInfo) -> Result<()> {
    let xen = op.xen()?;
    for ports in &info.ioports {
        xen.ioport_permission(domid, ports.first, ports.number, true)?;
    }
    for &irq in &info.irqs {
        let irq = i32::try_from(irq)
            .map_err(|_| Error::fail(format!("{irq} is no interrupt")).domain(domid))?;
        let pirq = xen.map_pirq(domid, irq)?;
        let pirq = u32::try_from(pirq)
            .map_err(|_| Error::fail(format!("interrupt {irq} became {pirq}")).domain(domid))?;
        xen.irq_permission(domid, pirq, true)?;
    }
    for pages in &info.iomem {
        xen.iomem_permission(domid, pages.start, pages.number, true)?;
        xen.memory_mapping(domid, pages.gfn, pages.start, pages.number, true)?;
    }
    Ok(())
}
