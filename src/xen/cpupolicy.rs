//! What CPUID and MSRs tell a guest.

use super::Xen;
pub use crate::sys::xc::CpuSwitches;
use crate::types::CpuidPolicyList;
use crate::{Domid, Result};

impl Xen {
    /// Gives the domain the default policy of its type, changed by switches and overrides.
    pub fn apply_cpu_policy(
        &self,
        domid: Domid,
        switches: CpuSwitches,
        overrides: &CpuidPolicyList,
    ) -> Result<()> {
        self.domctl(domid, "applying the CPUID policy", |xc| {
            xc.cpuid_apply_policy(domid, switches, overrides)
        })
    }
}
