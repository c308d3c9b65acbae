//! Exports of the area "disks/cdrom".

use std::ffi::{c_char, c_int};

use xenlight::Error;
use xenlight::device::{eject, info, list};
use xenlight::domain::cdrom;
use xenlight::engine::Op;
use xenlight::types::DiskBackend;

use crate::ao;
use crate::boundary::{OK, required_str, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::device::{additions, infos, lists, removals, value_out};
use crate::types::{
    CType, libxl_asyncop_how, libxl_device_disk, libxl_disk_backend, libxl_diskinfo,
};

lists! {
    /// The disks of a domain; NULL when it has none.
    fn libxl_device_disk_list, libxl_device_disk_list_free(libxl_device_disk) = list::disks;
}

infos! {
    /// How a disk stands.
    fn libxl_device_disk_getinfo(libxl_device_disk -> libxl_diskinfo) = info::disk;
}

additions! {
    /// Gives a domain a disk. What was left open is filled in.
    fn libxl_device_disk_add(libxl_device_disk) = add_stored;
}

removals! {
    /// Takes a disk away, by force if the guest does not let go.
    fn libxl_device_disk_remove(libxl_device_disk, Auto);
    /// Takes a disk away without asking the guest.
    fn libxl_device_disk_destroy(libxl_device_disk, On);
    /// Takes a disk away if the guest lets go.
    fn libxl_device_disk_safe_remove(libxl_device_disk, Off);
}

/// Puts a medium into the CD drive that has the disk's name, in place of what is there; an empty one ejects. What was left
/// open is filled in.
///
/// # Safety
/// `disk` is NULL or an initialised value, valid until the operation has ended; `ao_how` is NULL or valid for reading, and
/// its callback may be called until then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cdrom_insert(
    ctx: *mut libxl_ctx,
    domid: u32,
    disk: *mut libxl_device_disk,
    ao_how: *const libxl_asyncop_how,
) -> c_int {
    status(ctx, "libxl_cdrom_insert", |this| {
        // SAFETY: NULL or initialised by this function's contract.
        let mut medium = unsafe { ao::native("the disk", disk) }?;
        let kept = ao::Kept(disk);
        let body = async move |op: Op| {
            let inserted = cdrom::insert(&op, domid, &mut medium).await;
            // SAFETY: not NULL, as was checked, and left alone by the caller until now.
            unsafe { ao::replace(kept.get(), &medium) };
            inserted
        };
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, domid, ao_how, body) }
    })
}

/// The disk that a guest knows as `vdev`.
///
/// # Safety
/// `vdev` is NULL or a C string; `disk` is NULL or valid for writing, and what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_vdev_to_device_disk(
    ctx: *mut libxl_ctx,
    domid: u32,
    vdev: *const c_char,
    disk: *mut libxl_device_disk,
) -> c_int {
    status(ctx, "libxl_vdev_to_device_disk", |this| {
        // SAFETY: the same contract.
        let vdev = unsafe { required_str("vdev", vdev) }?;
        let found = this
            .core
            .block_on(async |op| list::disk(op, domid, vdev).await)?;
        // SAFETY: the same contract.
        unsafe { value_out("disk", disk, &found) }?;
        Ok(OK)
    })
}

/// The backend that old configurations call `s`; names nobody knows leave `*backend` alone.
///
/// # Safety
/// `s` is NULL or a C string; `backend` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_string_to_backend(
    ctx: *mut libxl_ctx,
    s: *mut c_char,
    backend: *mut libxl_disk_backend,
) -> c_int {
    status(ctx, "libxl_string_to_backend", |_| {
        // SAFETY: the same contract.
        let found = match unsafe { required_str("s", s) }? {
            "phy" => DiskBackend::Phy,
            "file" => DiskBackend::Tap,
            "qdisk" => DiskBackend::Qdisk,
            "standalone" => DiskBackend::Standalone,
            "tap" => return Err(Error::inval("the backend tap needs an image type")),
            _ => return Ok(OK),
        };
        // SAFETY: the same contract.
        unsafe { store_out("backend", backend, libxl_disk_backend::from_native(&found)) }?;
        Ok(OK)
    })
}

/// A generator of disk eject events.
pub struct libxl_evgen_disk_eject {
    id: u64,
}

/// Reports ejects of the drive that a guest knows as `vdev` as events with `user`.
///
/// # Safety
/// `vdev` is NULL or a C string; `evgen_out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_evenable_disk_eject(
    ctx: *mut libxl_ctx,
    domid: u32,
    vdev: *const c_char,
    user: u64,
    evgen_out: *mut *mut libxl_evgen_disk_eject,
) -> c_int {
    status(ctx, "libxl_evenable_disk_eject", |this| {
        // SAFETY: the same contract.
        let vdev = unsafe { required_str("vdev", vdev) }?;
        if evgen_out.is_null() {
            return Err(Error::inval("evgen_out is NULL"));
        }
        let id = eject::enable(&this.core, domid, vdev, user)?;
        let generator = Box::into_raw(Box::new(libxl_evgen_disk_eject { id }));
        // SAFETY: not NULL, and writable by the caller's promise.
        unsafe { evgen_out.write(generator) };
        Ok(OK)
    })
}

/// Ends a generator.
///
/// # Safety
/// `evgen` is NULL or a live generator of `ctx`, which is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_evdisable_disk_eject(
    ctx: *mut libxl_ctx,
    evgen: *mut libxl_evgen_disk_eject,
) {
    value(ctx, "libxl_evdisable_disk_eject", (), |this| {
        if !evgen.is_null() {
            // SAFETY: made by Box::into_raw in libxl_evenable_disk_eject, and not used again.
            let generator = unsafe { Box::from_raw(evgen) };
            eject::disable(&this.core, generator.id);
        }
        Ok(())
    });
}
