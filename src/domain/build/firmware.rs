//! The files that an HVM guest starts from.

use std::path::Path;

use crate::log::{Level, Logger};
use crate::paths::{OVMF, SEABIOS, XEN_BOOTDIR};
use crate::release;
use crate::types::{BiosType, DeviceModelVersion, DomainBuildInfo, DomainBuildInfoHvm};
use crate::{Domid, Error, Result, log_line};

/// The program that runs first.
const HVMLOADER: &str = "hvmloader";

/// A firmware's path; a bare name is one of Xen's own.
fn path(name: &str) -> String {
    if Path::new(name).is_absolute() {
        name.to_owned()
    } else {
        format!("{XEN_BOOTDIR}/{name}")
    }
}

/// What an HVM guest starts from. All but the loader may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Firmware {
    /// Where the program that runs first comes from.
    pub(super) loader_path: String,
    /// That program: hvmloader.
    pub(super) loader: Vec<u8>,
    /// What it starts: SeaBIOS, OVMF.
    pub(super) bios: Option<Vec<u8>>,
    /// The administrator's ACPI tables; hvmloader copies them from where the builder puts them.
    pub(super) acpi: Option<Vec<u8>>,
    /// The administrator's SMBIOS structures, likewise.
    pub(super) smbios: Option<Vec<u8>>,
}

/// Reads the files that the configuration asks for.
pub(super) fn load(
    log: &Logger,
    domid: Domid,
    info: &DomainBuildInfo,
    hvm: &DomainBuildInfoHvm,
) -> Result<Firmware> {
    let loader_path = path(hvm.firmware.as_deref().unwrap_or(HVMLOADER));
    let loader = std::fs::read(&loader_path).map_err(|error| {
        Error::io(format!("cannot load the firmware {loader_path}"), &error)
            .hint(format!("is xen-utils-{} installed?", release::NUMBER))
    })?;
    let bios = match bios(info, hvm)? {
        Some(file) => {
            log_line!(log, Level::Debug, domid, "Loading BIOS: {file}");
            let bytes = read("BIOS", &file)?;
            if bytes.is_empty() {
                return Err(Error::inval(format!("file {file} for BIOS is empty")));
            }
            Some(bytes)
        }
        None => None,
    };
    Ok(Firmware {
        loader_path,
        loader,
        bios,
        acpi: optional("ACPI", hvm.acpi_firmware.as_deref())?,
        smbios: optional("SMBIOS", hvm.smbios_firmware.as_deref())?,
    })
}

/// An empty file counts as none.
fn optional(what: &str, file: Option<&str>) -> Result<Option<Vec<u8>>> {
    let bytes = file.map(|file| read(what, file)).transpose()?;
    Ok(bytes.filter(|bytes| !bytes.is_empty()))
}

/// The older QEMU's hvmloader has its BIOS built in.
fn bios(info: &DomainBuildInfo, hvm: &DomainBuildInfoHvm) -> Result<Option<String>> {
    match info.device_model_version {
        DeviceModelVersion::QemuXen => {}
        DeviceModelVersion::QemuXenTraditional => return Ok(None),
        DeviceModelVersion::Unknown => {
            return Err(Error::fail("device_model_version has no default filled in"));
        }
    }
    if let Some(own) = &hvm.system_firmware {
        return Ok(Some(own.clone()));
    }
    match hvm.bios {
        BiosType::Seabios => Ok(Some(SEABIOS.to_owned())),
        BiosType::Ovmf => Ok(Some(OVMF.to_owned())),
        BiosType::Rombios | BiosType::Unknown => Err(Error::inval(format!(
            "bios=\"{}\" does not go with qemu-xen",
            hvm.bios.name()
        ))),
    }
}

fn read(what: &str, file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        Error::io(
            format!("failed to read {what} firmware file {file}"),
            &error,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bios_depends_on_the_device_model() {
        let mut info = DomainBuildInfo {
            device_model_version: DeviceModelVersion::QemuXen,
            ..Default::default()
        };
        let mut hvm = DomainBuildInfoHvm {
            bios: BiosType::Ovmf,
            ..Default::default()
        };
        assert_eq!(bios(&info, &hvm).unwrap().as_deref(), Some(OVMF));
        hvm.bios = BiosType::Rombios;
        assert!(bios(&info, &hvm).is_err());
        hvm.system_firmware = Some("/opt/fw".to_owned());
        assert_eq!(bios(&info, &hvm).unwrap().as_deref(), Some("/opt/fw"));
        info.device_model_version = DeviceModelVersion::QemuXenTraditional;
        assert_eq!(bios(&info, &hvm).unwrap(), None);
        info.device_model_version = DeviceModelVersion::Unknown;
        assert!(bios(&info, &hvm).is_err());
    }

    #[test]
    fn bare_names_are_xens_own() {
        assert_eq!(path("hvmloader"), format!("{XEN_BOOTDIR}/hvmloader"));
        assert_eq!(path("/boot/x"), "/boot/x");
    }
}
