//! The device model: its command line, the QEMU in dom0, what serves a stub domain in dom0, and taking them down.
//! The stub domain itself is a domain: src/domain/stubdom/.

pub mod args;
mod attendant;
pub mod backend;
mod destroy;
pub mod directories;
mod for_stubdom;
mod graphics;
mod limit;
mod local;
mod logfile;
mod minios;
mod pair;
mod process;
mod proxy;
mod restrict;
mod serve;
mod state;
pub(crate) mod user;

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

pub(crate) use destroy::end_user;
pub(crate) use for_stubdom::{Served, serve_stubdom, stubdom_arguments};
pub(crate) use local::allow_memory_relocate;
pub use logfile::{open_in as open_log, rotate as rotate_log};
pub(crate) use pair::{Pair, is_linux, is_up, stubdom_name};
pub use pair::{stubdom_of, target_of};
pub(crate) use process::{first, wait_for_state};
pub use serve::keep as keep_served;
pub use state::{resume_file, saved_state_file};

use crate::device::every;
use crate::engine::Op;
use crate::store::layout;
use crate::types::{DeviceModelVersion, DeviceUsbctrl, DomainConfig, UsbctrlType};
use crate::{DOM0, Domid, Error, Result, qmp};

/// How long a QEMU in dom0 may take to say that it runs, and a device model to go on.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A guest whose device model shall start.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The guest; it is made and built, the nodes of its disks are there.
    pub domid: Domid,
    /// Its configuration, all defaults filled in.
    pub config: &'a DomainConfig,
    /// The state of a saved device model; the file is removed once the device model has started or failed.
    pub saved_state: Option<&'a Path>,
}

/// Starts the guest's QEMU in dom0, and waits until it runs. HVM guests have one unless theirs runs in a stub domain, PV and
/// PVH guests when [`needed`] says so.
pub async fn spawn_local(op: &Op, request: Request<'_>) -> Result<()> {
    let local = local::Local {
        domid: request.domid,
        config: request.config,
        saved_state: request.saved_state,
        file_limit: None,
    };
    local::spawn(op, local).await
}

/// Why the server of this project cannot serve a guest's stub domain, so that QEMU does it and the guest of a Linux one has no
/// screen; nothing where it can.
pub fn why_no_server(config: &DomainConfig) -> Option<String> {
    serve::why_not(config)
}

/// Why nothing would serve a guest's Linux stub domain, which then waits for its consoles until its start is given up.
pub fn why_unserved(config: &DomainConfig) -> Option<String> {
    serve::nobody_else(config)
}

/// Whether a PV or PVH guest needs a QEMU in this domain, which is `me`, for its framebuffers, its file systems, or those of its
/// disks, keyboards, USB controllers and channels that this domain serves.
pub fn needed(config: &DomainConfig, me: Domid) -> bool {
    let usb = |usb: &DeviceUsbctrl| usb.type_ == UsbctrlType::Qusb && usb.backend_domid == me;
    every::need_qemu(config, me) || config.usbctrls.iter().any(usb)
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

/// Stops the devices of an HVM guest's QEMU in dom0, and has it write their state into `file`.
///
/// [`Code::Timedout`](crate::Code::Timedout) after a minute.
pub async fn save(op: &Op, domid: Domid, file: BorrowedFd<'_>) -> Result<()> {
    let work = async {
        let mut client = connect(op, domid).await?;
        client.stop().await?;
        let set = client.add_fd(file, "saved state").await?;
        let saved = client.save_devices(&format!("/dev/fdset/{set}")).await;
        let removed = client.remove_fdset(set).await;
        saved.and(removed)
    };
    op.timeout(START_TIMEOUT, "saving the device model's state", work)
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

/// The program of process `pid`, when it runs and is a device model of `domid` in this domain.
pub fn process_of(domid: Domid, pid: u32) -> Option<String> {
    process::program(pid, destroy::serves(domid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DeviceDisk, DeviceVfb, DeviceVkb, DiskBackend, VkbBackend};

    #[test]
    fn a_guest_needs_qemu_for_what_qemu_serves() {
        let needed = |config: &DomainConfig| super::needed(config, DOM0);
        assert!(!needed(&DomainConfig::default()));
        let mut config = DomainConfig::default();
        let keyboard = |backend_type, backend_domid| DomainConfig {
            vkbs: vec![DeviceVkb {
                backend_type,
                backend_domid,
                ..DeviceVkb::default()
            }],
            ..DomainConfig::default()
        };
        assert!(needed(&keyboard(VkbBackend::Qemu, DOM0)));
        assert!(!needed(&keyboard(VkbBackend::Qemu, 3)));
        assert!(!needed(&keyboard(VkbBackend::Linux, DOM0)));
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
        let elsewhere = disk(DiskBackend::Qdisk, 3);
        assert!(needed(&disk(DiskBackend::Qdisk, DOM0)));
        assert!(!needed(&elsewhere));
        assert!(!needed(&disk(DiskBackend::Phy, DOM0)));
        assert!(super::needed(&elsewhere, 3), "asked in domain 3");
    }
}
