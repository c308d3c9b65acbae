//! Another medium in a CD drive of a running HVM guest, or none: QEMU, in dom0 or in a stub domain, lets go of the old one and
//! opens the new one.
//!
//! QEMU in dom0 gets the new medium as a descriptor. A stub domain gets it as a disk of its own, and whoever prepares that
//! domain for QEMU adds a descriptor of the disk to a set of QEMU's, with the text `stub-devid:DEVID`. Those who do so as
//! our image does say it in a node as well ([`layout::dm_fdset`]), which makes the look at QEMU's sets come in time. It is
//! no more than that: the sets count.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use super::userdata::Userdata;
use super::{attach, config, stubdom};
use crate::device::{self, Device, DeviceKind, Force, Guest, Kind, When};
use crate::dm::{self, args};
use crate::engine::{FileLock, Op};
use crate::log::Level;
use crate::qmp::Client;
use crate::store::layout;
use crate::types::{DeviceDisk, DiskBackend, DiskFormat, DomainType};
use crate::{Boxed, Code, DOM0, Domid, Error, Result, log_line};

/// How long all of a change may take, once others have ended theirs.
const LIMIT: Duration = Duration::from_secs(40);
/// How long a stub domain may take to offer a disk that it has to its QEMU.
const OFFERED: Duration = Duration::from_secs(25);
/// How long a stub domain may take to notice that a disk of its own has gone.
const NOTICED: Duration = Duration::from_secs(5);
/// How often QEMU's sets are looked at where no node says that they changed.
const LOOK: Duration = Duration::from_secs(1);

/// Puts `disk` into the CD drive of `domid` that has its name, in place of what is there. An empty one ejects.
///
/// Fills in what `disk` left open; the stored configuration gets it as it was. [`Code::Inval`] when `domid` is no HVM guest,
/// or its device model cannot do this; [`Code::Fail`] when there is no such domain, drive or medium; [`Code::Timedout`] after
/// 40 s. When an error comes after QEMU has let go of the old medium, the drive is empty, and its record says so.
pub async fn insert(op: &Op, domid: Domid, disk: &mut DeviceDisk) -> Result<()> {
    let guest = Guest::read(op, domid).await;
    let guest = guest.map_err(|error| error.code_as(Code::Fail))?;
    let saved = disk.clone();
    let drive = Drive::find(op, &guest, disk).await?;
    let stubdom = match drive.stubdom {
        Some(stubdom) => Some(Guest::read(op, stubdom).await?),
        None => None,
    };
    let files = Userdata::of(op.xen()?, domid).map_err(|error| error.code_as(Code::LockFail))?;
    let _devices = FileLock::acquire(op, files.device_changes_lock()).await?;
    let book = Files {
        files: &files,
        drive: &drive.device,
        saved: &saved,
    };
    let work = async {
        let qemu = match drive.speaks_qmp {
            true => Some(dm::connect(op, domid).await?),
            false => None,
        };
        change(op, &drive, stubdom.as_ref(), disk, qemu, &book).await
    };
    let doing = format!("changing the medium of CD drive {}", drive.vdev);
    let changed = op.timeout(LIMIT, &doing, work).await;
    changed.map_err(|error| match error.code() {
        Code::Timedout => error,
        _ => error.context(doing),
    })
}

/// The steps in the order in which they happen.
async fn change(
    op: &Op,
    drive: &Drive,
    stubdom: Option<&Guest>,
    disk: &DeviceDisk,
    qemu: Option<Client>,
    book: &dyn Book,
) -> Result<()> {
    let wanted = (disk.format != DiskFormat::Empty).then_some(disk);
    // An empty drive may have a file, too.
    let recorded = disk.pdev_path.as_ref().is_some_and(|path| !path.is_empty());
    let recorded = recorded.then_some(disk);
    // From here on an abort must not part what QEMU holds from what is on record.
    let steady = &op.shielded();
    let Some(mut qemu) = qemu else {
        book.emptied(steady).await?;
        return book.holds(steady, recorded).await;
    };
    // While the old medium is still in: a new one that is not there, or cannot be had, changes nothing.
    let file = match wanted {
        Some(medium) if is_here(medium) => Some(open(medium)?),
        _ => None,
    };
    let mut own_disk = match (wanted, stubdom) {
        (Some(medium), Some(stubdom)) => Some(for_stubdom(op, stubdom, medium).await?),
        _ => None,
    };

    let ejected = qemu.eject(&drive.id).await;
    ejected.map_err(|error| match error.code() {
        Code::QmpGenericError => error.hint(
            "a guest that has locked its drive is asked to open it: unmount the medium there, or try again",
        ),
        _ => error,
    })?;
    // There is no way back from here: a failure leaves an empty drive, and the record must say so.
    book.emptied(steady).await?;
    if let Some(stubdom) = stubdom {
        take_from_stubdom(op, drive, stubdom.domid, &mut qemu).await?;
        if let Some(disk) = &mut own_disk {
            give_to_stubdom(op, drive, stubdom, disk, &mut qemu).await?;
        }
    } else if let (Some(medium), Some(file)) = (wanted, &file) {
        hand_over(op, drive, medium, file, &mut qemu).await?;
    }
    book.holds(steady, recorded).await
}

/// A drive, and who emulates it.
#[derive(Debug)]
struct Drive {
    /// The guest's disk of that number.
    device: Device,
    vdev: String,
    /// The emulated device, as QEMU knows it.
    id: String,
    /// The text by which a stub domain marks the descriptor of its medium.
    mark: String,
    /// What QEMU calls the format of the new medium.
    format: &'static str,
    speaks_qmp: bool,
    stubdom: Option<Domid>,
}

impl Drive {
    /// The drive that `disk` is meant for, when it can be given another medium; fills in the rest of `disk`.
    async fn find(op: &Op, guest: &Guest, disk: &mut DeviceDisk) -> Result<Self> {
        let domid = guest.domid;
        if guest.type_ != DomainType::Hvm {
            let what = "only HVM guests have CD drives whose medium can be changed";
            return Err(Error::inval(what)
                .hint("use xl block-attach and block-detach there")
                .domain(domid));
        }
        let version = dm::Running::read(op, domid).await;
        let version = version.map_err(|error| error.code_as(Code::Fail))?;
        let speaks_qmp = version == dm::Running::QemuXen;
        let stubdom = dm::stubdom_of(op, domid).await?;
        if stubdom.is_some() && !speaks_qmp {
            let what = "the medium of a guest with a MiniOS stub domain cannot be changed";
            return Err(Error::inval(what)
                .hint("use a Linux stub domain: device_model_version=\"qemu-xen\"")
                .domain(domid));
        }
        let vdev = disk.vdev.clone().unwrap_or_default();
        let found = device::cd_drive(op, domid, &vdev).await?;
        let device = found.device(domid)?;
        disk.backend = found.backend;
        device::set_defaults(op, guest, disk, When::Creation).await?;
        if disk.pdev_path.is_none() {
            disk.pdev_path = Some(String::new());
            disk.format = DiskFormat::Empty;
        }
        Ok(Self {
            id: args::cdrom_id(device.devid),
            mark: format!("stub-devid:{}", device.devid),
            format: format(disk, stubdom).map_err(|error| error.domain(domid))?,
            device,
            vdev,
            speaks_qmp,
            stubdom,
        })
    }
}

/// What QEMU will call the format of `medium`; nothing for none. Refuses a medium that QEMU cannot come by.
fn format(medium: &DeviceDisk, stubdom: Option<Domid>) -> Result<&'static str> {
    if medium.format == DiskFormat::Empty {
        return Ok("");
    }
    let format = args::qemu_format(medium.format);
    let format = format.ok_or_else(|| Error::inval("the medium has no format"))?;
    let backend = medium.backend_domid;
    match stubdom {
        // In there it is a block device; here it may be a file.
        Some(_) => Ok("host_device"),
        None if backend == DOM0 => Ok(format),
        None => Err(Error::inval(format!(
            "the medium is in domain {backend}, where QEMU in dom0 cannot open it"
        ))),
    }
}

/// Where it is put on record what a drive holds.
trait Book: Sync {
    /// Nothing.
    fn emptied<'a>(&'a self, op: &'a Op) -> Boxed<'a, Result<()>>;

    /// What was asked for, as the stored configuration is to say as well.
    fn holds<'a>(&'a self, op: &'a Op, medium: Option<&'a DeviceDisk>) -> Boxed<'a, Result<()>>;
}

/// The store, and the guest's files. Their lock is held for one step at a time.
struct Files<'a> {
    files: &'a Userdata,
    drive: &'a Device,
    /// As the caller gave it.
    saved: &'a DeviceDisk,
}

impl Book for Files<'_> {
    fn emptied<'a>(&'a self, op: &'a Op) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            let _locked = self.files.lock(op).await?;
            device::set_medium(op, self.drive, None, &|| Ok(())).await
        })
    }

    fn holds<'a>(&'a self, op: &'a Op, medium: Option<&'a DeviceDisk>) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            let locked = self.files.lock(op).await?;
            let mut stored = config::load(&locked)?;
            attach::enlist(&mut stored, self.saved.clone());
            let save = || config::save(&locked, &stored);
            device::set_medium(op, self.drive, medium, &save).await
        })
    }
}

/// Whether the medium is a file or a device of this domain's.
fn is_here(medium: &DeviceDisk) -> bool {
    medium.backend_domid == DOM0 && medium.script.is_none()
}

/// Opens the medium, for QEMU in dom0 or to see whether a stub domain can have it.
fn open(medium: &DeviceDisk) -> Result<File> {
    let path = medium.pdev_path.as_deref().unwrap_or("");
    let failed = |error: std::io::Error| Error::io(format!("cannot open {path}"), &error);
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    // Opening a pipe would take until somebody writes into it.
    if !kind.is_file() && !kind.is_block_device() {
        return Err(Error::fail(format!(
            "{path} is neither a file nor a block device"
        )));
    }
    File::open(path).map_err(failed)
}

/// Gives the medium to QEMU in dom0.
async fn hand_over(
    op: &Op,
    drive: &Drive,
    medium: &DeviceDisk,
    file: &File,
    qemu: &mut Client,
) -> Result<()> {
    let path = medium.pdev_path.as_deref().unwrap_or("");
    let opaque = format!("{}:{path}", medium.format.name());
    let fdset = qemu.add_fd(file.as_fd(), &opaque).await?;
    let changed = qemu
        .change_medium(&drive.id, &in_set(fdset), drive.format)
        .await;
    // QEMU has opened it, or never will; what stays in the set would outlive an eject.
    forget(op, drive, fdset, qemu).await;
    changed
}

/// Lets QEMU close what is in a set.
async fn forget(op: &Op, drive: &Drive, fdset: u32, qemu: &mut Client) {
    if let Err(error) = qemu.remove_fdset(fdset).await {
        log_line!(op.log(), Level::Warn, drive.device.domid, "{error}");
    }
}

/// The name by which QEMU opens what is in a set of descriptors.
fn in_set(fdset: u32) -> String {
    format!("/dev/fdset/{fdset}")
}

/// Takes the old medium away from the stub domain, whose kernel must have let go of it: never by force.
async fn take_from_stubdom(
    op: &Op,
    drive: &Drive,
    stubdom: Domid,
    qemu: &mut Client,
) -> Result<()> {
    for fdset in qemu.fdsets_of(&drive.mark).await? {
        qemu.remove_fdset(fdset).await?;
    }
    let store = op.store()?;
    let Device { domid, devid, .. } = drive.device;
    let offer = layout::dm_fdset(stubdom, domid, devid);
    let was_offered = store.read(&offer).await?.is_some();
    let Some(vbd) = device::on_record(&store, stubdom, DeviceKind::Vbd, devid).await? else {
        return Ok(());
    };
    let removed = device::remove(op, &vbd, Force::Off).await;
    removed.map_err(|error| {
        error
            .context(format!(
                "taking disk {} from stub domain {stubdom}",
                drive.vdev
            ))
            .hint("something in the stub domain still has it open; the next change tries again")
    })?;
    if was_offered {
        until_noticed(op, domid, &offer).await?;
    }
    Ok(())
}

/// Waits until the stub domain knows that its disk is gone. Its kernel takes a disk of the same number that comes sooner for
/// the one that it had.
async fn until_noticed(op: &Op, guest: Domid, offer: &str) -> Result<()> {
    let watch = op.watch(offer).await?;
    let noticed = async {
        while op.store()?.read(offer).await?.is_some() {
            watch.changed().await?;
        }
        Ok(())
    };
    let outcome = op
        .timeout(NOTICED, "the stub domain's notice", noticed)
        .await;
    match outcome {
        Err(error) if error.code() == Code::Timedout => {
            let what = "the stub domain still offers a disk that it has no more";
            log_line!(op.log(), Level::Warn, guest, "{what}");
            Ok(())
        }
        outcome => outcome,
    }
}

/// The disk as which the stub domain gets the medium.
async fn for_stubdom(op: &Op, stubdom: &Guest, medium: &DeviceDisk) -> Result<DeviceDisk> {
    let medium = DeviceDisk {
        is_cdrom: 1,
        ..medium.clone()
    };
    let mut disk = stubdom::own_disk(&medium).unwrap_or(medium);
    device::set_defaults(op, stubdom, &mut disk, When::Hotplug).await?;
    let by_qemu = disk.backend == DiskBackend::Qdisk && disk.backend_domid == DOM0;
    let store = op.store()?;
    if by_qemu && store.read(&layout::dm_pid(stubdom.domid)).await?.is_none() {
        let what =
            "only QEMU can serve this medium to the stub domain, and in dom0 there is none for it";
        return Err(Error::inval(what).hint(
            "use a raw image, or have a medium of this kind in the drive when the guest is created",
        ));
    }
    Ok(disk)
}

/// Gives the medium to the stub domain, and from there to its QEMU.
async fn give_to_stubdom(
    op: &Op,
    drive: &Drive,
    stubdom: &Guest,
    disk: &mut DeviceDisk,
    qemu: &mut Client,
) -> Result<()> {
    op.with_rollback(|undo| async move {
        let vbd = device::add(op, stubdom, disk, When::Hotplug).await?;
        // With the disk the stub domain's descriptors of it lose their use, and ours drops them.
        device::undo_placement(&undo, vbd);
        let waiting = format!("waiting for stub domain {} to open the medium", stubdom.domid);
        let offered = offer(op, drive, stubdom.domid, qemu);
        let fdset = op.timeout(OFFERED, &waiting, offered).await;
        let fdset = fdset.map_err(|error| match error.code() {
            Code::Timedout => error.hint("only images that offer disks as they come can do this; the image's log is qemu-dm-NAME.log"),
            _ => error,
        })?;
        let changed = qemu
            .change_medium(&drive.id, &in_set(fdset), drive.format)
            .await;
        if changed.is_err() {
            forget(op, drive, fdset, qemu).await;
        }
        changed
    })
    .await
}

/// Waits until the stub domain has given its QEMU a descriptor of the medium; gives the set that it is in.
async fn offer(op: &Op, drive: &Drive, stubdom: Domid, qemu: &mut Client) -> Result<u32> {
    let Device { domid, devid, .. } = drive.device;
    let watch = op.watch(&layout::dm_fdset(stubdom, domid, devid)).await?;
    loop {
        if let Some(fdset) = qemu.fdsets_of(&drive.mark).await?.first() {
            return Ok(*fdset);
        }
        match op.timeout(LOOK, "the next look", watch.changed()).await {
            Err(error) if error.code() != Code::Timedout => return Err(error),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
