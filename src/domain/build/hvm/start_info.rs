//! What the guest's first instructions are given (arch-x86/hvm/start_info.h): command line, modules, memory map.

use crate::xen::E820Region;
use crate::{Error, Result};

const MAGIC: u32 = 0x336e_c578;
const VERSION: u32 = 1;
const HEADER: u64 = 56;
const MODULE: u64 = 32;
const REGION: u64 = 24;
/// The C library's builder has room for two modules, and for a command line of this size for each.
const MODULES: usize = 2;
const MODULE_CMDLINE: usize = 1024;

/// A module in guest memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its first byte.
    pub(super) address: u64,
    /// Its bytes.
    pub(super) length: u64,
    /// What it is to the guest.
    pub(super) cmdline: Option<String>,
}

/// The information; all addresses are guest physical.
#[derive(Clone, Debug, Default)]
pub(super) struct StartInfo<'a> {
    /// A PVH guest's command line.
    pub(super) cmdline: Option<&'a str>,
    /// A PVH guest's ACPI tables; 0 when there are none.
    pub(super) rsdp: u64,
    pub(super) modules: Vec<Placed>,
    pub(super) map: &'a [E820Region],
}

impl StartInfo<'_> {
    /// Bytes that it takes. Does not depend on the modules, which may be placed later.
    pub(super) fn length(&self) -> u64 {
        self.modules_end() + self.map.len() as u64 * REGION
    }

    fn cmdline_length(&self) -> u64 {
        self.cmdline
            .map_or(0, |text| (text.len() as u64 + 1).next_multiple_of(8))
    }

    fn modules_start(&self) -> u64 {
        HEADER + self.cmdline_length()
    }

    fn module_cmdlines_start(&self) -> u64 {
        self.modules_start() + MODULES as u64 * MODULE
    }

    fn modules_end(&self) -> u64 {
        self.module_cmdlines_start() + (MODULES * MODULE_CMDLINE) as u64
    }

    /// Its bytes, for a guest that has it at `address`.
    pub(super) fn bytes(&self, address: u64) -> Result<Vec<u8>> {
        if self.modules.len() > MODULES {
            return Err(Error::inval(format!(
                "a guest can be given {MODULES} modules, not {}",
                self.modules.len()
            )));
        }
        let mut out = Vec::new();
        self.header(address, &mut out);
        if let Some(text) = self.cmdline {
            padded(text, self.modules_start(), &mut out)?;
        }
        let cmdlines = address + self.module_cmdlines_start();
        for (module, cmdline) in self
            .modules
            .iter()
            .zip((cmdlines..).step_by(MODULE_CMDLINE))
        {
            let cmdline = module.cmdline.as_ref().map_or(0, |_| cmdline);
            for field in [module.address, module.length, cmdline, 0] {
                out.extend(field.to_le_bytes());
            }
        }
        resize(&mut out, self.module_cmdlines_start());
        for module in &self.modules {
            let end = out.len() as u64 + MODULE_CMDLINE as u64;
            padded(module.cmdline.as_deref().unwrap_or(""), end, &mut out)?;
        }
        resize(&mut out, self.modules_end());
        for region in self.map {
            out.extend(region.start.to_le_bytes());
            out.extend(region.size.to_le_bytes());
            out.extend((region.kind as u32).to_le_bytes());
            out.extend(0u32.to_le_bytes());
        }
        Ok(out)
    }

    fn header(&self, address: u64, out: &mut Vec<u8>) {
        let modules = self.modules.len();
        // Two at most, and no more regions than the hypervisor takes.
        let number = |count: usize| u32::try_from(count).unwrap_or(0);
        for word in [MAGIC, VERSION, 0, number(modules)] {
            out.extend(word.to_le_bytes());
        }
        let list = if modules == 0 {
            0
        } else {
            address + self.modules_start()
        };
        let cmdline = self.cmdline.map_or(0, |_| address + HEADER);
        for field in [list, cmdline, self.rsdp, address + self.modules_end()] {
            out.extend(field.to_le_bytes());
        }
        out.extend(number(self.map.len()).to_le_bytes());
        out.extend(0u32.to_le_bytes());
    }
}

/// Adds a text, then zeros up to `end`, at least one.
fn padded(text: &str, end: u64, out: &mut Vec<u8>) -> Result<()> {
    if out.len() as u64 + text.len() as u64 >= end || text.contains('\0') {
        return Err(Error::inval(format!(
            "a command line of {} bytes is too long for a module, or has a NUL in it",
            text.len()
        )));
    }
    out.extend(text.as_bytes());
    resize(out, end);
    Ok(())
}

fn resize(out: &mut Vec<u8>, end: u64) {
    // A few KiB and a command line.
    out.resize(usize::try_from(end).unwrap_or(usize::MAX), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::E820Type;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn long(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    fn text(bytes: &[u8], at: usize) -> &str {
        let end = bytes[at..].iter().position(|&byte| byte == 0).unwrap();
        std::str::from_utf8(&bytes[at..at + end]).unwrap()
    }

    const MAP: [E820Region; 2] = [
        E820Region {
            start: 0,
            size: 4 << 20,
            kind: E820Type::Ram,
        },
        E820Region {
            start: 0xfc00_0000,
            size: 0x9000,
            kind: E820Type::Acpi,
        },
    ];

    #[test]
    fn a_guest_finds_everything() {
        let info = StartInfo {
            cmdline: Some("console=hvc0"),
            rsdp: 0xfc00_8000,
            modules: vec![
                Placed {
                    address: 0x40_0000,
                    length: 77,
                    cmdline: None,
                },
                Placed {
                    address: 0x50_0000,
                    length: 88,
                    cmdline: Some("second".to_owned()),
                },
            ],
            map: &MAP,
        };
        let base = 0x30_0000;
        let bytes = info.bytes(base).unwrap();
        assert_eq!(bytes.len() as u64, info.length());
        let at = |address: u64| usize::try_from(address - base).unwrap();
        assert_eq!((word(&bytes, 0), word(&bytes, 4)), (0x336e_c578, 1));
        assert_eq!(word(&bytes, 12), 2);
        assert_eq!(text(&bytes, at(long(&bytes, 24))), "console=hvc0");
        assert_eq!(long(&bytes, 32), 0xfc00_8000);
        let modules = at(long(&bytes, 16));
        assert_eq!((modules, modules % 8), (56 + 16, 0));
        assert_eq!(
            (
                long(&bytes, modules),
                long(&bytes, modules + 8),
                long(&bytes, modules + 16)
            ),
            (0x40_0000, 77, 0)
        );
        assert_eq!(text(&bytes, at(long(&bytes, modules + 32 + 16))), "second");
        assert_eq!(word(&bytes, 48), 2);
        let map = at(long(&bytes, 40));
        assert_eq!(
            (
                long(&bytes, map),
                long(&bytes, map + 8),
                word(&bytes, map + 16)
            ),
            (0, 4 << 20, 1)
        );
        assert_eq!(
            (long(&bytes, map + 24), word(&bytes, map + 40)),
            (0xfc00_0000, 3)
        );
    }

    #[test]
    fn what_is_missing_has_no_address() {
        let bytes = StartInfo::default().bytes(0x1000).unwrap();
        assert_eq!(
            (long(&bytes, 16), long(&bytes, 24), long(&bytes, 32)),
            (0, 0, 0)
        );
        let empty = StartInfo {
            cmdline: Some(""),
            ..StartInfo::default()
        };
        assert_eq!(empty.length(), StartInfo::default().length() + 8);
        assert_eq!(long(&empty.bytes(0x1000).unwrap(), 24), 0x1000 + 56);
    }

    #[test]
    fn what_has_no_room_is_refused() {
        let module = |cmdline: String| Placed {
            cmdline: Some(cmdline),
            ..Placed::default()
        };
        let with = |modules| StartInfo {
            modules,
            ..StartInfo::default()
        };
        assert!(with(vec![module("x".repeat(1023))]).bytes(0).is_ok());
        assert!(with(vec![module("x".repeat(1024))]).bytes(0).is_err());
        assert!(with(vec![Placed::default(); 3]).bytes(0).is_err());
        let nul = StartInfo {
            cmdline: Some("a\0b"),
            ..StartInfo::default()
        };
        assert!(nul.bytes(0).is_err());
    }
}
