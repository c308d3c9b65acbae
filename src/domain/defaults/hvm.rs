//! Defaults of HVM guests: firmware, graphics, input, remote displays.

use super::memory::default_kb;
use crate::domain::refuse;
use crate::types::{
    BiosType, DeviceModelVersion, DomainBuildInfo, DomainBuildInfoHvm, DomainBuildInfoU,
    MEMKB_DEFAULT, RdmReservePolicy, VgaInterfaceType,
};
use crate::{Error, Result};

/// Where memory below 4 GiB ends when reserved device memory asks for room: 2 GiB.
const RDM_MEM_BOUNDARY_MEMKB: u64 = 2048 * 1024;

/// Firmware and device model must fit each other.
pub(super) fn firmware(info: &mut DomainBuildInfo) -> Result<()> {
    let version = info.device_model_version;
    let DomainBuildInfoU::Hvm(hvm) = &mut info.u else {
        return Ok(());
    };
    let traditional = version == DeviceModelVersion::QemuXenTraditional;
    if hvm.bios == BiosType::Unknown {
        hvm.bios = if traditional {
            BiosType::Rombios
        } else {
            BiosType::Seabios
        };
    }
    if traditional && hvm.bios != BiosType::Rombios {
        return Err(
            Error::inval("qemu-xen-traditional requires bios=rombios.").hint(
                "set device_model_version=\"qemu-xen\" for other firmware, also in a Linux stub domain",
            ),
        );
    }
    if !traditional && hvm.bios == BiosType::Rombios {
        return Err(Error::inval("qemu-xen does not support bios=rombios."));
    }
    if info.kernel.is_none() && (info.ramdisk.is_some() || info.cmdline.is_some()) {
        return Err(
            Error::inval("direct boot parameters specified but kernel missing").hint("set kernel="),
        );
    }
    Ok(())
}

pub(super) fn fill(info: &mut DomainBuildInfo) -> Result<()> {
    default_kb(&mut info.shadow_memkb, 0);
    let version = info.device_model_version;
    let screen = !refuse::shows_only_on_request(info);
    let DomainBuildInfoU::Hvm(hvm) = &mut info.u else {
        return Ok(());
    };
    default_kb(&mut hvm.mmio_hole_memkb, 0);
    if hvm.vga.kind == VgaInterfaceType::Unknown {
        hvm.vga.kind = VgaInterfaceType::Cirrus;
    }
    info.video_memkb = video_kb(version, hvm.vga.kind, info.video_memkb)?;
    platform(hvm);
    usb(hvm)?;
    hvm.boot.get_or_insert_with(|| "cda".into());
    displays(hvm, screen);
    hvm.nographic.get_or_insert(false);
    hvm.gfx_passthru.get_or_insert(false);
    if hvm.rdm.policy == RdmReservePolicy::Invalid {
        hvm.rdm.policy = RdmReservePolicy::Relaxed;
    }
    default_kb(&mut hvm.rdm_mem_boundary_memkb, RDM_MEM_BOUNDARY_MEMKB);
    Ok(())
}

/// Video memory in KiB for a kind of card; too little for the card's modes is refused.
fn video_kb(version: DeviceModelVersion, kind: VgaInterfaceType, given: u64) -> Result<u64> {
    let traditional = version == DeviceModelVersion::QemuXenTraditional;
    let qemu = if traditional {
        "QEMU_XEN_TRADITIONAL"
    } else {
        "QEMU_XEN"
    };
    let (card, least_mb) = match kind {
        VgaInterfaceType::None => {
            return Ok(if given == MEMKB_DEFAULT { 0 } else { given });
        }
        VgaInterfaceType::Qxl if traditional => {
            return Err(Error::inval("qemu upstream required for qxl vga")
                .hint("set device_model_version=\"qemu-xen\""));
        }
        VgaInterfaceType::Qxl => ("QXL", 128),
        VgaInterfaceType::Std if traditional => ("STDVGA", 8),
        VgaInterfaceType::Std => ("STDVGA", 16),
        // Traditional QEMU's cirrus always has 4 MiB, so there is nothing to refuse.
        _ if traditional => {
            return Ok(if given == MEMKB_DEFAULT {
                4 << 10
            } else {
                given
            });
        }
        _ => ("CIRRUS", 8),
    };
    match given {
        MEMKB_DEFAULT => Ok(least_mb << 10),
        kb if kb < least_mb << 10 => Err(Error::inval(format!(
            "videoram must be at least {least_mb} MB for {card} on {qemu}"
        ))),
        kb => Ok(kb),
    }
}

fn platform(hvm: &mut DomainBuildInfoHvm) {
    for (field, value) in [
        (&mut hvm.pae, true),
        (&mut hvm.acpi, true),
        (&mut hvm.acpi_s3, true),
        (&mut hvm.acpi_s4, true),
        (&mut hvm.acpi_laptop_slate, false),
        (&mut hvm.nx, true),
        (&mut hvm.viridian, false),
        (&mut hvm.hpet, true),
        (&mut hvm.vpt_align, true),
        (&mut hvm.altp2m, false),
        (&mut hvm.usb, false),
        (&mut hvm.vkb_device, true),
        (&mut hvm.xen_platform_pci, true),
        (&mut hvm.pirq, false),
    ] {
        field.get_or_insert(value);
    }
}

fn usb(hvm: &mut DomainBuildInfoHvm) -> Result<()> {
    let spice = *hvm.spice.enable.get_or_insert(false);
    if !spice {
        hvm.spice.usbredirection = hvm.spice.usbredirection.min(0);
    }
    if hvm.usbversion == 0 && hvm.spice.usbredirection > 0 {
        hvm.usbversion = 2;
    }
    let new_style = hvm.usbversion != 0 || hvm.spice.usbredirection != 0;
    let old_style =
        hvm.usb == Some(true) || hvm.usbdevice.is_some() || !hvm.usbdevice_list.is_empty();
    if new_style && old_style {
        return Err(Error::inval(
            "usbversion and/or usbredirection cannot be enabled with usb and/or usbdevice parameters.",
        ));
    }
    Ok(())
}

fn displays(hvm: &mut DomainBuildInfoHvm, screen: bool) {
    if *hvm.vnc.enable.get_or_insert(screen) {
        hvm.vnc.findunused.get_or_insert(true);
        hvm.vnc.listen.get_or_insert_with(|| "127.0.0.1".into());
    }
    if *hvm.sdl.enable.get_or_insert(false) {
        hvm.sdl.opengl.get_or_insert(false);
    }
    if hvm.spice.enable == Some(true) {
        hvm.spice.disable_ticketing.get_or_insert(false);
        hvm.spice.agent_mouse.get_or_insert(true);
        hvm.spice.vdagent.get_or_insert(false);
        hvm.spice.clipboard_sharing.get_or_insert(false);
    }
}
