//! What PV guests alone need before they run.

use super::Xen;
pub use crate::sys::xc::PvStart;
use crate::{Domid, Result};

impl Xen {
    /// Makes a PV domain that has no memory yet a 32-bit or 64-bit one.
    pub fn set_address_size(&self, domid: Domid, bits: u32) -> Result<()> {
        let doing = format!("making it a {bits}-bit domain");
        self.domctl(domid, &doing, |xc| xc.domain_set_address_size(domid, bits))
    }

    /// Fills a machine frame of the domain with the code that makes hypercalls.
    pub fn set_hypercall_page(&self, domid: Domid, frame: u64) -> Result<()> {
        self.domctl(domid, "filling the hypercall page", |xc| {
            xc.domain_hypercall_init(domid, frame)
        })
    }

    /// Lets the hypervisor check the page tables below a top one of four levels and keep them checked. Nobody may
    /// have one of them mapped writable.
    pub fn pin_page_tables(&self, domid: Domid, frame: u64) -> Result<()> {
        self.domctl(domid, "checking the page tables", |xc| {
            xc.pin_top_table(domid, frame)
        })
    }

    /// Sets the first vCPU of a 64-bit PV domain up.
    pub fn start_pv_vcpu(&self, domid: Domid, start: &PvStart) -> Result<()> {
        self.domctl(domid, "setting the first vCPU up", |xc| {
            xc.vcpu_start_pv(domid, start)
        })
    }
}
