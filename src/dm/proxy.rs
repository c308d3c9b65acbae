//! The QMP proxy: a process in dom0 between the guest's QMP socket and the vchan to its stub domain.

use super::attendant::{self, Attendant};
use super::{Pair, is_up, process, serve, stubdom_name, stubdom_of};
use crate::engine::{Op, Rollback};
use crate::log::Level;
use crate::paths::VCHAN_PROXY;
use crate::store::layout;
use crate::{Domid, Error, Result, log_line, qmp};

/// It writes a line when it ends, and can be made to write no more.
const LARGEST_LOG: u64 = 1 << 20;

/// Starts the proxy and waits until it listens. The stub domain need not run yet.
pub(super) async fn start(op: &Op, undo: &Rollback, pair: Pair<'_>) -> Result<()> {
    let Pair { stubdom, guest, .. } = pair;
    process::check_executable(VCHAN_PROXY, "QMP proxy", guest)?;
    let proxy = Attendant {
        what: "QMP proxy",
        undo: format!("take down the QMP proxy of domain {guest}"),
        program: VCHAN_PROXY,
        args: vec![
            format!("--state-path={}", layout::qmp_proxy_state(stubdom)),
            stubdom.to_string(),
            layout::qmp_vchan(stubdom, guest),
            qmp::socket_path(guest),
        ],
        log: "qmp-proxy",
        file_limit: Some(LARGEST_LOG),
    };
    proxy.start(op, undo, pair).await
}

/// Starts the proxy of a guest again, when that guest has one and nobody listens any more. The caller holds the lock on the
/// guest's QMP socket. False where QMP needs no proxy.
///
/// It is a program that ends with a client that hangs up too early, and the guest lives on.
pub(super) async fn revive(op: &Op, guest: Domid) -> Result<bool> {
    let Some(stubdom) = stubdom_of(op, guest).await? else {
        return Ok(false);
    };
    check_up(op, guest, stubdom)?;
    let what = "nobody serves the guest's QMP socket; what did so is started again";
    log_line!(op.log(), Level::Warn, guest, "{what}");
    op.with_rollback(|undo| async move {
        attendant::end_process(op, stubdom, guest).await?;
        // The program does not bind to a name that is there.
        qmp::remove_sockets(guest)?;
        let name = stubdom_name(op, guest).await?;
        let pair = Pair {
            stubdom,
            guest,
            name: &name,
        };
        let served = serve::is_used(op, stubdom).await?;
        if served {
            serve::run(op, &undo, pair).await?;
        } else {
            start(op, &undo, pair).await?;
        }
        // A destruction meanwhile found none to end.
        if served && !serve::is_used(op, stubdom).await? {
            return Err(Error::fail("the stub domain is being destroyed").domain(guest));
        }
        check_up(op, guest, stubdom)
    })
    .await?;
    Ok(true)
}

fn check_up(op: &Op, guest: Domid, stubdom: Domid) -> Result<()> {
    if is_up(op, stubdom)? {
        return Ok(());
    }
    let what = format!("stub domain {stubdom}, which runs the guest's QEMU, has ended");
    let hint = "its console is in the log qemu-dm-NAME.log of the guest's name, in /var/log/xen";
    Err(Error::fail(what).hint(hint).domain(guest))
}
