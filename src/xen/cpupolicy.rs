//! What CPUID and model specific registers tell a guest.

use super::Xen;
use crate::sys::xc::Culprit;
pub use crate::sys::xc::{CpuPolicy, Leaf, Msr, NO_SUBLEAF, SystemPolicy};
use crate::{Domid, Error, Result};

impl Xen {
    /// One of the policies that the hypervisor keeps for all.
    pub fn system_cpu_policy(&self, which: SystemPolicy) -> Result<CpuPolicy> {
        let doing = match which {
            SystemPolicy::Host => "asking for the CPU policy of the host",
            SystemPolicy::PvDefault => "asking for the CPU policy of PV guests",
            SystemPolicy::HvmDefault => "asking for the CPU policy of HVM guests",
        };
        self.sysctl(doing, |xc| xc.system_cpu_policy(which))
    }

    /// What the domain is told now.
    pub fn cpu_policy(&self, domid: Domid) -> Result<CpuPolicy> {
        self.domctl(domid, "asking for its CPU policy", |xc| {
            xc.domain_cpu_policy(domid)
        })
    }

    /// Gives a domain that has not run yet a policy; leaves and registers that are not in it stay.
    pub fn set_cpu_policy(&self, domid: Domid, policy: &CpuPolicy) -> Result<()> {
        let set = self.xc_about(domid)?.set_domain_cpu_policy(domid, policy);
        set.map_err(|(error, culprit)| {
            let what = match culprit {
                None => String::new(),
                Some(Culprit::Leaf(leaf, None)) => format!(" (leaf {leaf:#x})"),
                Some(Culprit::Leaf(leaf, Some(sub))) => format!(" (leaf {leaf:#x}, subleaf {sub})"),
                Some(Culprit::Msr(number)) => format!(" (MSR {number:#x})"),
            };
            Error::io(format!("setting its CPU policy{what}"), &error).domain(domid)
        })
    }
}
