//! Defaults of the build information that guest types share.

use std::io;

use super::memory::{default_kb, memory};
use super::{Host, deprecated, hvm};
use crate::types::{Bitmap, DeviceModelVersion, DomainBuildInfo, DomainBuildInfoU, TimerMode};
use crate::{Error, Result};

/// FLASK's initial security identifier for stub domains without a label.
const SECINITSID_DOMDM: u32 = 13;

/// Images of stub domains, in the firmware directory.
const MINIOS_IMAGE: &str = "ioemu-stubdom.gz";
const LINUX_KERNEL: &str = "qemu-stubdom-linux-kernel";
const LINUX_RAMDISK: &str = "qemu-stubdom-linux-rootfs";

/// Event channel ports a guest may have when nothing is said: the size of Xen's two-level interface on 32 bit.
const EVENT_CHANNELS: u32 = 1023;

/// The largest bitmap, in bytes, that is accepted for the vCPUs that are online at the start.
const MAX_AVAIL_VCPUS_BYTES: usize = 128;

/// A guest frame number that stands for "the same as the machine's".
const INVALID_GFN: u64 = u64::MAX;

/// The value of `max_grant_version` that means "not set", and the bits a version may use.
const GRANT_VERSION_DEFAULT: i32 = -1;
const GRANT_VERSION_MASK: i32 = 0xf;

/// The shim that turns a PV kernel into a PVH guest.
const SHIM: &str = "xen-shim";
const SHIM_CMDLINE: &str = "pv-shim console=xen,pv";

pub(super) fn fill(info: &mut DomainBuildInfo, host: &Host<'_>) -> Result<()> {
    if matches!(info.u, DomainBuildInfoU::Invalid) {
        return Err(Error::inval("invalid domain type").hint("set type= to pv, pvh or hvm"));
    }
    deprecated::take_over(info)?;
    device_model(info, host)?;
    info.blkdev_start.get_or_insert_with(|| "xvda".into());
    if matches!(info.u, DomainBuildInfoU::Hvm(_)) {
        hvm::firmware(info)?;
        stubdomain_images(info, host);
    }
    vcpus(info)?;
    info.numa_placement.get_or_insert(true);
    memory(info);
    info.claim_mode.get_or_insert(false);
    info.localtime.get_or_insert(false);
    info.disable_migrate.get_or_insert(false);
    for range in &mut info.iomem {
        if range.gfn == INVALID_GFN {
            range.gfn = range.start;
        }
    }
    if info.event_channels == 0 {
        info.event_channels = EVENT_CHANNELS;
    }
    info.acpi.get_or_insert(true);
    info.arch_x86.msr_relaxed.get_or_insert(false);
    info.dm_restrict.get_or_insert(false);
    bootloader(info);
    per_type(info, host)?;
    if !matches!(info.u, DomainBuildInfoU::Pv(_)) {
        if info.timer_mode == TimerMode::Unknown {
            info.timer_mode = TimerMode::NoDelayForMissedTicks;
        }
        info.apic.get_or_insert(true);
        info.nested_hvm.get_or_insert(false);
    }
    grant_version(info, host)
}

/// A bootloader that has a user of its own is confined. Where nobody says anything, the host decides when it is started.
fn bootloader(info: &mut DomainBuildInfo) {
    let user = std::env::var("LIBXL_BOOTLOADER_USER").ok();
    let confined = user.is_some() || std::env::var_os("LIBXL_BOOTLOADER_RESTRICT").is_some();
    if confined {
        info.bootloader_restrict = Some(true);
    }
    info.bootloader_user = user.or_else(|| info.bootloader_user.take());
    if info.bootloader_user.is_some() {
        info.bootloader_restrict.get_or_insert(true);
    }
}

fn per_type(info: &mut DomainBuildInfo, host: &Host<'_>) -> Result<()> {
    match &mut info.u {
        DomainBuildInfoU::Hvm(_) => hvm::fill(info),
        DomainBuildInfoU::Pv(pv) => {
            pv.e820_host.get_or_insert(false);
            default_kb(&mut pv.slack_memkb, 0);
            default_kb(&mut info.video_memkb, 0);
            default_kb(&mut info.shadow_memkb, 0);
            Ok(())
        }
        DomainBuildInfoU::Pvh(pvh) => {
            default_kb(&mut info.video_memkb, 0);
            default_kb(&mut info.shadow_memkb, 0);
            if *pvh.pvshim.get_or_insert(false) {
                pvh.pvshim_path
                    .get_or_insert_with(|| format!("{}/{SHIM}", host.firmware_dir));
                pvh.pvshim_cmdline
                    .get_or_insert_with(|| SHIM_CMDLINE.into());
            }
            Ok(())
        }
        DomainBuildInfoU::Invalid => Err(Error::inval("invalid domain type")),
    }
}

/// Which QEMU, and whether in a stub domain.
fn device_model(info: &mut DomainBuildInfo, host: &Host<'_>) -> Result<()> {
    let is_hvm = matches!(info.u, DomainBuildInfoU::Hvm(_));
    let stubdomain = *info
        .device_model_stubdomain
        .get_or_insert(is_hvm && host.prefers_stubdom);
    info.vpmu.get_or_insert(false);
    if stubdomain && info.device_model_ssidref == 0 {
        info.device_model_ssidref = SECINITSID_DOMDM;
    }
    if info.device_model_version != DeviceModelVersion::Unknown {
        return Ok(());
    }
    if is_hvm && stubdomain {
        info.device_model_version = stubdomain_version(info, host);
        return Ok(());
    }
    if stubdomain {
        return Err(
            Error::fail("a stub domain is asked for, but the guest is not HVM")
                .hint("remove device_model_stubdomain_override, or set type=\"hvm\""),
        );
    }
    info.device_model_version = DeviceModelVersion::QemuXen;
    let path = info.device_model.as_deref().unwrap_or(host.qemu);
    match (host.executable)(path) {
        // Most PV and PVH guests need none; where one does, the start of its QEMU names what is missing.
        Err(e) if e.kind() == io::ErrorKind::NotFound && !is_hvm => Ok(()),
        found => found.map_err(|e| {
            Error::io(format!("cannot use the device model {path}"), &e).hint(
                "install QEMU for Xen (Debian: qemu-system-xen), or set device_model_override",
            )
        }),
    }
}

/// Without a stated version a stub domain is MiniOS with qemu-traditional, as it always was, unless that image is not
/// installed and the Linux one is.
fn stubdomain_version(info: &DomainBuildInfo, host: &Host<'_>) -> DeviceModelVersion {
    let installed = |name: &str| (host.installed)(&format!("{}/{name}", host.firmware_dir));
    if info.stubdomain_kernel.is_none() && !installed(MINIOS_IMAGE) && installed(LINUX_KERNEL) {
        DeviceModelVersion::QemuXen
    } else {
        DeviceModelVersion::QemuXenTraditional
    }
}

fn stubdomain_images(info: &mut DomainBuildInfo, host: &Host<'_>) {
    if info.device_model_stubdomain != Some(true) {
        return;
    }
    let in_firmware_dir = |name: &str| format!("{}/{name}", host.firmware_dir);
    if info.device_model_version == DeviceModelVersion::QemuXen {
        info.stubdomain_kernel
            .get_or_insert_with(|| in_firmware_dir(LINUX_KERNEL));
        info.stubdomain_ramdisk
            .get_or_insert_with(|| in_firmware_dir(LINUX_RAMDISK));
    } else {
        info.stubdomain_kernel
            .get_or_insert_with(|| in_firmware_dir(MINIOS_IMAGE));
    }
}

fn vcpus(info: &mut DomainBuildInfo) -> Result<()> {
    if info.max_vcpus == 0 {
        info.max_vcpus = 1;
    }
    if info.max_vcpus < 0 {
        return Err(Error::inval(format!(
            "{} is no number of vCPUs",
            info.max_vcpus
        )));
    }
    if info.avail_vcpus.bytes.is_empty() {
        info.avail_vcpus = Bitmap::new(1);
        info.avail_vcpus.set(0);
    } else if info.avail_vcpus.bytes.len() > MAX_AVAIL_VCPUS_BYTES {
        return Err(Error::fail("avail_vcpus bitmap contains too many VCPUS"));
    }
    if !info.cpumap.bytes.is_empty() && info.vcpu_hard_affinity.is_empty() {
        let count = usize::try_from(info.max_vcpus).unwrap_or(0);
        info.vcpu_hard_affinity = vec![info.cpumap.clone(); count];
    }
    Ok(())
}

fn grant_version(info: &mut DomainBuildInfo, host: &Host<'_>) -> Result<()> {
    if info.max_grant_version == GRANT_VERSION_DEFAULT {
        info.max_grant_version = if host.gnttab_v2 {
            2
        } else {
            i32::from(host.gnttab_v1)
        };
    } else if info.max_grant_version & !GRANT_VERSION_MASK != 0 {
        return Err(Error::inval(format!(
            "max grant version {} out of range",
            info.max_grant_version
        )));
    }
    Ok(())
}
