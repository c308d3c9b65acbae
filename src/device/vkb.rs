//! Keyboards and pointers, served by QEMU or by a backend of their own.

use super::Kind;
use super::add::When;
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use crate::log::Logger;
use crate::types::{DeviceVkb, VkbBackend};
use crate::{Domid, Result};

impl Kind for DeviceVkb {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::Vkbd, &mut self.devid))
    }

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        if self.backend_type == VkbBackend::Unknown {
            self.backend_type = VkbBackend::Qemu;
        }
        Ok(())
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        let backend_kind = match self.backend_type {
            VkbBackend::Linux => DeviceKind::Vinput,
            _ => DeviceKind::Vkbd,
        };
        Ok(Device {
            backend_kind,
            ..Device::plain(domid, DeviceKind::Vkbd, self.devid, self.backend_domid)
        })
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let back = &mut nodes.back;
        back.set_some("unique-id", self.unique_id.as_deref());
        for (key, wanted) in [
            ("feature-disable-keyboard", self.feature_disable_keyboard),
            ("feature-disable-pointer", self.feature_disable_pointer),
            ("feature-abs-pointer", self.feature_abs_pointer),
            ("feature-raw-pointer", self.feature_raw_pointer),
            ("feature-multi-touch", self.feature_multi_touch),
        ] {
            back.set_some(key, wanted.then_some(1));
        }
        if self.feature_multi_touch {
            back.set("multi-touch-width", self.multi_touch_width)
                .set("multi-touch-height", self.multi_touch_height)
                .set("multi-touch-num-contacts", self.multi_touch_num_contacts);
        }
        let set = |value: u32| (value != 0).then_some(value);
        back.set_some("width", set(self.width))
            .set_some("height", set(self.height));
        Ok(nodes)
    }
}
