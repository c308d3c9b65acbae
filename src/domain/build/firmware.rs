//! The files that an HVM guest starts from.

use std::path::Path;

use crate::log::{Level, Logger};
use crate::sys::guest::{Image, Module};
use crate::types::{BiosType, DeviceModelVersion, DomainBuildInfo, DomainBuildInfoHvm};
use crate::{Domid, Error, Result, log_line};

/// Where Xen's own firmware is installed.
const FIRMWARE_DIR: &str = "/usr/lib/xen-4.17/boot";
/// What hvmloader starts for `bios="seabios"`.
const SEABIOS: &str = "/usr/share/seabios/bios-256k.bin";
/// What hvmloader starts for `bios="ovmf"`.
const OVMF: &str = "/usr/share/ovmf/OVMF.fd";
/// The program that runs first.
const HVMLOADER: &str = "hvmloader";

/// A firmware's path; a bare name is one of Xen's own.
fn path(name: &str) -> String {
    if Path::new(name).is_absolute() {
        name.to_owned()
    } else {
        format!("{FIRMWARE_DIR}/{name}")
    }
}

/// Puts hvmloader, the BIOS and the administrator's tables into the image.
pub(super) fn load(
    log: &Logger,
    domid: Domid,
    image: &mut Image<'_>,
    info: &DomainBuildInfo,
    hvm: &DomainBuildInfoHvm,
) -> Result<()> {
    let loader = path(hvm.firmware.as_deref().unwrap_or(HVMLOADER));
    image.kernel_file(&loader).map_err(|error| {
        Error::io(format!("cannot load the firmware {loader}"), &error)
            .hint("is xen-utils-4.17 installed?")
    })?;
    if let Some(bios) = bios(info, hvm)? {
        log_line!(log, Level::Debug, domid, "Loading BIOS: {bios}");
        let bytes = read("BIOS", &bios)?;
        if bytes.is_empty() {
            return Err(Error::inval(format!("file {bios} for BIOS is empty")));
        }
        image
            .set_system_firmware(bytes)
            .map_err(|error| Error::io(format!("cannot use {bios}"), &error))?;
    }
    if let Some(file) = &hvm.smbios_firmware {
        let bytes = read("SMBIOS", file)?;
        if !bytes.is_empty() {
            image
                .set_smbios(bytes)
                .map_err(|error| Error::io(format!("cannot use {file}"), &error))?;
        }
    }
    Ok(())
}

/// The administrator's ACPI tables; hvmloader copies them from where the builder puts them.
pub(super) fn acpi(hvm: &DomainBuildInfoHvm) -> Result<Vec<Module>> {
    let Some(file) = &hvm.acpi_firmware else {
        return Ok(Vec::new());
    };
    let bytes = read("ACPI", file)?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Module { bytes, address: 0 }])
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
        assert_eq!(path("hvmloader"), "/usr/lib/xen-4.17/boot/hvmloader");
        assert_eq!(path("/boot/x"), "/boot/x");
    }
}
