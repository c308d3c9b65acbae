//! What the defaults decide, on a machine made up for each test.

use std::io;

use super::*;
use crate::Code;
use crate::types::{
    BiosType, DeviceModelVersion, DevicePci, DomainBuildInfoHvm, TimerMode, VgaInterfaceType,
};

fn host() -> Host<'static> {
    Host {
        hap: true,
        shadow: true,
        directio: true,
        hap_pt_share: true,
        vpmu: false,
        gnttab_v1: true,
        gnttab_v2: true,
        executable: &|_| Ok(()),
        installed: &|_| false,
        qemu: "/q/qemu",
        firmware_dir: "/fw",
        paging_defaults: true,
        prefers_stubdom: false,
    }
}

fn config(type_: DomainType) -> DomainConfig {
    let mut config = DomainConfig::default();
    config.c_info.type_ = type_;
    config.b_info.u = DomainBuildInfoU::init(type_);
    config.b_info.max_memkb = 256 << 10;
    config.b_info.max_vcpus = 1;
    config
}

fn hvm(config: &mut DomainConfig) -> &mut DomainBuildInfoHvm {
    match &mut config.b_info.u {
        DomainBuildInfoU::Hvm(hvm) => hvm,
        other => panic!("not HVM: {other:?}"),
    }
}

fn refused(config: &mut DomainConfig, host: &Host<'_>) -> String {
    let error = fill(config, host).expect_err("refused");
    assert_eq!(error.code(), Code::Inval, "{error}");
    error.to_string()
}

#[test]
fn an_hvm_guest_gets_qemu_seabios_and_cirrus() {
    let mut config = config(DomainType::Hvm);
    fill(&mut config, &host()).expect("fill");
    assert_eq!(config.c_info.hap, Some(true));
    assert_eq!(config.c_info.passthrough, Passthrough::Disabled);
    let info = &config.b_info;
    assert_eq!(info.device_model_version, DeviceModelVersion::QemuXen);
    assert_eq!(
        (info.max_vcpus, info.avail_vcpus.bytes.as_slice()),
        (1, &[1][..])
    );
    assert_eq!((info.target_memkb, info.video_memkb), (256 << 10, 8 << 10));
    assert_eq!(info.shadow_memkb, 4 * (256 + 256));
    assert_eq!((info.iommu_memkb, info.stubdomain_memkb), (0, 0));
    assert_eq!(info.timer_mode, TimerMode::NoDelayForMissedTicks);
    assert_eq!((info.max_grant_version, info.event_channels), (2, 1023));
    let hvm = hvm(&mut config);
    assert_eq!(
        (hvm.bios, hvm.vga.kind),
        (BiosType::Seabios, VgaInterfaceType::Cirrus)
    );
    assert_eq!(hvm.vnc.listen.as_deref(), Some("127.0.0.1"));
    assert_eq!(hvm.boot.as_deref(), Some("cda"));
}

#[test]
fn what_is_given_stays() {
    let mut config = config(DomainType::Hvm);
    config.c_info.hap = Some(false);
    config.b_info.video_memkb = 32 << 10;
    config.b_info.stubdomain_kernel = Some("/k".into());
    config.b_info.device_model_stubdomain = Some(true);
    config.b_info.device_model_version = DeviceModelVersion::QemuXen;
    hvm(&mut config).vnc.enable = Some(false);
    fill(&mut config, &host()).expect("fill");
    assert_eq!(config.c_info.hap, Some(false));
    assert_eq!(config.b_info.video_memkb, 32 << 10);
    assert_eq!(config.b_info.stubdomain_kernel.as_deref(), Some("/k"));
    let ramdisk = config.b_info.stubdomain_ramdisk.as_deref();
    assert_eq!(ramdisk, Some("/fw/qemu-stubdom-linux-rootfs"));
    assert_eq!(config.b_info.stubdomain_memkb, 128 << 10);
    assert_eq!(config.b_info.device_model_ssidref, 13);
    assert_eq!(hvm(&mut config).vnc.listen, None);
}

#[test]
fn a_linux_stub_domain_shows_no_screen_that_nobody_asked_for() {
    for (version, shown) in [
        (DeviceModelVersion::QemuXen, false),
        (DeviceModelVersion::QemuXenTraditional, true),
    ] {
        let mut config = config(DomainType::Hvm);
        config.b_info.device_model_stubdomain = Some(true);
        config.b_info.device_model_version = version;
        fill(&mut config, &host()).expect("fill");
        assert_eq!(hvm(&mut config).vnc.enable, Some(shown));
    }
}

#[test]
fn a_stub_domain_without_a_version_is_minios() {
    let mut config = config(DomainType::Hvm);
    config.b_info.device_model_stubdomain = Some(true);
    fill(&mut config, &host()).expect("fill");
    let info = &config.b_info;
    assert_eq!(
        info.device_model_version,
        DeviceModelVersion::QemuXenTraditional
    );
    assert_eq!(
        info.stubdomain_kernel.as_deref(),
        Some("/fw/ioemu-stubdom.gz")
    );
    assert_eq!(
        (info.stubdomain_ramdisk.as_deref(), info.stubdomain_memkb),
        (None, 28 << 10)
    );
    assert_eq!(hvm(&mut config).bios, BiosType::Rombios);
}

#[test]
fn a_missing_qemu_is_an_error_where_one_is_needed() {
    let missing = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    let denied = |_: &str| Err(io::Error::from(io::ErrorKind::PermissionDenied));
    let mut first = config(DomainType::Hvm);
    let host_without = Host {
        executable: &missing,
        ..host()
    };
    let error = fill(&mut first, &host_without).expect_err("refused");
    assert!(error.to_string().contains("/q/qemu"), "{error}");
    let mut without = config(DomainType::Pv);
    fill(&mut without, &host_without).expect("PV guests need none");
    let version = without.b_info.device_model_version;
    assert_eq!(version, DeviceModelVersion::QemuXen);
    first.b_info.device_model_version = DeviceModelVersion::QemuXenTraditional;
    fill(&mut first, &host_without).expect("asked for by name");
    let mut second = config(DomainType::Pv);
    let host_denied = Host {
        executable: &denied,
        ..host()
    };
    let error = fill(&mut second, &host_denied).expect_err("refused");
    assert_eq!(error.code(), Code::Fail);
}

#[test]
fn old_places_are_taken_over_once() {
    let mut first = config(DomainType::Pv);
    let DomainBuildInfoU::Pv(pv) = &mut first.b_info.u else {
        panic!("PV")
    };
    pv.kernel = Some("/old".into());
    let mut second = first.clone();
    fill(&mut first, &host()).expect("fill");
    assert_eq!(first.b_info.kernel.as_deref(), Some("/old"));
    second.b_info.kernel = Some("/new".into());
    assert!(refused(&mut second, &host()).contains("kernel"));
}

#[test]
fn what_cannot_work_is_refused() {
    let with = |change: fn(&mut DomainConfig)| {
        let mut config = config(DomainType::Hvm);
        change(&mut config);
        config
    };
    let mut no_paging = config(DomainType::Pvh);
    let poor = Host {
        hap: false,
        shadow: false,
        ..host()
    };
    assert!(refused(&mut no_paging, &poor).contains("neither hap nor shadow"));
    let mut bios = with(|c| hvm(c).bios = BiosType::Rombios);
    assert!(refused(&mut bios, &host()).contains("rombios"));
    let mut ramdisk = with(|c| c.b_info.ramdisk = Some("/r".into()));
    assert!(refused(&mut ramdisk, &host()).contains("kernel missing"));
    let mut video = with(|c| {
        hvm(c).vga.kind = VgaInterfaceType::Std;
        c.b_info.video_memkb = 8 << 10;
    });
    assert!(refused(&mut video, &host()).contains("at least 16 MB"));
    let mut usb = with(|c| {
        hvm(c).usb = Some(true);
        hvm(c).usbversion = 3;
    });
    assert!(refused(&mut usb, &host()).contains("usbversion"));
    let mut vpmu = with(|c| c.b_info.vpmu = Some(true));
    assert!(refused(&mut vpmu, &host()).contains("vPMU"));
    let mut nested = with(|c| {
        c.b_info.nested_hvm = Some(true);
        hvm(c).altp2m = Some(true);
    });
    assert!(refused(&mut nested, &host()).contains("nestedhvm"));
    let mut grant = with(|c| c.b_info.max_grant_version = 16);
    assert!(refused(&mut grant, &host()).contains("out of range"));
    assert!(refused(&mut config(DomainType::Invalid), &host()).contains("type"));
}

#[test]
fn devices_settle_passthrough() {
    let with_device = |type_| {
        let mut config = config(type_);
        config.pcidevs.push(DevicePci::default());
        config
    };
    let mut shared = with_device(DomainType::Hvm);
    fill(&mut shared, &host()).expect("fill");
    assert_eq!(shared.c_info.passthrough, Passthrough::SharePt);
    assert_eq!(shared.b_info.iommu_memkb, 0);
    let mut synced = with_device(DomainType::Pv);
    fill(&mut synced, &host()).expect("fill");
    assert_eq!(synced.c_info.passthrough, Passthrough::SyncPt);
    assert_ne!(synced.b_info.iommu_memkb, 0);
    assert!(refused(&mut with_device(DomainType::Pvh), &host()).contains("PVH"));
    let mut pod = with_device(DomainType::Hvm);
    pod.b_info.target_memkb = 128 << 10;
    assert!(refused(&mut pod, &host()).contains("PoD"));
    let bare = Host {
        directio: false,
        ..host()
    };
    assert!(refused(&mut with_device(DomainType::Hvm), &bare).contains("not supported"));
    let mut disabled = with_device(DomainType::Hvm);
    disabled.c_info.passthrough = Passthrough::Disabled;
    assert!(refused(&mut disabled, &host()).contains("disabled"));
}

#[test]
fn a_stub_domain_is_linux_where_only_that_is_installed() {
    let mut config = config(DomainType::Hvm);
    config.b_info.device_model_stubdomain = Some(true);
    let host = Host {
        installed: &|path| path == "/fw/qemu-stubdom-linux-kernel",
        ..host()
    };
    fill(&mut config, &host).expect("fill");
    let info = &config.b_info;
    assert_eq!(info.device_model_version, DeviceModelVersion::QemuXen);
    assert_eq!(
        info.stubdomain_kernel.as_deref(),
        Some("/fw/qemu-stubdom-linux-kernel")
    );
    assert_eq!(hvm(&mut config).bios, BiosType::Seabios);
}

#[test]
fn a_host_may_prefer_stub_domains() {
    let host = Host {
        installed: &|_| true,
        prefers_stubdom: true,
        ..host()
    };
    let stubdomain = |type_, asked| {
        let mut config = config(type_);
        config.b_info.device_model_stubdomain = asked;
        config.b_info.device_model_version = DeviceModelVersion::QemuXen;
        fill(&mut config, &host).expect("fill");
        config.b_info.device_model_stubdomain
    };
    assert_eq!(stubdomain(DomainType::Hvm, None), Some(true));
    assert_eq!(stubdomain(DomainType::Hvm, Some(false)), Some(false));
    assert_eq!(stubdomain(DomainType::Pvh, None), Some(false));
}

#[test]
fn who_counted_no_page_tables_gets_none_by_default() {
    let shadow = |paging_defaults, type_| {
        let mut config = config(type_);
        let host = Host {
            paging_defaults,
            ..host()
        };
        fill(&mut config, &host).expect("fill");
        config.b_info.shadow_memkb
    };
    for type_ in [DomainType::Hvm, DomainType::Pvh, DomainType::Pv] {
        assert_eq!(shadow(false, type_), 0, "{type_:?}");
        assert!((1..MEMKB_DEFAULT).contains(&shadow(true, type_)));
    }
}
