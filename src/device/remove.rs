//! Removing devices, the same way for every kind.

use std::time::Duration;

use super::kind::{Device, Served};
use super::record;
use super::scripts::{self, Action};
use super::state::{self, Seen, XenbusState};
use crate::engine::Op;
use crate::log::Level;
use crate::store::{Tx, layout};
use crate::{Code, DOM0, Domid, Error, Result, log_line};

/// How long a backend may take to close, and a serving domain to clean up.
const CLOSED: Duration = Duration::from_secs(10);
/// How long QEMU may take to let go of a device whose guest does not run any more.
const QEMU_LETS_GO: Duration = Duration::from_secs(2);
/// How often a QEMU that is on its way out is looked at.
const QEMU_POLL: Duration = Duration::from_millis(50);

/// How much the guest's consent counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// The guest must agree (`safe_remove`).
    Off,
    /// Ask the guest, then go on without it (`remove`).
    Auto,
    /// Do not ask: the guest's side is deleted first (`destroy`).
    On,
}

/// Removes one device: closes the backend, runs the script, erases the nodes and the parents left empty.
///
/// [`Code::Timedout`] when the guest holds on to the device and `force` is [`Force::Off`]. With [`Force::On`] the nodes
/// are erased even when a step fails, unless the script could not be run at all: then they stay for another try, since
/// nobody else knows of its loop device.
pub async fn remove(op: &Op, device: &Device, force: Force) -> Result<()> {
    take_down(op, device, force, false).await
}

/// As [`remove`]; with `patient` a backend that does not close in time is no failure, as long as the rest succeeds. A
/// guest brings that about by spoiling its side before it is destroyed: the driver has let go then, and says no more.
async fn take_down(op: &Op, device: &Device, force: Force, patient: bool) -> Result<()> {
    let mut force = force;
    match scripts::settle(op, device).await {
        Err(error) if force != Force::On || error.code() == Code::Aborted => return Err(error),
        settled => drop(logged(op, settled)),
    }
    let mut closed = close(op, device, force).await;
    if force == Force::Auto && matches!(&closed, Err(e) if e.code() == Code::Timedout) {
        log_line!(
            op.log(),
            Level::Debug,
            device.domid,
            "{} does not close, forcing it",
            device.backend()
        );
        force = Force::On;
        closed = close(op, device, force).await;
    }
    let is_borne = |error: &Error| patient && force == Force::On && error.code() == Code::Timedout;
    match &closed {
        Err(error) if is_borne(error) => {
            log_line!(op.log(), Level::Warn, device.domid, "{error}");
            closed = Ok(());
        }
        Err(error) if force != Force::On || error.code() == Code::Aborted => return closed,
        _ => {}
    }
    // A backend that does not close must not keep its loop device or bridge port, too.
    let mut detached = detach(op, device).await;
    if let Err(error) = &detached
        && is_borne(error)
        && device.backend_domid != op.own_domid().await?
    {
        // What the domain that serves leaves undone is its own loss.
        log_line!(op.log(), Level::Warn, device.domid, "{error}");
        detached = Ok(());
    }
    if matches!(&detached, Err(error) if may_work_later(error)) {
        return closed.and(detached);
    }
    let outcome = closed.and(detached);
    let aborted = matches!(&outcome, Err(e) if e.code() == Code::Aborted);
    if aborted || (outcome.is_err() && force != Force::On) {
        return outcome;
    }
    outcome.and(erase(op, device).await)
}

/// Removes every device that the toolstack recorded for `domid`, all side by side. Errors are logged and do not stop
/// the others; the first is returned.
pub async fn remove_all(op: &Op, domid: Domid, force: Force) -> Result<()> {
    let devices = record::all(op, domid).await?;
    // Console backends have no closing handshake; xenconsoled and QEMU watch the nodes themselves.
    let (consoles, others): (Vec<_>, Vec<_>) = devices
        .into_iter()
        .partition(|device| device.backend_kind.served() == Served::Daemon);
    let mut first = Ok(());
    for console in &consoles {
        first = first.and(logged(op, erase(op, console).await));
    }
    let removals = others
        .iter()
        .map(|device| take_down(op, device, force, true));
    for outcome in op.join(removals.collect()).await {
        first = first.and(logged(op, outcome));
    }
    first
}

/// Whether the toolstack is sure to have no device of `domid` on record.
pub async fn none_on_record(op: &Op, domid: Domid) -> bool {
    record::all(op, domid)
        .await
        .is_ok_and(|devices| devices.is_empty())
}

/// Whether it was this host's failure, and not that of a script, which would only repeat it.
pub(super) fn may_work_later(error: &Error) -> bool {
    let unusable = [libc::ENOENT, libc::ENOTDIR, libc::EACCES, libc::ENOEXEC];
    error
        .errno()
        .is_some_and(|errno| !unusable.contains(&errno))
}

fn logged(op: &Op, outcome: Result<()>) -> Result<()> {
    if let Err(error) = &outcome {
        op.log().failure(error);
    }
    outcome
}

/// Brings the backend to a stop.
async fn close(op: &Op, device: &Device, force: Force) -> Result<()> {
    if device.backend_kind.served() == Served::Nobody {
        return Ok(());
    }
    // Only dom0 may ask the hypervisor about a guest.
    let by_qemu = device.backend_kind.served() == Served::Qemu && op.own_domid().await? == DOM0;
    if by_qemu && !guest_runs(op, device.domid)? {
        return close_after_qemu(op, device).await;
    }
    let dir = device.backend();
    let forced = force == Force::On && op.own_domid().await? == DOM0;
    let frontend = forced.then(|| device.frontend());
    let store = op.store()?;
    let there = store.transaction(|tx| start_closing(tx, frontend.as_deref(), &dir));
    if !there.await? {
        log_line!(
            op.log(),
            Level::Info,
            device.domid,
            "{dir} is gone already, cleaning up the rest"
        );
        return Ok(());
    }
    match state::wait(op, &dir, XenbusState::Closed, CLOSED).await {
        Ok(Seen::Reached | Seen::Gone) => Ok(()),
        Err(error) => Err(error.domain(device.domid)),
    }
}

/// Tells the backend to close; false when it is not there.
async fn start_closing(tx: Tx, frontend: Option<&str>, dir: &str) -> Result<bool> {
    if let Some(frontend) = frontend {
        cleanup(&tx, frontend).await?;
    }
    let path = format!("{dir}/state");
    let Some(state) = tx.read(&path).await? else {
        return Ok(false);
    };
    tx.write(&format!("{dir}/online"), "0").await?;
    if XenbusState::parse(&state) != Some(XenbusState::Closed) {
        tx.write(&path, XenbusState::Closing.number().to_string())
            .await?;
    }
    Ok(true)
}

fn guest_runs(op: &Op, domid: Domid) -> Result<bool> {
    let info = op.xen()?.domain_info(domid)?;
    Ok(info.is_some_and(|info| {
        let flags = info.flags;
        !(flags.paused() || flags.dying() || flags.shutdown())
    }))
}

/// QEMU does not follow the handshake for a guest that stands still, and says nothing when it exits: give it a moment,
/// less when its process is gone, and close the device in its place.
async fn close_after_qemu(op: &Op, device: &Device) -> Result<()> {
    let path = format!("{}/state", device.backend());
    let qemu = Qemu::of(op, device).await?;
    let mut waited = Duration::ZERO;
    while waited < QEMU_LETS_GO && qemu.may_run() {
        match op.store()?.read(&path).await? {
            Some(state) if XenbusState::parse(&state) != Some(XenbusState::Closed) => {}
            _ => break,
        }
        op.sleep(QEMU_POLL).await?;
        waited += QEMU_POLL;
    }
    let elsewhere = matches!(qemu, Qemu::Elsewhere);
    close_in_place(op, &device.backend(), elsewhere).await
}

/// Closes a backend for its QEMU. A driver domain only takes it away when it is also told that the device is not wanted any more.
async fn close_in_place(op: &Op, dir: &str, elsewhere: bool) -> Result<()> {
    let (store, path) = (op.store()?, &format!("{dir}/state"));
    let close = |tx: Tx| async move {
        let Some(state) = tx.read(path).await? else {
            return Ok(());
        };
        if elsewhere {
            tx.write(&format!("{dir}/online"), "0").await?;
        }
        match XenbusState::parse(&state) {
            Some(XenbusState::Closed) => Ok(()),
            _ => {
                tx.write(path, XenbusState::Closed.number().to_string())
                    .await
            }
        }
    };
    store.transaction(close).await
}

/// The QEMU that serves a device.
enum Qemu {
    /// In a domain that cannot be looked into.
    Elsewhere,
    /// A process of dom0; `None` when the toolstack started none for this guest.
    Here(Option<u32>),
}

impl Qemu {
    /// From a node that only dom0 writes.
    async fn of(op: &Op, device: &Device) -> Result<Self> {
        if device.backend_domid != DOM0 {
            return Ok(Self::Elsewhere);
        }
        let pid = op.store()?.read_str(&layout::dm_pid(device.domid)).await?;
        Ok(Self::Here(pid.as_deref().and_then(layout::parse_number)))
    }

    fn may_run(&self) -> bool {
        match self {
            Self::Elsewhere => true,
            Self::Here(pid) => pid.is_some_and(is_alive),
        }
    }
}

fn is_alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Runs the script, or waits for the serving domain to do its part.
async fn detach(op: &Op, device: &Device) -> Result<()> {
    if device.backend_kind.served() == Served::Nobody {
        return Ok(());
    }
    if device.backend_domid == op.own_domid().await? {
        return scripts::run_all(op, device, Action::Remove).await;
    }
    let dir = device.backend();
    let watch = op.watch(&dir).await?;
    let what = format!("removal of {dir} by domain {}", device.backend_domid);
    let gone = op.timeout(CLOSED, &what, async {
        while op.store()?.read(&dir).await?.is_some() {
            watch.changed().await?;
        }
        Ok(())
    });
    gone.await.map_err(|error| error.domain(device.domid))
}

/// Takes away those of the device's nodes that this domain is in charge of, and the directories that this leaves empty.
///
/// Dom0 removes all. A driver domain removes its backend alone: the rest is not its own, and neither are the parents, so that it
/// leaves them to dom0.
pub(super) async fn erase(op: &Op, device: &Device) -> Result<()> {
    let (me, served) = (
        op.own_domid().await?,
        device.backend_kind.served() != Served::Nobody,
    );
    let mut paths = Vec::new();
    if me == DOM0 && served {
        paths.push(device.frontend());
    }
    if served && (me == DOM0 || me == device.backend_domid) {
        paths.push(device.backend());
    }
    if me == DOM0 {
        paths.push(device.record());
    }
    let (store, paths) = (op.store()?, &paths);
    let erased = store.transaction(|tx| async move {
        for path in paths {
            cleanup(&tx, path).await?;
        }
        Ok(())
    });
    erased.await.map_err(|error| error.domain(device.domid))
}

/// Removes `path`, then each parent that has neither value nor children.
async fn cleanup(tx: &Tx, path: &str) -> Result<()> {
    tx.rm(path).await?;
    let mut dir = path;
    while let Some(parent) = layout::parent(dir).filter(|parent| *parent != "/") {
        // What is gone already may have left parents behind: QEMU removes its own backends when it ends.
        if let Some(value) = tx.read(parent).await? {
            if !value.is_empty() || !tx.list(parent).await?.is_empty() {
                break;
            }
            match tx.rm(parent).await {
                Err(error) if error.errno() == Some(libc::EACCES) => break,
                removed => removed?,
            }
        }
        dir = parent;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn a_driver_domain_hears_that_the_device_of_its_qemu_is_not_wanted() {
        let bench = Bench::new();
        let close = |elsewhere, state| {
            bench.store.set("/b/online", "1");
            bench.store.set("/b/state", state);
            bench
                .ctx
                .block_on(async |op| close_in_place(op, "/b", elsewhere).await)
                .unwrap();
            ["online", "state"].map(|key| bench.store.get(&format!("/b/{key}")).unwrap())
        };
        assert_eq!(close(false, "4"), [b"1", b"6"]);
        assert_eq!(close(true, "4"), [b"0", b"6"]);
        assert_eq!(close(true, "6"), [b"0", b"6"]);
    }

    #[test]
    fn only_a_failure_of_the_host_is_tried_again() {
        let failed = |errno| {
            Error::io(
                "starting the script",
                &std::io::Error::from_raw_os_error(errno),
            )
        };
        assert!(may_work_later(&failed(libc::ENOMEM)));
        assert!(may_work_later(&failed(libc::EIO)));
        assert!(!may_work_later(&failed(libc::ENOENT)));
        assert!(!may_work_later(&Error::fail(
            "the script failed (exit status 1)"
        )));
        assert!(!may_work_later(&Error::new(
            Code::Timedout,
            "the script did not finish"
        )));
    }
}
