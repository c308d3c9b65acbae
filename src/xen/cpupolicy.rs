//! What CPUID and MSRs tell a guest.

use super::Xen;
use crate::sys::xc::{CpuidOverride, MsrOverride};
use crate::{Domid, Result};

/// Switches and overrides on top of the default policy for the domain's type.
#[derive(Clone, Debug, Default)]
pub struct CpuPolicy {
    /// The domain comes from a migration stream.
    pub restore: bool,
    /// Physical address extension.
    pub pae: bool,
    /// Invariant time stamp counter.
    pub itsc: bool,
    /// The guest may use hardware virtualisation.
    pub nested_virt: bool,
    /// Overrides of CPUID leaves.
    pub cpuid: Vec<CpuidOverride>,
    /// Overrides of MSRs.
    pub msrs: Vec<MsrOverride>,
}

impl Xen {
    /// Gives the domain its CPU policy.
    pub fn apply_cpu_policy(&self, domid: Domid, policy: &CpuPolicy) -> Result<()> {
        self.domctl(domid, "applying the CPUID policy", |xc| {
            xc.cpuid_apply_policy(
                domid,
                policy.restore,
                policy.pae,
                policy.itsc,
                policy.nested_virt,
                &policy.cpuid,
                &policy.msrs,
            )
        })
    }
}
