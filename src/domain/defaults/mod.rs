//! What a configuration leaves open is decided here, once, before anything is created.
//!
//! The rules are those that users of libxl's configuration know (xl.cfg(5), libxl_types.idl): a value that was given
//! stays, a combination that cannot work is refused with `ERROR_INVAL`. [`fill`] is pure: all it needs to know about the
//! machine is in [`Host`].

mod build;
mod deprecated;
mod hvm;
mod memory;
mod resolve;

use std::io;

use crate::types::{
    Altp2mMode, DomainBuildInfo, DomainBuildInfoU, DomainConfig, DomainCreateInfo, DomainType,
    MEMKB_DEFAULT, Passthrough,
};
use crate::{Error, Result};

pub use resolve::{complete, host};

/// FLASK's initial security identifier for guests without a label.
const SECINITSID_DOMU: u32 = 12;

/// What the machine can do, as far as defaults depend on it.
pub struct Host<'a> {
    /// Hardware-assisted paging for HVM and PVH guests.
    pub hap: bool,
    /// Shadow paging.
    pub shadow: bool,
    /// An IOMMU that Xen uses.
    pub directio: bool,
    /// The IOMMU can share page tables with hardware-assisted paging.
    pub hap_pt_share: bool,
    /// Virtual performance counters.
    pub vpmu: bool,
    /// Grant table interface version 1.
    pub gnttab_v1: bool,
    /// Grant table interface version 2.
    pub gnttab_v2: bool,
    /// Whether QEMU at the given path can be started; `NotFound` is an answer, too.
    pub executable: &'a dyn Fn(&str) -> io::Result<()>,
    /// Whether there is a file at the given path.
    pub installed: &'a dyn Fn(&str) -> bool,
    /// Path of QEMU in dom0 when the configuration names none.
    pub qemu: &'a str,
    /// Directory of firmware and stub domain images.
    pub firmware_dir: &'a str,
    /// Shadow and IOMMU memory may default to more than nothing; see [`crate::engine::Ctx::paging_defaults`].
    pub paging_defaults: bool,
    /// HVM guests get a stub domain where their configuration says nothing about it.
    pub prefers_stubdom: bool,
}

/// Fills in everything in `config` that was left open, without the devices: their kinds know their own defaults.
///
/// Labels and the pool's name are resolved before, by [`complete`].
pub fn fill(config: &mut DomainConfig, host: &Host<'_>) -> Result<()> {
    create_info(&mut config.c_info, host)?;
    passthrough(config, host)?;
    let populate_on_demand = config.c_info.type_ != DomainType::Pv
        && config.b_info.target_memkb < config.b_info.max_memkb;
    memory_combinations(config, populate_on_demand)?;
    if host.paging_defaults {
        paging_memory(config);
    }
    build::fill(&mut config.b_info, host)?;
    feature_combinations(config, populate_on_demand, host)
}

/// The defaults of the build information alone, for callers that have nothing else (`libxl_domain_need_memory` before
/// Xen 4.13).
pub fn fill_build_info(info: &mut DomainBuildInfo, host: &Host<'_>) -> Result<()> {
    build::fill(info, host)
}

fn create_info(info: &mut DomainCreateInfo, host: &Host<'_>) -> Result<()> {
    if info.type_ == DomainType::Invalid {
        return Err(Error::inval("the type of the domain is not given").hint("set type="));
    }
    if info.type_ != DomainType::Pv {
        if !host.hap && !host.shadow {
            return Err(Error::inval("neither hap nor shadow paging available")
                .hint("this machine runs PV guests only"));
        }
        info.hap.get_or_insert(host.hap);
        info.oos.get_or_insert(true);
    }
    info.run_hotplug_scripts.get_or_insert(true);
    info.driver_domain.get_or_insert(false);
    if info.ssidref == 0 {
        info.ssidref = SECINITSID_DOMU;
    }
    info.xend_suspend_evtchn_compat.get_or_insert(false);
    Ok(())
}

/// Settles `passthrough` on disabled, sync_pt or share_pt.
fn passthrough(config: &mut DomainConfig, host: &Host<'_>) -> Result<()> {
    let has_devices = !config.pcidevs.is_empty() || !config.dtdevs.is_empty();
    let info = &mut config.c_info;
    if info.passthrough == Passthrough::Default {
        info.passthrough = if has_devices {
            Passthrough::Enabled
        } else {
            Passthrough::Disabled
        };
    }
    if info.passthrough == Passthrough::Disabled {
        return if has_devices {
            Err(Error::inval(
                "passthrough disabled but devices are specified",
            ))
        } else {
            Ok(())
        };
    }
    if !host.directio {
        return Err(Error::inval("passthrough not supported on this platform")
            .hint("Xen has found no IOMMU, or it is off"));
    }
    if info.type_ == DomainType::Pvh {
        return Err(Error::inval("passthrough not supported for PVH guests"));
    }
    let cannot_share = if info.type_ == DomainType::Pv {
        Some("not valid for PV domain")
    } else if !host.hap_pt_share {
        Some("not supported on this platform")
    } else if info.hap != Some(true) {
        Some("only valid for HAP guests")
    } else {
        None
    };
    match (info.passthrough, cannot_share) {
        (Passthrough::Enabled, None) => info.passthrough = Passthrough::SharePt,
        (Passthrough::Enabled, Some(_)) => info.passthrough = Passthrough::SyncPt,
        (Passthrough::SharePt, Some(why)) => {
            return Err(Error::inval(format!("passthrough=\"share_pt\" {why}")));
        }
        _ => {}
    }
    Ok(())
}

fn memory_combinations(config: &DomainConfig, populate_on_demand: bool) -> Result<()> {
    let is_pv = config.c_info.type_ == DomainType::Pv;
    let has_vnuma = !config.b_info.vnuma_nodes.is_empty();
    if populate_on_demand && config.c_info.passthrough != Passthrough::Disabled {
        return Err(Error::inval(
            "IOMMU required for device passthrough but not supported together with PoD",
        )
        .hint("set maxmem= to the value of memory="));
    }
    if populate_on_demand && has_vnuma {
        return Err(Error::inval("Cannot enable PoD and vNUMA at the same time")
            .hint("set maxmem= to the value of memory="));
    }
    if is_pv && has_vnuma {
        return Err(Error::inval("PV vNUMA is not supported"));
    }
    Ok(())
}

fn paging_memory(config: &mut DomainConfig) {
    let (c_info, b_info) = (&config.c_info, &mut config.b_info);
    if b_info.shadow_memkb == MEMKB_DEFAULT {
        let hap = c_info.type_ != DomainType::Pv && c_info.hap == Some(true);
        b_info.shadow_memkb = super::memory::paging_kb(
            b_info.max_memkb,
            u64::try_from(b_info.max_vcpus).unwrap_or(0),
            c_info.type_,
            hap,
        );
    }
    if b_info.iommu_memkb == MEMKB_DEFAULT {
        b_info.iommu_memkb = if c_info.passthrough == Passthrough::SyncPt {
            super::memory::iommu_kb(b_info.max_memkb)
        } else {
            0
        };
    }
}

fn feature_combinations(
    config: &DomainConfig,
    populate_on_demand: bool,
    host: &Host<'_>,
) -> Result<()> {
    let b_info = &config.b_info;
    let altp2m = match &b_info.u {
        DomainBuildInfoU::Hvm(hvm) => {
            hvm.altp2m == Some(true) || b_info.altp2m != Altp2mMode::Disabled
        }
        DomainBuildInfoU::Pvh(_) => b_info.altp2m != Altp2mMode::Disabled,
        _ => false,
    };
    let is_pv = config.c_info.type_ == DomainType::Pv;
    if altp2m && !is_pv && b_info.nested_hvm == Some(true) {
        return Err(Error::inval(
            "nestedhvm and altp2mhvm cannot be used together",
        ));
    }
    if altp2m && !is_pv && populate_on_demand {
        return Err(
            Error::inval("Cannot enable PoD and ALTP2M at the same time")
                .hint("set maxmem= to the value of memory="),
        );
    }
    if b_info.vpmu == Some(true) && !host.vpmu {
        return Err(Error::inval("vPMU not supported on this platform")
            .hint("boot Xen with vpmu=1, or leave vpmu= out"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
