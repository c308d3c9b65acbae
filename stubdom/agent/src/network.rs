//! The path of an emulated NIC: QEMU's tap and the interface of this domain, joined by a bridge.

use std::fs;
use std::time::{Duration, Instant};

use crate::arguments::Tap;
use crate::error::{Error, Result};
use crate::{confine, sys};

/// In an address's first byte: given by an administrator, not by a manufacturer.
const LOCAL: u8 = 0x02;

/// The interface comes with the guest's own MAC address, and a bridge keeps frames for its members'
/// addresses to itself; so the member gets another one. Not the one that backends use: dom0's bridge may
/// have that, and the kernel here would complain of its frames.
fn member_mac(mut mac: [u8; 6]) -> [u8; 6] {
    mac[0] ^= LOCAL;
    mac
}

/// A MAC address as the kernel writes it.
fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.trim().split(':');
    for byte in &mut mac {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

/// Creates `tap` and bridges it to the vif of the same number. QEMU will find the tap by name.
pub(crate) fn bridge_tap(tap: &Tap, timeout: Duration) -> Result<()> {
    // This domain has no business on the network itself.
    let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    let bridge = format!("br{}", tap.devid);
    let vif = await_vif(tap.devid, timeout)?;
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{vif}/disable_ipv6"), "1");
    let step = |tried: String, result: std::io::Result<()>| {
        result.map_err(|source| Error::io(format!("{tried} (emulated NIC {})", tap.devid), source))
    };
    step(
        format!("create tap {}", tap.name),
        sys::create_tap(&tap.name, confine::QEMU),
    )?;
    step(
        format!("create bridge {bridge}"),
        sys::create_bridge(&bridge),
    )?;
    step(
        format!("set the address of {vif}"),
        own_mac(&vif).and_then(|mac| sys::set_mac(&vif, member_mac(mac))),
    )?;
    for member in [&vif, &tap.name] {
        step(
            format!("add {member} to {bridge}"),
            sys::add_to_bridge(&bridge, member),
        )?;
        step(format!("bring up {member}"), sys::bring_up(member))?;
    }
    step(format!("bring up {bridge}"), sys::bring_up(&bridge))
}

fn own_mac(interface: &str) -> std::io::Result<[u8; 6]> {
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/address"))?;
    parse_mac(&text).ok_or_else(|| std::io::Error::other(format!("{text:?} is no address")))
}

/// The interface that netfront made of device `devid`.
fn await_vif(devid: u32, timeout: Duration) -> Result<String> {
    let dir = format!("/sys/bus/xen/devices/vif-{devid}/net");
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(Ok(entry)) = fs::read_dir(&dir)
            .ok()
            .and_then(|mut entries| entries.next())
        {
            return Ok(entry.file_name().to_string_lossy().into_owned());
        }
        if Instant::now() > deadline {
            return Err(Error::new(format!(
                "no interface for vif {devid} within {} s: its backend did not connect; see dom0's kernel log and xen-hotplug.log",
                timeout.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_an_address_of_its_own() {
        let guest = parse_mac("00:16:3e:0a:0b:ff\n").unwrap();
        assert_eq!(guest, [0, 0x16, 0x3e, 0x0a, 0x0b, 0xff]);
        assert_eq!(member_mac(guest), [2, 0x16, 0x3e, 0x0a, 0x0b, 0xff]);
        for text in [
            "",
            "00:16:3e:0a:0b",
            "00:16:3e:0a:0b:ff:00",
            "00:16:3e:0a:0b:xy",
        ] {
            assert_eq!(parse_mac(text), None, "{text}");
        }
    }
}
