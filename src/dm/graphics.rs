//! Whether a guest is given an Intel graphics card, for which QEMU needs another machine.

use std::fs;
use std::path::Path;

use crate::types::DevicePci;

const INTEL: u64 = 0x8086;
const VGA_CLASS: u64 = 0x03_0000;

/// Whether one of the devices is an Intel VGA card, by what the host's sysfs says.
pub(super) fn has_igd(devices: &[DevicePci]) -> bool {
    let host = Path::new("/sys/bus/pci/devices");
    devices.iter().any(|device| {
        let name = format!(
            "{:04x}:{:02x}:{:02x}.{:x}",
            device.domain, device.bus, device.dev, device.func
        );
        is_igd(&host.join(name))
    })
}

fn is_igd(directory: &Path) -> bool {
    number(&directory.join("vendor")) == Some(INTEL)
        && number(&directory.join("class")) == Some(VGA_CLASS)
}

fn number(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intel_and_only_vga() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        let says = |vendor: &str, class: &str| {
            fs::write(directory.join("vendor"), vendor).unwrap();
            fs::write(directory.join("class"), class).unwrap();
            is_igd(directory)
        };
        assert!(says("0x8086\n", "0x030000\n"));
        assert!(!says("0x8086\n", "0x020000\n"));
        assert!(!says("0x10de\n", "0x030000\n"));
        assert!(!says("garbage\n", "0x030000\n"));
        assert!(!is_igd(&directory.join("absent")));
    }
}
