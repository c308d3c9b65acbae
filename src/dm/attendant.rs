//! A process in dom0 that serves a stub domain and its guest's QMP socket: the QMP proxy, or the server of this project.
//! A stub domain has one of the two, and both are recorded at the same places.

use std::os::fd::OwnedFd;

use super::process::Helper;
use super::{Pair, START_TIMEOUT, destroy, limit, logfile, proxy};
use crate::engine::{Command, Op, Rollback};
use crate::paths::XEN_LOGDIR;
use crate::store::layout;
use crate::sys::standard;
use crate::{Error, Result};

/// How the two differ.
pub(super) struct Attendant {
    /// What it is, for messages.
    pub(super) what: &'static str,
    /// What its undo does, for messages.
    pub(super) undo: String,
    pub(super) program: &'static str,
    pub(super) args: Vec<String>,
    /// What the name of its log begins with; the stub domain's name follows.
    pub(super) log: &'static str,
    /// How large its files may become, in bytes.
    pub(super) file_limit: Option<u64>,
}

impl Attendant {
    /// Starts the process and waits until it serves. The stub domain need not run yet.
    pub(super) async fn start(self, op: &Op, undo: &Rollback, pair: Pair<'_>) -> Result<()> {
        let Pair {
            stubdom,
            guest,
            name,
        } = pair;
        let log_name = format!("{}-{name}", self.log);
        let log = logfile::open(&log_name).map_err(|error| error.domain(guest))?;
        undo.push(self.undo, move |op: Op| async move {
            let ended = proxy::end_process(&op, stubdom, guest).await;
            ended.and(destroy::remove_sockets(guest))
        });
        let state_path = layout::qmp_proxy_state(stubdom);
        // A state left by another stub domain of this number would look like readiness.
        op.store()?.rm(&state_path).await?;
        let mut command = Command::new(self.program).args(self.args);
        let null = standard::null().map_err(|error| Error::io("cannot open /dev/null", &error))?;
        command.stdout = Some(null);
        command.stderr = Some(OwnedFd::from(log));
        command.limits.extend(self.file_limit.map(limit::of_files));
        command.setsid = true;
        command.double_fork = true;
        let helper = Helper {
            domid: guest,
            what: self.what,
            pid_path: layout::qmp_proxy_pid(stubdom),
            state_path,
            log: format!("{XEN_LOGDIR}/{log_name}.log"),
        };
        let ready = helper.running(op);
        helper.start(op, command, START_TIMEOUT, ready).await
    }
}
