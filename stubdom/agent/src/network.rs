//! The path of an emulated NIC: QEMU's tap and the interface of this domain, joined by a bridge.

use std::fs;
use std::time::{Duration, Instant};

use crate::arguments::Tap;
use crate::error::{Error, Result};
use crate::sys;

/// The interface comes with the guest's own MAC address, and a bridge keeps frames for its members'
/// addresses to itself; so the member gets another one, the one backends use.
const MEMBER_MAC: [u8; 6] = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff];

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
        sys::create_tap(&tap.name),
    )?;
    step(
        format!("create bridge {bridge}"),
        sys::create_bridge(&bridge),
    )?;
    step(
        format!("set the address of {vif}"),
        sys::set_mac(&vif, MEMBER_MAC),
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
                "no interface for vif {devid} within {} s: the toolstack's network backend did not connect",
                timeout.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
