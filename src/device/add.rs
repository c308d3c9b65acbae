//! Adding devices, the same way for every kind.

use std::time::Duration;

use super::guest::{self, Guest};
use super::kind::{Device, Served};
use super::record;
use super::remove::{self, Force};
use super::scripts::{self, Action};
use super::state::{self, Seen, XenbusState};
use super::traits::{Devices, Kind, Listed, When, each};
use crate::engine::{Op, Rollback};
use crate::log::Level;
use crate::store::Batch;
use crate::{Code, Error, Result, log_line};

/// How long a backend may take to get ready for the hotplug script.
const READY: Duration = Duration::from_secs(10);

/// Adds one device to `guest` and waits until its backend and its script are done.
///
/// Fills in what the configuration left open. [`Code::DeviceExists`] when the number is taken, [`Code::Timedout`]
/// when the backend (10 s) or the script (40 s) does not finish.
pub async fn add(op: &Op, guest: &Guest, config: &mut dyn Kind, when: When) -> Result<Device> {
    op.with_rollback(|undo| async move {
        let device = place(op, guest, config, when).await?;
        if when == When::Hotplug {
            undo_placement(&undo, device);
        }
        connect(op, &device).await?;
        Ok(device)
    })
    .await
}

/// Takes a device that was placed away again when a later step fails.
pub fn undo_placement(undo: &Rollback, device: Device) {
    let what = format!("remove {}", device.record());
    undo.push(what, move |op: Op| async move {
        remove::remove(&op, &device, Force::On).await
    });
}

/// Adds all of `configs` to a new domain: [`place_all`], then [`connect_all`].
pub async fn add_all<K: Kind>(op: &Op, guest: &Guest, configs: &mut [K]) -> Result<()> {
    add_each(op, guest, each(configs)).await
}

/// Adds devices of one kind to a new domain: [`place_each`], then [`connect_all`].
pub(super) async fn add_each(op: &Op, guest: &Guest, devices: Devices<'_>) -> Result<()> {
    let devices = place_each(op, guest, devices).await?;
    connect_all(op, &devices).await
}

/// [`place_each`] of a list.
pub async fn place_all<K: Kind>(op: &Op, guest: &Guest, configs: &mut [K]) -> Result<Vec<Device>> {
    place_each(op, guest, each(configs)).await
}

/// Writes the nodes of all of a new domain's devices of a kind, one after the other, so that each sees the numbers taken
/// before it.
pub(super) async fn place_each(
    op: &Op,
    guest: &Guest,
    devices: Devices<'_>,
) -> Result<Vec<Device>> {
    let mut placed = Vec::with_capacity(devices.len());
    for mut device in devices {
        placed.push(place(op, guest, &mut *device, When::Creation).await?);
    }
    Ok(placed)
}

/// Completes the devices of a domain that is being made, numbers included, before there are any nodes.
pub async fn complete<K: Kind + Listed>(op: &Op, guest: &Guest, configs: &mut [K]) -> Result<()> {
    complete_each(op, guest, each(configs)).await?;
    K::number(configs);
    Ok(())
}

/// Fills in what the configurations of a new domain's devices left open, except their numbers.
pub(super) async fn complete_each(op: &Op, guest: &Guest, devices: Devices<'_>) -> Result<()> {
    for mut device in devices {
        set_defaults(op, guest, &mut *device, When::Creation).await?;
    }
    Ok(())
}

/// Waits for the backends of `devices` and runs their scripts, side by side. Returns the first error after all have
/// finished.
pub async fn connect_all(op: &Op, devices: &[Device]) -> Result<()> {
    let connections = devices.iter().map(|device| connect(op, device));
    op.join(connections.collect()).await.into_iter().collect()
}

/// Fills in what the configuration left open, except the device's number: the serving domain and the kind's defaults.
pub async fn set_defaults(op: &Op, guest: &Guest, config: &mut dyn Kind, when: When) -> Result<()> {
    let (name, domid) = config.backend_domain();
    if let Some(name) = name {
        *domid = guest::domid_of(op, name).await?;
    }
    let done = config.set_defaults(op.log(), guest, when);
    done.map_err(|error| error.domain(guest.domid))
}

async fn set_number(op: &Op, guest: &Guest, config: &mut dyn Kind) -> Result<()> {
    if let Some((kind, devid)) = config.numbered() {
        if *devid == -1 {
            *devid = record::next_devid(op, guest.domid, kind).await?;
        }
        if *devid < 0 {
            let what = format!("{} cannot have the number {devid}", kind.name());
            return Err(Error::fail(what).domain(guest.domid));
        }
    }
    Ok(())
}

/// Writes the device's nodes. Until a backend driver looks at them, nothing has happened.
pub async fn place(op: &Op, guest: &Guest, config: &mut dyn Kind, when: When) -> Result<Device> {
    prepare(op, guest, config, when).await?;
    place_recorded(op, guest, config, &|| Ok(())).await
}

/// [`set_defaults`], and a number if the configuration has none.
pub async fn prepare(op: &Op, guest: &Guest, config: &mut dyn Kind, when: When) -> Result<()> {
    set_defaults(op, guest, config, when).await?;
    set_number(op, guest, config).await
}

/// Writes the nodes of a prepared device. `record` runs in their transaction, maybe more than once, when it is sure that
/// there is no such device yet.
pub async fn place_recorded(
    op: &Op,
    guest: &Guest,
    config: &dyn Kind,
    record: &(dyn Fn() -> Result<()> + Send + Sync),
) -> Result<Device> {
    write(op, guest, config, record, &Batch::new()).await
}

/// The same; `note` is written in that transaction.
pub async fn place_noted(
    op: &Op,
    guest: &Guest,
    config: &dyn Kind,
    note: &Batch,
) -> Result<Device> {
    write(op, guest, config, &|| Ok(()), note).await
}

async fn write(
    op: &Op,
    guest: &Guest,
    config: &dyn Kind,
    record: &(dyn Fn() -> Result<()> + Send + Sync),
    note: &Batch,
) -> Result<Device> {
    let device = config
        .device(guest.domid)
        .map_err(|e| e.domain(guest.domid))?;
    let nodes = config
        .nodes(&device, guest)
        .map_err(|e| e.domain(guest.domid))?;
    let batch = nodes.batch(&device);
    let (store, path, batch) = (op.store()?, &device.record(), &batch);
    let written = store.transaction(|tx| async move {
        if tx.read(path).await?.is_some() {
            let what = format!("{} {} exists already", device.kind.name(), device.devid);
            return Err(Error::new(Code::DeviceExists, what));
        }
        record()?;
        tx.apply(batch).await?;
        tx.apply(note).await
    });
    written.await.map_err(|e| e.domain(guest.domid))?;
    log_line!(
        op.log(),
        Level::Debug,
        device.domid,
        "{} written",
        device.record()
    );
    Ok(device)
}

/// Waits until the backend serves its frontend; [`Code::Timedout`] after `limit`.
pub async fn connected(op: &Op, device: &Device, limit: Duration) -> Result<()> {
    let dir = device.backend();
    match state::wait(op, &dir, XenbusState::Connected, limit).await? {
        Seen::Reached => Ok(()),
        Seen::Gone => Err(Error::fail(format!("{dir} is gone"))),
    }
}

/// Waits for the backend and runs the script.
pub async fn connect(op: &Op, device: &Device) -> Result<()> {
    let fail = |error: Error| {
        error
            .context(format!("adding {}", device.record()))
            .domain(device.domid)
    };
    // QEMU connects by itself, and a keyboard's backend may start later.
    if device.backend_kind.served() == Served::Driver {
        let seen = state::wait(op, &device.backend(), XenbusState::InitWait, READY).await;
        if seen.map_err(fail)? == Seen::Gone {
            return Err(fail(Error::inval("the backend was removed meanwhile")));
        }
    }
    if device.backend_domid != op.own_domid().await? {
        let (record, backend) = (device.record(), device.backend_domid);
        log_line!(
            op.log(),
            Level::Debug,
            device.domid,
            "scripts of {record} are run by domain {backend}"
        );
        return Ok(());
    }
    scripts::run_all(op, device, Action::Add).await
}
