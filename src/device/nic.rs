//! Network interfaces: paravirtual ones, and those that QEMU emulates next to them.

use super::add::{self, When};
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::nodes::Nodes;
use super::{Kind, nic_colo, script_path};
use crate::engine::Op;
use crate::log::Logger;
use crate::types::{DeviceNic, DomainType, Mac, NicType, Uuid};
use crate::{Domid, Error, Result};

/// The MTU that is not worth a node for the backend.
pub(super) const DEFAULT_MTU: i32 = 1500;
/// The first half of every address that Xen hands out (its OUI).
const XEN_OUI: [u8; 3] = [0x00, 0x16, 0x3e];

impl Kind for DeviceNic {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        (self.backend_domname.as_deref(), &mut self.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        Some((DeviceKind::Vif, &mut self.devid))
    }

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

    fn device(&self, domid: Domid) -> Result<Device> {
        Ok(Device::plain(
            domid,
            DeviceKind::Vif,
            self.devid,
            self.backend_domid,
        ))
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

/// Completes the NICs of a domain that is being made, numbers included, so that QEMU's command line can name them.
/// Those without a number get the lowest free ones.
pub async fn number_nics(op: &Op, guest: &Guest, nics: &mut [DeviceNic]) -> Result<()> {
    for nic in nics.iter_mut() {
        add::set_defaults(op, guest, nic, When::Creation).await?;
    }
    fill_numbers(nics);
    Ok(())
}

fn fill_numbers(nics: &mut [DeviceNic]) {
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

fn random_mac() -> Result<Mac> {
    let random = Uuid::random().map_err(|e| Error::io("cannot make a MAC address", &e))?;
    let low = &random.0;
    let [a, b, c] = XEN_OUI;
    Ok(Mac([a, b, c, low[0] & 0x7f, low[1], low[2]]))
}
