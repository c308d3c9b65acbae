//! Exports of the area "disks/cdrom".

use std::ffi::c_char;

use xenlight::Error;
use xenlight::device::{self, eject};
use xenlight::domain::cdrom;
use xenlight::engine::Op;
use xenlight::types::DiskBackend;

use crate::args::{AoHow, AoInOut, LastUse, Out, Text};
use crate::device::{additions, infos, lists, removals};
use crate::export::export;
use crate::types::{libxl_device_disk, libxl_disk_backend, libxl_diskinfo};

lists! {
    /// The disks of a domain; NULL when it has none.
    fn libxl_device_disk_list, libxl_device_disk_list_free(libxl_device_disk);
}

infos! {
    /// How a disk stands.
    fn libxl_device_disk_getinfo(libxl_device_disk -> libxl_diskinfo);
}

additions! {
    /// Gives a domain a disk. What was left open is filled in.
    fn libxl_device_disk_add(libxl_device_disk);
}

removals! {
    /// Takes a disk away, by force if the guest does not let go.
    fn libxl_device_disk_remove(libxl_device_disk, Auto);
    /// Takes a disk away without asking the guest.
    fn libxl_device_disk_destroy(libxl_device_disk, On);
    /// Takes a disk away if the guest lets go.
    fn libxl_device_disk_safe_remove(libxl_device_disk, Off);
}

/// A generator of disk eject events.
pub struct libxl_evgen_disk_eject {
    id: u64,
}

export! {
    /// Puts a medium into the CD drive that has the disk's name, in place of what is there; an empty one ejects. What was
    /// left open is filled in.
    fn libxl_cdrom_insert(_this, domid: u32, disk: AoInOut<libxl_device_disk>, ao_how: AoHow) {
        let disk = disk.called("the disk");
        let (mut medium, place) = (disk.native()?, disk.place()?);
        ao_how.start(domid, async move |op: Op| {
            let inserted = cdrom::insert(&op, domid, &mut medium).await;
            place.replace(&medium);
            inserted
        })
    }

    /// The disk that a guest knows as `vdev`.
    fn libxl_vdev_to_device_disk(this, domid: u32, vdev: Text, disk: Out<libxl_device_disk>) {
        let vdev = vdev.required()?;
        let found = this
            .core
            .block_on(async |op| device::disk_called(op, domid, vdev).await)?;
        disk.give(&found)
    }

    /// The backend that old configurations call `s`; names nobody knows leave `*backend` alone.
    fn libxl_string_to_backend(_this, s: Text<*mut c_char>, backend: Out<libxl_disk_backend>) {
        let found = match s.required()? {
            "phy" => DiskBackend::Phy,
            "file" => DiskBackend::Tap,
            "qdisk" => DiskBackend::Qdisk,
            "standalone" => DiskBackend::Standalone,
            "tap" => return Err(Error::inval("the backend tap needs an image type")),
            _ => return Ok(()),
        };
        backend.give(&found)
    }

    /// Reports ejects of the drive that a guest knows as `vdev` as events with `user`.
    fn libxl_evenable_disk_eject(
        this,
        domid: u32,
        vdev: Text,
        user: u64,
        evgen_out: Out<*mut libxl_evgen_disk_eject>,
    ) {
        let vdev = vdev.required()?;
        if evgen_out.is_null() {
            return Err(Error::inval("evgen_out is NULL"));
        }
        let id = eject::enable(&this.core, domid, vdev, user)?;
        evgen_out.set(Box::into_raw(Box::new(libxl_evgen_disk_eject { id })))
    }

    /// Ends a generator.
    fn libxl_evdisable_disk_eject(this, evgen: LastUse<libxl_evgen_disk_eject>) -> () [else ()] {
        if let Some(generator) = evgen.take() {
            eject::disable(&this.core, generator.id);
        }
        Ok(())
    }
}
