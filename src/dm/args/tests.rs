//! Command lines as the C library makes them; the comparison on real Xen covers more configurations.

use super::*;
use crate::paths::XEN_RUNDIR;
use crate::types::{
    Bitmap, DeviceChannel, DeviceChannelSocket, DeviceChannelU, DeviceDisk, DeviceNic, DeviceVfb,
    DiskBackend, DiskFormat, DomainBuildInfoPv, DomainType, Hdtype, Mac, NicType, VendorDevice,
    VgaInterfaceType,
};

fn hvm_guest(edit: impl FnOnce(&mut DomainConfig, &mut DomainBuildInfoHvm)) -> DomainConfig {
    let mut config = DomainConfig::default();
    config.c_info.type_ = DomainType::Hvm;
    config.c_info.name = Some("g".into());
    let build = &mut config.b_info;
    build.device_model_version = DeviceModelVersion::QemuXen;
    build.device_model_stubdomain = Some(false);
    build.max_vcpus = 1;
    build.avail_vcpus = Bitmap { bytes: vec![1] };
    build.max_memkb = 65536;
    build.video_memkb = 8192;
    build.acpi = Some(true);
    let mut hvm = DomainBuildInfoHvm {
        acpi: Some(true),
        xen_platform_pci: Some(true),
        boot: Some("cda".into()),
        hdtype: Hdtype::Ide,
        mmio_hole_memkb: 0,
        ..DomainBuildInfoHvm::default()
    };
    hvm.vga.kind = VgaInterfaceType::Cirrus;
    hvm.vnc.enable = Some(false);
    edit(&mut config, &mut hvm);
    config.b_info.u = DomainBuildInfoU::Hvm(hvm);
    config
}

fn environment() -> Environment<'static> {
    Environment {
        domid: 5,
        ..Environment::default()
    }
}

fn line(config: &DomainConfig) -> CommandLine {
    build("/usr/libexec/qemu", config, &environment()).expect("a command line")
}

fn args(config: &DomainConfig) -> String {
    // As on Debian, wherever this build has its sockets.
    let line = line(config).args.join(" ");
    line.replace(XEN_RUNDIR, "/var/run/xen")
}

fn disk(vdev: &str, edit: impl FnOnce(&mut DeviceDisk)) -> DeviceDisk {
    let mut disk = DeviceDisk {
        vdev: Some(vdev.into()),
        pdev_path: Some("/d".into()),
        backend: DiskBackend::Phy,
        format: DiskFormat::Raw,
        readwrite: 1,
        ..DeviceDisk::default()
    };
    edit(&mut disk);
    disk
}

const START: &str = "-xen-domid 5 -no-shutdown \
     -chardev socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-5,server=on,wait=off \
     -mon chardev=libxl-cmd,mode=control \
     -chardev socket,id=libxenstat-cmd,path=/var/run/xen/qmp-libxenstat-5,server=on,wait=off \
     -mon chardev=libxenstat-cmd,mode=control -nodefaults -no-user-config -name g";

#[test]
fn a_plain_hvm_guest() {
    let config = hvm_guest(|config, hvm| {
        hvm.serial = Some("pty".into());
        config.disks.push(disk("hda", |_| {}));
    });
    let expected = format!(
        "{START} -vnc none -display none -serial pty -device cirrus-vga,vgamem_mb=8 \
         -boot order=cda -net none -machine xenfv,suppress-vmdesc=on -m 56 \
         -drive file=/d,if=ide,index=0,media=disk,format=raw,cache=writeback"
    );
    assert_eq!(args(&config), expected);
    let env: Vec<_> = line(&config).env;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let limit = pair("XEN_QEMU_CONSOLE_LIMIT", "1048576");
    let mut expected = vec![limit, pair("XEN_DOMAIN_ID", "5")];
    if release::QEMU_9 {
        expected.remove(0);
    }
    assert_eq!(env, expected);
}

#[test]
fn what_a_newer_qemu_has_no_option_for() {
    let config = hvm_guest(|config, hvm| {
        config.b_info.dm_restrict = Some(true);
        hvm.spice.enable = Some(true);
        hvm.spice.port = 6000;
        hvm.spice.passwd = Some("a,b".into());
    });
    let environment = Environment {
        chroot: "/root",
        run_as: Some("nobody"),
        ..environment()
    };
    let line = build("qemu", &config, &environment).expect("a command line");
    let after = |option: &str| -> Vec<String> {
        let pairs = line.args.windows(2).filter(|pair| pair[0] == option);
        pairs.map(|pair| pair[1].clone()).collect()
    };
    let spice = after("-spice").concat();
    if release::QEMU_9 {
        assert_eq!(after("-run-with"), ["chroot=/root", "user=nobody"]);
        assert!(spice.contains("password-secret=spice-password"), "{spice}");
        assert_eq!(after("-object"), ["secret,id=spice-password,data=a,,b"]);
        assert!(after("-chroot").is_empty() && after("-runas").is_empty());
    } else {
        assert_eq!(
            (after("-chroot"), after("-runas")),
            (vec!["/root".into()], vec!["nobody".into()])
        );
        assert!(spice.contains(",password=a,b"), "{spice}");
        assert!(after("-object").is_empty() && after("-run-with").is_empty());
    }
}

#[test]
fn the_same_guest_with_a_stub_domain() {
    let config = hvm_guest(|config, hvm| {
        config.b_info.device_model_stubdomain = Some(true);
        hvm.serial_list = vec!["pty".into(), "null".into()];
        hvm.vnc.enable = Some(true);
        config.disks.push(disk("xvda", |_| {}));
        config.disks.push(disk("hdc", |disk| {
            disk.is_cdrom = 1;
            disk.readwrite = 0;
            disk.format = DiskFormat::Empty;
        }));
        config.disks.push(disk("xvdaa", |_| {}));
    });
    let expected = "-xen-domid 5 -no-shutdown -nodefaults -no-user-config -name g -display none \
         -serial /dev/hvc3 -serial /dev/hvc4 -device cirrus-vga,vgamem_mb=8 -boot order=cda \
         -net none -machine xenfv,suppress-vmdesc=on -m 56 \
         -drive file=/dev/xvda,if=ide,index=0,media=disk,format=host_device,cache=writeback \
         -drive if=none,readonly=on,id=ide-5632 -device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0";
    assert_eq!(args(&config), expected);
    let line = line(&config);
    assert_eq!(line.program, "stubdom-dm");
    assert_eq!(line.warnings.len(), 1, "{:?}", line.warnings);
}

#[test]
fn screens_cards_and_boot_media() {
    let config = hvm_guest(|config, hvm| {
        hvm.vnc.enable = Some(true);
        hvm.vnc.passwd = Some("x".into());
        hvm.vnc.findunused = Some(true);
        hvm.vnc.listen = Some("0.0.0.0".into());
        hvm.vnc.display = 3;
        hvm.keymap = Some("de".into());
        hvm.vga.kind = VgaInterfaceType::Qxl;
        hvm.usbversion = 2;
        hvm.soundhw = Some("HDA".into());
        hvm.vendor_device = VendorDevice::Xenserver;
        hvm.xen_platform_pci = Some(false);
        hvm.mmio_hole_memkb = 2 << 20;
        hvm.acpi = Some(false);
        config.b_info.kernel = Some("/k".into());
        config.b_info.cmdline = Some("a b".into());
        config.b_info.max_vcpus = 4;
        config.b_info.avail_vcpus.bytes = vec![3];
        config.b_info.extra = vec!["-e".into()];
        config.b_info.extra_hvm = vec!["-h".into()];
        config.b_info.extra_pv = vec!["-p".into()];
    });
    let (no_acpi, acpi_off) = match release::QEMU_9 {
        true => ("", ",acpi=off"),
        false => (" -no-acpi", ""),
    };
    let expected = format!(
        "{START} -vnc 0.0.0.0:3,password=on,to=99 -display none -k de -kernel /k -append a b \
         -device qxl-vga,vram_size_mb=4,ram_size_mb=4 -boot order=cda \
         -device ich9-usb-ehci1,id=usb,addr=0x1d.0x7,multifunction=on \
         -device ich9-usb-uhci1,masterbus=usb.0,firstport=0,addr=0x1d.0,multifunction=on \
         -device ich9-usb-uhci2,masterbus=usb.0,firstport=2,addr=0x1d.0x1,multifunction=on \
         -device ich9-usb-uhci3,masterbus=usb.0,firstport=4,addr=0x1d.0x2,multifunction=on \
         -device intel-hda -device hda-duplex{no_acpi} -smp 2,maxcpus=4 -net none -e \
         -machine pc,accel=xen,suppress-vmdesc=on{acpi_off},max-ram-below-4g=2147483648 -h -m 56 \
         -device xen-pvdevice,device-id=0xc000"
    );
    assert_eq!(args(&config), expected);
}

#[test]
fn disks_on_every_bus() {
    let mut config = hvm_guest(|config, hvm| {
        hvm.hdtype = Hdtype::Ahci;
        config.disks.push(disk("hda", |disk| {
            disk.backend = DiskBackend::Qdisk;
            disk.format = DiskFormat::Qcow2;
        }));
        config.disks.push(disk("sdb", |disk| disk.readwrite = 0));
        config.disks.push(disk("hdd", |disk| {
            disk.is_cdrom = 1;
            disk.readwrite = 0;
        }));
        config.disks.push(disk("51712", |_| {}));
        config.disks.push(disk("xvdg", |_| {}));
        config.disks.push(disk("xvdc", |disk| {
            disk.script = Some("block-iscsi".into());
        }));
    });
    let line = line(&config);
    let args = line.args.join(" ");
    assert!(
        args.contains(" -name g -vnc none -display none -device lsi53c895a -device cirrus-vga")
    );
    let expected = "-m 56 -device ahci,id=ahci0 \
         -drive file=/d,if=none,id=ahcidisk-0,format=qcow2,cache=writeback \
         -device ide-hd,bus=ahci0.0,unit=0,drive=ahcidisk-0 \
         -drive file=/d,id=scsi0-hd1,format=raw,if=none,readonly=on,cache=writeback \
         -device scsi-hd,drive=scsi0-hd1,scsi-id=1 \
         -drive if=none,readonly=on,id=ide-5696,file=/d,format=raw \
         -device ide-cd,id=ide-5696,drive=ide-5696,bus=ide.1,unit=1";
    assert!(args.ends_with(expected), "{args}");
    assert_eq!(line.warnings.len(), 3, "{:?}", line.warnings);

    config.disks = vec![disk("hda", |disk| disk.readwrite = 0)];
    let error = build("q", &config, &environment()).unwrap_err();
    assert_eq!(error.code(), crate::Code::Inval);
}

#[test]
fn a_disk_behind_a_script_is_what_the_script_says() {
    let config = hvm_guest(|config, _| {
        config.disks.push(disk("hda", |disk| {
            disk.script = Some("block-iscsi".into());
        }));
    });
    let environment = Environment {
        script_targets: HashMap::from([("hda".into(), "/dev/sdz".into())]),
        ..environment()
    };
    let line = build("q", &config, &environment).unwrap();
    let drive = "file=/dev/sdz,if=ide,index=0,media=disk,format=raw,cache=writeback";
    assert_eq!(line.args.last().unwrap(), drive);
}

#[test]
fn a_file_of_a_driver_domain_is_not_looked_for_here() {
    for (named, backend_domid) in [(None, 3), (Some("storage"), 0)] {
        let config = hvm_guest(|config, _| {
            config.disks.push(disk("hda", |disk| {
                disk.backend_domid = backend_domid;
                disk.backend_domname = named.map(str::to_owned);
            }));
        });
        let line = line(&config);
        assert!(!line.args.join(" ").contains("/d"), "{:?}", line.args);
        assert_eq!(line.warnings.len(), 1);
    }
}

#[test]
fn a_network_card() {
    let config = hvm_guest(|config, _| {
        for (devid, nictype) in [(0, NicType::Vif), (1, NicType::VifIoemu)] {
            config.nics.push(DeviceNic {
                devid,
                nictype,
                model: Some("e1000".into()),
                bridge: Some("xenbr0".into()),
                mac: Mac([0, 0x16, 0x3e, 1, 2, 3]),
                ..DeviceNic::default()
            });
        }
    });
    let expected = " -device e1000,id=nic1,netdev=net1,mac=00:16:3e:01:02:03 \
         -netdev type=tap,id=net1,ifname=vif5.1-emu,br=xenbr0,script=no,downscript=no -machine";
    assert!(args(&config).contains(expected));
    assert!(!args(&config).contains("-net none"));
}

#[test]
fn a_paravirtual_guest_with_a_framebuffer_and_a_channel() {
    let mut config = DomainConfig::default();
    config.c_info.name = Some("g".into());
    config.b_info.u = DomainBuildInfoU::Pv(DomainBuildInfoPv::default());
    config.b_info.device_model_version = DeviceModelVersion::QemuXen;
    config.b_info.max_memkb = 131_072;
    config.b_info.video_memkb = 0;
    config.b_info.extra_pv = vec!["-p".into()];
    let without = args(&config);
    let mut vfb = DeviceVfb::default();
    vfb.vnc.enable = Some(true);
    config.vfbs.push(vfb);
    config.channels.push(DeviceChannel {
        devid: 1,
        u: DeviceChannelU::Socket(DeviceChannelSocket {
            path: Some("/s".into()),
        }),
        ..DeviceChannel::default()
    });
    let with = args(&config);
    let head = START.replace(" -name g", "");
    let (monitors, rest) = head.split_once(" -nodefaults").unwrap();
    assert_eq!(
        without,
        format!(
            "{monitors} -nodefaults{rest} -xen-attach -name g -vnc none -display none -nographic \
             -machine xenpv -p -m 128"
        )
    );
    assert_eq!(
        with,
        format!(
            "{monitors} -chardev socket,id=libxl-channel1,path=/s,server=on,wait=off \
             -nodefaults{rest} -xen-attach -name g -vnc 127.0.0.1:0 -display none \
             -machine xenpv -p -m 128"
        )
    );
}

#[test]
fn restoring() {
    let config = hvm_guest(|_, _| {});
    let restored = |restore| {
        let environment = Environment {
            restore,
            ..environment()
        };
        build("q", &config, &environment).map(|line| line.args.join(" "))
    };
    let args = restored(Restore::Fd(3)).unwrap();
    assert!(args.contains(" -net none -incoming fd:3 -machine "));
    let args = restored(Restore::Stubdom).unwrap();
    assert!(args.contains(" -incoming $STUBDOM_RESTORE_INCOMING_ARG -machine "));
    assert!(restored(Restore::File("/f".into())).is_err());
}

#[test]
fn contradictions_are_refused() {
    let refused = |edit: &dyn Fn(&mut DomainBuildInfoHvm)| {
        let config = hvm_guest(|_, hvm| edit(hvm));
        let error = build("q", &config, &environment()).unwrap_err();
        assert_eq!(error.domid(), Some(5));
        error.code()
    };
    use crate::Code::{Fail, Inval};
    assert_eq!(
        refused(&|hvm| {
            hvm.serial = Some("pty".into());
            hvm.serial_list = vec!["pty".into()];
        }),
        Inval
    );
    assert_eq!(
        refused(&|hvm| {
            hvm.usbdevice = Some("tablet".into());
            hvm.usbdevice_list = vec!["mouse".into()];
        }),
        Inval
    );
    assert_eq!(refused(&|hvm| hvm.usbversion = 4), Inval);
    assert_eq!(refused(&|hvm| hvm.soundhw = Some("tuba".into())), Inval);
    assert_eq!(refused(&|hvm| hvm.spice.enable = Some(true)), Inval);
    assert_eq!(refused(&|hvm| hvm.gfx_passthru = Some(true)), Fail);
    assert_eq!(
        refused(&|hvm| {
            hvm.vnc.enable = Some(true);
            hvm.vnc.listen = Some("::1:2".into());
            hvm.vnc.display = 1;
        }),
        Inval
    );
}

#[test]
fn the_old_device_model() {
    let config = hvm_guest(|config, hvm| {
        config.b_info.device_model_version = DeviceModelVersion::QemuXenTraditional;
        config.b_info.device_model_stubdomain = Some(true);
        config.b_info.avail_vcpus.bytes = vec![1, 0];
        hvm.vnc.enable = Some(true);
        hvm.vnc.findunused = Some(true);
        hvm.vga.kind = VgaInterfaceType::Std;
        hvm.usbdevice = Some("tablet".into());
        hvm.serial = Some("pty".into());
    });
    assert_eq!(
        args(&config),
        "-d 5 -domain-name g -vnc 127.0.0.1:0 -vncunused -serial pty -videoram 8 -std-vga \
         -boot cda -usb -usbdevice tablet -acpi -vcpu_avail 0x0001 -net none -M xenfv"
    );
}

#[test]
fn a_backend_without_a_guest_of_its_own() {
    let line = qdisk_backend("q", 7, true);
    assert_eq!(
        line.args.join(" "),
        "-xen-domid 7 -xen-attach -name domain-7 -nographic -M xenpv -monitor /dev/null \
         -serial /dev/null -parallel /dev/null"
    );
    assert!(line.env.is_empty());
}
