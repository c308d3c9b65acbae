//! Framebuffers, which QEMU shows over VNC or SDL.

use super::Kind;
use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use crate::log::Logger;
use crate::types::DeviceVfb;
use crate::{Domid, Result};

impl Kind for DeviceVfb {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::Vfb, &mut self.devid))
    }

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

    fn device(&self, domid: Domid) -> Result<Device> {
        Ok(Device::plain(
            domid,
            DeviceKind::Vfb,
            self.devid,
            self.backend_domid,
        ))
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
