//! Scheduler parameters, per domain and per pool.

use std::io;

use super::{Xc, check, control};

/// `struct xen_domctl_sched_credit`.
pub type Credit = control::xen_domctl_sched_credit;
/// `struct xen_domctl_sched_credit2`.
pub type Credit2 = control::xen_domctl_sched_credit2;
/// `struct xen_domctl_sched_rtds`.
pub type Rtds = control::xen_domctl_sched_rtds;
/// `struct xen_sysctl_credit_schedule`.
pub type CreditSchedule = control::xen_sysctl_credit_schedule;
/// `struct xen_sysctl_credit2_schedule`.
pub type Credit2Schedule = control::xen_sysctl_credit2_schedule;

/// Pairs of getter and setter that take a number (domain or pool) and one structure.
macro_rules! parameters {
    ($($(#[$doc:meta])* $get:ident / $set:ident: $type:ty = $c_get:ident / $c_set:ident;)*) => {
        impl Xc {
            $(
                $(#[$doc])*
                pub fn $get(&self, of: u32) -> io::Result<$type> {
                    let mut parameters = <$type>::default();
                    // SAFETY: the pointer is to a local of the right type.
                    check(|| unsafe { control::$c_get(self.as_ptr(), of, &mut parameters) })?;
                    Ok(parameters)
                }

                $(#[$doc])*
                /// Sets them; returns them as the hypervisor left them.
                pub fn $set(&self, of: u32, parameters: $type) -> io::Result<$type> {
                    let mut parameters = parameters;
                    // SAFETY: the pointer is to a local of the right type.
                    check(|| unsafe { control::$c_set(self.as_ptr(), of, &mut parameters) })?;
                    Ok(parameters)
                }
            )*
        }
    };
}

parameters! {
    /// A domain's share under credit.
    sched_credit_domain_get / sched_credit_domain_set: Credit
        = xc_sched_credit_domain_get / xc_sched_credit_domain_set;
    /// A domain's share under credit2.
    sched_credit2_domain_get / sched_credit2_domain_set: Credit2
        = xc_sched_credit2_domain_get / xc_sched_credit2_domain_set;
    /// A domain's default period and budget under rtds.
    sched_rtds_domain_get / sched_rtds_domain_set: Rtds
        = xc_sched_rtds_domain_get / xc_sched_rtds_domain_set;
    /// A pool's time slice under credit.
    sched_credit_params_get / sched_credit_params_set: CreditSchedule
        = xc_sched_credit_params_get / xc_sched_credit_params_set;
    /// A pool's rate limit under credit2.
    sched_credit2_params_get / sched_credit2_params_set: Credit2Schedule
        = xc_sched_credit2_params_get / xc_sched_credit2_params_set;
}

impl Xc {
    /// Periods and budgets of these vCPUs under rtds.
    pub fn sched_rtds_vcpu_get(&self, domid: u32, vcpus: &[u32]) -> io::Result<Vec<(u32, Rtds)>> {
        let mut list: Vec<_> = vcpus
            .iter()
            .map(|&vcpuid| control::xen_domctl_schedparam_vcpu {
                vcpuid,
                ..Default::default()
            })
            .collect();
        // SAFETY: the array has the length that is passed.
        check(|| unsafe {
            control::xc_sched_rtds_vcpu_get(
                self.as_ptr(),
                domid,
                list.as_mut_ptr(),
                super::count(list.len()),
            )
        })?;
        Ok(list
            .iter()
            // SAFETY: the rtds member is three integers, for which every bit pattern is valid.
            .map(|entry| (entry.vcpuid, unsafe { entry.u.rtds }))
            .collect())
    }

    /// Sets periods and budgets of these vCPUs under rtds.
    pub fn sched_rtds_vcpu_set(&self, domid: u32, vcpus: &[(u32, Rtds)]) -> io::Result<()> {
        let mut list: Vec<_> = vcpus
            .iter()
            .map(|&(vcpuid, rtds)| {
                let mut entry = control::xen_domctl_schedparam_vcpu {
                    vcpuid,
                    ..Default::default()
                };
                entry.u.rtds = rtds;
                entry
            })
            .collect();
        // SAFETY: the array has the length that is passed.
        check(|| unsafe {
            control::xc_sched_rtds_vcpu_set(
                self.as_ptr(),
                domid,
                list.as_mut_ptr(),
                super::count(list.len()),
            )
        })
        .map(drop)
    }
}
