//! The user that QEMU runs as, when it is not root.

use crate::sys::passwd;
use crate::types::{DeviceModelVersion, DomainConfig};
use crate::{Error, Result};

/// A user for QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunAs {
    /// What `-runas` gets.
    pub(super) name: String,
    /// All processes of this user are the guest's and end with it.
    pub(super) kill_uid: Option<u32>,
}

/// The user that the configuration names, if it names one.
pub(super) fn of(config: &DomainConfig) -> Result<Option<RunAs>> {
    let build = &config.b_info;
    let Some(name) = &build.device_model_user else {
        return Ok(None);
    };
    if build.device_model_version != DeviceModelVersion::QemuXen {
        return Ok(None);
    }
    let uid = passwd::uid_of(name)
        .map_err(|error| {
            Error::io(
                format_args!("cannot look up device_model_user {name}"),
                &error,
            )
        })?
        .ok_or_else(|| Error::inval(format!("there is no user {name} (device_model_user)")))?;
    if uid == 0 {
        let what = format!("device_model_user {name} is root");
        return Err(Error::inval(what).hint("leave device_model_user out to run QEMU as root"));
    }
    Ok(Some(RunAs {
        name: name.clone(),
        kill_uid: Some(uid),
    }))
}
