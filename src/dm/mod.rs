//! The device model: its command line, the QEMU in dom0, the stub domain, their consoles, and taking them down.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use crate::engine::{Op, Rollback};
use crate::types::DomainConfig;
use crate::{Code, Domid, Error, Result};

/// How long a QEMU in dom0 may take to say that it runs, and a device model to go on.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a stub domain may take to say that its QEMU runs.
pub const STUBDOM_TIMEOUT: Duration = Duration::from_secs(30);

/// A guest whose device model shall start.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The guest; it is made and built, its disks are connected.
    pub domid: Domid,
    /// Its configuration, all defaults filled in.
    pub config: &'a DomainConfig,
    /// The state of a saved device model; the file is removed once the device model has started or failed.
    pub saved_state: Option<&'a Path>,
    /// Who makes the stub domain.
    pub maker: &'a dyn DomainMaker,
}

/// A future behind a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the device model needs from the layer above it: domains to run in.
pub trait DomainMaker: Send + Sync {
    /// Fills in the defaults of `config`, a PV domain with kernel, ramdisk and command line in `b_info`, then makes and
    /// builds it and introduces it to xenstored. It is left paused, without devices and without stored JSON.
    ///
    /// `config.c_info.soft_reset` and names that are taken are not its business: a stub domain's name may exist twice.
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
/// HVM guests have QEMU in dom0 or in a stub domain; PV and PVH guests have one in dom0 when [`needed`] says so.
pub async fn spawn(op: &Op, request: Request<'_>) -> Result<()> {
    let _ = op;
    Err(Error::new(Code::Ni, "device models are not built").domain(request.domid))
}

/// Whether a PV or PVH guest needs a QEMU in this domain for its disks, consoles or framebuffers.
pub fn needed(config: &DomainConfig) -> bool {
    let _ = config;
    false
}

/// Lets a guest's device model go on: QMP `cont`, or MiniOS's `continue`. Done before a guest is unpaused.
pub async fn unpause(op: &Op, domid: Domid) -> Result<()> {
    let _ = op;
    Err(Error::new(Code::Ni, "device models are not built").domain(domid))
}

/// Takes down the device model of a domain that is being destroyed: QEMU in dom0, its sockets, and for a stub domain
/// the QMP proxy. The stub domain itself is a domain to destroy, see [`stubdom_of`].
///
/// Goes on where something fails, and gives the first failure.
pub async fn destroy(op: &Op, domid: Domid) -> Result<()> {
    let _ = op;
    Err(Error::new(Code::Ni, "device models are not built").domain(domid))
}

/// The stub domain that runs a guest's device model, if there is one.
pub async fn stubdom_of(op: &Op, domid: Domid) -> Result<Option<Domid>> {
    let _ = op;
    Err(Error::new(Code::Ni, "device models are not built").domain(domid))
}

/// The guest that a stub domain serves, if it is one.
pub async fn target_of(op: &Op, domid: Domid) -> Result<Option<Domid>> {
    let _ = op;
    Err(Error::new(Code::Ni, "device models are not built").domain(domid))
}
