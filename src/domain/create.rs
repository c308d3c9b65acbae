//! Making a domain, from a configuration to a guest that waits to be unpaused.

use std::path::PathBuf;

use super::{bootloader, config, defaults, destroy, make, passthrough, refuse, stubdom, userdata};
use crate::device::{self, Console, DeviceKind, Guest, Ring, Step, When, every};
use crate::dm;
use crate::engine::{Op, ProgressHow};
use crate::log::Level;
use crate::types::{DomainConfig, DomainType, EventU};
use crate::{Boxed, Code, Domid, Result, log_line};

/// A creation's end.
#[derive(Debug)]
pub struct Outcome {
    /// The domain, when it is there.
    pub domid: Option<Domid>,
    /// How it went. An aborted creation leaves its domain, any other failure nothing.
    pub result: Result<()>,
}

/// Makes the domain that `config` describes, with all its devices, and leaves it paused. What the configuration left open
/// is filled in. `console` hears when the first console can be connected to.
pub async fn create(op: &Op, config: &mut DomainConfig, console: &ProgressHow) -> Outcome {
    let given = config.clone();
    if let Err(error) = complete(op, &given, config).await {
        let result = Err(error.context("the configuration cannot be used"));
        return Outcome {
            domid: None,
            result,
        };
    }
    let created = op.with_rollback(|undo| async move {
        let domid = make::hypervisor(op, config).await?;
        undo.push(
            format!("destroy domain {domid}"),
            move |op: Op| async move { destroy::destroy(&op, domid).await },
        );
        let furnished = furnish(op, domid, config, console, None).await;
        let furnished = match furnished {
            // The caller wants to look at what there is.
            Err(error) if error.code() == Code::Aborted => Err(error),
            other => Ok(other?),
        };
        remember(&op.shielded(), domid, given, config).await?;
        Ok((domid, furnished))
    });
    match created.await {
        Ok((domid, result)) => Outcome {
            domid: Some(domid),
            result,
        },
        Err(error) => Outcome {
            domid: None,
            result: Err(error.code_as(Code::Fail)),
        },
    }
}

/// Fills in what the configuration leaves open, and refuses what no domain could be made for.
pub(super) async fn complete(
    op: &Op,
    given: &DomainConfig,
    config: &mut DomainConfig,
) -> Result<()> {
    refuse::devices(config)?;
    defaults::complete(op, config).await?;
    refuse::others(config)?;
    if let Some(warning) = refuse::missing_screen(given, config) {
        log_line!(op.log(), Level::Warn, None, "{warning}");
    }
    Ok(())
}

/// What a guest has that keeps its memory over a soft reset.
pub(super) struct Kept {
    /// The file with the state of its device model.
    pub(super) state: PathBuf,
    /// The terminal of its first console, which xenconsoled goes on with.
    pub(super) tty: String,
}

/// Everything between a bare domain and a complete one; `kept` is for one that is not bare.
pub(super) async fn furnish(
    op: &Op,
    domid: Domid,
    config: &mut DomainConfig,
    console: &ProgressHow,
    kept: Option<&Kept>,
) -> Result<()> {
    make::store(op, domid, config).await?;
    make::dm_version(op, domid, config).await?;
    let guest = Guest::read(op, domid).await?;
    every::complete_named(op, &guest, config).await?;
    let boot = match (kept, bootloader::of(config)) {
        (Some(_), _) => None,
        (None, Some(name)) => {
            Some(Box::pin(bootloader::run(op, domid, config, name, console)).await?)
        }
        (None, None) => Some(make::boot_files(config)),
    };
    let (channels, built) = make::populate(op, domid, config, boot.as_ref()).await?;
    // The width of a PV guest, which its devices' protocol depends on, is known only now.
    let guest = Guest::read(op, domid).await?;
    let opened = every::place(op, &guest, config, Step::Opened).await?;
    passthrough::grant(op, domid, &config.b_info)?;
    let ring = Ring {
        port: channels.console_port,
        frame: built.console_frame,
        tty: kept.map(|kept| kept.tty.clone()),
    };
    let first = Console::primary(channels.daemons.console, ring);
    announced(op, &guest, config, first).await?;
    let connected = Box::pin(device::connect_all(op, &opened));
    let request = dm::Request {
        domid,
        config,
        saved_state: kept.map(|kept| &*kept.state),
    };
    device_model(op, request, connected).await?;
    for kind in every::at(Step::Added) {
        // What serves shared directories may have to be started for the first of them.
        if kind.kind == DeviceKind::P9 {
            dm::directories::serve(op, domid, &config.p9s).await?;
        }
        kind.add(op, &guest, config).await?;
    }
    device::tty::wait_for_primary(op, domid).await?;
    op.progress(console, domid, EventU::DomainCreateConsoleAvailable);
    match config.b_info.exec_ssidref {
        0 => Ok(()),
        label => op.xen()?.flask_relabel(domid, label),
    }
}

/// Announces the devices that the device model serves, which does not run yet, and the first console.
async fn announced(
    op: &Op,
    guest: &Guest,
    config: &mut DomainConfig,
    mut console: Console,
) -> Result<()> {
    for step in [Step::Announced, Step::AnnouncedLast] {
        every::place(op, guest, config, step).await?;
    }
    device::place(op, guest, &mut console, When::Creation).await?;
    if let Some(mut keyboard) = device::late_keyboard(config) {
        device::place(op, guest, &mut keyboard, When::Creation).await?;
    }
    Ok(())
}

/// Connects the guest's disks, and starts its device model if it has one.
async fn device_model(
    op: &Op,
    request: dm::Request<'_>,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    let (config, me) = (request.config, op.own_domid().await?);
    if config.c_info.type_ != DomainType::Hvm && !dm::needed(config, me) {
        return disks.await;
    }
    start_device_model(op, request, disks).await
}

/// Starts the device model that the configuration asks for, and waits until it runs: a stub domain, or QEMU in dom0.
/// `disks` connects the guest's disks, and is done before anything opens them.
pub(super) async fn start_device_model(
    op: &Op,
    request: dm::Request<'_>,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    let started = if request.config.b_info.device_model_stubdomain == Some(true) {
        stubdom::spawn(op, request, disks).await
    } else {
        // What is wrong with a disk is no fault of the device model's.
        disks.await?;
        dm::spawn_local(op, request).await
    };
    started.map_err(|error| {
        error
            .context("device model did not start")
            .domain(request.domid)
    })
}

/// Stores the configuration as the caller gave it, with what only the creation could decide.
pub(super) async fn remember(
    op: &Op,
    domid: Domid,
    mut given: DomainConfig,
    used: &DomainConfig,
) -> Result<()> {
    config::adopt(&mut given, used);
    userdata::with(op, domid, |data| config::save(data, &given)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::engine::testing::Bench;
    use crate::types::DevicePci;

    #[test]
    fn what_cannot_be_done_is_refused_before_anything_is_asked() {
        let bench = Bench::new();
        let mut config = DomainConfig::default();
        config.pcidevs.push(DevicePci::default());
        let outcome = bench.ctx.block_on(async |op| {
            let outcome = create(op, &mut config, &ProgressHow::Drop).await;
            Ok(outcome)
        });
        let outcome = outcome.unwrap();
        assert_eq!(outcome.domid, None);
        assert_eq!(outcome.result.unwrap_err().code(), Code::Ni);
        assert_eq!(bench.store.log(), []);
    }
}
