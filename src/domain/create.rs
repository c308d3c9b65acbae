//! Making a domain, from a configuration to a guest that waits to be unpaused.

use super::build::{Built, Channels};
use super::{config, defaults, destroy, make, passthrough, refuse, stubdom, userdata};
use crate::device::{self, Console, Guest, Kind, Ring, When};
use crate::dm;
use crate::engine::{Op, ProgressHow};
use crate::log::Level;
use crate::release;
use crate::types::{DeviceVkb, DomainBuildInfoU, DomainConfig, DomainType, EventU};
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
        let furnished = furnish(op, domid, config, console).await;
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
async fn complete(op: &Op, given: &DomainConfig, config: &mut DomainConfig) -> Result<()> {
    refuse::devices(config)?;
    defaults::complete(op, config).await?;
    refuse::others(config)?;
    if let Some(warning) = refuse::missing_screen(given, config) {
        log_line!(op.log(), Level::Warn, None, "{warning}");
    }
    Ok(())
}

/// Everything between a bare domain and a complete one.
async fn furnish(
    op: &Op,
    domid: Domid,
    config: &mut DomainConfig,
    console: &ProgressHow,
) -> Result<()> {
    make::store(op, domid, config).await?;
    make::dm_version(op, domid, config).await?;
    let guest = Guest::read(op, domid).await?;
    for disk in &mut config.disks {
        device::set_defaults(op, &guest, disk, When::Creation).await?;
    }
    device::number_nics(op, &guest, &mut config.nics).await?;
    let boot = make::boot_files(config);
    let (channels, built) = make::populate(op, domid, config, &boot).await?;
    // The width of a PV guest, which its devices' protocol depends on, is known only now.
    let guest = Guest::read(op, domid).await?;
    let disks = device::place_all(op, &guest, &mut config.disks).await?;
    passthrough::grant(op, domid, &config.b_info)?;
    consoles_and_displays(op, &guest, config, &channels, &built).await?;
    let disks = Box::pin(device::connect_all(op, &disks));
    device_model(op, domid, config, disks).await?;
    device::add_all(op, &guest, &mut config.nics).await?;
    device::add_all(op, &guest, &mut config.vtpms).await?;
    device::add_all(op, &guest, &mut config.vdispls).await?;
    device::add_all(op, &guest, &mut config.vsnds).await?;
    if release::SHARED_DIRECTORIES_HAVE_A_SERVER {
        dm::directories::serve(op, domid, &config.p9s).await?;
        device::add_all(op, &guest, &mut config.p9s).await?;
    }
    device::tty::wait_for_primary(op, domid).await?;
    op.progress(console, domid, EventU::DomainCreateConsoleAvailable);
    match config.b_info.exec_ssidref {
        0 => Ok(()),
        label => op.xen()?.flask_relabel(domid, label),
    }
}

async fn consoles_and_displays(
    op: &Op,
    guest: &Guest,
    config: &mut DomainConfig,
    channels: &Channels,
    built: &Built,
) -> Result<()> {
    for (channel, number) in config.channels.iter_mut().zip(1..) {
        let console = device::console_of_channel(op, channel, number).await?;
        place(op, guest, &mut [console]).await?;
    }
    if !release::SHARED_DIRECTORIES_HAVE_A_SERVER {
        place(op, guest, &mut config.p9s).await?;
    }
    place(op, guest, &mut config.pvcallsifs).await?;
    if release::HVM_KEYBOARDS {
        keyboards(op, guest, config).await?;
    }
    if config.c_info.type_ != DomainType::Hvm {
        place(op, guest, &mut config.vfbs).await?;
        if !release::HVM_KEYBOARDS {
            place(op, guest, &mut config.vkbs).await?;
        }
    }
    let ring = Ring {
        port: channels.console_port,
        frame: built.console_frame,
        tty: None,
    };
    place(
        op,
        guest,
        &mut [Console::primary(channels.daemons.console, ring)],
    )
    .await?;
    match unasked_keyboard(config) {
        Some(keyboard) if !release::HVM_KEYBOARDS => place(op, guest, &mut [keyboard]).await,
        _ => Ok(()),
    }
}

/// The keyboards and pointers of the configuration, or the one that an HVM guest gets unasked.
async fn keyboards(op: &Op, guest: &Guest, config: &mut DomainConfig) -> Result<()> {
    match unasked_keyboard(config) {
        Some(keyboard) if config.vkbs.is_empty() => place(op, guest, &mut [keyboard]).await,
        _ => place(op, guest, &mut config.vkbs).await,
    }
}

fn unasked_keyboard(config: &DomainConfig) -> Option<DeviceVkb> {
    match &config.b_info.u {
        DomainBuildInfoU::Hvm(hvm) => (hvm.vkb_device == Some(true)).then(DeviceVkb::default),
        _ => None,
    }
}

/// Announces devices whose server is the device model, which does not run yet.
async fn place<K: Kind>(op: &Op, guest: &Guest, configs: &mut [K]) -> Result<()> {
    for config in configs {
        device::place(op, guest, config, When::Creation).await?;
    }
    Ok(())
}

/// Connects the guest's disks, and starts its device model if it has one.
async fn device_model(
    op: &Op,
    domid: Domid,
    config: &DomainConfig,
    disks: Boxed<'_, Result<()>>,
) -> Result<()> {
    if config.c_info.type_ != DomainType::Hvm && !dm::needed(config) {
        return disks.await;
    }
    let request = dm::Request {
        domid,
        config,
        saved_state: None,
    };
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
async fn remember(
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
