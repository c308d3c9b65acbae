//! A process in dom0 that serves a stub domain and its guest's QMP socket: the QMP proxy, or the server of this project.
//! A stub domain has one of the two, and both are recorded at the same places.

use std::os::fd::OwnedFd;

use super::process::{self, Helper};
use super::{Pair, START_TIMEOUT, limit, logfile};
use crate::engine::{Command, Op, Rollback};
use crate::paths::{STUBDOM_SERVER, VCHAN_PROXY, XEN_LOGDIR};
use crate::store::layout;
use crate::sys::standard;
use crate::{Domid, Error, Result, qmp};

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
            let ended = end_process(&op, stubdom, guest).await;
            ended.and(qmp::remove_sockets(guest))
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

/// Ends what serves the stub domain, for good. Fine when there is none.
pub(super) async fn end(op: &Op, stubdom: Domid, guest: Domid) -> Result<()> {
    // First, so that nobody starts it again.
    let forgotten = op.store()?.rm(&layout::stubdom_server(stubdom)).await;
    end_process(op, stubdom, guest).await.and(forgotten)
}

/// Ends the process and forgets its state.
pub(super) async fn end_process(op: &Op, stubdom: Domid, guest: Domid) -> Result<()> {
    let vchan = layout::qmp_vchan(stubdom, guest);
    let pid_path = layout::qmp_proxy_pid(stubdom);
    let ended = process::end(op, guest, "QMP proxy", &pid_path, |line| {
        is_proxy(line, &vchan) || is_server(line, stubdom)
    })
    .await;
    ended.and(op.store()?.rm(&layout::qmp_proxy_state(stubdom)).await)
}

/// Whether a command line is that of the QMP proxy of that vchan.
fn is_proxy(line: &[Vec<u8>], vchan: &str) -> bool {
    // Debian's program of that name is a script that becomes the one of the running Xen.
    let name = VCHAN_PROXY.rsplit('/').next().unwrap_or_default();
    line.iter().any(|arg| arg.ends_with(name.as_bytes()))
        && line.iter().any(|arg| arg == vchan.as_bytes())
}

/// Whether a command line is that of the process that serves `stubdom`.
pub(super) fn is_server(line: &[Vec<u8>], stubdom: Domid) -> bool {
    line.first()
        .is_some_and(|program| program == STUBDOM_SERVER.as_bytes())
        && process::has_pair(line, "-xen-domid", &stubdom.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_command_line() {
        let line = |words: &[&str]| -> Vec<Vec<u8>> {
            words.iter().map(|word| word.as_bytes().to_vec()).collect()
        };
        assert!(is_server(&line(&[STUBDOM_SERVER, "-xen-domid", "6"]), 6));
        assert!(!is_server(&line(&[STUBDOM_SERVER, "-xen-domid", "6"]), 7));
        assert!(!is_server(&line(&["/usr/bin/qemu", "-xen-domid", "6"]), 6));
    }
}
