//! Files that hold the state of a guest's device model.

use crate::Domid;
use crate::paths::XEN_STATEDIR;

/// Where the state lies in dom0 when the guest's stub domain saved it; to be removed with the guest.
pub fn saved_state_file(guest: Domid) -> String {
    format!("{XEN_STATEDIR}/qemu-save.{guest}")
}

/// Where the state lies while the guest is restored; to be removed with the guest.
pub fn resume_file(guest: Domid) -> String {
    format!("{XEN_STATEDIR}/qemu-resume.{guest}")
}
