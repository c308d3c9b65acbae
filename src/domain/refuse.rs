//! What a configuration may ask for and this library cannot do yet. It is refused before there is a domain: one line says
//! what it is, and what to do instead.

use crate::device::NOT_BUILT;
use crate::types::{DeviceModelVersion, DomainBuildInfo, DomainBuildInfoHvm, DomainBuildInfoU};
use crate::types::{DomainConfig, VgaInterfaceType};
use crate::{Error, Result};

/// What asks for a stub domain.
const STUB_DOMAIN: &str = "device_model_stubdomain_override";

/// Devices that this library cannot give a guest. Asked before the defaults, which would judge them by what the machine can do.
pub(super) fn devices(config: &DomainConfig) -> Result<()> {
    for kind in &NOT_BUILT {
        if (kind.count)(config) != 0 {
            let what = format!("{}= is not implemented", kind.word);
            return Err(Error::ni(what).hint(kind.advice));
        }
    }
    Ok(())
}

/// What else cannot be had, once the defaults are filled in.
pub(super) fn others(config: &DomainConfig) -> Result<()> {
    let info = &config.b_info;
    if !info.llc_colors.is_empty() {
        let what =
            "llc_colors= is not implemented: on x86 the hypervisor has no colours of its cache";
        return Err(Error::fail(what).hint("leave it out"));
    }
    let DomainBuildInfoU::Hvm(hvm) = &info.u else {
        return Ok(());
    };
    if info.device_model_stubdomain != Some(true) {
        return Ok(());
    }
    if let Some(kernel) = &info.kernel {
        let what = format!("kernel={kernel:?} is not implemented for a guest with a stub domain");
        return Err(Error::ni(what).hint(format!(
            "let it boot from its disk, without kernel=, ramdisk= and cmdline=, or leave out {STUB_DOMAIN}="
        )));
    }
    if info.dm_restrict == Some(true) {
        let what = "dm_restrict= is for a QEMU in dom0, and this guest's runs in a stub domain";
        return Err(Error::inval(what).hint(format!(
            "leave it out: the stub domain confines QEMU; or leave out {STUB_DOMAIN}="
        )));
    }
    if !config.channels.is_empty() && shows_only_on_request(info) {
        let what = "channel= is not implemented for a guest with a Linux stub domain";
        return Err(Error::ni(what).hint(format!("use serial=, or leave out {STUB_DOMAIN}=")));
    }
    if let Some(card) = hvm.soundhw.as_ref().filter(|_| shows_only_on_request(info)) {
        let what = format!("soundhw={card:?}: nothing carries sound out of a Linux stub domain");
        return Err(Error::ni(what).hint(format!("leave it out, or {STUB_DOMAIN}=")));
    }
    screens(config, hvm)?;
    unserved(config)
}

fn unserved(config: &DomainConfig) -> Result<()> {
    let Some(reason) = crate::dm::why_unserved(config) else {
        return Ok(());
    };
    let what = format!("nothing in dom0 can serve a Linux stub domain of this guest: {reason}");
    Err(Error::ni(what).hint(format!(
        "mend that, or leave out {STUB_DOMAIN}=; QEMU serves none since its version 8.2"
    )))
}

/// The screen of a QEMU in a Linux stub domain is shown by VNC, if at all. MiniOS has a framebuffer.
fn screens(config: &DomainConfig, hvm: &DomainBuildInfoHvm) -> Result<()> {
    if !shows_only_on_request(&config.b_info) {
        return Ok(());
    }
    for (what, wanted) in [("sdl", hvm.sdl.enable), ("spice", hvm.spice.enable)] {
        if wanted == Some(true) {
            let what = format!("{what}=1 is not implemented for a guest with a Linux stub domain");
            return Err(Error::ni(what).hint(format!(
                "set it to 0, and vnc=1 for a screen; or leave out {STUB_DOMAIN}="
            )));
        }
    }
    if hvm.vnc.enable == Some(true)
        && let Some(reason) = crate::dm::why_no_server(config)
    {
        let what = format!("vnc=1 cannot be had for a guest with a Linux stub domain: {reason}");
        return Err(Error::ni(what).hint(format!(
            "set it to 0 and use serial=\"pty\" with xl console, or leave out {STUB_DOMAIN}="
        )));
    }
    Ok(())
}

/// Whether the guest's QEMU runs in a Linux stub domain, where it has a screen only for who asks for one.
pub(super) fn shows_only_on_request(info: &DomainBuildInfo) -> bool {
    info.device_model_stubdomain == Some(true)
        && info.device_model_version == DeviceModelVersion::QemuXen
}

/// What to tell a user who left it open whether the guest has a screen, and whose guest gets none. `config` is complete.
pub(super) fn missing_screen(given: &DomainConfig, config: &DomainConfig) -> Option<&'static str> {
    let DomainBuildInfoU::Hvm(asked) = &given.b_info.u else {
        return None;
    };
    let left_open = asked.vnc.enable.is_none() && asked.vga.kind != VgaInterfaceType::None;
    (left_open && shows_only_on_request(&config.b_info)).then_some(
        "the guest has no screen, for its QEMU runs in a Linux stub domain: vnc=1 gives it one \
         (vnc=0 says that none is wanted)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::types::{DevicePci, DeviceUsbctrl, DeviceUsbdev};

    fn said(refused: Result<()>, code: Code, words: &[&str]) {
        let error = refused.expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "no {word:?} in {text:?}");
        }
        assert!(!text.contains('\n'));
    }

    /// A guest whose defaults are filled in.
    fn guest(
        stubdomain: bool,
        edit: impl FnOnce(&mut DomainBuildInfo, &mut DomainBuildInfoHvm),
    ) -> DomainConfig {
        let mut config = DomainConfig::default();
        let mut hvm = DomainBuildInfoHvm::default();
        config.b_info.device_model_stubdomain = Some(stubdomain);
        config.b_info.device_model_version = DeviceModelVersion::QemuXen;
        edit(&mut config.b_info, &mut hvm);
        config.b_info.u = DomainBuildInfoU::Hvm(hvm);
        config
    }

    #[test]
    fn devices_that_cannot_be_given() {
        assert!(devices(&DomainConfig::default()).is_ok());
        let mut config = DomainConfig::default();
        config.pcidevs.push(DevicePci::default());
        said(devices(&config), Code::Ni, &["pci=", "leave it out"]);
        let mut config = DomainConfig::default();
        config.dtdevs.push(Default::default());
        said(devices(&config), Code::Ni, &["dtdev=", "leave it out"]);
        let mut config = DomainConfig::default();
        config.usbctrls.push(DeviceUsbctrl::default());
        said(devices(&config), Code::Ni, &["usbctrl=", "usbdevice="]);
        let mut config = DomainConfig::default();
        config.usbdevs.push(DeviceUsbdev::default());
        said(devices(&config), Code::Ni, &["usbdev=", "usbdevice="]);
    }

    #[test]
    fn colours_of_the_cache() {
        let mut config = guest(false, |info, _| info.llc_colors = vec![1]);
        said(
            others(&config),
            Code::Fail,
            &["llc_colors=", "leave it out"],
        );
        config.b_info.llc_colors.clear();
        assert!(others(&config).is_ok());
    }

    #[test]
    fn a_kernel_from_dom0_beside_a_stub_domain() {
        let kernel = |info: &mut DomainBuildInfo, _: &mut DomainBuildInfoHvm| {
            info.kernel = Some("/boot/k".into());
        };
        assert!(others(&guest(false, kernel)).is_ok());
        let words = ["/boot/k", "ramdisk=", STUB_DOMAIN];
        said(others(&guest(true, kernel)), Code::Ni, &words);
        let minios = guest(true, |info, hvm| {
            info.device_model_version = DeviceModelVersion::QemuXenTraditional;
            kernel(info, hvm);
        });
        said(others(&minios), Code::Ni, &words);
    }

    #[test]
    fn a_restricted_qemu_beside_a_stub_domain() {
        let restrict = |info: &mut DomainBuildInfo, _: &mut DomainBuildInfoHvm| {
            info.dm_restrict = Some(true);
        };
        assert!(others(&guest(false, restrict)).is_ok());
        said(
            others(&guest(true, restrict)),
            Code::Inval,
            &["dm_restrict", STUB_DOMAIN],
        );
    }

    #[test]
    fn channels_beside_a_stub_domain() {
        let with_channel = |stubdomain| {
            let mut config = guest(stubdomain, |_, _| {});
            config.channels.push(Default::default());
            config
        };
        assert!(others(&with_channel(false)).is_ok());
        said(
            others(&with_channel(true)),
            Code::Ni,
            &["channel=", STUB_DOMAIN],
        );
    }

    #[test]
    fn sound_beside_a_stub_domain() {
        let sound = |_: &mut DomainBuildInfo, hvm: &mut DomainBuildInfoHvm| {
            hvm.soundhw = Some("ac97".into());
        };
        assert!(others(&guest(false, sound)).is_ok());
        said(
            others(&guest(true, sound)),
            Code::Ni,
            &["ac97", STUB_DOMAIN],
        );
    }

    #[test]
    fn screens_beside_a_stub_domain() {
        for what in ["vnc", "sdl", "spice"] {
            let wanted = |hvm: &mut DomainBuildInfoHvm| {
                hvm.vnc.enable = Some(what == "vnc");
                hvm.sdl.enable = Some(what == "sdl");
                hvm.spice.enable = Some(what == "spice");
                // Only QEMU knows it, so that no server in dom0 can carry the screen either.
                hvm.serial = Some("telnet::5,server".into());
            };
            assert!(others(&guest(false, |_, hvm| wanted(hvm))).is_ok());
            let refused = others(&guest(true, |_, hvm| wanted(hvm)));
            said(refused, Code::Ni, &[&format!("{what}=1"), STUB_DOMAIN]);
            let minios = guest(true, |info, hvm| {
                info.device_model_version = DeviceModelVersion::QemuXenTraditional;
                wanted(hvm);
            });
            assert!(others(&minios).is_ok(), "{what}");
        }
    }

    #[test]
    fn who_asked_for_no_screen_is_told_nothing() {
        let open = guest(true, |_, _| {});
        let off = guest(true, |_, hvm| hvm.vnc.enable = Some(false));
        let no_card = guest(true, |_, hvm| hvm.vga.kind = VgaInterfaceType::None);
        let told = missing_screen(&open, &open).expect("a warning");
        assert!(told.contains("vnc=0"), "{told}");
        assert_eq!(missing_screen(&off, &off), None);
        assert_eq!(missing_screen(&no_card, &no_card), None);
        let local = guest(false, |_, _| {});
        assert_eq!(missing_screen(&local, &local), None);
    }
}
