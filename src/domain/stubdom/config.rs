//! The stub domain's own configuration, made from its guest's.

use crate::dm::{self, args};
use crate::types::{
    DeviceDisk, DeviceNic, DeviceVfb, DeviceVkb, DiskBackend, DiskFormat, DomainBuildInfoPv,
    DomainBuildInfoU, DomainConfig, DomainType, NicType, Uuid,
};

/// The stub domain's own configuration, made from the guest's.
pub(super) fn config(guest: &DomainConfig, name: String, uuid: Uuid, server: bool) -> DomainConfig {
    let mut config = DomainConfig::default();
    let from = &guest.b_info;

    let create = &mut config.c_info;
    create.type_ = DomainType::Pv;
    create.name = Some(name);
    create.uuid = uuid;
    create.ssidref = from.device_model_ssidref;
    create.run_hotplug_scripts = guest.c_info.run_hotplug_scripts;

    let build = &mut config.b_info;
    build.u = DomainBuildInfoU::Pv(DomainBuildInfoPv {
        features: Some(String::new()),
        ..DomainBuildInfoPv::default()
    });
    build.shadow_memkb = 0;
    build.max_vcpus = 1;
    // The emulated video memory is QEMU's, so it counts as the stub domain's.
    build.max_memkb = from.stubdomain_memkb + from.video_memkb;
    build.target_memkb = build.max_memkb;
    build.max_grant_frames = from.max_grant_frames;
    build.max_maptrack_frames = from.max_maptrack_frames;
    build.max_grant_version = from.max_grant_version;
    build.kernel = from.stubdomain_kernel.clone();
    build.ramdisk = from.stubdomain_ramdisk.clone();
    build.cmdline = from.stubdomain_cmdline.clone();
    build.device_model_version = from.device_model_version;
    build.device_model = from.device_model.clone();
    build.extra = from.extra.clone();
    build.extra_pv = from.extra_pv.clone();
    build.extra_hvm = from.extra_hvm.clone();

    config.disks = match dm::is_linux(guest) {
        true => guest.disks.iter().filter_map(own_disk).collect(),
        false => guest.disks.clone(),
    };
    let nics = guest.nics.iter().filter(|nic| has_side_of(guest, nic));
    config.nics = nics.map(plain_nic).collect();
    if let Some(hvm) = args::hvm(from).filter(|_| !server) {
        let shown = [hvm.vnc.enable, hvm.spice.enable, hvm.sdl.enable];
        if shown.contains(&Some(true)) {
            config.vfbs.push(DeviceVfb {
                devid: 0,
                vnc: hvm.vnc.clone(),
                sdl: hvm.sdl.clone(),
                keymap: hvm.keymap.clone(),
                ..DeviceVfb::default()
            });
            config.vkbs.push(DeviceVkb {
                devid: 0,
                ..DeviceVkb::default()
            });
        }
    }
    config
}

/// A Linux stub domain's side of a guest's disk; nothing for an empty CD drive, which its kernel would wait for. A medium
/// comes as a disk of its own, see domain/cdrom.rs, and is served by the kernel where that can.
pub(in crate::domain) fn own_disk(disk: &DeviceDisk) -> Option<DeviceDisk> {
    if disk.is_cdrom == 0 {
        return Some(disk.clone());
    }
    (disk.format != DiskFormat::Empty).then(|| DeviceDisk {
        backend: DiskBackend::Unknown,
        readwrite: 0,
        ..disk.clone()
    })
}

/// Whether the stub domain has a side of a guest's NIC. QEMU has no card for a paravirtual one. But MiniOS counts its NICs from 0,
/// so that none may be missing there; our image finds them by their number.
fn has_side_of(guest: &DomainConfig, nic: &DeviceNic) -> bool {
    nic.nictype != NicType::Vif || !dm::is_linux(guest)
}

/// The stub domain's side of a guest's NIC. QEMU in there emulates the guest's card on top of it.
fn plain_nic(nic: &DeviceNic) -> DeviceNic {
    DeviceNic {
        nictype: NicType::Vif,
        ifname: nic.ifname.as_ref().map(|name| format!("{name}-emu")),
        ..nic.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DOM0;
    use crate::types::{DeviceModelVersion, DomainBuildInfoHvm, MEMKB_DEFAULT};

    fn guest(hvm: DomainBuildInfoHvm) -> DomainConfig {
        let mut guest = DomainConfig::default();
        guest.b_info.u = DomainBuildInfoU::Hvm(hvm);
        guest.b_info.device_model_version = DeviceModelVersion::QemuXen;
        guest.b_info.stubdomain_memkb = 128 * 1024;
        guest.b_info.video_memkb = 8 * 1024;
        guest.b_info.stubdomain_kernel = Some("/k".into());
        guest
    }

    #[test]
    fn a_stub_domain_is_a_small_pv_domain() {
        let config = config(
            &guest(DomainBuildInfoHvm::default()),
            "g-dm".into(),
            Uuid([7; 16]),
            false,
        );
        assert_eq!(config.c_info.name.as_deref(), Some("g-dm"));
        assert_eq!(config.b_info.max_memkb, 136 * 1024);
        assert_eq!(config.b_info.target_memkb, 136 * 1024);
        assert_eq!(config.b_info.max_vcpus, 1);
        assert_eq!(config.b_info.kernel.as_deref(), Some("/k"));
        assert_eq!(config.c_info.uuid, Uuid([7; 16]));
        assert_ne!(config.b_info.video_memkb, 8 * 1024);
        assert_eq!(config.b_info.video_memkb, MEMKB_DEFAULT);
        assert!(config.vfbs.is_empty() && config.vkbs.is_empty());
    }

    #[test]
    fn a_screen_needs_a_framebuffer_where_qemu_shows_it() {
        let mut hvm = DomainBuildInfoHvm::default();
        hvm.vnc.enable = Some(true);
        let guest = guest(hvm);
        let shown = config(&guest, "g-dm".into(), Uuid([7; 16]), false);
        assert_eq!((shown.vfbs.len(), shown.vkbs.len()), (1, 1));
        assert_eq!(shown.vfbs[0].backend_domid, DOM0);
        let served = config(&guest, "g-dm".into(), Uuid([7; 16]), true);
        assert!(served.vfbs.is_empty() && served.vkbs.is_empty());
    }

    #[test]
    fn a_cd_is_a_disk_of_the_kernels_and_an_empty_drive_none() {
        let mut guest = guest(DomainBuildInfoHvm::default());
        let disk = |vdev: &str, is_cdrom, format| DeviceDisk {
            vdev: Some(vdev.into()),
            pdev_path: Some("/d".into()),
            backend: DiskBackend::Qdisk,
            readwrite: i32::from(is_cdrom == 0),
            is_cdrom,
            format,
            ..DeviceDisk::default()
        };
        guest.disks = vec![
            disk("hda", 0, DiskFormat::Qcow2),
            disk("hdb", 1, DiskFormat::Raw),
            disk("hdc", 1, DiskFormat::Empty),
        ];
        let disks = |guest: &DomainConfig| -> Vec<_> {
            let config = config(guest, "g-dm".into(), Uuid([7; 16]), true);
            let disks = config.disks.into_iter();
            disks
                .map(|disk| (disk.vdev.unwrap(), disk.backend))
                .collect()
        };
        let hda = ("hda".to_owned(), DiskBackend::Qdisk);
        assert_eq!(
            disks(&guest),
            [hda.clone(), ("hdb".to_owned(), DiskBackend::Unknown)]
        );
        // What MiniOS gets is as with the C library.
        guest.b_info.device_model_version = DeviceModelVersion::QemuXenTraditional;
        assert_eq!(disks(&guest).len(), 3);
        assert_eq!(disks(&guest)[0], hda);
    }

    #[test]
    fn nics_are_not_emulated_twice() {
        let mut guest = guest(DomainBuildInfoHvm::default());
        guest.nics.push(DeviceNic {
            devid: 0,
            nictype: NicType::VifIoemu,
            ifname: Some("web".into()),
            ..DeviceNic::default()
        });
        let config = config(&guest, "g-dm".into(), Uuid([7; 16]), true);
        assert_eq!(config.nics[0].nictype, NicType::Vif);
        assert_eq!(config.nics[0].ifname.as_deref(), Some("web-emu"));
    }

    #[test]
    fn a_nic_that_is_not_emulated_is_none_of_linuxs() {
        let mut guest = guest(DomainBuildInfoHvm::default());
        let nics = [(0, NicType::Vif), (1, NicType::VifIoemu), (2, NicType::Vif)];
        guest.nics = nics
            .map(|(devid, nictype)| DeviceNic {
                devid,
                nictype,
                ..DeviceNic::default()
            })
            .into();
        let numbers = |guest: &DomainConfig| -> Vec<_> {
            let config = config(guest, "g-dm".into(), Uuid([7; 16]), true);
            config.nics.iter().map(|nic| nic.devid).collect()
        };
        assert_eq!(numbers(&guest), [1]);
        guest.b_info.device_model_version = DeviceModelVersion::QemuXenTraditional;
        assert_eq!(numbers(&guest), [0, 1, 2]);
    }
}
