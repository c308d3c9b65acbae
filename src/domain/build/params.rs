//! Parameters that an HVM or PVH guest is given before its image: timers, alternate tables, Hyper-V enlightenments.

use super::create;
use crate::log::{Level, Logger};
use crate::release;
use crate::types::{
    Bitmap, DomainBuildInfo, DomainBuildInfoHvm, DomainBuildInfoU, TimerMode,
    ViridianEnlightenment as Viridian,
};
use crate::xen::{HvmParam, Xen};
use crate::{Domid, Error, Result, log_line};

/// Sets all parameters of the guest's type; PV guests have none.
pub(super) fn set(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    info: &DomainBuildInfo,
    restore: bool,
) -> Result<()> {
    if let DomainBuildInfoU::Hvm(hvm) = &info.u {
        let hpet = u64::from(hvm.hpet == Some(true));
        xen.hvm_param_set(domid, HvmParam::HpetEnabled, hpet)?;
        let align = u64::from(hvm.vpt_align == Some(true));
        xen.hvm_param_set(domid, HvmParam::VptAlign, align)?;
        if hvm.mca_caps != 0 {
            xen.hvm_param_set(domid, HvmParam::McaCap, hvm.mca_caps)?;
        }
    }
    if !matches!(info.u, DomainBuildInfoU::Pv(_)) {
        xen.hvm_param_set(domid, HvmParam::TimerMode, timer_mode(info)?)?;
        if !release::ALTP2M_AT_CREATION {
            let mode = u64::try_from(create::altp2m(info).raw()).unwrap_or(0);
            xen.hvm_param_set(domid, HvmParam::Altp2m, mode)?;
        }
    }
    // A stream brings its enlightenments along.
    if let (DomainBuildInfoU::Hvm(hvm), false) = (&info.u, restore) {
        let chosen = enlightenments(hvm).map_err(|error| error.domain(domid))?;
        for &one in &chosen {
            log_line!(log, Level::Detail, domid, "{} group enabled", one.name());
        }
        let mask = viridian_mask(&chosen);
        if mask != 0 {
            xen.hvm_param_set(domid, HvmParam::Viridian, mask)?;
        }
    }
    Ok(())
}

fn timer_mode(info: &DomainBuildInfo) -> Result<u64> {
    match info.timer_mode {
        TimerMode::Unknown => Err(Error::inval("timer_mode has no default filled in")),
        mode => Ok(u64::try_from(mode.raw()).unwrap_or(0)),
    }
}

/// What `viridian=1` stands for.
const DEFAULTS: [Viridian; 7] = [
    Viridian::Base,
    Viridian::Freq,
    Viridian::TimeRefCount,
    Viridian::ApicAssist,
    Viridian::CrashCtl,
    Viridian::NoVpLimit,
    Viridian::CpuHotplug,
];

/// The groups of enlightenments that the configuration asks for, by number.
fn enlightenments(hvm: &DomainBuildInfoHvm) -> Result<Vec<Viridian>> {
    let known = |map: &Bitmap| -> Vec<Viridian> {
        map.iter()
            .filter_map(|bit| Viridian::from_raw(i32::try_from(bit).ok()?))
            .collect()
    };
    let (enable, disable) = (known(&hvm.viridian_enable), known(&hvm.viridian_disable));
    if let Some(both) = enable.iter().find(|one| disable.contains(one)) {
        return Err(Error::fail(format!(
            "the viridian group {} is both enabled and disabled",
            both.name()
        )));
    }
    let mut chosen = enable;
    if hvm.viridian == Some(true) {
        chosen.extend(DEFAULTS);
    }
    chosen.retain(|one| !disable.contains(one));
    chosen.sort_by_key(|one| one.raw());
    chosen.dedup();
    if !chosen.is_empty() && !chosen.contains(&Viridian::Base) {
        return Err(Error::fail(
            "viridian groups need the group base, which is not enabled",
        ));
    }
    Ok(chosen)
}

/// `HVMPV_*` of hvm/params.h. The frequency group is part of the base and is switched off by a bit of its own.
fn viridian_mask(chosen: &[Viridian]) -> u64 {
    const NO_FREQ: u64 = 1 << 1;
    let bit = |one: &Viridian| match one {
        Viridian::Base => 1,
        Viridian::Freq => 0,
        Viridian::TimeRefCount => 1 << 2,
        Viridian::ReferenceTsc => 1 << 3,
        Viridian::HcallRemoteTlbFlush => 1 << 4,
        Viridian::ApicAssist => 1 << 5,
        Viridian::CrashCtl => 1 << 6,
        Viridian::Synic => 1 << 7,
        // Synthetic timers count the reference time and need a message to arrive by.
        Viridian::Stimer => 1 << 8 | 1 << 7 | 1 << 2,
        Viridian::HcallIpi => 1 << 9,
        Viridian::ExProcessorMasks => 1 << 10,
        Viridian::NoVpLimit => 1 << 11,
        Viridian::CpuHotplug => 1 << 12,
    };
    let mask = chosen.iter().map(bit).fold(0, |mask, bit| mask | bit);
    if chosen.contains(&Viridian::Base) && !chosen.contains(&Viridian::Freq) {
        return mask | NO_FREQ;
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(list: &[Viridian]) -> Bitmap {
        list.iter()
            .map(|one| usize::try_from(one.raw()).unwrap())
            .collect()
    }

    #[test]
    fn the_default_set() {
        let hvm = DomainBuildInfoHvm {
            viridian: Some(true),
            ..Default::default()
        };
        let chosen = enlightenments(&hvm).unwrap();
        assert_eq!(chosen, DEFAULTS);
        assert_eq!(viridian_mask(&chosen), 0x1865);
        let off = enlightenments(&DomainBuildInfoHvm::default()).unwrap();
        assert_eq!(viridian_mask(&off), 0);
    }

    #[test]
    fn groups_add_and_subtract() {
        let hvm = DomainBuildInfoHvm {
            viridian: Some(true),
            viridian_enable: groups(&[Viridian::Stimer]),
            viridian_disable: groups(&[Viridian::Freq, Viridian::CrashCtl]),
            ..Default::default()
        };
        let mask = viridian_mask(&enlightenments(&hvm).unwrap());
        assert_eq!(mask, 0x1801 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 8);
    }

    #[test]
    fn contradictions_are_errors() {
        let both = DomainBuildInfoHvm {
            viridian_enable: groups(&[Viridian::Base]),
            viridian_disable: groups(&[Viridian::Base]),
            ..Default::default()
        };
        assert!(enlightenments(&both).is_err());
        let no_base = DomainBuildInfoHvm {
            viridian_enable: groups(&[Viridian::Synic]),
            ..Default::default()
        };
        assert!(enlightenments(&no_base).is_err());
    }

    #[test]
    fn a_timer_mode_is_needed() {
        assert!(timer_mode(&DomainBuildInfo::default()).is_err());
    }
}
