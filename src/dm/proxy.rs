//! The QMP proxy: a process in dom0 between the guest's QMP socket and the vchan to its stub domain.

use std::os::fd::OwnedFd;

use super::process::{self, Helper};
use super::{START_TIMEOUT, logfile};
use crate::engine::{Command, Op, Rollback};
use crate::store::layout;
use crate::{Domid, Error, Result, qmp};

/// Debian's; it hands over to the one of the running Xen version.
const PROGRAM: &str = "/usr/bin/vchan-socket-proxy";

/// A stub domain and the guest it serves.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) stubdom: Domid,
    pub(super) guest: Domid,
    /// The stub domain's name, for the log file.
    pub(super) name: &'a str,
}

/// Starts the proxy and waits until it listens. The stub domain need not run yet.
pub(super) async fn start(op: &Op, undo: &Rollback, pair: Pair<'_>) -> Result<()> {
    let Pair {
        stubdom,
        guest,
        name,
    } = pair;
    process::check_executable(PROGRAM, "QMP proxy", guest)?;
    let log_name = format!("qmp-proxy-{name}");
    let log = logfile::open(&log_name).map_err(|error| error.domain(guest))?;

    undo.push(format!("take down the QMP proxy of domain {guest}"), {
        move |op: Op| async move {
            let ended = end(&op, stubdom, guest).await;
            ended.and(super::destroy::remove_sockets(guest))
        }
    });
    let state_path = layout::qmp_proxy_state(stubdom);
    // A state left by another stub domain of this number would look like readiness.
    op.store()?.rm(&state_path).await?;
    let mut command = Command::new(PROGRAM).args([
        format!("--state-path={state_path}"),
        stubdom.to_string(),
        layout::qmp_vchan(stubdom, guest),
        qmp::socket_path(guest),
    ]);
    command.stdout = Some(null()?);
    command.stderr = Some(OwnedFd::from(log));
    command.setsid = true;
    command.double_fork = true;
    let helper = Helper {
        domid: guest,
        what: "QMP proxy",
        pid_path: layout::qmp_proxy_pid(stubdom),
        state_path,
        log: format!("/var/log/xen/{log_name}.log"),
    };
    let ready = helper.running(op);
    helper.start(op, command, START_TIMEOUT, ready).await
}

/// Ends the proxy and forgets its state. Fine when there is none.
pub(super) async fn end(op: &Op, stubdom: Domid, guest: Domid) -> Result<()> {
    let vchan = layout::qmp_vchan(stubdom, guest);
    let pid_path = layout::qmp_proxy_pid(stubdom);
    let ended = process::end(op, guest, "QMP proxy", &pid_path, |line| {
        // Debian's program of that name is a script that becomes the one of the running Xen.
        line.iter().any(|arg| arg.ends_with(b"vchan-socket-proxy"))
            && line.iter().any(|arg| arg == vchan.as_bytes())
    })
    .await;
    ended.and(op.store()?.rm(&layout::qmp_proxy_state(stubdom)).await)
}

fn null() -> Result<OwnedFd> {
    std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map(OwnedFd::from)
        .map_err(|error| Error::io("cannot open /dev/null", &error))
}
