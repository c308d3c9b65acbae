//! What the hypervisor is told when a domain is made.

use crate::release;
use crate::types::{
    Altp2mMode, DomainBuildInfo, DomainBuildInfoU, DomainConfig, DomainType, Passthrough,
};
use crate::xen::{CreateDomain, CreateFlags, IommuOptions};
use crate::{Error, Result};

/// Local APIC: all that a PVH guest gets (`XEN_X86_EMU_*`, arch-x86/xen.h).
const EMU_LAPIC: u32 = 1;
/// Every emulated device except the virtual PCI bus, which only PVH dom0 has.
const EMU_HVM: u32 = 0x3ff;
/// Of these, interrupts of physical devices as event channels.
const EMU_PIRQ: u32 = 0x200;
/// The trace buffer's size is rounded up to this.
const PAGE: u64 = 4096;
/// Grant table versions that fit the hypervisor's field.
const GRANT_VERSIONS: std::ops::RangeInclusive<i32> = 0..=15;

/// The hypercall's argument for a configuration whose defaults are filled in. `domid` is what the configuration asks
/// for, which may be "any".
pub fn create_config(config: &DomainConfig) -> Result<CreateDomain> {
    let (info, build) = (&config.c_info, &config.b_info);
    let emulation_flags = match info.type_ {
        DomainType::Hvm if without_pirqs(build) => EMU_HVM & !EMU_PIRQ,
        DomainType::Hvm => EMU_HVM,
        DomainType::Pvh => EMU_LAPIC,
        DomainType::Pv => 0,
        DomainType::Invalid => return Err(Error::inval("the domain's type is not set")),
    };
    let translated = info.type_ != DomainType::Pv;
    let iommu = match info.passthrough {
        Passthrough::Disabled => false,
        Passthrough::Default => return Err(Error::inval("passthrough has no default filled in")),
        Passthrough::Enabled | Passthrough::SyncPt | Passthrough::SharePt => true,
    };
    if !GRANT_VERSIONS.contains(&build.max_grant_version) {
        return Err(Error::inval(format!(
            "max_grant_version {} is out of range",
            build.max_grant_version
        )));
    }
    let trace_bytes = u64::try_from(build.vmtrace_buf_kb).unwrap_or(0) << 10;
    Ok(CreateDomain {
        domid: info.domid,
        ssidref: info.ssidref,
        handle: info.uuid.0,
        flags: CreateFlags {
            hvm: translated,
            hap: translated && info.hap == Some(true),
            oos_off: translated && info.oos != Some(true),
            nested_virt: translated && build.nested_hvm == Some(true),
            iommu,
            vpmu: build.vpmu == Some(true),
            xs_domain: false,
        },
        iommu: IommuOptions {
            no_sharept: info.passthrough == Passthrough::SyncPt,
        },
        max_vcpus: u32::try_from(build.max_vcpus)
            .map_err(|_| Error::inval(format!("{} vCPUs make no sense", build.max_vcpus)))?,
        max_evtchn_port: build.event_channels,
        max_grant_frames: frames(build.max_grant_frames),
        max_maptrack_frames: frames(build.max_maptrack_frames),
        max_grant_version: build.max_grant_version.unsigned_abs(),
        vmtrace_size: u32::try_from(trace_bytes.next_multiple_of(PAGE))
            .map_err(|_| Error::inval("vmtrace_buf_kb is too large"))?,
        cpupool: info.poolid,
        emulation_flags,
        msr_relaxed: build.arch_x86.msr_relaxed == Some(true),
        altp2m: u32::try_from(altp2m(build).raw()).unwrap_or(0),
    })
}

fn without_pirqs(info: &DomainBuildInfo) -> bool {
    match &info.u {
        DomainBuildInfoU::Hvm(hvm) => release::PIRQS_ON_REQUEST && hvm.pirq != Some(true),
        _ => false,
    }
}

/// Which second-level address translations the guest may switch between. The older switch of HVM guests counts where the newer
/// one is off.
pub(super) fn altp2m(info: &DomainBuildInfo) -> Altp2mMode {
    match (&info.u, info.altp2m) {
        (DomainBuildInfoU::Hvm(hvm), Altp2mMode::Disabled) if hvm.altp2m == Some(true) => {
            Altp2mMode::Mixed
        }
        (_, mode) => mode,
    }
}

/// `u32::MAX` stands for the hypervisor's default, which it calls -1.
fn frames(wanted: u32) -> i32 {
    match wanted {
        u32::MAX => -1,
        some => i32::try_from(some).unwrap_or(i32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(type_: DomainType) -> DomainConfig {
        let mut config = DomainConfig::default();
        config.c_info.type_ = type_;
        config.c_info.hap = Some(true);
        config.c_info.oos = Some(true);
        config.c_info.passthrough = Passthrough::Disabled;
        config.b_info.max_vcpus = 2;
        config.b_info.max_grant_version = 2;
        config.b_info.event_channels = 1023;
        config.b_info.nested_hvm = Some(true);
        config
    }

    #[test]
    fn hvm_flags_are_for_translated_guests() {
        let hvm = create_config(&config(DomainType::Hvm)).unwrap();
        assert!(hvm.flags.hvm && hvm.flags.hap && hvm.flags.nested_virt);
        assert!(!hvm.flags.oos_off && !hvm.flags.iommu);
        assert_eq!(hvm.emulation_flags, 0x3ff);
        let mut quiet = config(DomainType::Hvm);
        quiet.b_info.u = DomainBuildInfoU::init(DomainType::Hvm);
        let flags = |config: &DomainConfig| create_config(config).unwrap().emulation_flags;
        assert_eq!(
            flags(&quiet),
            if release::PIRQS_ON_REQUEST {
                0x1ff
            } else {
                0x3ff
            }
        );
        if let DomainBuildInfoU::Hvm(hvm) = &mut quiet.b_info.u {
            hvm.pirq = Some(true);
        }
        assert_eq!(flags(&quiet), 0x3ff);
        assert_eq!((hvm.max_grant_frames, hvm.max_maptrack_frames), (-1, -1));

        let pv = create_config(&config(DomainType::Pv)).unwrap();
        assert_eq!(pv.flags, CreateFlags::default());
        assert_eq!(pv.emulation_flags, 0);

        let pvh = create_config(&config(DomainType::Pvh)).unwrap();
        assert_eq!(pvh.emulation_flags, 1);
    }

    #[test]
    fn passthrough_decides_on_the_iommu() {
        let mut some = config(DomainType::Hvm);
        some.c_info.passthrough = Passthrough::SyncPt;
        let create = create_config(&some).unwrap();
        assert!(create.flags.iommu && create.iommu.no_sharept);
        some.c_info.passthrough = Passthrough::SharePt;
        assert!(!create_config(&some).unwrap().iommu.no_sharept);
        some.c_info.passthrough = Passthrough::Default;
        assert!(create_config(&some).is_err());
    }

    #[test]
    fn trace_buffers_are_whole_pages() {
        let mut some = config(DomainType::Hvm);
        some.b_info.vmtrace_buf_kb = 5;
        assert_eq!(create_config(&some).unwrap().vmtrace_size, 8192);
        some.b_info.max_vcpus = -1;
        assert!(create_config(&some).is_err());
    }

    #[test]
    fn the_older_altp2m_switch_counts_alone() {
        let mut info = DomainBuildInfo {
            u: DomainBuildInfoU::init(DomainType::Hvm),
            ..Default::default()
        };
        assert_eq!(altp2m(&info), Altp2mMode::Disabled);
        if let DomainBuildInfoU::Hvm(hvm) = &mut info.u {
            hvm.altp2m = Some(true);
        }
        assert_eq!(altp2m(&info), Altp2mMode::Mixed);
        info.altp2m = Altp2mMode::External;
        assert_eq!(altp2m(&info), Altp2mMode::External);
    }
}
