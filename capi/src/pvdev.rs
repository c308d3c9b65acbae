//! Exports of the area "vtpm/p9/pvcalls/vdispl/vsnd".

use std::ffi::c_int;

use crate::ctx::libxl_ctx;
use crate::device::removals;
use crate::types::{
    libxl_asyncop_how, libxl_device_p9, libxl_device_pvcallsif, libxl_device_vdispl,
    libxl_device_vsnd, libxl_device_vtpm,
};

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
