//! A device model in a domain of its own: made, given its arguments and devices, started, and awaited.

mod config;
mod consoles;
mod wait;
mod wiring;

use std::path::Path;

pub(super) use config::own_disk;
use rustix::fs::{Access, access};
#[cfg(feature = "fuzzing")]
pub(crate) use wait::fuzzing_complaint;

use super::{defaults, destroy, make};
use crate::device::{self, Guest, Ring};
use crate::dm::{self, Pair, Request, Served};
use crate::engine::{Op, Rollback};
use crate::log::Level;
use crate::store::layout;
use crate::types::{DomainConfig, Uuid};
use crate::{Boxed, Domid, Error, Result, log_line};

/// Starts the guest's stub domain; returns when the QEMU in it runs. When a step fails, all before it are taken back.
///
/// `disks` connects the guest's disks, and is done before anything opens them. The stub domain is made meanwhile, because the
/// scripts take as long as that.
pub(super) async fn spawn(
    op: &Op,
    request: Request<'_>,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    let outcome = op
        .with_rollback(|undo| async move { steps(op, &undo, request, disks).await })
        .await;
    outcome.map_err(|error| {
        error
            .context("starting the stub domain")
            .domain(request.domid)
    })
}

/// The steps in the order in which they happen.
async fn steps(
    op: &Op,
    undo: &Rollback,
    request: Request<'_>,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    let guest = request.domid;
    check_images(request)?;
    let server = has_server(op, request);
    let line = dm::stubdom_arguments(op, request, server)?;
    let name = dm::stubdom_name(op, guest).await?;
    let uuid = Uuid::random().map_err(|error| Error::io("cannot make a UUID", &error))?;
    let mut config = config::config(request.config, name.clone(), uuid, server);

    let (stubdom, ring) = make_beside(op, undo, &mut config, disks).await?;
    log_line!(
        op.log(),
        Level::Detail,
        guest,
        "its stub domain is domain {stubdom}"
    );
    undo.push(format!("remove the devices of stub domain {stubdom}"), {
        move |op: Op| async move { device::remove_all(&op, stubdom, device::Force::On).await }
    });

    wiring::write_arguments(op, guest, stubdom, request.config, &line).await?;
    // Otherwise the guest's destruction would go on to destroy whoever gets this number next.
    undo.push(format!("forget stub domain {stubdom}"), {
        move |op: Op| async move { op.store()?.rm(&layout::dm_domid(guest)).await }
    });
    wiring::introduce(op, guest, stubdom, request.config).await?;
    wiring::allow_control(op, guest, stubdom).await?;

    let serves = Guest {
        domid: stubdom,
        ..Guest::read(op, stubdom).await?
    };
    let disks = device::place_all(op, &serves, &mut config.disks).await?;
    device::complete(op, &serves, &mut config.nics).await?;
    wiring::screen(op, &serves, &mut config).await?;
    let log = consoles::log_file(op, guest).await?;
    let save = dm::saved_state_file(guest);
    undo.push(format!("remove {save}"), {
        let save = save.clone();
        move |_: Op| async move { consoles::remove_saved(&save) }
    });
    let ends = consoles::Ends {
        log: &log,
        save: &save,
        restore: request.saved_state,
        ring,
    };
    let consoles = consoles::add(op, &serves, request.config, ends, server).await?;
    let served = Served {
        pair: Pair {
            stubdom,
            guest,
            name: &name,
        },
        guest: request.config,
        stubdom: &config,
        consoles: server.then_some(&consoles),
    };
    side_by_side(
        op,
        [
            Box::pin(device::connect_all(op, &disks)),
            Box::pin(dm::serve_stubdom(op, undo, served)),
        ],
    )
    .await?;
    device::add_all(op, &serves, &mut config.nics).await?;

    op.xen()?.unpause(stubdom)?;
    log_line!(
        op.log(),
        Level::Debug,
        guest,
        "stub domain {stubdom} starts, waiting for its QEMU"
    );
    wait::until_running(op, guest, stubdom).await
}

/// Says early, and in the user's terms, which image is missing.
fn check_images(request: Request<'_>) -> Result<()> {
    let build = &request.config.b_info;
    for (what, path) in [
        ("kernel", &build.stubdomain_kernel),
        ("ramdisk", &build.stubdomain_ramdisk),
    ] {
        let Some(path) = path else { continue };
        access(Path::new(path), Access::READ_OK).map_err(|error| {
            let what = format!("cannot read the stub domain's {what} {path}");
            Error::inval(format!("{what}: {error}"))
                .hint("install the stub domain image, or name another one with stubdomain_kernel and stubdomain_ramdisk")
                .domain(request.domid)
        })?;
    }
    Ok(())
}

/// Whether the stub domain has the server of this project in dom0, and not QEMU and a QMP proxy.
fn has_server(op: &Op, request: Request<'_>) -> bool {
    let Some(reason) = dm::why_no_server(request.config) else {
        return true;
    };
    // MiniOS has no other.
    let level = if dm::is_linux(request.config) {
        Level::Warn
    } else {
        Level::Debug
    };
    let what = format!("QEMU in dom0 serves the stub domain: {reason}");
    log_line!(op.log(), level, request.domid, "{what}");
    false
}

/// Makes the stub domain while the guest's disks are being connected.
async fn make_beside(
    op: &Op,
    undo: &Rollback,
    config: &mut DomainConfig,
    disks: Boxed<'_, Result<()>>,
) -> Result<(Domid, Ring)> {
    let mut made = None;
    let making = async {
        made = Some(make(op, undo, config).await?);
        Ok(())
    };
    side_by_side(op, [disks, Box::pin(making)]).await?;
    made.ok_or_else(|| Error::fail("the stub domain was not made"))
}

/// Makes and builds the stub domain and introduces it to xenstored. It is left paused, without devices and without stored
/// JSON. Gives its number and the ring of its first console.
async fn make(op: &Op, undo: &Rollback, config: &mut DomainConfig) -> Result<(Domid, Ring)> {
    defaults::complete(op, config).await?;
    let domid = make::hypervisor(op, config).await?;
    undo.push(
        format!("destroy domain {domid}"),
        move |op: Op| async move { destroy::destroy_if_there(&op, domid).await },
    );
    make::store(op, domid, config).await?;
    let boot = make::boot_files(config);
    let (channels, built) = make::populate(op, domid, config, Some(&boot)).await?;
    let ring = Ring {
        port: channels.console_port,
        frame: built.console_frame,
        tty: None,
    };
    Ok((domid, ring))
}

/// Both to their end, also when one fails; then the first error.
async fn side_by_side(op: &Op, both: [Boxed<'_, Result<()>>; 2]) -> Result<()> {
    op.join(both.into()).await.into_iter().collect()
}
