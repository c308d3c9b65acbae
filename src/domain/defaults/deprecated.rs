//! Fields that moved in the build information: a value at the old place is taken over to the new one.

use crate::types::{DomainBuildInfo, DomainBuildInfoU, TimerMode};
use crate::{Error, Result};

/// Takes over what the caller set at an old place; setting both places is refused.
pub(super) fn take_over(info: &mut DomainBuildInfo) -> Result<()> {
    match &mut info.u {
        DomainBuildInfoU::Hvm(hvm) => {
            moved("apic", &mut hvm.apic, &mut info.apic)?;
            moved("nested_hvm", &mut hvm.nested_hvm, &mut info.nested_hvm)?;
            if hvm.timer_mode != TimerMode::Unknown {
                if info.timer_mode != TimerMode::Unknown {
                    return Err(twice("timer_mode"));
                }
                info.timer_mode = std::mem::replace(&mut hvm.timer_mode, TimerMode::Unknown);
            }
        }
        DomainBuildInfoU::Pv(pv) => {
            moved("kernel", &mut pv.kernel, &mut info.kernel)?;
            moved("ramdisk", &mut pv.ramdisk, &mut info.ramdisk)?;
            moved("cmdline", &mut pv.cmdline, &mut info.cmdline)?;
            moved("bootloader", &mut pv.bootloader, &mut info.bootloader)?;
            if !pv.bootloader_args.is_empty() {
                if !info.bootloader_args.is_empty() {
                    return Err(twice("bootloader_args"));
                }
                info.bootloader_args = std::mem::take(&mut pv.bootloader_args);
            }
        }
        _ => {}
    }
    Ok(())
}

fn moved<T>(name: &str, old: &mut Option<T>, new: &mut Option<T>) -> Result<()> {
    match (old.take(), &*new) {
        (Some(_), Some(_)) => Err(twice(name)),
        (Some(value), None) => {
            *new = Some(value);
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

fn twice(name: &str) -> Error {
    Error::inval(format!(
        "{name} is set both at its place in the build information and at its old place in the union"
    ))
}
