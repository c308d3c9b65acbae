//! The NUMA nodes of the machine's PCI devices.

use std::path::Path;

use crate::types::Pcitopology;
use crate::xen::Xen;
use crate::{Error, Result};

use super::INVALID_ENTRY;

/// The kernel's list of devices.
const DEVICES: &str = "/sys/bus/pci/devices";

/// All PCI devices that dom0 sees, with their nodes; [`INVALID_ENTRY`] where the hypervisor knows none.
pub fn topology(xen: &Xen) -> Result<Vec<Pcitopology>> {
    let devices = devices(Path::new(DEVICES))?;
    let nodes = xen.pci_nodes(&devices)?;
    Ok(devices
        .into_iter()
        .zip(nodes)
        .map(|((seg, bus, devfn), node)| Pcitopology {
            seg,
            bus,
            devfn,
            node: node.unwrap_or(INVALID_ENTRY),
        })
        .collect())
}

fn devices(directory: &Path) -> Result<Vec<(u16, u8, u8)>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(directory.display(), &error)),
    };
    let mut devices = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(directory.display(), &error))?;
        devices.extend(entry.file_name().to_str().and_then(parse));
    }
    devices.sort_unstable();
    Ok(devices)
}

/// Reads "ssss:bb:dd.f"; segments beyond 16 bits are of no use to the hypervisor.
fn parse(name: &str) -> Option<(u16, u8, u8)> {
    let (segment, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let device = u8::from_str_radix(device, 16).ok()?;
    let function = u8::from_str_radix(function, 16).ok()?;
    (device < 32 && function < 8).then_some(())?;
    Some((
        u16::from_str_radix(segment, 16).ok()?,
        u8::from_str_radix(bus, 16).ok()?,
        device << 3 | function,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses() {
        assert_eq!(parse("0000:00:1f.3"), Some((0, 0, 0xfb)));
        assert_eq!(parse("10000:00:1f.3"), None);
        assert_eq!(parse("0000:00:20.0"), None);
        assert_eq!(parse("0000:00:1f.8"), None);
        assert_eq!(parse("0000:00"), None);
    }
}
