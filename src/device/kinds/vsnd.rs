//! Sound cards: a card has PCM devices, a PCM device has streams, and each level may set sample parameters.

use std::fmt::Display;

use crate::Result;
use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::{Entries, Nodes};
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered};
use crate::device::view::View;
use crate::log::Logger;
use crate::types::{DeviceVsnd, VsndParams};

impl Kind for DeviceVsnd {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let front = &mut nodes.front;
        front
            .set_some("long-name", self.long_name.as_deref())
            .set_some("short-name", self.short_name.as_deref());
        params("", &self.params, front);
        for (pcm, number) in self.pcms.iter().zip(0..) {
            front.set_some(format!("{number}/name"), pcm.name.as_deref());
            params(&format!("{number}/"), &pcm.params, front);
            for (stream, at) in pcm.streams.iter().zip(0..) {
                let path = format!("{number}/{at}/");
                front
                    .set_some(format!("{path}unique-id"), stream.unique_id.as_deref())
                    .set_some(
                        format!("{path}type"),
                        stream.type_.map(|type_| type_.name()),
                    );
                params(&path, &stream.params, front);
            }
        }
        Ok(nodes)
    }
}

/// Adds the parameters that are set, below `path`, which ends in a slash or is empty.
fn params(path: &str, params: &VsndParams, front: &mut Entries) {
    let set = |value: u32| (value != 0).then_some(value);
    let rates = list(params.sample_rates.iter());
    let formats = list(params.sample_formats.iter().map(|format| format.name()));
    front
        .set_some(format!("{path}sample-rates"), rates)
        .set_some(format!("{path}sample-formats"), formats)
        .set_some(format!("{path}channels-min"), set(params.channels_min))
        .set_some(format!("{path}channels-max"), set(params.channels_max))
        .set_some(format!("{path}buffer-size"), set(params.buffer_size));
}

/// The items with commas between them; nothing for none.
fn list(items: impl Iterator<Item = impl Display>) -> Option<String> {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(","))
}

impl Listed for DeviceVsnd {
    const KIND: DeviceKind = DeviceKind::Vsnd;
    const NAME: &'static str = "sound card";
    const STEP: Step = Step::Added;
    const FOLLOWED: Option<&'static str> = Some("vsnd");

    type Info = ();

    listed_by_number!(vsnds);

    fn adopt(&mut self, used: &Self) {
        self.devid = used.devid;
    }

    /// What is in the guest's directory alone is not read back.
    fn read(record: &Record) -> Result<Self> {
        Ok(Self {
            backend_domid: record.device.backend_domid,
            devid: record.device.devid,
            ..Self::default()
        })
    }

    async fn info(&self, _: &View<'_>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    impl Sample for DeviceVsnd {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                short_name: Some("card".into()),
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            Self {
                short_name: None,
                ..self
            }
        }
    }
}
