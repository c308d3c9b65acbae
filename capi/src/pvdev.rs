//! Exports of the area "vtpm/p9/pvcalls/vdispl/vsnd".

use std::ffi::c_int;

use xenlight::Error;
use xenlight::device::{info, list};
use xenlight::types::DeviceVtpm;

use crate::boundary::{OK, status};
use crate::ctx::libxl_ctx;
use crate::device::{additions, infos, lists, removals, value_out};
use crate::types::{
    CType, libxl_asyncop_how, libxl_device_p9, libxl_device_pvcallsif, libxl_device_vdispl,
    libxl_device_vsnd, libxl_device_vtpm, libxl_uuid, libxl_vdisplinfo, libxl_vtpminfo,
};

lists! {
    /// The TPMs of a domain; NULL when it has none.
    fn libxl_device_vtpm_list, libxl_device_vtpm_list_free(libxl_device_vtpm) = list::vtpms;
    /// The displays of a domain; NULL when it has none.
    fn libxl_device_vdispl_list, libxl_device_vdispl_list_free(libxl_device_vdispl) = list::vdispls;
}

infos! {
    /// How a TPM stands.
    fn libxl_device_vtpm_getinfo(libxl_device_vtpm -> libxl_vtpminfo) = info::vtpm;
    /// How a display stands.
    fn libxl_device_vdispl_getinfo(libxl_device_vdispl -> libxl_vdisplinfo) = info::vdispl;
}

additions! {
    /// Gives a domain a TPM. What was left open is filled in.
    fn libxl_device_vtpm_add(libxl_device_vtpm) = add_stored;
    /// Gives a domain a display. What was left open is filled in.
    fn libxl_device_vdispl_add(libxl_device_vdispl) = add_stored;
    /// Gives a domain a sound card. What was left open is filled in.
    fn libxl_device_vsnd_add(libxl_device_vsnd) = add_stored;
}

removals! {
    /// Takes a shared directory away, by force if the guest does not let go.
    fn libxl_device_p9_remove(libxl_device_p9, Auto);
    /// Takes a shared directory away without asking the guest.
    fn libxl_device_p9_destroy(libxl_device_p9, On);
    /// Takes socket calls away, by force if the guest does not let go.
    fn libxl_device_pvcallsif_remove(libxl_device_pvcallsif, Auto);
    /// Takes socket calls away without asking the guest.
    fn libxl_device_pvcallsif_destroy(libxl_device_pvcallsif, On);
    /// Takes a display away, by force if the guest does not let go.
    fn libxl_device_vdispl_remove(libxl_device_vdispl, Auto);
    /// Takes a display away without asking the guest.
    fn libxl_device_vdispl_destroy(libxl_device_vdispl, On);
    /// Takes a sound card away, by force if the guest does not let go.
    fn libxl_device_vsnd_remove(libxl_device_vsnd, Auto);
    /// Takes a sound card away without asking the guest.
    fn libxl_device_vsnd_destroy(libxl_device_vsnd, On);
    /// Takes a TPM away, by force if the guest does not let go.
    fn libxl_device_vtpm_remove(libxl_device_vtpm, Auto);
    /// Takes a TPM away without asking the guest.
    fn libxl_device_vtpm_destroy(libxl_device_vtpm, On);
}

/// Display `devid` of a domain; `ERROR_NOTFOUND` when there is none.
///
/// # Safety
/// `vdispl` is NULL or valid for writing, and what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_devid_to_device_vdispl(
    ctx: *mut libxl_ctx,
    domid: u32,
    devid: c_int,
    vdispl: *mut libxl_device_vdispl,
) -> c_int {
    status(ctx, "libxl_devid_to_device_vdispl", |this| {
        let found = this
            .core
            .block_on(async |op| list::vdispl(op, domid, devid).await)?;
        // SAFETY: the same contract.
        unsafe { value_out("vdispl", vdispl, &found) }?;
        Ok(OK)
    })
}

/// TPM `devid` of a domain; 1 when there are others only, `ERROR_FAIL` when there is none at all.
///
/// # Safety
/// `vtpm` is NULL or valid for writing, and what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_devid_to_device_vtpm(
    ctx: *mut libxl_ctx,
    domid: u32,
    devid: c_int,
    vtpm: *mut libxl_device_vtpm,
) -> c_int {
    status(ctx, "libxl_devid_to_device_vtpm", |this| {
        // SAFETY: the same contract.
        unsafe { find_vtpm(this, domid, vtpm, |found| found.devid == devid) }
    })
}

/// The TPM with the number `uuid`; results as for [`libxl_devid_to_device_vtpm`].
///
/// # Safety
/// `uuid` is NULL or valid for reading; `vtpm` is NULL or valid for writing, and what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_to_device_vtpm(
    ctx: *mut libxl_ctx,
    domid: u32,
    uuid: *mut libxl_uuid,
    vtpm: *mut libxl_device_vtpm,
) -> c_int {
    status(ctx, "libxl_uuid_to_device_vtpm", |this| {
        // SAFETY: the same contract.
        let uuid = unsafe { uuid.as_ref() }.ok_or_else(|| Error::inval("uuid is NULL"))?;
        // SAFETY: bytes without pointers.
        let uuid = unsafe { uuid.to_native() }?;
        // SAFETY: the same contract.
        unsafe { find_vtpm(this, domid, vtpm, |found| found.uuid == uuid) }
    })
}

/// # Safety
/// `vtpm` is NULL or valid for writing, and what was there is not freed.
unsafe fn find_vtpm(
    this: &libxl_ctx,
    domid: u32,
    vtpm: *mut libxl_device_vtpm,
    wanted: impl Fn(&DeviceVtpm) -> bool,
) -> xenlight::Result<c_int> {
    let vtpms = this
        .core
        .block_on(async |op| list::vtpms(op, domid).await)?;
    if vtpms.is_empty() {
        return Err(Error::fail("the domain has no TPM").domain(domid));
    }
    match vtpms.iter().find(|found| wanted(found)) {
        Some(found) => {
            // SAFETY: the same contract.
            unsafe { value_out("vtpm", vtpm, found) }?;
            Ok(OK)
        }
        None => Ok(1),
    }
}
