//! The device model: its command line, the QEMU in dom0, the stub domain, their consoles, and taking them down.

pub mod args;
mod console;
mod destroy;
mod graphics;
mod limit;
mod local;
mod logfile;
mod minios;
mod process;
mod proxy;
mod restrict;
mod serve;
mod stubdom;
mod user;

use std::path::Path;
use std::time::Duration;

pub use logfile::rotate as rotate_log;
pub use serve::keep as keep_served;

use crate::engine::{Op, Rollback};
use crate::store::layout;
use crate::types::{DeviceDisk, DeviceModelVersion, DiskBackend, DomainConfig, UsbctrlType};
use crate::{Boxed, DOM0, Domid, Error, Result, device, qmp};

/// How long a QEMU in dom0 may take to say that it runs, and a device model to go on.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a stub domain may take to say that its QEMU runs.
pub const STUBDOM_TIMEOUT: Duration = Duration::from_secs(30);

/// A guest whose device model shall start.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The guest; it is made and built, the nodes of its disks are there.
    pub domid: Domid,
    /// Its configuration, all defaults filled in.
    pub config: &'a DomainConfig,
    /// The state of a saved device model; the file is removed once the device model has started or failed.
    pub saved_state: Option<&'a Path>,
    /// Who makes the stub domain.
    pub maker: &'a dyn DomainMaker,
}

/// What the device model needs from the layer above it: domains to run in.
pub trait DomainMaker: Send + Sync {
    /// Fills in the defaults of `config`, a PV domain with kernel, ramdisk and command line in `b_info`, then makes and
    /// builds it and introduces it to xenstored. It is left paused, without devices and without stored JSON.
    ///
    /// What was made is pushed onto `undo` before the first thing that can fail after it.
    fn make_pv<'a>(
        &'a self,
        op: &'a Op,
        undo: &'a Rollback,
        config: &'a mut DomainConfig,
    ) -> Boxed<'a, Result<MadeDomain>>;
}

/// A domain fresh from its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeDomain {
    /// Its number.
    pub domid: Domid,
    /// The event channel of its first console, in the domain.
    pub console_port: u32,
    /// The frame of its first console's ring.
    pub console_gfn: u64,
}

/// Starts the device model that the configuration asks for, and waits until it runs.
///
/// HVM guests have QEMU in dom0 or in a stub domain; PV and PVH guests have one in dom0 when [`needed`] says so. `disks`
/// connects the guest's disks, and is done before anything opens them. A stub domain is made meanwhile, because the scripts
/// take as long as that.
pub async fn spawn(op: &Op, request: Request<'_>, disks: Boxed<'_, Result<()>>) -> Result<()> {
    let started = if args::is(request.config.b_info.device_model_stubdomain) {
        stubdom::spawn(op, request, disks).await
    } else {
        // What is wrong with a disk is no fault of the device model's.
        disks.await?;
        let local = local::Local {
            domid: request.domid,
            config: request.config,
            saved_state: request.saved_state,
            file_limit: None,
        };
        local::spawn(op, local).await
    };
    started.map_err(|error| {
        error
            .context("device model did not start")
            .domain(request.domid)
    })
}

/// Why an HVM guest with a Linux stub domain cannot have a screen; nothing where it can.
pub fn why_no_screen(config: &DomainConfig) -> Option<String> {
    serve::why_not(config)
}

/// Whether a PV or PVH guest needs a QEMU in this domain, for its framebuffers, its file systems, or those of its
/// disks, USB controllers and channels that this domain serves. A keyboard without a framebuffer gets no input from QEMU.
pub fn needed(config: &DomainConfig) -> bool {
    let here = |backend: Domid| backend == DOM0;
    !config.vfbs.is_empty()
        || !config.p9s.is_empty()
        || config
            .disks
            .iter()
            .any(|disk| disk.backend == DiskBackend::Qdisk && here(disk.backend_domid))
        || config
            .usbctrls
            .iter()
            .any(|usb| usb.type_ == UsbctrlType::Qusb && here(usb.backend_domid))
        || config.channels.iter().any(|c| here(c.backend_domid))
}

/// A conversation with a guest's device model, in dom0 or in a stub domain. Where the proxy to a stub domain has ended, it is
/// started again.
///
/// The caller sets the limit with [`Op::timeout`].
pub async fn connect(op: &Op, domid: Domid) -> Result<qmp::Client> {
    qmp::Client::connect_or(op, domid, proxy::revive(op, domid)).await
}

/// The device model that an HVM guest was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// QEMU, which speaks QMP.
    QemuXen,
    /// qemu-xen-traditional, which does not.
    QemuXenTraditional,
}

impl Running {
    /// The one on record for `domid`; without a record the traditional one, which is older than the record.
    /// [`Code::Inval`] when something else is recorded.
    pub async fn read(op: &Op, domid: Domid) -> Result<Self> {
        let Some(recorded) = op.store()?.read_str(&layout::dm_version(domid)).await? else {
            return Ok(Self::QemuXenTraditional);
        };
        match DeviceModelVersion::from_name(&recorded) {
            Some(DeviceModelVersion::QemuXen) => Ok(Self::QemuXen),
            Some(DeviceModelVersion::QemuXenTraditional) => Ok(Self::QemuXenTraditional),
            _ => {
                let what = format!("the device model on record, {recorded:?}, is none that runs");
                Err(Error::inval(what).domain(domid))
            }
        }
    }
}

/// Lets an HVM guest's device model go on: QMP `cont`, or MiniOS's `continue`. Done before the guest is unpaused.
///
/// [`Code::Inval`] when the domain's device model on record is none, [`Code::Timedout`] after a minute.
pub async fn unpause(op: &Op, domid: Domid) -> Result<()> {
    let version = Running::read(op, domid).await?;
    let work = async {
        match version {
            Running::QemuXen => connect(op, domid).await?.cont().await,
            Running::QemuXenTraditional => {
                let dm = stubdom_of(op, domid).await?.unwrap_or(DOM0);
                minios::go_on(op, dm, domid).await
            }
        }
    };
    op.timeout(START_TIMEOUT, "letting the device model go on", work)
        .await
        .map_err(|error| error.domain(domid))
}

/// How long QEMU may take over a command of its human monitor.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a command of the human monitor of a guest's QEMU; gives what it would print, without what could fool a terminal.
///
/// [`Code::Timedout`] after [`MONITOR_TIMEOUT`].
pub async fn monitor_command(op: &Op, domid: Domid, command: &str) -> Result<String> {
    let work = async {
        let mut client = connect(op, domid).await?;
        client.human_monitor_command(command).await
    };
    let text = op
        .timeout(MONITOR_TIMEOUT, "waiting for QEMU's monitor", work)
        .await
        .map_err(|error| error.domain(domid))?;
    Ok(text.chars().map(shown).collect())
}

/// A character of a monitor's output as a terminal may have it.
fn shown(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => c,
        _ => crate::log::plain(c),
    }
}

/// Takes down the device model of a domain that is being destroyed: QEMU in dom0, its sockets, and for a stub domain
/// the QMP proxy. The stub domain itself is a domain to destroy, see [`stubdom_of`].
///
/// Goes on where something fails, and gives the first failure.
pub async fn destroy(op: &Op, domid: Domid) -> Result<()> {
    destroy::all(op, domid).await
}

/// A Linux stub domain's side of a guest's disk; `None` for an empty CD drive.
pub fn stubdom_disk(disk: &DeviceDisk) -> Option<DeviceDisk> {
    stubdom::own_disk(disk)
}

/// Where the state of a guest's stub domain lies when it was saved; to be removed with the guest.
pub fn save_file(domid: Domid) -> String {
    console::save_file(domid)
}

/// The stub domain that runs a guest's device model, if there is one.
pub async fn stubdom_of(op: &Op, domid: Domid) -> Result<Option<Domid>> {
    device::stubdom_of(&op.store()?, domid).await
}

/// The guest that a stub domain serves, if it is one.
pub async fn target_of(op: &Op, domid: Domid) -> Result<Option<Domid>> {
    let text = op.store()?.read_str(&layout::target(domid)).await?;
    Ok(text.as_deref().and_then(layout::parse_domid))
}

/// The program of process `pid`, when it runs and is a device model of `domid` in this domain.
pub fn process_of(domid: Domid, pid: u32) -> Option<String> {
    process::program(pid, destroy::serves(domid))
}

/// What the stub domain of `guest` says of its failure, as it is shown.
#[cfg(feature = "fuzzing")]
pub(crate) async fn fuzzing_complaint(op: &Op, guest: Domid) -> Option<String> {
    stubdom::complaint(op, guest, stubdom_of(op, guest).await.ok()??).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DeviceVfb, DeviceVkb, VkbBackend};

    #[test]
    fn a_guest_needs_qemu_for_what_qemu_serves() {
        assert!(!needed(&DomainConfig::default()));
        let mut config = DomainConfig::default();
        config.vkbs.push(DeviceVkb {
            backend_type: VkbBackend::Qemu,
            ..DeviceVkb::default()
        });
        assert!(!needed(&config), "a keyboard alone");
        config.vfbs.push(DeviceVfb::default());
        assert!(needed(&config));
        let disk = |backend, backend_domid| DomainConfig {
            disks: vec![DeviceDisk {
                backend,
                backend_domid,
                ..DeviceDisk::default()
            }],
            ..DomainConfig::default()
        };
        assert!(needed(&disk(DiskBackend::Qdisk, DOM0)));
        assert!(!needed(&disk(DiskBackend::Qdisk, 3)));
        assert!(!needed(&disk(DiskBackend::Phy, DOM0)));
    }
}
