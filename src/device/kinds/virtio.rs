//! Virtio devices of Xen 4.18 and newer, served by a program of its own. Nothing presents them to a guest on x86, where they have
//! neither an address nor an interrupt.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered, on_record};
use crate::device::view::View;
use crate::log::Logger;
use crate::types::{DeviceVirtio, VirtioTransport};
use crate::{DOM0, Error, Result};

impl Kind for DeviceVirtio {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        self.grant_usage.get_or_insert(self.backend_domid != DOM0);
        match self.type_ {
            Some(_) => Ok(()),
            None => Err(Error::inval("a virtio device needs its type")
                .hint("say type=virtio,deviceXX with the device's number in hexadecimal digits")),
        }
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let base = match self.base {
            0 => "0".to_owned(),
            base => format!("{base:#x}"),
        };
        nodes
            .back
            .set("irq", self.irq)
            .set("base", base)
            .set_some("type", self.type_.as_deref())
            .set("transport", self.transport.name())
            .set_bool("grant_usage", self.grant_usage == Some(true));
        Ok(nodes)
    }
}

impl Listed for DeviceVirtio {
    const KIND: DeviceKind = DeviceKind::Virtio;
    const NAME: &'static str = "virtio device";
    const STEP: Step = Step::Announced;

    type Info = ();

    listed_by_number!(virtios);

    fn read(record: &Record) -> Result<Self> {
        let base = record
            .text("base")
            .map(|text| match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            });
        let transport = record.text("transport").map(VirtioTransport::from_name);
        Ok(Self {
            type_: record.owned("type"),
            transport: match transport {
                None => VirtioTransport::default(),
                Some(known) => known.ok_or_else(|| record.bad("has a transport nobody knows"))?,
            },
            grant_usage: Some(record.flag("grant_usage")?),
            irq: record.number("irq")?.unwrap_or(0),
            base: match base {
                None => 0,
                Some(number) => number.ok_or_else(|| record.bad("has no number in base"))?,
            },
            ..on_record!(record)
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

    #[test]
    fn what_is_no_record_is_an_error_that_names_the_node() {
        let device = Device::plain(3, DeviceKind::Virtio, 0, DOM0);
        for (key, value) in [
            ("base", "0x"),
            ("base", "-1"),
            ("irq", "x"),
            ("transport", "pigeon"),
            ("grant_usage", "yes"),
        ] {
            let error = DeviceVirtio::read(&Record::of(device, &[(key, value)])).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn grants_are_for_servers_elsewhere() {
        let guest = Guest {
            domid: 7,
            type_: crate::types::DomainType::Pvh,
            protocol: None,
        };
        let complete = |mut device: DeviceVirtio| {
            let done = device.set_defaults(&Logger::silent(), &guest, When::Creation);
            done.map(|()| device.grant_usage)
        };
        let mut device = DeviceVirtio {
            type_: Some("virtio,device22".into()),
            ..DeviceVirtio::default()
        };
        assert_eq!(complete(device.clone()).unwrap(), Some(false));
        device.backend_domid = 3;
        assert_eq!(complete(device.clone()).unwrap(), Some(true));
        device.type_ = None;
        assert_eq!(complete(device).unwrap_err().code(), crate::Code::Inval);
    }

    impl Sample for DeviceVirtio {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                type_: Some("virtio,device22".into()),
                transport: VirtioTransport::Mmio,
                irq: 33,
                base: 0x200_0000,
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            assert_eq!(self.grant_usage, Some(true));
            self
        }
    }
}
