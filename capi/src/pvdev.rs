//! Exports of the area "vtpm/p9/pvcalls/vdispl/vsnd".

use std::ffi::c_int;

use xenlight::Error;
use xenlight::types::DeviceVtpm;
#[cfg(since_4_19)]
use xenlight::{dm, domain::attach::attach};

#[cfg(since_4_19)]
use crate::args::{AoHow, AoInOut};
use crate::args::{InOut, Out};
use crate::boundary::OK;
use crate::ctx::libxl_ctx;
use crate::device::{self, additions, infos, lists, numbers, removals};
use crate::export::export;
use crate::types::{
    libxl_device_p9, libxl_device_pvcallsif, libxl_device_vdispl, libxl_device_vsnd,
    libxl_device_vtpm, libxl_uuid, libxl_vdisplinfo, libxl_vsndinfo, libxl_vtpminfo,
};

lists! {
    /// The TPMs of a domain; NULL when it has none.
    fn libxl_device_vtpm_list, libxl_device_vtpm_list_free(libxl_device_vtpm);
    /// The displays of a domain; NULL when it has none.
    fn libxl_device_vdispl_list, libxl_device_vdispl_list_free(libxl_device_vdispl);
    /// The sound cards of a domain; NULL when it has none.
    fn libxl_device_vsnd_list, libxl_device_vsnd_list_free(libxl_device_vsnd);
}

infos! {
    /// How a TPM stands.
    fn libxl_device_vtpm_getinfo(libxl_device_vtpm -> libxl_vtpminfo);
    /// How a display stands.
    fn libxl_device_vdispl_getinfo(libxl_device_vdispl -> libxl_vdisplinfo);
    /// How a sound card stands, as far as `vsnd` describes it.
    fn libxl_device_vsnd_getinfo(libxl_device_vsnd -> libxl_vsndinfo);
}

additions! {
    /// Gives a domain a TPM. What was left open is filled in.
    fn libxl_device_vtpm_add(libxl_device_vtpm);
    /// Gives a domain a display. What was left open is filled in.
    fn libxl_device_vdispl_add(libxl_device_vdispl);
    /// Gives a domain a sound card. What was left open is filled in.
    fn libxl_device_vsnd_add(libxl_device_vsnd);
}

#[cfg(since_4_19)]
export! {
    /// Gives a domain a shared directory, and starts what serves it. What was left open is filled in.
    fn libxl_device_9pfs_add(_this, domid: u32, p9: AoInOut<libxl_device_p9>, ao_how: AoHow) {
        device::add_by(domid, p9, ao_how, move |op, native| {
            Box::pin(async move {
                dm::directories::serve(op, domid, std::slice::from_ref(native)).await?;
                attach(op, domid, native).await
            })
        })
    }
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

numbers! {
    /// Display `devid` of a domain; `ERROR_NOTFOUND` when there is none.
    fn libxl_devid_to_device_vdispl(vdispl: libxl_device_vdispl);
    /// Sound card `devid` of a domain; `ERROR_NOTFOUND` when there is none.
    fn libxl_devid_to_device_vsnd(vsnd: libxl_device_vsnd);
}

fn find_vtpm(
    this: &libxl_ctx,
    domid: u32,
    vtpm: Out<libxl_device_vtpm>,
    wanted: impl Fn(&DeviceVtpm) -> bool,
) -> xenlight::Result<c_int> {
    let vtpms = device::list::<libxl_device_vtpm>(this, domid)?;
    if vtpms.is_empty() {
        return Err(Error::fail("the domain has no TPM").domain(domid));
    }
    match vtpms.iter().find(|found| wanted(found)) {
        Some(found) => vtpm.give(found).map(|()| OK),
        None => Ok(1),
    }
}

export! {
    /// TPM `devid` of a domain; 1 when there are others only, `ERROR_FAIL` when there is none at all.
    fn libxl_devid_to_device_vtpm(this, domid: u32, devid: c_int, vtpm: Out<libxl_device_vtpm>) {
        find_vtpm(this, domid, vtpm, |found| found.devid == devid)
    }

    /// The TPM with the number `uuid`; results as for [`libxl_devid_to_device_vtpm`].
    fn libxl_uuid_to_device_vtpm(
        this,
        domid: u32,
        uuid: InOut<libxl_uuid>,
        vtpm: Out<libxl_device_vtpm>,
    ) {
        let uuid = uuid.native()?;
        find_vtpm(this, domid, vtpm, |found| found.uuid == uuid)
    }
}
