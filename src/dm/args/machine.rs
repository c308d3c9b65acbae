//! The emulated machine: boot, serial ports, USB, sound, processors, chipset, memory.

use super::{CommandLine, FIRST_SERIAL_CONSOLE, Input, is, megabytes};
use crate::release;
use crate::types::{DomainBuildInfoHvm, GfxPassthruKind, VendorDevice};
use crate::{Code, Result};

/// Where the hole for devices below 4 GiB starts unless a larger one is asked for.
const DEFAULT_HOLE_START: u64 = 0xf000_0000;

/// A kernel that QEMU loads itself.
pub(super) fn direct_boot(input: &Input<'_>, line: &mut CommandLine) {
    let build = input.build;
    for (option, value) in [
        ("-kernel", &build.kernel),
        ("-initrd", &build.ramdisk),
        ("-append", &build.cmdline),
    ] {
        if let Some(value) = value {
            line.pair(option, value);
        }
    }
}

/// The guest's serial ports, from the two forms that a configuration may use.
pub(crate) fn serial_ports(hvm: &DomainBuildInfoHvm) -> &[String] {
    match &hvm.serial {
        Some(port) => std::slice::from_ref(port),
        None => &hvm.serial_list,
    }
}

pub(super) fn serial(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<()> {
    if hvm.serial.is_some() && !hvm.serial_list.is_empty() {
        return Err(input.invalid("serial is given both as one port and as a list"));
    }
    for (number, port) in serial_ports(hvm).iter().enumerate() {
        if input.stubdom {
            line.pair(
                "-serial",
                format!("/dev/hvc{}", FIRST_SERIAL_CONSOLE + number),
            );
        } else {
            line.pair("-serial", port);
        }
    }
    Ok(())
}

pub(super) fn boot_order(hvm: &DomainBuildInfoHvm, line: &mut CommandLine) {
    if let Some(order) = &hvm.boot {
        line.pair("-boot", format!("order={order}"));
    }
}

/// The old form (`usb=1`, `usbdevice`) goes before the new one (`usbversion`).
pub(super) fn usb(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<()> {
    if usb_old_form(input, hvm, line)? {
        return Ok(());
    }
    match hvm.usbversion {
        0 => return Ok(()),
        1 => line.pair("-device", "piix3-usb-uhci,id=usb"),
        2 => {
            line.pair(
                "-device",
                "ich9-usb-ehci1,id=usb,addr=0x1d.0x7,multifunction=on",
            );
            for companion in 1..4 {
                let port = 2 * (companion - 1);
                // C prints the function with %#x, which leaves a zero bare.
                let function = match companion - 1 {
                    0 => "0".to_owned(),
                    function => format!("{function:#x}"),
                };
                line.pair(
                    "-device",
                    format!(
                        "ich9-usb-uhci{companion},masterbus=usb.0,firstport={port},\
                         addr=0x1d.{function},multifunction=on"
                    ),
                );
            }
        }
        3 => line.pair("-device", "nec-usb-xhci,id=usb"),
        other => return Err(input.invalid(format!("usbversion={other} is not 1, 2 or 3"))),
    }
    let redirections = hvm.spice.usbredirection;
    if !(0..5).contains(&redirections) {
        return Err(input.invalid(format!("usbredirection={redirections} is not 1 to 4")));
    }
    for number in 1..=redirections {
        line.pair(
            "-chardev",
            format!("spicevmc,name=usbredir,id=usbrc{number}"),
        );
        line.pair(
            "-device",
            format!("usb-redir,chardev=usbrc{number},id=usbrc{number}"),
        );
    }
    Ok(())
}

/// `-usb` with its devices; says whether it was asked for.
pub(super) fn usb_old_form(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<bool> {
    let devices = match (&hvm.usbdevice, hvm.usbdevice_list.as_slice()) {
        (Some(_), [_, ..]) => {
            return Err(input.invalid("usbdevice is given both as one device and as a list"));
        }
        (Some(device), []) => std::slice::from_ref(device),
        (None, list) => list,
    };
    if !is(hvm.usb) && devices.is_empty() {
        return Ok(false);
    }
    line.arg("-usb");
    for device in devices {
        line.pair("-usbdevice", device);
    }
    Ok(true)
}

pub(super) fn sound(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<()> {
    let Some(card) = &hvm.soundhw else {
        return Ok(());
    };
    match card.to_ascii_lowercase().as_str() {
        "hda" => {
            line.pair("-device", "intel-hda");
            line.pair("-device", "hda-duplex");
        }
        known @ ("ac97" | "adlib" | "cs4231a" | "es1370" | "gus" | "sb16") => {
            line.pair("-device", known);
        }
        _ => return Err(input.invalid(format!("soundhw={card:?} is not known"))),
    }
    Ok(())
}

/// Whether the guest has ACPI: both the common and the HVM setting must say so.
pub(super) fn acpi(input: &Input<'_>, hvm: &DomainBuildInfoHvm) -> bool {
    is(input.build.acpi) && is(hvm.acpi)
}

pub(super) fn acpi_and_vcpus(input: &Input<'_>, hvm: &DomainBuildInfoHvm, line: &mut CommandLine) {
    if !acpi(input, hvm) && !release::QEMU_9 {
        line.arg("-no-acpi");
    }
    let most = input.build.max_vcpus;
    if most > 1 {
        let online = &input.build.avail_vcpus;
        let value = if online.bytes.is_empty() {
            most.to_string()
        } else {
            format!("{},maxcpus={most}", online.iter().count())
        };
        line.pair("-smp", value);
    }
}

/// `-machine` with the extra arguments of the guest's type, then the memory size.
pub(super) fn machine(input: &Input<'_>, line: &mut CommandLine) -> Result<()> {
    match input.hvm() {
        None => {
            line.pair("-machine", "xenpv");
            line.extend(&input.build.extra_pv);
        }
        Some(hvm) => {
            let value = hvm_machine(input, hvm, line)?;
            line.pair("-machine", value);
            line.extend(&input.build.extra_hvm);
        }
    }
    let build = input.build;
    let memory = build.max_memkb.saturating_sub(build.video_memkb);
    line.pair("-m", megabytes(memory).to_string());
    Ok(())
}

fn hvm_machine(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<String> {
    // The machine "pc" is "xenfv" without the xen-platform PCI device.
    let mut value = String::from(if is(hvm.xen_platform_pci) {
        "xenfv,suppress-vmdesc=on"
    } else {
        "pc,accel=xen,suppress-vmdesc=on"
    });
    if !acpi(input, hvm) && release::QEMU_9 {
        value.push_str(",acpi=off");
    }
    let hole = hvm.mmio_hole_memkb;
    if hole != 0 {
        let start = hole
            .checked_shl(10)
            .and_then(|bytes| (1_u64 << 32).checked_sub(bytes));
        match start {
            Some(start) if start <= DEFAULT_HOLE_START => {
                value.push_str(&format!(",max-ram-below-4g={start}"));
            }
            _ => line.warnings.push(format!(
                "mmio_hole of {hole} KiB is not between 256 MiB and 4 GiB and ignored"
            )),
        }
    }
    if is(hvm.gfx_passthru) {
        match hvm.gfx_passthru_kind {
            GfxPassthruKind::Igd => value.push_str(",igd-passthru=on"),
            GfxPassthruKind::Default if input.env.igd => value.push_str(",igd-passthru=on"),
            GfxPassthruKind::Default => {
                return Err(input
                    .invalid("gfx_passthru: none of the PCI devices is a known graphics card")
                    .code_as(Code::Fail));
            }
        }
    }
    Ok(value)
}

pub(super) fn vendor_device(hvm: &DomainBuildInfoHvm, line: &mut CommandLine) {
    if hvm.vendor_device == VendorDevice::Xenserver {
        line.pair("-device", "xen-pvdevice,device-id=0xc000");
    }
}
