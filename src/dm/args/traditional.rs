//! The command line of qemu-xen-traditional, the device model of a MiniOS stub domain.

use super::{CommandLine, Input, Restore, display, is, machine, megabytes, nics};
use crate::Result;
use crate::types::{DomainBuildInfoHvm, GfxPassthruKind, VgaInterfaceType};

pub(super) fn build(input: &Input<'_>, line: &mut CommandLine) -> Result<()> {
    line.pair("-d", input.domid().to_string());
    if let Some(name) = &input.config.c_info.name {
        line.pair("-domain-name", name);
    }
    screens(input, line)?;
    match input.hvm() {
        Some(hvm) => hardware(input, hvm, line)?,
        None => display::nographic_without_screen(input, line),
    }
    if is(input.build.dm_restrict) {
        return Err(input.invalid("qemu-xen-traditional cannot be restricted (dm_restrict)"));
    }
    if let Restore::File(path) = &input.env.restore {
        line.pair("-loadvm", path);
    }
    line.extend(&input.build.extra);
    let (machine, extra) = match input.hvm() {
        Some(_) => ("xenfv", &input.build.extra_hvm),
        None => ("xenpv", &input.build.extra_pv),
    };
    line.pair("-M", machine);
    line.extend(extra);
    Ok(())
}

fn screens(input: &Input<'_>, line: &mut CommandLine) -> Result<()> {
    let vnc = display::vnc(input.config);
    let sdl = display::sdl(input.config);
    if let Some(vnc) = vnc {
        let mut value = display::vnc_address(input, vnc)?;
        if display::has_password(vnc) {
            value.push_str(",password");
        }
        line.pair("-vnc", value);
        if is(vnc.findunused) {
            line.arg("-vncunused");
        }
    } else if sdl.is_none() {
        line.arg("-nographic");
    }
    if let Some(sdl) = sdl {
        line.arg("-sdl");
        if !is(sdl.opengl) {
            line.arg("-disable-opengl");
        }
        display::sdl_environment(sdl, line);
    }
    if let Some(keymap) = display::keymap(input.config) {
        line.pair("-k", keymap);
    }
    Ok(())
}

fn hardware(input: &Input<'_>, hvm: &DomainBuildInfoHvm, line: &mut CommandLine) -> Result<()> {
    line.env("XEN_DOMAIN_ID", input.domid().to_string());
    if input.build.kernel.is_some() {
        return Err(input.invalid("qemu-xen-traditional cannot boot a kernel directly"));
    }
    if hvm.serial.is_some() && !hvm.serial_list.is_empty() {
        return Err(input.invalid("serial is given both as one port and as a list"));
    }
    for port in machine::serial_ports(hvm) {
        line.pair("-serial", port);
    }
    if is(hvm.nographic) {
        display::nographic_without_screen(input, line);
    }
    if input.build.video_memkb != 0 {
        line.pair("-videoram", megabytes(input.build.video_memkb).to_string());
    }
    match hvm.vga.kind {
        VgaInterfaceType::Std => line.arg("-std-vga"),
        VgaInterfaceType::None => line.pair("-vga", "none"),
        VgaInterfaceType::Cirrus | VgaInterfaceType::Qxl => {}
        other => return Err(input.invalid(format!("vga={} cannot be emulated", other.name()))),
    }
    if let Some(order) = &hvm.boot {
        line.pair("-boot", order);
    }
    machine::usb_old_form(input, hvm, line)?;
    if let Some(card) = &hvm.soundhw {
        line.pair("-soundhw", card);
    }
    if machine::acpi(input, hvm) {
        line.arg("-acpi");
    }
    if input.build.max_vcpus > 1 {
        line.pair("-vcpus", input.build.max_vcpus.to_string());
    }
    line.pair("-vcpu_avail", hexadecimal(&input.build.avail_vcpus.bytes));
    emulated_nics(input, line);
    if is(hvm.gfx_passthru) {
        match hvm.gfx_passthru_kind {
            GfxPassthruKind::Default | GfxPassthruKind::Igd => line.arg("-gfx_passthru"),
        }
    }
    Ok(())
}

/// A bitmap as one number, most significant byte first.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits: String = bytes
        .iter()
        .rev()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("0x{digits}")
}

fn emulated_nics(input: &Input<'_>, line: &mut CommandLine) {
    let mut none = true;
    for nic in input
        .config
        .nics
        .iter()
        .filter(|nic| nics::is_emulated(nic))
    {
        none = false;
        let devid = nic.devid;
        line.pair(
            "-net",
            format!(
                "nic,vlan={devid},macaddr={},model={}",
                nic.mac,
                nic.model.as_deref().unwrap_or("rtl8139")
            ),
        );
        line.pair(
            "-net",
            format!(
                "tap,vlan={devid},ifname={},bridge={},script=no,downscript=no",
                nics::tap_name(input.domid(), devid),
                nic.bridge.as_deref().unwrap_or("xenbr0")
            ),
        );
    }
    if none {
        line.pair("-net", "none");
    }
}
