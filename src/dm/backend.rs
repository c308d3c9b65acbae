//! The QEMU that a driver domain starts for a guest whose disks it serves from files. It is nobody's device model.

use std::path::{Path, PathBuf};

use super::process::{self, Helper};
use super::{START_TIMEOUT, args, local, logfile};
use crate::engine::Op;
use crate::paths::{QEMU, XEN_LOGDIR};
use crate::store::{Batch, layout};
use crate::{Domid, Result};

const WHAT: &str = "disk backend";

/// What such a QEMU is, and where it logs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The program.
    pub program: String,
    /// The directory of its log, `qdisk-DOMID.log`.
    pub logs: PathBuf,
}

impl Default for Place {
    /// The host's.
    fn default() -> Self {
        Self {
            program: QEMU.into(),
            logs: Path::new(XEN_LOGDIR).into(),
        }
    }
}

/// Starts the QEMU that serves disks of `domid` in this domain, which is `me`, and waits until it runs; at most 60 s. Fine when
/// there is one, as after a restart of this program.
pub async fn start(op: &Op, me: Domid, domid: Domid, place: &Place) -> Result<()> {
    if runs(op, me, domid).await? {
        return Ok(());
    }
    let program = &place.program;
    process::check_executable(program, WHAT, domid)?;
    let limit_set = std::env::var_os("XEN_QEMU_CONSOLE_LIMIT").is_some();
    let line = args::qdisk_backend(program, domid, limit_set);
    let opened = logfile::open_in(&place.logs, &format!("qdisk-{domid}"));
    let (log, log_path) = opened.map_err(|error| error.domain(domid))?;
    op.with_rollback(|undo| async move {
        undo.push(format!("end the {WHAT} of domain {domid}"), {
            move |op: Op| async move { end(&op, me, domid).await }
        });
        let helper = Helper {
            domid,
            what: WHAT,
            pid_path: layout::backend_qemu_pid(me, domid),
            state_path: layout::dm_state(me, domid),
            log: log_path.display().to_string(),
        };
        // What another guest of this number left would look like readiness.
        op.store()?.rm(&helper.state_path).await?;
        local::trace(op, domid, &line);
        let command = local::command(&line, log, None)?;
        let ready = helper.running(op);
        helper.start(op, command, START_TIMEOUT, ready).await
    })
    .await
}

/// Ends that QEMU, and removes its nodes. Fine when there is none.
pub async fn end(op: &Op, me: Domid, domid: Domid) -> Result<()> {
    let pid = layout::backend_qemu_pid(me, domid);
    let store = op.store()?;
    // Without a record there is none: it is recorded before it executes.
    if store.read(&pid).await?.is_some() {
        process::end(op, domid, WHAT, &pid, serves(domid)).await?;
    }
    let mut batch = Batch::new();
    batch.rm(pid).rm(layout::dm(me, domid));
    store.apply(&batch).await
}

/// Whether the QEMU on record runs.
async fn runs(op: &Op, me: Domid, domid: Domid) -> Result<bool> {
    let pid = layout::backend_qemu_pid(me, domid);
    let pid = op.store()?.read_str(&pid).await?;
    let pid = pid.as_deref().and_then(layout::parse_number);
    Ok(pid.is_some_and(|pid| process::program(pid, serves(domid)).is_some()))
}

/// Whether a command line is that of the QEMU for `domid`. A guest's device model has the guest's name.
fn serves(domid: Domid) -> impl Fn(&[Vec<u8>]) -> bool {
    let (number, name) = (domid.to_string(), format!("domain-{domid}"));
    move |line| {
        process::has_pair(line, "-xen-domid", &number) && process::has_pair(line, "-name", &name)
    }
}
