//! CPU policies: what CPUID and model specific registers say, by leaf and by register.

use std::io;

use super::buffer::Buffer;
use super::{Xc, check, control};

/// One CPUID leaf: its numbers, and what EAX, EBX, ECX and EDX say.
pub type Leaf = control::xen_cpuid_leaf;
/// One model specific register.
pub type Msr = control::xen_msr_entry;

/// The subleaf of a leaf that has none (`XEN_CPUID_NO_SUBLEAF`).
pub const NO_SUBLEAF: u32 = control::XEN_CPUID_NO_SUBLEAF;

/// The policies that the hypervisor keeps for all (sysctl.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemPolicy {
    /// What the hypervisor itself uses of the machine.
    Host,
    /// What a PV guest gets.
    PvDefault,
    /// What an HVM or PVH guest gets.
    HvmDefault,
}

/// A policy, both lists in ascending order.
#[derive(Clone, Debug, Default)]
pub struct CpuPolicy {
    /// By leaf, then by subleaf.
    pub leaves: Vec<Leaf>,
    /// By number.
    pub msrs: Vec<Msr>,
}

/// What the hypervisor did not like about a policy, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// A leaf, with its subleaf if it has any.
    Leaf(u32, Option<u32>),
    /// A model specific register.
    Msr(u32),
}

impl Xc {
    /// How many leaves and model specific registers a policy has at most.
    fn cpu_policy_size(&self) -> io::Result<(u32, u32)> {
        let mut sysctl = system_policy(SystemPolicy::Host);
        // SAFETY: the pointer is to a local; without arrays only the numbers are answered.
        check(|| unsafe { control::xc_sysctl(self.as_ptr(), &mut sysctl) })?;
        // SAFETY: this member was set above, and the call answers in it.
        let answer = unsafe { sysctl.u.cpu_policy };
        Ok((answer.nr_leaves, answer.nr_msrs))
    }

    /// One of the policies for all.
    pub fn system_cpu_policy(&self, which: SystemPolicy) -> io::Result<CpuPolicy> {
        let (leaves, msrs) = self.cpu_policy_arrays()?;
        let mut sysctl = system_policy(which);
        // SAFETY: this member was set above.
        let argument = unsafe { &mut sysctl.u.cpu_policy };
        argument.nr_leaves = leaves.count();
        argument.leaves.p = leaves.as_ptr();
        argument.nr_msrs = msrs.count();
        argument.msrs.p = msrs.as_ptr();
        // SAFETY: the pointer is to a local, whose arrays have as many elements as it says and live until the end.
        check(|| unsafe { control::xc_sysctl(self.as_ptr(), &mut sysctl) })?;
        // SAFETY: this member was set above, and the call answers in it.
        let answer = unsafe { sysctl.u.cpu_policy };
        Ok(CpuPolicy {
            leaves: leaves.first(answer.nr_leaves),
            msrs: msrs.first(answer.nr_msrs),
        })
    }

    /// What a domain has now.
    pub fn domain_cpu_policy(&self, domid: u32) -> io::Result<CpuPolicy> {
        let (leaves, msrs) = self.cpu_policy_arrays()?;
        let mut domctl = domain_policy(domid, control::XEN_DOMCTL_get_cpu_policy, &leaves, &msrs)?;
        // SAFETY: the pointer is to a local, whose arrays have as many elements as it says and live until the end.
        check(|| unsafe { control::xc_domctl(self.as_ptr(), &mut domctl) })?;
        // SAFETY: this member was set above, and the call answers in it.
        let answer = unsafe { domctl.u.cpu_policy };
        Ok(CpuPolicy {
            leaves: leaves.first(answer.nr_leaves),
            msrs: msrs.first(answer.nr_msrs),
        })
    }

    /// Gives a domain that has not run yet a policy; what is not in it stays.
    pub fn set_domain_cpu_policy(
        &self,
        domid: u32,
        policy: &CpuPolicy,
    ) -> Result<(), (io::Error, Option<Culprit>)> {
        let unknown = |error| (error, None);
        let leaves = Buffer::holding(self, &policy.leaves).map_err(unknown)?;
        let msrs = Buffer::holding(self, &policy.msrs).map_err(unknown)?;
        let mut domctl = domain_policy(domid, control::XEN_DOMCTL_set_cpu_policy, &leaves, &msrs)
            .map_err(unknown)?;
        // SAFETY: the pointer is to a local, whose arrays have as many elements as it says and live until the end.
        check(|| unsafe { control::xc_domctl(self.as_ptr(), &mut domctl) })
            .map(drop)
            .map_err(|error| {
                // SAFETY: this member was set above, and the call answers in it.
                let answer = unsafe { domctl.u.cpu_policy };
                (error, culprit(&answer))
            })
    }

    fn cpu_policy_arrays(&self) -> io::Result<(Buffer<'_, Leaf>, Buffer<'_, Msr>)> {
        let (leaves, msrs) = self.cpu_policy_size()?;
        let length = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Ok((
            Buffer::new(self, length(leaves))?,
            Buffer::new(self, length(msrs))?,
        ))
    }
}

fn system_policy(which: SystemPolicy) -> control::xen_sysctl {
    let index = match which {
        SystemPolicy::Host => control::XEN_SYSCTL_cpu_policy_host,
        SystemPolicy::PvDefault => control::XEN_SYSCTL_cpu_policy_pv_default,
        SystemPolicy::HvmDefault => control::XEN_SYSCTL_cpu_policy_hvm_default,
    };
    let cpu_policy = control::xen_sysctl_cpu_policy {
        index,
        ..Default::default()
    };
    control::xen_sysctl {
        cmd: control::XEN_SYSCTL_get_cpu_policy,
        u: control::xen_sysctl__bindgen_ty_1 { cpu_policy },
        ..Default::default()
    }
}

fn domain_policy(
    domid: u32,
    command: u32,
    leaves: &Buffer<'_, Leaf>,
    msrs: &Buffer<'_, Msr>,
) -> io::Result<control::xen_domctl> {
    let domid = u16::try_from(domid).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let mut cpu_policy = control::xen_domctl_cpu_policy {
        nr_leaves: leaves.count(),
        nr_msrs: msrs.count(),
        err_leaf: u32::MAX,
        err_subleaf: u32::MAX,
        err_msr: u32::MAX,
        ..Default::default()
    };
    cpu_policy.leaves.p = leaves.as_ptr();
    cpu_policy.msrs.p = msrs.as_ptr();
    Ok(control::xen_domctl {
        cmd: command,
        domain: domid,
        u: control::xen_domctl__bindgen_ty_1 { cpu_policy },
        ..Default::default()
    })
}

fn culprit(answer: &control::xen_domctl_cpu_policy) -> Option<Culprit> {
    let told = |number: u32| (number != u32::MAX).then_some(number);
    told(answer.err_leaf)
        .map(|leaf| Culprit::Leaf(leaf, told(answer.err_subleaf)))
        .or_else(|| told(answer.err_msr).map(Culprit::Msr))
}
