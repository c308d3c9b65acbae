//! Xen's security module: labels and their numbers.

use super::Xen;
use crate::{Domid, Result};

impl Xen {
    /// The label for a number; None where the hypervisor runs without the module.
    pub fn flask_label(&self, sid: u32) -> Result<Option<String>> {
        match self.xc()?.flask_label(sid) {
            Ok(label) => Ok(Some(label)),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(None),
            Err(error) => Err(crate::Error::io(format!("FLASK label {sid}"), &error)),
        }
    }

    /// The number of a label; None where the hypervisor runs without the module.
    pub fn flask_sid(&self, label: &str) -> Result<Option<u32>> {
        match self.xc()?.flask_sid(label) {
            Ok(sid) => Ok(Some(sid)),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(None),
            Err(error) => Err(crate::Error::io(format!("FLASK label \"{label}\""), &error)),
        }
    }

    /// Whether the policy is enforced; None where the hypervisor runs without the module.
    pub fn flask_enforcing(&self) -> Result<Option<bool>> {
        match self.xc()?.flask_enforcing() {
            Ok(mode) => Ok(Some(mode != 0)),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(None),
            Err(error) => Err(crate::Error::io("asking for FLASK's mode", &error)),
        }
    }

    /// Sets whether the policy is enforced.
    pub fn set_flask_enforcing(&self, enforce: bool) -> Result<()> {
        self.sysctl("setting FLASK's mode", |xc| {
            xc.flask_set_enforcing(i32::from(enforce))
        })
    }

    /// Loads a policy.
    pub fn flask_load(&self, policy: &[u8]) -> Result<()> {
        self.sysctl("loading a FLASK policy", |xc| xc.flask_load(policy))
    }

    /// Changes a domain's label.
    pub fn flask_relabel(&self, domid: Domid, sid: u32) -> Result<()> {
        self.domctl(domid, "relabelling the domain", |xc| {
            xc.flask_relabel_domain(domid, sid)
        })
    }
}
