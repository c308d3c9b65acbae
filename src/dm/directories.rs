//! The daemon that serves directories which guests share with dom0; one for all of them.

use super::START_TIMEOUT;
use super::process::{self, Helper};
use crate::engine::{Command, Op};
use crate::paths::XEN_BINDIR;
use crate::store::layout;
use crate::types::{DeviceP9, P9Type};
use crate::{DOM0, Domid, Result};

const PROGRAM: &str = "xen-9pfsd";

/// Starts the daemon unless it runs, or none of these directories of a guest is one that it serves from this domain. It serves
/// until somebody ends it.
pub async fn serve(op: &Op, domid: Domid, directories: &[DeviceP9]) -> Result<()> {
    let here = |directory: &DeviceP9| {
        directory.backend_domid == DOM0 && directory.backend_domname.is_none()
    };
    let ours = |directory: &DeviceP9| directory.type_ == P9Type::Xen9pfsd && here(directory);
    if !directories.iter().any(ours) {
        return Ok(());
    }
    let place = layout::xen_9pfs(DOM0);
    let helper = Helper {
        domid,
        what: "server of shared directories",
        pid_path: format!("{place}/pid"),
        state_path: format!("{place}/state"),
        log: "the system log".to_owned(),
    };
    let store = op.store()?;
    if store.read(&helper.state_path).await?.is_some() {
        return Ok(());
    }
    let program = format!("{XEN_BINDIR}/{PROGRAM}");
    process::check_executable(&program, helper.what, domid)?;
    let mut command = Command::new(program);
    command.setsid = true;
    command.double_fork = true;
    let ready = helper.running(op);
    let started = helper.start(op, command, START_TIMEOUT, ready).await;
    match started {
        // Another toolstack was quicker, whose daemon ours made way for.
        Err(_) if store.read(&helper.state_path).await?.is_some() => Ok(()),
        other => other,
    }
}
