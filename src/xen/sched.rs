//! Scheduler parameters.

use super::Xen;
use crate::sys::xc;
use crate::{Domid, Result};

/// `XEN_SCHEDULER_*` of domctl.h; the hypervisor may know more than we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduler(pub u32);

impl Scheduler {
    /// Proportional share, the older one.
    pub const CREDIT: Self = Self(5);
    /// Proportional share, Xen's default.
    pub const CREDIT2: Self = Self(6);
    /// Fixed time slots.
    pub const ARINC653: Self = Self(7);
    /// Real time.
    pub const RTDS: Self = Self(8);
    /// One vCPU per CPU.
    pub const NULL: Self = Self(9);
}

/// A domain under credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditParams {
    /// Relative share.
    pub weight: u16,
    /// Percent of one CPU at most; 0 is no limit.
    pub cap: u16,
}

/// A domain under credit2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit2Params {
    /// Relative share.
    pub weight: u16,
    /// Percent of one CPU at most; 0 is no limit.
    pub cap: u16,
}

/// A vCPU, or a domain's default, under rtds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtdsParams {
    /// Microseconds between two budgets.
    pub period: u32,
    /// Microseconds of CPU per period.
    pub budget: u32,
    /// May use time that others leave.
    pub extratime: bool,
}

/// A pool under credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditPool {
    /// Milliseconds a vCPU runs at a time.
    pub tslice_ms: u32,
    /// Microseconds before it can be preempted.
    pub ratelimit_us: u32,
    /// Microseconds before it moves to another CPU.
    pub vcpu_migr_delay_us: u32,
}

/// A pool under credit2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit2Pool {
    /// Microseconds before a vCPU can be preempted.
    pub ratelimit_us: u32,
}

/// `XEN_DOMCTL_SCHEDRT_extra` of domctl.h.
const EXTRATIME: u32 = 1;

impl From<xc::Rtds> for RtdsParams {
    fn from(raw: xc::Rtds) -> Self {
        Self {
            period: raw.period,
            budget: raw.budget,
            extratime: raw.flags & EXTRATIME != 0,
        }
    }
}

impl From<RtdsParams> for xc::Rtds {
    fn from(params: RtdsParams) -> Self {
        Self {
            period: params.period,
            budget: params.budget,
            flags: if params.extratime { EXTRATIME } else { 0 },
        }
    }
}

impl Xen {
    /// The scheduler of pool 0.
    pub fn scheduler(&self) -> Result<Scheduler> {
        let id = self.sysctl("asking for the scheduler", xc::Xc::scheduler)?;
        Ok(Scheduler(u32::from_ne_bytes(id.to_ne_bytes())))
    }

    /// A domain's parameters under credit.
    pub fn sched_credit(&self, domid: Domid) -> Result<CreditParams> {
        let raw = self.domctl(domid, "reading credit parameters", |xc| {
            xc.sched_credit_domain_get(domid)
        })?;
        Ok(CreditParams {
            weight: raw.weight,
            cap: raw.cap,
        })
    }

    /// Sets them.
    pub fn set_sched_credit(&self, domid: Domid, params: CreditParams) -> Result<()> {
        let CreditParams { weight, cap } = params;
        self.domctl(domid, "setting credit parameters", |xc| {
            xc.sched_credit_domain_set(domid, xc::Credit { weight, cap })
        })
        .map(drop)
    }

    /// A domain's parameters under credit2.
    pub fn sched_credit2(&self, domid: Domid) -> Result<Credit2Params> {
        let raw = self.domctl(domid, "reading credit2 parameters", |xc| {
            xc.sched_credit2_domain_get(domid)
        })?;
        Ok(Credit2Params {
            weight: raw.weight,
            cap: raw.cap,
        })
    }

    /// Sets them.
    pub fn set_sched_credit2(&self, domid: Domid, params: Credit2Params) -> Result<()> {
        let Credit2Params { weight, cap } = params;
        self.domctl(domid, "setting credit2 parameters", |xc| {
            xc.sched_credit2_domain_set(domid, xc::Credit2 { weight, cap })
        })
        .map(drop)
    }

    /// A domain's default parameters under rtds.
    pub fn sched_rtds(&self, domid: Domid) -> Result<RtdsParams> {
        self.domctl(domid, "reading rtds parameters", |xc| {
            xc.sched_rtds_domain_get(domid)
        })
        .map(RtdsParams::from)
    }

    /// Sets them, for all vCPUs.
    pub fn set_sched_rtds(&self, domid: Domid, params: RtdsParams) -> Result<()> {
        self.domctl(domid, "setting rtds parameters", |xc| {
            xc.sched_rtds_domain_set(domid, params.into())
        })
        .map(drop)
    }

    /// Parameters of these vCPUs under rtds.
    pub fn sched_rtds_vcpus(&self, domid: Domid, vcpus: &[u32]) -> Result<Vec<(u32, RtdsParams)>> {
        let raw = self.domctl(domid, "reading rtds parameters of vCPUs", |xc| {
            xc.sched_rtds_vcpu_get(domid, vcpus)
        })?;
        Ok(raw
            .into_iter()
            .map(|(vcpu, params)| (vcpu, params.into()))
            .collect())
    }

    /// Sets parameters of these vCPUs under rtds.
    pub fn set_sched_rtds_vcpus(&self, domid: Domid, vcpus: &[(u32, RtdsParams)]) -> Result<()> {
        let raw: Vec<_> = vcpus
            .iter()
            .map(|&(vcpu, params)| (vcpu, params.into()))
            .collect();
        self.domctl(domid, "setting rtds parameters of vCPUs", |xc| {
            xc.sched_rtds_vcpu_set(domid, &raw)
        })
    }

    /// A pool's parameters under credit.
    pub fn sched_credit_pool(&self, pool: u32) -> Result<CreditPool> {
        let raw = self.sysctl("reading a pool's credit parameters", |xc| {
            xc.sched_credit_params_get(pool)
        })?;
        Ok(CreditPool {
            tslice_ms: raw.tslice_ms,
            ratelimit_us: raw.ratelimit_us,
            vcpu_migr_delay_us: raw.vcpu_migr_delay_us,
        })
    }

    /// Sets them; what the hypervisor made of them.
    pub fn set_sched_credit_pool(&self, pool: u32, params: CreditPool) -> Result<CreditPool> {
        let raw = xc::CreditSchedule {
            tslice_ms: params.tslice_ms,
            ratelimit_us: params.ratelimit_us,
            vcpu_migr_delay_us: params.vcpu_migr_delay_us,
        };
        let raw = self.sysctl("setting a pool's credit parameters", |xc| {
            xc.sched_credit_params_set(pool, raw)
        })?;
        Ok(CreditPool {
            tslice_ms: raw.tslice_ms,
            ratelimit_us: raw.ratelimit_us,
            vcpu_migr_delay_us: raw.vcpu_migr_delay_us,
        })
    }

    /// A pool's parameters under credit2.
    pub fn sched_credit2_pool(&self, pool: u32) -> Result<Credit2Pool> {
        let raw = self.sysctl("reading a pool's credit2 parameters", |xc| {
            xc.sched_credit2_params_get(pool)
        })?;
        Ok(Credit2Pool {
            ratelimit_us: raw.ratelimit_us,
        })
    }

    /// Sets them; what the hypervisor made of them.
    pub fn set_sched_credit2_pool(&self, pool: u32, params: Credit2Pool) -> Result<Credit2Pool> {
        let raw = xc::Credit2Schedule {
            ratelimit_us: params.ratelimit_us,
        };
        let raw = self.sysctl("setting a pool's credit2 parameters", |xc| {
            xc.sched_credit2_params_set(pool, raw)
        })?;
        Ok(Credit2Pool {
            ratelimit_us: raw.ratelimit_us,
        })
    }
}
