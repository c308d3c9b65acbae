//! Emulated disks: IDE, AHCI, SCSI and CD drives, each on a file, a block device or, in a stub domain, on its front end.

use super::{CommandLine, Input, is};
use crate::device::vdev::Vdev;
use crate::types::{DeviceDisk, DiskBackend, DiskFormat, DomainBuildInfoHvm, Hdtype};
use crate::{DOM0, Result};

/// A stub domain names its disks xvda to xvdz.
const STUBDOM_DISKS: u32 = 26;
const AHCI_PORTS: u32 = 6;
const IDE_DISKS: u32 = 4;

/// Goes before the other devices whenever a disk needs it, so that it keeps its PCI slot.
pub(super) fn scsi_controller(input: &Input<'_>, line: &mut CommandLine) {
    let disks = &input.config.disks;
    if disks.iter().any(|disk| disk.is_cdrom == 0 && is_scsi(disk)) {
        line.pair("-device", "lsi53c895a");
    }
}

fn vdev(disk: &DeviceDisk) -> &str {
    disk.vdev.as_deref().unwrap_or("")
}

fn is_scsi(disk: &DeviceDisk) -> bool {
    vdev(disk).starts_with("sd")
}

/// A disk and what its arguments are made of.
struct Drive<'a> {
    disk: &'a DeviceDisk,
    /// The device number that the guest's drivers see.
    devid: i32,
    /// 0 for the first disk of its name.
    index: u32,
    /// The image format, as QEMU calls it.
    format: &'static str,
    /// Nothing for an empty CD drive.
    target: Option<String>,
}

impl Drive<'_> {
    fn target(&self) -> &str {
        self.target.as_deref().unwrap_or("")
    }
}

pub(super) fn disks(
    input: &Input<'_>,
    hvm: &DomainBuildInfoHvm,
    line: &mut CommandLine,
) -> Result<()> {
    let ahci = hvm.hdtype == Hdtype::Ahci;
    if ahci {
        line.pair("-device", "ahci,id=ahci0");
    }
    for disk in &input.config.disks {
        let drive = match examine(input, disk) {
            Ok(drive) => drive,
            Err(why) => {
                line.warnings
                    .push(format!("disk {} is not emulated: {why}", vdev(disk)));
                continue;
            }
        };
        if disk.is_cdrom != 0 {
            cdrom(&drive, line);
        } else if is_scsi(disk) {
            scsi(&drive, line);
        } else if ahci && drive.index < AHCI_PORTS {
            writable(input, &drive, "AHCI")?;
            ahci_disk(&drive, line);
        } else if drive.index < IDE_DISKS {
            writable(input, &drive, "IDE")?;
            ide(&drive, line);
        } else {
            line.warnings.push(format!(
                "disk {} is not emulated: only {IDE_DISKS} IDE disks are",
                vdev(disk)
            ));
        }
    }
    Ok(())
}

/// What QEMU needs to know about a disk, or why it cannot emulate it.
fn examine<'a>(input: &Input<'_>, disk: &'a DeviceDisk) -> Result<Drive<'a>, String> {
    let parsed = Vdev::parse(vdev(disk)).and_then(|vdev| Some((vdev.devid, vdev.place?.disk)));
    let (devid, index) = parsed.ok_or("its name does not say which disk it is")?;
    let drive = |format, target| Drive {
        disk,
        devid,
        index,
        format,
        target,
    };
    if disk.format == DiskFormat::Empty {
        if disk.is_cdrom == 0 {
            return Err("only a CD drive can be empty".into());
        }
        cd_place(disk, index)?;
        return Ok(drive("", None));
    }
    if input.stubdom {
        if index >= STUBDOM_DISKS {
            return Err(format!("a stub domain has {STUBDOM_DISKS} disks at most"));
        }
        cd_place(disk, index)?;
        let letter = char::from(b'a' + u8::try_from(index).unwrap_or(0));
        return Ok(drive("host_device", Some(format!("/dev/xvd{letter}"))));
    }
    // Another backend reads the image's format itself, and QEMU sees a raw disk.
    let format = match disk.backend {
        DiskBackend::Qdisk => disk.format,
        _ => DiskFormat::Raw,
    };
    let format = qemu_format(format).ok_or("its image format is unknown")?;
    let target = local_target(input, disk).ok_or("its image cannot be reached from here")?;
    cd_place(disk, index)?;
    Ok(drive(format, Some(target)))
}

fn cd_place(disk: &DeviceDisk, index: u32) -> Result<(), String> {
    // The C library's bound is 4, although IDE has no fifth drive; QEMU then refuses the bus.
    if disk.is_cdrom != 0 && index > 4 {
        return Err("a CD drive must be one of the first four disks".into());
    }
    Ok(())
}

/// What QEMU calls a format of the configuration.
pub fn qemu_format(format: DiskFormat) -> Option<&'static str> {
    match format {
        DiskFormat::Qcow => Some("qcow"),
        DiskFormat::Qcow2 => Some("qcow2"),
        DiskFormat::Vhd => Some("vpc"),
        DiskFormat::Raw => Some("raw"),
        DiskFormat::Qed => Some("qed"),
        _ => None,
    }
}

/// The file or device that a QEMU in this domain opens for the disk.
fn local_target(input: &Input<'_>, disk: &DeviceDisk) -> Option<String> {
    if disk.backend_domname.is_some() || disk.backend_domid != DOM0 {
        return None;
    }
    let plain = disk.format == DiskFormat::Raw && disk.script.is_none();
    if plain || disk.backend == DiskBackend::Qdisk {
        return disk.pdev_path.clone();
    }
    disk.script.as_ref()?;
    input.env.script_targets.get(vdev(disk)).cloned()
}

fn writable(input: &Input<'_>, drive: &Drive<'_>, bus: &str) -> Result<()> {
    if drive.disk.readwrite != 0 {
        return Ok(());
    }
    let name = vdev(drive.disk);
    Err(input
        .invalid(format!(
            "disk {name} is read-only, but an {bus} disk cannot be"
        ))
        .hint("make it a CD drive, a SCSI disk (sda) or writable"))
}

/// The id that an emulated CD drive has in QEMU, as a device and as what is behind it.
pub fn cdrom_id(devid: i32) -> String {
    format!("ide-{devid}")
}

fn cdrom(drive: &Drive<'_>, line: &mut CommandLine) {
    let id = cdrom_id(drive.devid);
    let mut value = format!("if=none,readonly=on,id={id}");
    if let Some(target) = &drive.target {
        value.push_str(&format!(",file={target},format={}", drive.format));
    }
    line.pair("-drive", value);
    let (bus, unit) = (drive.index / 2, drive.index % 2);
    line.pair(
        "-device",
        format!("ide-cd,id={id},drive={id},bus=ide.{bus},unit={unit}"),
    );
}

fn ahci_disk(drive: &Drive<'_>, line: &mut CommandLine) {
    let (index, target, format) = (drive.index, drive.target(), drive.format);
    line.pair(
        "-drive",
        format!("file={target},if=none,id=ahcidisk-{index},format={format},cache=writeback"),
    );
    line.pair(
        "-device",
        format!("ide-hd,bus=ahci0.{index},unit=0,drive=ahcidisk-{index}"),
    );
}

/// Which side of a COLO pair the disk is on.
enum Colo {
    No,
    Primary,
    Secondary,
}

fn colo(disk: &DeviceDisk) -> Colo {
    match (is(disk.colo_enable), is(disk.colo_restore_enable)) {
        (false, _) => Colo::No,
        (true, false) => Colo::Primary,
        (true, true) => Colo::Secondary,
    }
}

fn colo_export<'a>(drive: &Drive<'a>) -> &'a str {
    drive.disk.colo_export.as_deref().unwrap_or("")
}

fn on_off(readwrite: i32) -> &'static str {
    if readwrite != 0 { "off" } else { "on" }
}

fn scsi(drive: &Drive<'_>, line: &mut CommandLine) {
    let (index, target, format) = (drive.index, drive.target(), drive.format);
    let readonly = on_off(drive.disk.readwrite);
    let common = format!("if=none,readonly={readonly},cache=writeback");
    let export = colo_export(drive);
    let (id, value) = match colo(drive.disk) {
        Colo::No => {
            let id = format!("scsi0-hd{index}");
            let value = format!("file={target},id={id},format={format},{common}");
            (id, value)
        }
        Colo::Primary => (export.to_owned(), {
            format!("{common},id={export},{}", quorum(drive))
        }),
        Colo::Secondary => {
            line.pair(
                "-drive",
                format!("if=none,driver={format},file={target},id={export},readonly={readonly}"),
            );
            let value = format!("{common},id=top-colo,{}", replication(drive));
            ("top-colo".to_owned(), value)
        }
    };
    line.pair("-drive", value);
    line.pair("-device", format!("scsi-hd,drive={id},scsi-id={index}"));
}

fn ide(drive: &Drive<'_>, line: &mut CommandLine) {
    let (index, target, format) = (drive.index, drive.target(), drive.format);
    let export = colo_export(drive);
    let value = match colo(drive.disk) {
        Colo::No => {
            format!("file={target},if=ide,index={index},media=disk,format={format},cache=writeback")
        }
        Colo::Primary => {
            // Driver and id stand the other way round than for a SCSI disk.
            let quorum = quorum(drive).replacen(',', &format!(",id={export},"), 1);
            format!("if=ide,index={index},media=disk,cache=writeback,{quorum}")
        }
        Colo::Secondary => {
            line.pair(
                "-drive",
                format!("if=none,driver={format},file={target},id={export}"),
            );
            let replication = replication(drive);
            format!("if=ide,index={index},id=top-colo,media=disk,cache=writeback,{replication}")
        }
    };
    line.pair("-drive", value);
}

fn quorum(drive: &Drive<'_>) -> String {
    format!(
        "driver=quorum,children.0.file.filename={},children.0.driver={},read-pattern=fifo,\
         vote-threshold=1",
        drive.target(),
        drive.format
    )
}

fn replication(drive: &Drive<'_>) -> String {
    format!(
        "driver=replication,mode=secondary,top-id=top-colo,file.driver=qcow2,\
         file.file.filename={},file.backing.driver=qcow2,file.backing.file.filename={},\
         file.backing.backing={}",
        drive.disk.active_disk.as_deref().unwrap_or(""),
        drive.disk.hidden_disk.as_deref().unwrap_or(""),
        colo_export(drive)
    )
}
