//! Exports of the area "nics".

use xenlight::types::Mac;
use xenlight::{Error, Result};

use crate::args::{Out, Text};
use crate::device::{self, additions, infos, lists, numbers, removals};
use crate::export::export;
use crate::types::{libxl_device_nic, libxl_nicinfo};

lists! {
    /// The network interfaces of a domain; NULL when it has none.
    fn libxl_device_nic_list, libxl_device_nic_list_free(libxl_device_nic);
}

infos! {
    /// How a network interface stands.
    fn libxl_device_nic_getinfo(libxl_device_nic -> libxl_nicinfo);
}

additions! {
    /// Gives a domain a network interface. What was left open is filled in.
    fn libxl_device_nic_add(libxl_device_nic);
}

removals! {
    /// Takes a network interface away, by force if the guest does not let go.
    fn libxl_device_nic_remove(libxl_device_nic, Auto);
    /// Takes a network interface away without asking the guest.
    fn libxl_device_nic_destroy(libxl_device_nic, On);
}

numbers! {
    /// Network interface `devid` of a domain; `ERROR_NOTFOUND` when there is none.
    fn libxl_devid_to_device_nic(nic: libxl_device_nic);
}

export! {
    /// The network interface with the address `mac`; `ERROR_INVAL` when there is none.
    fn libxl_mac_to_device_nic(this, domid: u32, mac: Text, nic: Out<libxl_device_nic>) {
        let mac = parse_mac(mac.required()?)?;
        let nics = device::list::<libxl_device_nic>(this, domid)?;
        let none = || Error::inval(format!("no network interface has the address {mac}"));
        let found = nics.iter().find(|nic| nic.mac == mac);
        let found = found
            .ok_or_else(none)
            .map_err(|error| error.domain(domid))?;
        nic.give(found)
    }
}

/// Six numbers of one or two hexadecimal digits with colons between them.
fn parse_mac(text: &str) -> Result<Mac> {
    let bad = || Error::inval(format!("{text:?} is no MAC address"));
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let digits = parts.next().ok_or_else(bad)?;
        let fine = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        *byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| fine)
            .ok_or_else(bad)?;
    }
    if parts.next().is_some() {
        return Err(bad());
    }
    Ok(Mac(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_leave_zeros_out() {
        let mac = Mac([0, 0x16, 0x3e, 1, 2, 0xff]);
        assert_eq!(parse_mac("00:16:3e:01:02:ff").unwrap(), mac);
        assert_eq!(parse_mac("0:16:3E:1:2:ff").unwrap(), mac);
        for bad in [
            "",
            "00:16:3e:01:02",
            "00:16:3e:01:02:ff:00",
            "00:16:3e:01:02:+f",
            "00:16:3e:01:02:fff",
        ] {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }
}
