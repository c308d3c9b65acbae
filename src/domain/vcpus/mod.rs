//! vCPUs of a running domain: their state, where they may run, what they get of a CPU.

mod online;

pub use online::set_online;

use super::sched;
use crate::log::{Level, Logger};
use crate::types::{Bitmap, SchedParams, Scheduler, VcpuSchedParams, Vcpuinfo};
use crate::xen::{Affinity, RtdsParams, Xen};
use crate::{Code, Domid, Error, Result, log_line};

/// State and affinity of each vCPU of a domain.
pub fn list(xen: &Xen, domid: Domid) -> Result<Vec<Vcpuinfo>> {
    (0..count(xen, domid)?)
        .map(|vcpu| {
            let info = xen.vcpu_info(domid, vcpu)?;
            let (hard, soft) = xen.vcpu_affinity(domid, vcpu)?;
            Ok(Vcpuinfo {
                vcpuid: vcpu,
                cpu: info.cpu,
                online: info.online,
                blocked: info.blocked,
                running: info.running,
                vcpu_time: info.cpu_time,
                cpumap: Bitmap { bytes: hard },
                cpumap_soft: Bitmap { bytes: soft },
            })
        })
        .collect()
}

/// vCPUs that the domain has; an error for a domain that has none yet.
fn count(xen: &Xen, domid: Domid) -> Result<u32> {
    match xen.domain_info_required(domid)?.max_vcpu_id {
        u32::MAX => Err(Error::fail("the domain has no vCPUs").domain(domid)),
        last => Ok(last.saturating_add(1)),
    }
}

/// Sets hard and soft affinity of one vCPU, and says when the hypervisor had to cut them; None leaves one alone.
/// With `force`, over a pin that the hypervisor keeps for itself.
pub fn set_affinity(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    vcpu: u32,
    (hard, soft): (Option<&Bitmap>, Option<&Bitmap>),
    force: bool,
) -> Result<()> {
    let wanted = Affinity {
        hard: hard.map(|map| map.bytes.as_slice()),
        soft: soft.map(|map| map.bytes.as_slice()),
    };
    let got = xen.set_vcpu_affinity(domid, vcpu, wanted, force)?;
    for (kind, wanted, got) in [("hard", hard, got.hard), ("soft", soft, got.soft)] {
        let (Some(wanted), Some(bytes)) = (wanted, got) else {
            continue;
        };
        let got = Bitmap { bytes };
        if !wanted.iter().eq(got.iter()) {
            log_line!(
                log,
                Level::Debug,
                domid,
                "New {kind} affinity for vcpu {vcpu} has unreachable cpus"
            );
        }
        if kind == "soft" && got.is_empty() {
            log_line!(
                log,
                Level::Warn,
                domid,
                "All cpus in soft affinity of vcpu {vcpu} are unreachable. Only hard affinity will be considered for scheduling"
            );
        }
    }
    Ok(())
}

/// Which vCPUs parameters are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that the list names.
    Listed,
    /// All of the domain.
    All,
}

/// Reads the parameters of single vCPUs, which only the real-time scheduler has.
pub fn sched_params(
    xen: &Xen,
    domid: Domid,
    which: Which,
    wanted: &[SchedParams],
) -> Result<VcpuSchedParams> {
    real_time(xen, domid, Scheduler::Unknown)?;
    let total = count(xen, domid)?;
    let vcpus = match (which, wanted) {
        (Which::All, []) => (0..total).collect(),
        (Which::Listed, [_, ..]) => numbers(domid, wanted, total)?,
        (Which::All, _) => return Err(Error::inval("a list of vCPUs makes no sense here")),
        (Which::Listed, _) => return Err(Error::inval("the list of vCPUs is empty")),
    };
    let found = xen.sched_rtds_vcpus(domid, &vcpus)?;
    let signed = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    Ok(VcpuSchedParams {
        sched: Scheduler::Rtds,
        vcpus: found
            .into_iter()
            .map(|(vcpu, params)| SchedParams {
                vcpuid: signed(vcpu),
                period: signed(params.period),
                budget: signed(params.budget),
                extratime: i32::from(params.extratime),
                ..SchedParams::default()
            })
            .collect(),
    })
}

/// Sets the parameters of single vCPUs, or the one set of parameters for all.
pub fn set_sched_params(
    xen: &Xen,
    domid: Domid,
    which: Which,
    params: &VcpuSchedParams,
) -> Result<()> {
    real_time(xen, domid, params.sched)?;
    let total = count(xen, domid)?;
    let given = params
        .vcpus
        .iter()
        .map(|vcpu| rtds(domid, vcpu))
        .collect::<Result<Vec<_>>>()?;
    let list: Vec<(u32, RtdsParams)> = match (which, given.as_slice()) {
        (Which::All, &[one]) => (0..total).map(|vcpu| (vcpu, one)).collect(),
        (Which::Listed, [_, ..]) => {
            let vcpus = numbers(domid, &params.vcpus, total)?;
            vcpus.into_iter().zip(given).collect()
        }
        (Which::All, _) => return Err(Error::inval("exactly one set of parameters is needed")),
        (Which::Listed, _) => return Err(Error::inval("the list of vCPUs is empty")),
    };
    xen.set_sched_rtds_vcpus(domid, &list)
}

fn real_time(xen: &Xen, domid: Domid, named: Scheduler) -> Result<()> {
    let scheduler = match named {
        Scheduler::Unknown => sched::of_domain(xen, domid)?,
        named => named,
    };
    let refused = |code, what: &str| Err(Error::new(code, what).domain(domid));
    match scheduler {
        Scheduler::Rtds => Ok(()),
        Scheduler::Sedf => refused(Code::FeatureRemoved, "SEDF scheduler no longer available"),
        Scheduler::Unknown => refused(Code::Inval, "Unknown scheduler"),
        _ => refused(
            Code::Inval,
            "per-VCPU parameters are not supported for this scheduler",
        ),
    }
}

fn numbers(domid: Domid, vcpus: &[SchedParams], total: u32) -> Result<Vec<u32>> {
    vcpus
        .iter()
        .map(|vcpu| {
            u32::try_from(vcpu.vcpuid)
                .ok()
                .filter(|&number| number < total)
                .ok_or_else(|| {
                    Error::inval(format!(
                        "VCPU {} is out of range, valid values are 0 to {}",
                        vcpu.vcpuid,
                        total - 1
                    ))
                    .domain(domid)
                })
        })
        .collect()
}

fn rtds(domid: Domid, vcpu: &SchedParams) -> Result<RtdsParams> {
    let micros = |name: &str, value: i32| {
        u32::try_from(value)
            .ok()
            .filter(|&value| value >= 1)
            .ok_or_else(|| {
                Error::inval(format!(
                    "Invalid VCPU {name} of {value} (it should be >= 1)"
                ))
                .domain(domid)
            })
    };
    let (period, budget) = (
        micros("period", vcpu.period)?,
        micros("budget", vcpu.budget)?,
    );
    if budget > period {
        return Err(Error::inval(format!(
            "VCPU budget must be smaller than or equal to period, but {budget} > {period}"
        ))
        .domain(domid));
    }
    Ok(RtdsParams {
        period,
        budget,
        extratime: vcpu.extratime != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vcpu(vcpuid: i32, period: i32, budget: i32) -> SchedParams {
        SchedParams {
            vcpuid,
            period,
            budget,
            extratime: 0,
            ..SchedParams::default()
        }
    }

    #[test]
    fn budgets_fit_their_periods() {
        let good = rtds(1, &vcpu(0, 10000, 4000)).unwrap();
        assert_eq!(
            (good.period, good.budget, good.extratime),
            (10000, 4000, false)
        );
        for bad in [vcpu(0, -1, 4000), vcpu(0, 10, 0), vcpu(0, 10, 11)] {
            assert_eq!(rtds(1, &bad).unwrap_err().code(), Code::Inval);
        }
    }

    #[test]
    fn vcpus_must_exist() {
        let list = [vcpu(0, 1, 1), vcpu(3, 1, 1)];
        assert_eq!(numbers(1, &list, 4).unwrap(), [0, 3]);
        assert!(numbers(1, &list, 3).is_err());
        assert!(numbers(1, &[vcpu(-1, 1, 1)], 3).is_err());
    }
}
