//! Network interfaces: paravirtual ones, and those that QEMU emulates next to them.

use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nic_colo;
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::scripts::script_path;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered};
use crate::device::view::{View, info};
use crate::log::Logger;
use crate::types::{DeviceNic, DomainType, Mac, NicType, Nicinfo, Uuid};
use crate::{Error, Result};

/// The MTU that is not worth a node for the backend.
const DEFAULT_MTU: i32 = 1500;
/// The first half of every address that Xen hands out (its OUI).
const XEN_OUI: [u8; 3] = [0x00, 0x16, 0x3e];

impl Kind for DeviceNic {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, guest: &Guest, when: When) -> Result<()> {
        if self.mtu == 0 {
            self.mtu = DEFAULT_MTU;
        }
        self.model.get_or_insert_with(|| "rtl8139".to_owned());
        if self.mac.is_zero() {
            self.mac = random_mac()?;
        }
        self.bridge.get_or_insert_with(|| "xenbr0".to_owned());
        self.script.get_or_insert_with(|| script_path("vif-bridge"));
        self.trusted.get_or_insert(true);
        match (guest.type_, self.nictype) {
            // QEMU's command line is made with the domain; a later NIC cannot be on it.
            (DomainType::Hvm, NicType::Unknown) => {
                self.nictype = match when {
                    When::Creation => NicType::VifIoemu,
                    When::Hotplug => NicType::Vif,
                };
            }
            (DomainType::Hvm, _) => {}
            (_, NicType::VifIoemu) => {
                return Err(
                    Error::inval("PV and PVH guests have no emulated network interfaces")
                        .hint("leave out type=ioemu in vif="),
                );
            }
            _ => self.nictype = NicType::Vif,
        }
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        let mut nodes = Nodes::handshake(device);
        let back = &mut nodes.back;
        back.set_some("script", self.script.as_deref().map(script_path))
            .set_some("vifname", self.ifname.as_deref());
        nic_colo::write(self, back);
        back.set("mac", self.mac)
            .set_some("ip", self.ip.as_deref())
            .set_some("gatewaydev", self.gatewaydev.as_deref());
        if self.rate_interval_usecs > 0 {
            let rate = (self.rate_bytes_per_interval, self.rate_interval_usecs);
            back.set("rate", format!("{},{}", rate.0, rate.1));
        }
        if self.mtu != DEFAULT_MTU {
            back.set("mtu", self.mtu);
        }
        back.set_some("vlan", self.vlan.as_deref());
        // An empty hotplug-status makes the backend wait for the script before it connects.
        back.set_some("bridge", self.bridge.as_deref())
            .set("handle", self.devid)
            .set("type", self.nictype.name())
            .set("hotplug-status", "");
        nodes
            .front
            .set("handle", self.devid)
            .set("mac", self.mac)
            .set_bool("trusted", self.trusted == Some(true));
        nodes.front_ro.set("mtu", self.mtu);
        Ok(nodes)
    }
}

impl Listed for DeviceNic {
    const KIND: DeviceKind = DeviceKind::Vif;
    const NAME: &'static str = "network interface";
    const STEP: Step = Step::Added;
    const FOLLOWED: Option<&'static str> = Some("nic");
    const NAMED_TO_QEMU: bool = true;

    type Info = Nicinfo;

    listed_by_number!(nics);

    fn adopt(&mut self, used: &Self) {
        self.devid = used.devid;
        self.nictype = used.nictype;
        self.mac = used.mac;
    }

    /// Those without a number get the lowest free ones.
    fn number(nics: &mut [Self]) {
        let mut taken: Vec<i32> = nics
            .iter()
            .map(|nic| nic.devid)
            .filter(|n| *n >= 0)
            .collect();
        let mut next = 0;
        for nic in nics.iter_mut().filter(|nic| nic.devid < 0) {
            while taken.contains(&next) {
                next += 1;
            }
            nic.devid = next;
            taken.push(next);
        }
    }

    fn read(record: &Record) -> Result<Self> {
        let mut nic = Self {
            backend_domid: record.device.backend_domid,
            devid: record.number("handle")?.unwrap_or(0),
            mtu: record.number("mtu")?.unwrap_or(DEFAULT_MTU),
            ip: record.owned("ip"),
            vlan: record.owned("vlan"),
            bridge: record.owned("bridge"),
            script: record.owned("script"),
            ..Self::default()
        };
        if let Some(mac) = record.text("mac") {
            nic.mac = Mac::parse(mac).ok_or_else(|| record.bad("has no address in mac"))?;
        }
        nic.nictype = match record.text("type") {
            Some(name) => {
                NicType::from_name(name).ok_or_else(|| record.bad("has a type nobody knows"))?
            }
            None => NicType::Vif,
        };
        nic_colo::read(&mut nic, |key| record.owned(key));
        Ok(nic)
    }

    async fn info(&self, view: &View<'_>) -> Result<Nicinfo> {
        Ok(info!(
            view,
            Nicinfo {
                devid: self.devid,
                evtch: view.number("event-channel").await?,
                rref_tx: view.number("tx-ring-ref").await?,
                rref_rx: view.number("rx-ring-ref").await?,
            }
        ))
    }
}

fn random_mac() -> Result<Mac> {
    let random = Uuid::random().map_err(|e| Error::io("cannot make a MAC address", &e))?;
    let low = &random.0;
    let [a, b, c] = XEN_OUI;
    Ok(Mac([a, b, c, low[0] & 0x7f, low[1], low[2]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    #[test]
    fn a_nic_comes_back_and_nonsense_does_not() {
        let read = |nodes: &[(&str, &str)]| {
            let device = Device::plain(3, DeviceKind::Vif, 51712, 0);
            DeviceNic::read(&Record::of(device, nodes))
        };
        let good = [
            ("handle", "2"),
            ("mac", "00:16:3e:01:02:03"),
            ("type", "vif_ioemu"),
            ("colo_compare_out", "x"),
        ];
        let nic = read(&good).unwrap();
        assert_eq!((nic.devid, nic.mtu), (2, 1500));
        assert_eq!(nic.mac, Mac([0, 0x16, 0x3e, 1, 2, 3]));
        assert_eq!(nic.nictype, NicType::VifIoemu);
        assert_eq!(nic.colo_compare_out.as_deref(), Some("x"));
        for bad in [
            ("handle", "2x"),
            ("mac", "00:16"),
            ("type", "bond"),
            ("mtu", ""),
        ] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
    }

    impl Sample for DeviceNic {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                mac: Mac([0, 0x16, 0x3e, 1, 2, 3]),
                mtu: 9000,
                ip: Some("10.0.0.1".into()),
                vlan: Some("4".into()),
                bridge: Some("xenbr1".into()),
                coloft_forwarddev: Some("eth1".into()),
                colo_checkpoint_port: Some("1".into()),
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            assert_eq!((self.devid, self.nictype), (0, NicType::Vif));
            Self {
                model: None,
                trusted: None,
                ..self
            }
        }
    }
}
