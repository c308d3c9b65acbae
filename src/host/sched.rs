//! Scheduler parameters of a whole CPU pool.

use crate::types::{SchedCredit2Params, SchedCreditParams};
use crate::xen::{Credit2Pool, CreditPool, Xen};
use crate::{Error, Result};

// Limits of the hypervisor (`XEN_SYSCTL_*` of sysctl.h).
const TSLICE_MS: std::ops::RangeInclusive<i32> = 1..=1000;
const RATELIMIT_US: std::ops::RangeInclusive<i32> = 100..=500_000;
const MIGRATION_DELAY_US: std::ops::RangeInclusive<i32> = 0..=100_000;

fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// A pool's parameters under credit.
pub fn credit(xen: &Xen, pool: u32) -> Result<SchedCreditParams> {
    Ok(from_credit(xen.sched_credit_pool(pool)?))
}

/// Sets them; what the hypervisor made of them.
pub fn set_credit(xen: &Xen, pool: u32, params: &SchedCreditParams) -> Result<SchedCreditParams> {
    check_credit(params)?;
    let set = CreditPool {
        tslice_ms: unsigned(params.tslice_ms),
        ratelimit_us: unsigned(params.ratelimit_us),
        vcpu_migr_delay_us: unsigned(params.vcpu_migr_delay_us),
    };
    Ok(from_credit(xen.set_sched_credit_pool(pool, set)?))
}

fn from_credit(pool: CreditPool) -> SchedCreditParams {
    SchedCreditParams {
        tslice_ms: signed(pool.tslice_ms),
        ratelimit_us: signed(pool.ratelimit_us),
        vcpu_migr_delay_us: signed(pool.vcpu_migr_delay_us),
    }
}

/// A pool's parameters under credit2.
pub fn credit2(xen: &Xen, pool: u32) -> Result<SchedCredit2Params> {
    let found = xen.sched_credit2_pool(pool)?;
    Ok(SchedCredit2Params {
        ratelimit_us: signed(found.ratelimit_us),
    })
}

/// Sets them; what the hypervisor made of them.
pub fn set_credit2(
    xen: &Xen,
    pool: u32,
    params: &SchedCredit2Params,
) -> Result<SchedCredit2Params> {
    check_rate_limit(params.ratelimit_us)?;
    let set = Credit2Pool {
        ratelimit_us: unsigned(params.ratelimit_us),
    };
    let got = xen.set_sched_credit2_pool(pool, set)?;
    Ok(SchedCredit2Params {
        ratelimit_us: signed(got.ratelimit_us),
    })
}

fn check_credit(params: &SchedCreditParams) -> Result<()> {
    within("Time slice", params.tslice_ms, &TSLICE_MS)?;
    check_rate_limit(params.ratelimit_us)?;
    if params.ratelimit_us > params.tslice_ms * 1000 {
        return Err(Error::inval("Ratelimit cannot be greater than timeslice"));
    }
    within(
        "vcpu migration delay",
        params.vcpu_migr_delay_us,
        &MIGRATION_DELAY_US,
    )
}

/// 0 switches the limit off.
fn check_rate_limit(value: i32) -> Result<()> {
    match value {
        0 => Ok(()),
        some => within("Ratelimit", some, &RATELIMIT_US),
    }
}

fn within(what: &str, value: i32, range: &std::ops::RangeInclusive<i32>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::inval(format!(
        "{what} out of range, valid range is from {} to {}",
        range.start(),
        range.end()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(tslice_ms: i32, ratelimit_us: i32, vcpu_migr_delay_us: i32) -> SchedCreditParams {
        SchedCreditParams {
            tslice_ms,
            ratelimit_us,
            vcpu_migr_delay_us,
        }
    }

    #[test]
    fn limits_are_those_of_the_hypervisor() {
        assert!(check_credit(&params(30, 1000, 0)).is_ok());
        assert!(check_credit(&params(30, 0, 0)).is_ok());
        for bad in [
            params(0, 0, 0),
            params(1001, 0, 0),
            params(30, 99, 0),
            params(30, 30_001, 0),
            params(30, 1000, 100_001),
            params(30, 1000, -1),
        ] {
            assert!(check_credit(&bad).is_err(), "{bad:?}");
        }
    }
}
