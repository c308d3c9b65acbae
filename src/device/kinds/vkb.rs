//! Keyboards and pointers, served by QEMU or by a backend of their own.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{
    Devices, Kind, Listed, Step, When, each, listed_by_number, numbered, on_record,
};
use crate::device::view::{View, info};
use crate::log::Logger;
use crate::release;
use crate::types::{DeviceVkb, DomainBuildInfoU, DomainConfig, DomainType, VkbBackend, Vkbinfo};
use crate::{Domid, Error, Result};

impl Kind for DeviceVkb {
    numbered!();

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

impl Listed for DeviceVkb {
    const KIND: DeviceKind = DeviceKind::Vkbd;
    const NAME: &'static str = "keyboard";
    const STEP: Step = match release::HVM_KEYBOARDS {
        true => Step::Announced,
        false => Step::AnnouncedLast,
    };

    type Info = Vkbinfo;

    listed_by_number!(vkbs but devices);

    /// Those of the configuration, or the one that an HVM guest gets unasked.
    fn devices(config: &mut DomainConfig) -> Devices<'_> {
        if !release::HVM_KEYBOARDS {
            return match config.c_info.type_ {
                DomainType::Hvm => Devices::new(),
                _ => each(&mut config.vkbs),
            };
        }
        match unasked(config) {
            Some(keyboard) if config.vkbs.is_empty() => vec![Box::new(keyboard)],
            _ => each(&mut config.vkbs),
        }
    }

    fn needs_qemu(&self, me: Domid) -> bool {
        self.backend_type == VkbBackend::Qemu && self.backend_domid == me
    }

    fn read(record: &Record) -> Result<Self> {
        let size = |key| Ok::<u32, Error>(record.number(key)?.unwrap_or(0));
        Ok(Self {
            backend_type: match record.device.backend_kind {
                DeviceKind::Vinput => VkbBackend::Linux,
                _ => VkbBackend::Qemu,
            },
            unique_id: record.owned("unique-id"),
            feature_disable_keyboard: record.flag("feature-disable-keyboard")?,
            feature_disable_pointer: record.flag("feature-disable-pointer")?,
            feature_abs_pointer: record.flag("feature-abs-pointer")?,
            feature_raw_pointer: record.flag("feature-raw-pointer")?,
            feature_multi_touch: record.flag("feature-multi-touch")?,
            multi_touch_width: size("multi-touch-width")?,
            multi_touch_height: size("multi-touch-height")?,
            multi_touch_num_contacts: size("multi-touch-num-contacts")?,
            width: size("width")?,
            height: size("height")?,
            ..on_record!(record)
        })
    }

    async fn info(&self, view: &View<'_>) -> Result<Vkbinfo> {
        Ok(info!(
            view,
            Vkbinfo {
                devid: self.devid,
                evtch: view.number("event-channel").await?,
                rref: view.number("page-gref").await?,
            }
        ))
    }
}

fn unasked(config: &DomainConfig) -> Option<DeviceVkb> {
    match &config.b_info.u {
        DomainBuildInfoU::Hvm(hvm) => (hvm.vkb_device == Some(true)).then(DeviceVkb::default),
        _ => None,
    }
}

/// The keyboard that an HVM guest gets unasked, where the release has no others for it and announces this one behind the first
/// console.
pub fn late_keyboard(config: &DomainConfig) -> Option<DeviceVkb> {
    unasked(config).filter(|_| !release::HVM_KEYBOARDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    impl Sample for DeviceVkb {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                backend_type: VkbBackend::Linux,
                unique_id: Some("id".into()),
                feature_disable_keyboard: true,
                feature_abs_pointer: true,
                feature_multi_touch: true,
                multi_touch_width: 800,
                multi_touch_height: 600,
                multi_touch_num_contacts: 10,
                width: 1920,
                height: 1080,
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            self
        }
    }
}
