//! Screens: VNC, SDL, Spice, keymap and the emulated video card.

use super::{CommandLine, Input, is, megabytes};
use crate::Result;
use crate::release;
use crate::types::{
    DomainBuildInfoHvm, DomainConfig, SdlInfo, SpiceInfo, VgaInterfaceType, VncInfo,
};

/// The name of the object with the Spice password.
const SPICE_SECRET: &str = "spice-password";

/// The VNC server that QEMU shall run for this guest: an HVM guest's own, or that of the first PV framebuffer.
pub(in crate::dm) fn vnc(config: &DomainConfig) -> Option<&VncInfo> {
    let vnc = match super::hvm(&config.b_info) {
        Some(hvm) => &hvm.vnc,
        None => &config.vfbs.first()?.vnc,
    };
    is(vnc.enable).then_some(vnc)
}

pub(super) fn sdl(config: &DomainConfig) -> Option<&SdlInfo> {
    let sdl = match super::hvm(&config.b_info) {
        Some(hvm) => &hvm.sdl,
        None => &config.vfbs.first()?.sdl,
    };
    is(sdl.enable).then_some(sdl)
}

pub(super) fn keymap(config: &DomainConfig) -> Option<&str> {
    match super::hvm(&config.b_info) {
        Some(hvm) => hvm.keymap.as_deref(),
        None => config.vfbs.first()?.keymap.as_deref(),
    }
}

pub(super) fn screens(input: &Input<'_>, line: &mut CommandLine) -> Result<()> {
    if !input.stubdom {
        match vnc(input.config) {
            Some(vnc) => {
                let mut value = vnc_address(input, vnc)?;
                if has_password(vnc) {
                    value.push_str(",password=on");
                }
                if is(vnc.findunused) {
                    // QEMU wants this one last.
                    value.push_str(",to=99");
                }
                line.pair("-vnc", value);
            }
            None => line.pair("-vnc", "none"),
        }
    } else if let Some(socket) = input.env.screen {
        line.pair("-vnc", format!("unix:{socket}"));
    }
    line.pair("-display", "none");
    if let Some(sdl) = sdl(input.config).filter(|_| !input.stubdom) {
        line.pair("-display", "sdl");
        sdl_environment(sdl, line);
    }
    if let Some(keymap) = keymap(input.config) {
        line.pair("-k", keymap);
    }
    Ok(())
}

pub(super) fn sdl_environment(sdl: &SdlInfo, line: &mut CommandLine) {
    if let Some(display) = &sdl.display {
        line.env("DISPLAY", display);
    }
    if let Some(authority) = &sdl.xauthority {
        line.env("XAUTHORITY", authority);
    }
}

/// `address:display`; the address may bring its own display, then no other may be given.
pub(super) fn vnc_address(input: &Input<'_>, vnc: &VncInfo) -> Result<String> {
    let display = vnc.display;
    match vnc.listen.as_deref() {
        Some(listen) if listen.contains(':') => {
            if display != 0 {
                return Err(input.invalid(format!(
                    "vncdisplay={display} is set, but vnclisten={listen:?} names a display too"
                )));
            }
            Ok(listen.into())
        }
        Some(listen) => Ok(format!("{listen}:{display}")),
        None => Ok(format!("127.0.0.1:{display}")),
    }
}

/// Whether the VNC server shall ask for a password.
pub(in crate::dm) fn has_password(vnc: &VncInfo) -> bool {
    vnc.passwd.as_deref().is_some_and(|p| !p.is_empty())
}

/// The switch that turns QEMU's window off where neither VNC nor SDL is wanted.
pub(super) fn nographic_without_screen(input: &Input<'_>, line: &mut CommandLine) {
    if vnc(input.config).is_none() && sdl(input.config).is_none() {
        line.arg("-nographic");
    }
}

/// Spice and the video card, after the serial ports.
pub(super) fn cards(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<()> {
    if is(hvm.nographic) {
        nographic_without_screen(input, line);
    }
    if is(hvm.spice.enable) && !input.stubdom {
        let value = spice(input, &hvm.spice)?;
        if let Some(password) = spice_secret(&hvm.spice) {
            line.pair("-object", password);
        }
        line.pair("-spice", value);
        if is(hvm.spice.vdagent) {
            line.pair("-device", "virtio-serial");
            line.pair("-chardev", "spicevmc,id=vdagent,name=vdagent");
            line.pair(
                "-device",
                "virtserialport,chardev=vdagent,name=com.redhat.spice.0",
            );
        }
    }
    let video = input.build.video_memkb;
    match hvm.vga.kind {
        VgaInterfaceType::Std => {
            line.pair("-device", format!("VGA,vgamem_mb={}", megabytes(video)));
        }
        VgaInterfaceType::Cirrus => {
            line.pair(
                "-device",
                format!("cirrus-vga,vgamem_mb={}", megabytes(video)),
            );
        }
        VgaInterfaceType::None => {}
        VgaInterfaceType::Qxl => {
            // The card has two memories of the same size.
            let half = video / 2 / 1024;
            line.pair(
                "-device",
                format!("qxl-vga,vram_size_mb={half},ram_size_mb={half}"),
            );
        }
        other => return Err(input.invalid(format!("vga={} cannot be emulated", other.name()))),
    }
    Ok(())
}

/// The object that holds the password, for a QEMU that takes none in its Spice option. A comma ends a value unless it is doubled.
fn spice_secret(spice: &SpiceInfo) -> Option<String> {
    let password = spice
        .passwd
        .as_deref()
        .filter(|_| release::QEMU_9 && !is(spice.disable_ticketing))?;
    Some(format!(
        "secret,id={SPICE_SECRET},data={}",
        password.replace(',', ",,")
    ))
}

fn spice(input: &Input<'_>, spice: &SpiceInfo) -> Result<String> {
    if spice.port == 0 && spice.tls_port == 0 {
        return Err(input.invalid("Spice needs spiceport or spicetls_port"));
    }
    let mut options = format!("port={},tls-port={}", spice.port, spice.tls_port);
    let mut add = |name: &str, value: &str| {
        options.push_str(&format!(",{name}={value}"));
    };
    if let Some(host) = &spice.host {
        add("addr", host);
    }
    if is(spice.disable_ticketing) {
        add("disable-ticketing", "on");
    } else {
        match spice.passwd.as_deref() {
            None | Some("") => return Err(input.invalid("Spice with tickets needs spicepasswd")),
            Some(_) if release::QEMU_9 => add("password-secret", SPICE_SECRET),
            Some(password) => add("password", password),
        }
    }
    let agent_mouse = if is(spice.agent_mouse) { "on" } else { "off" };
    add("agent-mouse", agent_mouse);
    if !is(spice.clipboard_sharing) {
        add("disable-copy-paste", "on");
    }
    if let Some(compression) = &spice.image_compression {
        add("image-compression", compression);
    }
    if let Some(streaming) = &spice.streaming_video {
        add("streaming-video", streaming);
    }
    Ok(options)
}
