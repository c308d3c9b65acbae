//! Framebuffers, which QEMU shows over VNC or SDL.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{
    Devices, Kind, Listed, Step, When, each, listed_by_number, numbered, on_record,
};
use crate::device::view::View;
use crate::log::Logger;
use crate::types::{DeviceVfb, DomainConfig, DomainType};
use crate::{Domid, Result};

impl Kind for DeviceVfb {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        let vnc = &mut self.vnc;
        let enabled = *vnc.enable.get_or_insert(true);
        if enabled {
            vnc.listen.get_or_insert_with(|| "127.0.0.1".to_owned());
        }
        vnc.findunused.get_or_insert(enabled);
        self.sdl.enable.get_or_insert(false);
        self.sdl.opengl.get_or_insert(false);
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let (vnc, sdl) = (&self.vnc, &self.sdl);
        nodes
            .back
            .set_bool("vnc", vnc.enable == Some(true))
            .set_some("vnclisten", vnc.listen.as_deref())
            .set_some("vncpasswd", vnc.passwd.as_deref())
            .set("vncdisplay", vnc.display)
            .set_bool("vncunused", vnc.findunused == Some(true))
            .set_bool("sdl", sdl.enable == Some(true))
            .set_bool("opengl", sdl.opengl == Some(true))
            .set_some("xauthority", sdl.xauthority.as_deref())
            .set_some("display", sdl.display.as_deref());
        Ok(nodes)
    }
}

impl Listed for DeviceVfb {
    const KIND: DeviceKind = DeviceKind::Vfb;
    const NAME: &'static str = "framebuffer";
    const STEP: Step = Step::AnnouncedLast;

    type Info = ();

    listed_by_number!(vfbs but devices);

    /// An HVM guest's screen is QEMU's own.
    fn devices(config: &mut DomainConfig) -> Devices<'_> {
        match config.c_info.type_ {
            DomainType::Hvm => Devices::new(),
            _ => each(&mut config.vfbs),
        }
    }

    fn needs_qemu(&self, _me: Domid) -> bool {
        true
    }

    fn read(record: &Record) -> Result<Self> {
        let mut found: Self = on_record!(record);
        let (vnc, sdl) = (&mut found.vnc, &mut found.sdl);
        vnc.enable = Some(record.flag("vnc")?);
        vnc.listen = record.owned("vnclisten");
        vnc.passwd = record.owned("vncpasswd");
        vnc.display = record.number("vncdisplay")?.unwrap_or(0);
        vnc.findunused = Some(record.flag("vncunused")?);
        sdl.enable = Some(record.flag("sdl")?);
        sdl.opengl = Some(record.flag("opengl")?);
        sdl.xauthority = record.owned("xauthority");
        sdl.display = record.owned("display");
        Ok(found)
    }

    async fn info(&self, _: &View<'_>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    impl Sample for DeviceVfb {
        fn sample() -> Self {
            let mut sample = Self {
                backend_domid: sample::SERVER,
                keymap: Some("de".into()),
                ..Self::default()
            };
            sample.vnc.passwd = Some("secret".into());
            sample.vnc.display = 4;
            sample.sdl.enable = Some(true);
            sample.sdl.display = Some(":0".into());
            sample.sdl.xauthority = Some("/x".into());
            sample
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            Self {
                keymap: None,
                ..self
            }
        }
    }
}
