//! A domain's share of the CPUs, under the scheduler of its pool.

use crate::types::{DomainSchedParams, Scheduler};
use crate::xen::{self, Xen};
use crate::{Code, Domid, Error, Result};

/// What a parameter holds that was not set.
const UNSET: i32 = -1;

/// Real-time periods and budgets are at least this long (µs).
const RTDS_SHORTEST: u32 = 1;

/// Sets those parameters that are given. The scheduler is taken from the pool when the parameters name none.
pub fn apply(xen: &Xen, domid: Domid, params: &DomainSchedParams) -> Result<()> {
    let scheduler = match params.sched {
        Scheduler::Unknown => of_domain(xen, domid)?,
        given => given,
    };
    match scheduler {
        Scheduler::Credit => {
            let mut share = xen.sched_credit(domid)?;
            share.weight = weight(domid, params.weight, share.weight)?;
            share.cap = cap(xen, domid, params.cap, share.cap)?;
            xen.set_sched_credit(domid, share)
        }
        Scheduler::Credit2 => {
            let mut share = xen.sched_credit2(domid)?;
            share.weight = weight(domid, params.weight, share.weight)?;
            share.cap = cap(xen, domid, params.cap, share.cap)?;
            xen.set_sched_credit2(domid, share)
        }
        Scheduler::Rtds => {
            let now = xen.sched_rtds(domid)?;
            xen.set_sched_rtds(domid, rtds(domid, params, now)?)
        }
        Scheduler::Arinc653 | Scheduler::Null => Ok(()),
        Scheduler::Sedf => Err(removed(domid)),
        Scheduler::Unknown => Err(unknown(domid)),
    }
}

/// The parameters in force; those that the scheduler does not have stay unset.
pub fn read(xen: &Xen, domid: Domid) -> Result<DomainSchedParams> {
    let sched = of_domain(xen, domid)?;
    let mut params = DomainSchedParams {
        sched,
        ..DomainSchedParams::default()
    };
    match sched {
        Scheduler::Credit => {
            let share = xen.sched_credit(domid)?;
            (params.weight, params.cap) = (share.weight.into(), share.cap.into());
        }
        Scheduler::Credit2 => {
            let share = xen.sched_credit2(domid)?;
            (params.weight, params.cap) = (share.weight.into(), share.cap.into());
        }
        Scheduler::Rtds => {
            let share = xen.sched_rtds(domid)?;
            params.period = i32::try_from(share.period).unwrap_or(i32::MAX);
            params.budget = i32::try_from(share.budget).unwrap_or(i32::MAX);
        }
        Scheduler::Null => {}
        Scheduler::Sedf => return Err(removed(domid)),
        Scheduler::Arinc653 | Scheduler::Unknown => return Err(unknown(domid)),
    }
    Ok(params)
}

fn removed(domid: Domid) -> Error {
    Error::new(Code::FeatureRemoved, "SEDF scheduler no longer available").domain(domid)
}

fn unknown(domid: Domid) -> Error {
    Error::inval("Unknown scheduler").domain(domid)
}

/// The scheduler of the pool that the domain is in.
pub fn of_domain(xen: &Xen, domid: Domid) -> Result<Scheduler> {
    let pool = xen.domain_info_required(domid)?.cpupool;
    let scheduler = xen.cpupool(pool)?.map(|pool| pool.scheduler.0);
    let known = scheduler.and_then(|raw| Scheduler::from_raw(i32::try_from(raw).ok()?));
    Ok(known.unwrap_or(Scheduler::Unknown))
}

fn weight(domid: Domid, wanted: i32, now: u16) -> Result<u16> {
    match u16::try_from(wanted) {
        _ if wanted == UNSET => Ok(now),
        Ok(weight @ 1..) => Ok(weight),
        _ => {
            Err(Error::inval("Cpu weight out of range, valid values are 1 to 65535").domain(domid))
        }
    }
}

fn cap(xen: &Xen, domid: Domid, wanted: i32, now: u16) -> Result<u16> {
    if wanted == UNSET {
        return Ok(now);
    }
    let vcpus = xen
        .domain_info_required(domid)?
        .max_vcpu_id
        .saturating_add(1);
    let most = vcpus.saturating_mul(100);
    match u16::try_from(wanted) {
        Ok(cap) if u32::from(cap) <= most => Ok(cap),
        _ => {
            let range = format!("valid values are 0 to {most} for {vcpus} vCPUs");
            Err(Error::inval(format!("Cpu cap out of range, {range}")).domain(domid))
        }
    }
}

fn rtds(domid: Domid, params: &DomainSchedParams, now: xen::RtdsParams) -> Result<xen::RtdsParams> {
    let micros = |name: &str, wanted: i32, now: u32| match u32::try_from(wanted) {
        _ if wanted == UNSET => Ok(now),
        Ok(micros) if micros >= RTDS_SHORTEST => Ok(micros),
        _ => {
            let what = format!("{name} out of range, at least {RTDS_SHORTEST} microseconds");
            Err(Error::inval(what).domain(domid))
        }
    };
    let period = micros("period", params.period, now.period)?;
    let budget = micros("budget", params.budget, now.budget)?;
    if budget > period {
        return Err(Error::inval("VCPU budget must be at most the VCPU period").domain(domid));
    }
    Ok(xen::RtdsParams {
        period,
        budget,
        extratime: params.extratime != 0,
    })
}
