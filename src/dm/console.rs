//! The consoles of a stub domain. QEMU in dom0 serves them all, since xenconsoled serves only first ones.

use std::path::Path;

use super::args::{self, FIRST_SERIAL_CONSOLE};
use crate::DOM0;
use crate::device::{Console, Ring};
use crate::paths::XEN_STATEDIR;
use crate::types::DomainConfig;

/// Where a stub domain's saved device model ends up in dom0.
pub(super) fn save_file(guest: crate::Domid) -> String {
    format!("{XEN_STATEDIR}/qemu-save.{guest}")
}

/// What the consoles are connected to.
pub(super) struct Ends<'a> {
    /// The log file of the stub domain.
    pub(super) log: &'a Path,
    /// See [`save_file`].
    pub(super) save: &'a str,
    /// The state to restore from.
    pub(super) restore: Option<&'a Path>,
    /// The first console's ring, which exists from the start.
    pub(super) ring: Ring,
}

/// In order: the log, the state on its way out, the state on its way in, and the guest's serial ports.
pub(super) fn consoles(guest: &DomainConfig, ends: Ends<'_>) -> Vec<Console> {
    let restore = ends
        .restore
        .map(|state| format!("pipe:{}", state.display()));
    let special: [Option<String>; FIRST_SERIAL_CONSOLE] = [
        Some(format!("file:{}", ends.log.display())),
        Some(format!("file:{}", ends.save)),
        restore,
    ];
    let serial = args::hvm(&guest.b_info)
        .map(args::serial_ports)
        .unwrap_or_default()
        .iter()
        .cloned()
        .map(Some);
    let mut consoles: Vec<Console> = (0..)
        .zip(special.into_iter().chain(serial))
        .map(|(devid, output)| Console::ioemu(devid, DOM0, output))
        .collect();
    if let Some(log) = consoles.first_mut() {
        log.ring = Some(ends.ring);
    }
    consoles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DomainBuildInfoHvm, DomainBuildInfoU};

    fn outputs(hvm: DomainBuildInfoHvm, restore: Option<&Path>) -> Vec<Option<String>> {
        let mut guest = DomainConfig::default();
        guest.b_info.u = DomainBuildInfoU::Hvm(hvm);
        let ends = Ends {
            log: Path::new("/log/qemu-dm-g.log"),
            save: &save_file(9),
            restore,
            ring: Ring {
                port: 2,
                frame: 0x1234,
                tty: None,
            },
        };
        let consoles = consoles(&guest, ends);
        for (place, console) in consoles.iter().enumerate() {
            assert_eq!(usize::try_from(console.devid).unwrap(), place);
            assert_eq!(console.ring.is_some(), place == 0);
        }
        consoles.into_iter().map(|console| console.output).collect()
    }

    #[test]
    fn three_special_consoles_then_the_serial_ports() {
        let plain = outputs(DomainBuildInfoHvm::default(), None);
        let log = Some("file:/log/qemu-dm-g.log".to_owned());
        let save = Some(format!("file:{XEN_STATEDIR}/qemu-save.9"));
        assert_eq!(plain, [log.clone(), save.clone(), None]);
        let hvm = DomainBuildInfoHvm {
            serial_list: vec!["pty".into(), "null".into()],
            ..Default::default()
        };
        let state = Path::new("/state/qemu-resume.9");
        let restore = Some("pipe:/state/qemu-resume.9".to_owned());
        let pty = Some("pty".to_owned());
        let null = Some("null".to_owned());
        assert_eq!(outputs(hvm, Some(state)), [log, save, restore, pty, null]);
    }
}
