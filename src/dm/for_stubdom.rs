//! What dom0 has ready for a guest's stub domain: the arguments of the QEMU in there, and the processes that serve it.

use super::args::{self, CommandLine, Environment, Restore};
use super::local::{self, Local};
use super::{Pair, Request, destroy, graphics, is_linux, limit, needed, proxy, serve};
use crate::device::Console;
use crate::engine::{Op, Rollback};
use crate::log::Level;
use crate::types::DomainConfig;
use crate::{Boxed, Result, log_line};

/// Where QEMU serves its screen in the stub domain, for the agent there.
const SCREEN: &str = "/run/qemu.vnc";

/// The command line of the QEMU in a guest's stub domain. `server`: whether the server of this project serves that domain,
/// so that QEMU can have a screen. Logs what the guest does not get of what it asked for.
pub(crate) fn stubdom_arguments(
    op: &Op,
    request: Request<'_>,
    server: bool,
) -> Result<CommandLine> {
    let restore = match request.saved_state {
        None => Restore::No,
        Some(_) if is_linux(request.config) => Restore::Stubdom,
        Some(state) => Restore::File(state.display().to_string()),
    };
    let environment = Environment {
        domid: request.domid,
        restore,
        igd: graphics::has_igd(&request.config.pcidevs),
        screen: (server && args::vnc(request.config).is_some()).then_some(SCREEN),
        ..Environment::default()
    };
    let line = args::build("", request.config, &environment)?;
    for warning in &line.warnings {
        log_line!(op.log(), Level::Warn, request.domid, "{warning}");
    }
    Ok(line)
}

/// A stub domain that is made and does not run yet.
#[derive(Clone, Copy)]
pub(crate) struct Served<'a> {
    pub(crate) pair: Pair<'a>,
    /// The guest's configuration.
    pub(crate) guest: &'a DomainConfig,
    /// The stub domain's own.
    pub(crate) stubdom: &'a DomainConfig,
    /// What the server of this project serves; `None` where QEMU serves the consoles.
    pub(crate) consoles: Option<&'a [Console]>,
}

/// Starts the processes in dom0 that the stub domain needs: its server, and QEMU where that alone can serve a disk; or QEMU and
/// a QMP proxy, side by side. Returns when they serve; each leaves its end on `undo`.
pub(crate) async fn serve_stubdom(op: &Op, undo: &Rollback, served: Served<'_>) -> Result<()> {
    let pair = served.pair;
    if served.consoles.is_none() || needed(served.stubdom, op.own_domid().await?) {
        serve_by_qemu(op, undo, served).await?;
    }
    // A QEMU that starts sets all consoles' backends back, also those that it then leaves alone.
    match served.consoles {
        Some(consoles) => serve::start(op, undo, pair, served.guest, consoles).await,
        None => Ok(()),
    }
}

async fn serve_by_qemu(op: &Op, undo: &Rollback, served: Served<'_>) -> Result<()> {
    let Served { pair, .. } = served;
    let stubdom = pair.stubdom;
    let mut starts: Vec<Boxed<'_, Result<()>>> = Vec::new();
    if served.consoles.is_none() && is_linux(served.guest) {
        starts.push(Box::pin(proxy::start(op, undo, pair)));
    }
    undo.push(format!("take down the QEMU of stub domain {stubdom}"), {
        move |op: Op| async move { destroy::local(&op, stubdom).await }
    });
    let local = Local {
        domid: stubdom,
        config: served.stubdom,
        saved_state: None,
        file_limit: limit::for_stubdom(op, pair.guest, served.guest, &served.stubdom.disks),
    };
    starts.push(Box::pin(local::spawn(op, local)));
    op.join(starts).await.into_iter().collect()
}
