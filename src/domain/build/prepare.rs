//! What a domain is told before it has an image: limits, clocks, page-table pool, CPU policy.

use super::{Channels, Daemons, affinity, cpupolicy, image, params};
use crate::domain::{memory, numa};
use crate::log::{Level, Logger};
use crate::types::{DomainBuildInfo, DomainBuildInfoU, DomainConfig, TscMode};
use crate::xen::Xen;
use crate::{Code, Domid, Error, Result, log_line};

/// See [`super::pre`].
pub(super) fn run(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    config: &mut DomainConfig,
    daemons: Daemons,
    restore: bool,
) -> Result<Channels> {
    let vcpus = u32::try_from(config.b_info.max_vcpus)
        .map_err(|_| Error::inval("the number of vCPUs is negative").domain(domid))?;
    xen.max_vcpus(domid, vcpus)?;
    numa::place(log, xen, domid, config)?;
    let info = &config.b_info;
    affinity::set(log, xen, domid, info)?;
    let limit = info.target_memkb.saturating_add(memory::MAXMEM_EXTRA_KB);
    xen.set_max_mem(domid, limit)?;
    let channels = Channels {
        daemons,
        store_port: xen.evtchn_alloc_unbound(domid, daemons.store)?,
        console_port: xen.evtchn_alloc_unbound(domid, daemons.console)?,
    };
    params::set(log, xen, domid, info, restore)?;
    clocks(log, xen, domid, info)?;
    memory_map_and_pool(log, xen, domid, info)?;
    if !restore {
        cpu_policy(xen, domid, info)?;
    }
    Ok(channels)
}

fn clocks(log: &Logger, xen: &Xen, domid: Domid, info: &DomainBuildInfo) -> Result<()> {
    let mode = match info.tsc_mode {
        TscMode::Default => 0,
        TscMode::AlwaysEmulate => 1,
        TscMode::Native => 2,
        TscMode::NativeParavirt => {
            return Err(Error::new(
                Code::FeatureRemoved,
                "TSC mode native_paravirt (PVRDTSCP) has been removed from Xen",
            )
            .domain(domid)
            .hint("remove tsc_mode= from the configuration"));
        }
    };
    xen.set_tsc_mode(domid, mode)?;

    // The field is unsigned in C, but negative offsets are meant and kept by its bits.
    let mut offset = i32::from_ne_bytes(info.rtc_timeoffset.to_ne_bytes());
    if info.localtime == Some(true) {
        let local = crate::sys::clock::utc_offset()
            .map_err(|error| Error::io("asking for the local time", &error).domain(domid))?;
        offset = offset.wrapping_add(i32::try_from(local).unwrap_or(0));
    }
    if offset != 0
        && let Err(error) = xen.set_time_offset(domid, offset)
    {
        log_line!(log, Level::Warn, domid, "{error}");
    }
    Ok(())
}

/// The pool is a must. A PV guest runs without the map; it only lets it balloon higher or see the host's holes.
fn memory_map_and_pool(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    info: &DomainBuildInfo,
) -> Result<()> {
    let DomainBuildInfoU::Pv(pv) = &info.u else {
        let bytes = info.shadow_memkb.checked_mul(1024).ok_or_else(|| {
            Error::fail(format!(
                "shadow_memkb value {}kB too large",
                info.shadow_memkb
            ))
            .domain(domid)
        })?;
        return xen.set_paging_mempool(domid, bytes);
    };
    let end = info.max_memkb.saturating_add(pv.slack_memkb);
    if let Err(error) = xen.set_memmap_limit(domid, end) {
        log_line!(log, Level::Warn, domid, "{error}");
    }
    if pv.e820_host == Some(true) {
        let set = image::host_map(xen, info, pv).and_then(|map| xen.set_memory_map(domid, &map));
        if let Err(error) = set {
            log_line!(
                log,
                Level::Error,
                domid,
                "the guest does not get the host's memory map: {error}"
            );
        }
    }
    Ok(())
}

/// An invariant time stamp counter is promised to guests that stay here, or whose counter is emulated everywhere.
fn cpu_policy(xen: &Xen, domid: Domid, info: &DomainBuildInfo) -> Result<()> {
    let features = cpupolicy::Features {
        hvm: !matches!(info.u, DomainBuildInfoU::Pv(_)),
        pae: match &info.u {
            DomainBuildInfoU::Hvm(hvm) => hvm.pae == Some(true),
            _ => true,
        },
        itsc: info.disable_migrate == Some(true) || info.tsc_mode == TscMode::AlwaysEmulate,
        nested_virt: info.nested_hvm == Some(true),
    };
    cpupolicy::apply(xen, domid, features, &info.cpuid).map_err(|error| error.domain(domid))
}
