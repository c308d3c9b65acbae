//! The consoles of a stub domain. xenconsoled serves only first ones, so the server of this project or QEMU in dom0 serves
//! them all.

use std::path::{Path, PathBuf};

use crate::device::{self, Console, ConsoleBackend, Guest, Ring, When};
use crate::dm::{self, args};
use crate::engine::Op;
use crate::store::layout;
use crate::types::DomainConfig;
use crate::{DOM0, Domid, Error, Result};

/// Makes way for a new log of the guest's stub domain, and gives its path.
pub(super) async fn log_file(op: &Op, guest: Domid) -> Result<PathBuf> {
    let name = op.store()?.read_str(&layout::name(guest)).await?;
    dm::rotate_log(&format!("qemu-dm-{}", name.unwrap_or_default()))
}

/// Removes a state that was saved; fine when there is none.
pub(super) fn remove_saved(path: &str) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format_args!("cannot remove {path}"), &error))
        }
        _ => Ok(()),
    }
}

/// What the consoles are connected to.
pub(super) struct Ends<'a> {
    /// The log file of the stub domain.
    pub(super) log: &'a Path,
    /// See [`dm::saved_state_file`].
    pub(super) save: &'a str,
    /// The state to restore from.
    pub(super) restore: Option<&'a Path>,
    /// The first console's ring, which exists from the start.
    pub(super) ring: Ring,
}

/// Adds the consoles to the stub domain, for the server of this project or for QEMU; gives them for the server.
pub(super) async fn add(
    op: &Op,
    stubdom: &Guest,
    guest: &DomainConfig,
    ends: Ends<'_>,
    server: bool,
) -> Result<Vec<Console>> {
    let mut consoles = consoles(guest, ends);
    for console in &mut consoles {
        if server {
            console.backend = ConsoleBackend::Server;
        }
        device::add(op, stubdom, console, When::Creation).await?;
    }
    Ok(consoles)
}

/// In order: the log, the state on its way out, the state on its way in, and the guest's serial ports.
fn consoles(guest: &DomainConfig, ends: Ends<'_>) -> Vec<Console> {
    let restore = ends
        .restore
        .map(|state| format!("pipe:{}", state.display()));
    let special: [Option<String>; args::FIRST_SERIAL_CONSOLE] = [
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
    use crate::paths::XEN_STATEDIR;
    use crate::types::{DomainBuildInfoHvm, DomainBuildInfoU};

    fn outputs(hvm: DomainBuildInfoHvm, restore: Option<&Path>) -> Vec<Option<String>> {
        let mut guest = DomainConfig::default();
        guest.b_info.u = DomainBuildInfoU::Hvm(hvm);
        let ends = Ends {
            log: Path::new("/log/qemu-dm-g.log"),
            save: &dm::saved_state_file(9),
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
