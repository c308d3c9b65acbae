//! Platform shared resources: who uses how much of a socket's cache, and who may.

use std::io;

use crate::log::Logger;
use crate::sys::xc::{Xc, psr};
use crate::types::{
    Bitmap, PsrCatInfo, PsrCbmType, PsrCmtType, PsrFeatType, PsrHwInfo, PsrHwInfoCat, PsrHwInfoMba,
    PsrHwInfoU,
};
use crate::xen::Xen;
use crate::{Domid, Error, Result};

/// EINVAL for a kind that the hypervisor does not have.
fn resource(kind: PsrCbmType) -> io::Result<psr::Resource> {
    Ok(match kind {
        PsrCbmType::L3Cbm => psr::Resource::L3,
        PsrCbmType::L3CbmCode => psr::Resource::L3Code,
        PsrCbmType::L3CbmData => psr::Resource::L3Data,
        PsrCbmType::L2Cbm => psr::Resource::L2,
        PsrCbmType::MbaThrtl => psr::Resource::Bandwidth,
        PsrCbmType::Unknown => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
    })
}

fn counter_of(counter: PsrCmtType) -> psr::Counter {
    match counter {
        PsrCmtType::CacheOccupancy => psr::Counter::CacheOccupancy,
        PsrCmtType::TotalMemCount => psr::Counter::TotalMemory,
        PsrCmtType::LocalMemCount => psr::Counter::LocalMemory,
    }
}

/// What a socket can do; EINVAL for a level that no cache with limits has.
fn ability(xc: &Xc, socket: u32, feature: PsrFeatType, level: u32) -> io::Result<PsrHwInfoU> {
    let cache = match (feature, level) {
        (PsrFeatType::Mba, _) => {
            let mba = xc.psr_bandwidth_info(socket)?;
            return Ok(PsrHwInfoU::Mba(PsrHwInfoMba {
                cos_max: mba.cos_max,
                thrtl_max: mba.thrtl_max,
                linear: mba.linear,
            }));
        }
        (PsrFeatType::Cat, 3) => psr::Cache::L3,
        (PsrFeatType::Cat, 2) => psr::Cache::L2,
        (PsrFeatType::Cat, _) => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
    };
    let cat = xc.psr_cache_info(socket, cache)?;
    Ok(PsrHwInfoU::Cat(PsrHwInfoCat {
        cos_max: cat.cos_max,
        cbm_len: cat.cbm_len,
        cdp_enabled: cat.cdp_enabled,
    }))
}

/// What the hypervisor means by an error number; those of monitoring and allocation differ.
fn explain(doing: &str, error: &io::Error, meanings: &[(i32, &'static str)]) -> Error {
    const COMMON: [(i32, &str); 5] = [
        (libc::ENOSYS, "unsupported operation"),
        (libc::EOPNOTSUPP, "unsupported operation"),
        (libc::ESRCH, "invalid domain ID"),
        (libc::ENOTSOCK, "socket is not supported"),
        (libc::EFAULT, "failed to exchange data with Xen"),
    ];
    let number = error.raw_os_error().unwrap_or(0);
    let meaning = meanings
        .iter()
        .chain(&COMMON)
        .find(|(known, _)| *known == number);
    let failed = Error::io(doing, error);
    match meaning {
        Some((_, meaning)) => failed.hint(*meaning),
        None => failed,
    }
}

fn monitoring<T>(xc: Result<&Xc>, call: impl FnOnce(&Xc) -> io::Result<T>) -> Result<T> {
    const MEANINGS: [(i32, &str); 4] = [
        (libc::ENODEV, "CMT is not supported in this system"),
        (libc::EEXIST, "CMT is already attached to this domain"),
        (libc::ENOENT, "CMT is not attached to this domain"),
        (libc::EOVERFLOW, "no free RMID available"),
    ];
    call(xc?).map_err(|error| explain("cache monitoring", &error, &MEANINGS))
}

fn allocation<T>(
    xc: Result<&Xc>,
    kind: PsrCbmType,
    call: impl FnOnce(&Xc) -> io::Result<T>,
) -> Result<T> {
    const MEANINGS: [(i32, &str); 8] = [
        (libc::ENODEV, "is not supported in this system"),
        (libc::ENOENT, "is not enabled on the socket"),
        (libc::EOVERFLOW, "no free COS available"),
        (libc::EEXIST, "The same CBM is already set to this domain"),
        (
            libc::ENXIO,
            "Unable to set code or data CBM when CDP is disabled",
        ),
        (
            libc::EINVAL,
            "Invalid input or some internal values are not expected",
        ),
        (libc::ERANGE, "Socket number is wrong"),
        (libc::ENOSPC, "Value array exceeds the range"),
    ];
    let feature = match kind {
        PsrCbmType::Unknown => "UNKNOWN",
        PsrCbmType::L3Cbm => "L3 CAT",
        PsrCbmType::L3CbmCode | PsrCbmType::L3CbmData => "CDP",
        PsrCbmType::L2Cbm => "L2 CAT",
        PsrCbmType::MbaThrtl => "MBA",
    };
    call(xc?).map_err(|error| explain(feature, &error, &MEANINGS))
}

/// Starts monitoring a domain.
pub fn attach(xen: &Xen, domid: Domid) -> Result<()> {
    monitoring(xen.xc_about(domid), |xc| xc.psr_cmt_attach(domid))
        .map_err(|error| error.domain(domid))
}

/// Stops monitoring a domain.
pub fn detach(xen: &Xen, domid: Domid) -> Result<()> {
    monitoring(xen.xc_about(domid), |xc| xc.psr_cmt_detach(domid))
        .map_err(|error| error.domain(domid))
}

/// Whether the domain is monitored; not, where nothing can be.
pub fn attached(xen: &Xen, domid: Domid) -> Result<bool> {
    let monitored = xen.xc_about(domid)?.psr_cmt_domain_rmid(domid);
    Ok(monitored.is_ok_and(|id| id != 0))
}

/// Whether domains can be monitored.
pub fn enabled(xen: &Xen) -> Result<bool> {
    Ok(xen.xc()?.psr_cmt_enabled())
}

/// How many domains can be monitored at a time.
pub fn total_ids(xen: &Xen) -> Result<u32> {
    monitoring(xen.xc(), Xc::psr_cmt_total_rmid)
}

/// KiB of a socket's third-level cache.
pub fn cache_size(xen: &Xen, socket: u32) -> Result<u32> {
    let cpu = cpu_of(xen, socket)?;
    monitoring(xen.xc(), |xc| xc.psr_cmt_l3_cache_size(cpu))
}

/// Which counters there are: bit N for counter N + 1.
pub fn counters(xen: &Xen) -> Result<u32> {
    monitoring(xen.xc(), Xc::psr_cmt_l3_event_mask)
}

/// A counter of a monitored domain on a socket, in bytes, and the time stamp counter when it was read.
pub fn sample(xen: &Xen, domid: Domid, counter: PsrCmtType, socket: u32) -> Result<(u64, u64)> {
    let of_domain = |error: Error| error.domain(domid);
    let id =
        monitoring(xen.xc_about(domid), |xc| xc.psr_cmt_domain_rmid(domid)).map_err(of_domain)?;
    if id == 0 {
        return Err(of_domain(
            Error::fail("the domain is not monitored").hint("attach it with xl psr-cmt-attach"),
        ));
    }
    let cpu = cpu_of(xen, socket).map_err(of_domain)?;
    let (data, tsc) = monitoring(xen.xc(), |xc| xc.psr_cmt_data(id, cpu, counter_of(counter)))
        .map_err(of_domain)?;
    let factor = monitoring(xen.xc(), Xc::psr_cmt_l3_upscaling_factor).map_err(of_domain)?;
    Ok((data.wrapping_mul(factor.into()), tsc))
}

fn cpu_of(xen: &Xen, socket: u32) -> Result<u32> {
    let topology = super::cpu_topology(xen)?;
    topology
        .iter()
        .position(|cpu| cpu.socket == socket)
        .and_then(|cpu| u32::try_from(cpu).ok())
        .ok_or_else(|| Error::fail(format!("socket {socket} has no CPU")))
}

/// Sets what a domain gets on each of `sockets`; tries all, and fails when one failed.
pub fn set(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    kind: PsrCbmType,
    sockets: &Bitmap,
    value: u64,
) -> Result<()> {
    let count = super::socket_count(xen)?;
    let mut failed = 0;
    for socket in sockets
        .iter()
        .filter_map(|socket| u32::try_from(socket).ok())
    {
        if socket >= count {
            break;
        }
        if let Err(error) = allocation(xen.xc_about(domid), kind, |xc| {
            xc.psr_set(domid, resource(kind)?, socket, value)
        }) {
            log.failure(&error.context(format!("socket {socket}")).domain(domid));
            failed += 1;
        }
    }
    match failed {
        0 => Ok(()),
        some => Err(Error::fail(format!("{some} sockets were not set")).domain(domid)),
    }
}

/// What a domain gets on a socket.
pub fn get(xen: &Xen, domid: Domid, kind: PsrCbmType, socket: u32) -> Result<u64> {
    allocation(xen.xc_about(domid), kind, |xc| {
        xc.psr_get(domid, resource(kind)?, socket)
    })
    .map_err(|error| error.domain(domid))
}

/// What each socket that has a CPU can do; `level` is that of the cache.
pub fn hw_info(xen: &Xen, feature: PsrFeatType, level: u32) -> Result<Vec<PsrHwInfo>> {
    let sockets = super::socket_count(xen)?;
    super::online_sockets(xen, sockets as usize)?
        .iter()
        .filter_map(|socket| u32::try_from(socket).ok())
        .filter(|&socket| socket < sockets)
        .map(|id| {
            let info = ability(xen.xc()?, id, feature, level);
            let u =
                info.map_err(|error| explain(&format!("looking at socket {id}"), &error, &[]))?;
            Ok(PsrHwInfo { id, u })
        })
        .collect()
}

/// [`hw_info`] of the cache, in its older form.
pub fn cat_info(xen: &Xen, level: u32) -> Result<Vec<PsrCatInfo>> {
    let list = hw_info(xen, PsrFeatType::Cat, level)?;
    Ok(list
        .into_iter()
        .filter_map(|info| match info.u {
            PsrHwInfoU::Cat(cat) => Some(PsrCatInfo {
                id: info.id,
                cos_max: cat.cos_max,
                cbm_len: cat.cbm_len,
                cdp_enabled: cat.cdp_enabled,
            }),
            _ => None,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_resource_is_refused() {
        let refused = resource(PsrCbmType::Unknown).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(resource(PsrCbmType::L2Cbm).unwrap(), psr::Resource::L2);
    }

    #[test]
    fn numbers_mean_different_things() {
        let meaning = |number, list: &[(i32, &'static str)]| {
            explain("x", &io::Error::from_raw_os_error(number), list).to_string()
        };
        let own = [(libc::ENODEV, "none here")];
        assert!(meaning(libc::ENODEV, &own).ends_with("(none here)"));
        assert!(meaning(libc::ESRCH, &own).ends_with("(invalid domain ID)"));
        assert!(!meaning(libc::EPERM, &own).ends_with("ID)"));
    }
}
