//! What each kind fills in, and what it refuses.

use std::path::Path;

use super::guest_of;
use crate::device::{Console, Kind, Ring, When};
use crate::log::Logger;
use crate::paths::XEN_RUNDIR;
use crate::paths::XEN_SCRIPTDIR;
use crate::release;
use crate::types::{
    DeviceDisk, DeviceNic, DeviceP9, DeviceVfb, DeviceVkb, DeviceVtpm, DiskBackend, DiskFormat,
    DiskSpecification, DiskTransport, DomainType, Mac, NicType, P9Type, VkbBackend,
};
use crate::{Code, Error, Result};

fn complete<K: Kind>(config: &mut K, type_: DomainType, when: When) -> Result<()> {
    config.set_defaults(&Logger::silent(), &guest_of(1, type_), when)
}

fn refused<K: Kind>(mut config: K, type_: DomainType, when: When) -> Error {
    complete(&mut config, type_, when).expect_err("must be refused")
}

fn disk(path: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some("xvda".into()),
        pdev_path: Some(path.into()),
        format: DiskFormat::Raw,
        readwrite: 1,
        ..DeviceDisk::default()
    }
}

fn drive() -> DeviceDisk {
    DeviceDisk {
        vdev: Some("hdc".into()),
        format: DiskFormat::Empty,
        is_cdrom: 1,
        removable: 1,
        ..DeviceDisk::default()
    }
}

/// A path that is a plain file wherever the tests run.
fn plain_file() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

fn backend_of(mut disk: DeviceDisk) -> DiskBackend {
    complete(&mut disk, DomainType::Pv, When::Creation).unwrap();
    disk.backend
}

#[test]
fn the_kernel_serves_raw_files_and_qemu_serves_images() {
    assert_eq!(backend_of(disk(&plain_file())), DiskBackend::Phy);
    let mut image = disk(&plain_file());
    image.format = DiskFormat::Qcow2;
    assert_eq!(backend_of(image), DiskBackend::Qdisk);
    assert_eq!(backend_of(disk("/dev/null")), DiskBackend::Qdisk);
    assert_eq!(backend_of(drive()), DiskBackend::Qdisk);
}

#[test]
fn a_script_or_a_driver_domain_is_not_looked_into() {
    let mut scripted = disk("iqn.2001-05.com.example:disk");
    scripted.script = Some("block-iscsi".into());
    assert_eq!(backend_of(scripted), DiskBackend::Phy);
    let mut elsewhere = disk("/dev/vg/there");
    elsewhere.backend_domid = 4;
    assert_eq!(backend_of(elsewhere), DiskBackend::Phy);
    let mut asked_for = disk("nbd://host/export");
    asked_for.backend = DiskBackend::Qdisk;
    assert_eq!(backend_of(asked_for), DiskBackend::Qdisk);
}

#[test]
fn a_cd_drive_of_an_hvm_guest_is_qemus() {
    let mut cdrom = drive();
    complete(&mut cdrom, DomainType::Hvm, When::Creation).unwrap();
    assert_eq!(cdrom.backend, DiskBackend::Qdisk);
    let mut kernel = disk(&plain_file());
    kernel.is_cdrom = 1;
    kernel.backend = DiskBackend::Phy;
    if release::CD_MEDIA_FROM_THE_KERNEL {
        complete(&mut kernel, DomainType::Hvm, When::Creation).unwrap();
        assert_eq!(kernel.backend, DiskBackend::Phy);
    } else {
        let error = refused(kernel.clone(), DomainType::Hvm, When::Creation);
        assert_eq!(error.code(), Code::Fail);
    }
    cdrom.backend = DiskBackend::Phy;
    // Nothing is written outside a machine with Xen: the directory is not there.
    if !release::CD_MEDIA_FROM_THE_KERNEL || !Path::new(XEN_RUNDIR).exists() {
        let empty = refused(cdrom, DomainType::Hvm, When::Creation);
        assert_eq!(empty.code(), Code::Fail);
        assert_eq!(
            empty.to_string().contains("/empty-cdrom."),
            release::CD_MEDIA_FROM_THE_KERNEL,
            "{empty}"
        );
    }
    complete(&mut kernel, DomainType::Pv, When::Creation).unwrap();
}

#[test]
fn disks_that_contradict_themselves_are_refused() {
    type Spoil = fn(&mut DeviceDisk);
    let cases: [(&str, Spoil); 7] = [
        ("only a CD drive can be", |d| d.format = DiskFormat::Empty),
        ("but has the image", |d| {
            *d = DeviceDisk {
                pdev_path: Some("/x".into()),
                ..drive()
            }
        }),
        ("cannot look at /nonexistent", |d| {
            d.pdev_path = Some("/nonexistent".into())
        }),
        ("has no path", |d| d.pdev_path = None),
        ("for virtio disks only", |d| {
            d.transport = DiskTransport::Mmio
        }),
        ("has no suitable backend", |d| {
            d.format = DiskFormat::Vhd;
            d.backend = DiskBackend::Phy;
        }),
        ("has no suitable backend", |d| {
            d.script = Some("block".into());
            d.backend = DiskBackend::Qdisk;
        }),
    ];
    for (says, spoil) in cases {
        let mut bad = disk(&plain_file());
        spoil(&mut bad);
        let error = refused(bad, DomainType::Pv, When::Creation);
        assert_eq!(error.code(), Code::Inval, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let mut nameless = disk(&plain_file());
    nameless.vdev = Some("vda".into());
    nameless.backend = DiskBackend::Phy;
    assert_eq!(nameless.device(1).unwrap_err().code(), Code::Inval);
}

#[test]
fn virtio_disks_come_with_the_guest() {
    let mut virtio = disk(&plain_file());
    virtio.specification = DiskSpecification::Virtio;
    assert_eq!(
        refused(virtio.clone(), DomainType::Pv, When::Hotplug).code(),
        Code::Fail
    );
    complete(&mut virtio, DomainType::Pv, When::Creation).unwrap();
    assert_eq!(virtio.backend, DiskBackend::Standalone);
    assert_eq!(virtio.transport, DiskTransport::Mmio);
}

#[test]
fn a_disk_says_what_it_was_given() {
    let mut read_only = disk(&plain_file());
    read_only.readwrite = 0;
    complete(&mut read_only, DomainType::Pv, When::Creation).unwrap();
    assert_eq!(read_only.discard_enable, Some(false));
    assert_eq!(read_only.trusted, Some(true));
    assert_eq!(read_only.colo_enable, Some(false));
    let mut kept = disk(&plain_file());
    kept.discard_enable = Some(false);
    kept.trusted = Some(false);
    complete(&mut kept, DomainType::Pv, When::Creation).unwrap();
    assert_eq!(
        (kept.discard_enable, kept.trusted),
        (Some(false), Some(false))
    );
}

#[test]
fn a_nic_is_emulated_only_where_qemu_still_can() {
    let type_of = |type_, when| {
        let mut nic = DeviceNic::default();
        complete(&mut nic, type_, when).unwrap();
        nic.nictype
    };
    assert_eq!(type_of(DomainType::Hvm, When::Creation), NicType::VifIoemu);
    assert_eq!(type_of(DomainType::Hvm, When::Hotplug), NicType::Vif);
    assert_eq!(type_of(DomainType::Pv, When::Creation), NicType::Vif);
    assert_eq!(type_of(DomainType::Pvh, When::Creation), NicType::Vif);
    let emulated = DeviceNic {
        nictype: NicType::VifIoemu,
        ..DeviceNic::default()
    };
    let error = refused(emulated, DomainType::Pvh, When::Creation);
    assert_eq!(error.code(), Code::Inval);
}

#[test]
fn a_nic_gets_xens_defaults() {
    let mut nic = DeviceNic::default();
    complete(&mut nic, DomainType::Pv, When::Creation).unwrap();
    assert_eq!(nic.mac.0[..3], [0x00, 0x16, 0x3e]);
    assert_eq!(nic.mac.0[3] & 0x80, 0);
    assert_eq!(nic.bridge.as_deref(), Some("xenbr0"));
    assert_eq!(nic.script, Some(format!("{XEN_SCRIPTDIR}/vif-bridge")));
    assert_eq!(nic.model.as_deref(), Some("rtl8139"));
    assert_eq!((nic.mtu, nic.trusted), (1500, Some(true)));
    let mut other = DeviceNic::default();
    complete(&mut other, DomainType::Pv, When::Creation).unwrap();
    assert_ne!(nic.mac, other.mac);
    let mut given = DeviceNic {
        mac: Mac([2, 0, 0, 0, 0, 1]),
        ..DeviceNic::default()
    };
    complete(&mut given, DomainType::Pv, When::Creation).unwrap();
    assert_eq!(given.mac, Mac([2, 0, 0, 0, 0, 1]));
}

#[test]
fn a_framebuffer_listens_at_home() {
    let mut vfb = DeviceVfb::default();
    complete(&mut vfb, DomainType::Pv, When::Creation).unwrap();
    assert_eq!(vfb.vnc.enable, Some(true));
    assert_eq!(vfb.vnc.findunused, Some(true));
    assert_eq!(vfb.vnc.listen.as_deref(), Some("127.0.0.1"));
    assert_eq!((vfb.sdl.enable, vfb.sdl.opengl), (Some(false), Some(false)));
    let mut off = DeviceVfb::default();
    off.vnc.enable = Some(false);
    complete(&mut off, DomainType::Pv, When::Creation).unwrap();
    assert_eq!((off.vnc.listen, off.vnc.findunused), (None, Some(false)));
}

#[test]
fn the_rest_of_the_defaults() {
    let mut vkb = DeviceVkb::default();
    complete(&mut vkb, DomainType::Hvm, When::Creation).unwrap();
    assert_eq!(vkb.backend_type, VkbBackend::Qemu);
    let mut vtpm = DeviceVtpm::default();
    complete(&mut vtpm, DomainType::Pv, When::Creation).unwrap();
    assert!(!vtpm.uuid.is_nil());
}

#[test]
fn a_console_is_the_first_one_or_has_a_server_of_its_own() {
    let ring = Ring {
        port: 2,
        frame: 0xfefff,
        tty: None,
    };
    let mut first = Console::primary(0, ring);
    complete(&mut first, DomainType::Pv, When::Creation).unwrap();
    let later = Console {
        devid: 1,
        ..first.clone()
    };
    assert_eq!(
        refused(later, DomainType::Pv, When::Creation).code(),
        Code::Inval
    );
    first.name = Some("channel".into());
    assert_eq!(
        refused(first, DomainType::Pv, When::Creation).code(),
        Code::Inval
    );
}

#[test]
fn a_shared_directory_says_who_serves_it() {
    let share = |edit: fn(&mut DeviceP9)| {
        let mut config = DeviceP9 {
            path: Some("/share".into()),
            security_model: Some("none".into()),
            tag: Some("x".into()),
            ..DeviceP9::default()
        };
        edit(&mut config);
        config
    };
    let completed = |edit: fn(&mut DeviceP9)| {
        let mut config = share(edit);
        complete(&mut config, DomainType::Pvh, When::Creation).map(|()| config)
    };
    if !release::SHARED_DIRECTORIES_HAVE_A_SERVER {
        assert_eq!(
            completed(|p9| p9.tag = None).unwrap().type_,
            P9Type::Unknown
        );
        return;
    }
    assert_eq!(completed(|_| {}).unwrap().type_, P9Type::Qemu);
    let daemon = completed(|p9| {
        p9.type_ = P9Type::Xen9pfsd;
        p9.tag = None;
        p9.max_files = 3;
    });
    assert_eq!(daemon.unwrap().tag.as_deref(), Some("Xen"));
    for wrong in [
        (|p9| p9.tag = None) as fn(&mut DeviceP9),
        |p9| p9.path = None,
        |p9| p9.security_model = None,
        |p9| p9.max_space = 1,
        |p9| p9.auto_delete = true,
    ] {
        let error = refused(share(wrong), DomainType::Pvh, When::Creation);
        assert_eq!(error.code(), Code::Inval);
    }
}
