//! A guest and the stub domain that runs its device model: which two belong together, and what dom0 knows of the second one.

use crate::engine::Op;
use crate::store::layout;
use crate::types::{DeviceModelVersion, DomainConfig};
use crate::{Domid, Error, Result, device};

/// A stub domain and the guest it serves.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) stubdom: Domid,
    pub(crate) guest: Domid,
    /// The stub domain's name, for the log file.
    pub(crate) name: &'a str,
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

/// The name of a guest's stub domain, from the guest's name in xenstore.
pub(crate) async fn stubdom_name(op: &Op, guest: Domid) -> Result<String> {
    let name = op.store()?.read_str(&layout::name(guest)).await?;
    let name =
        name.ok_or_else(|| Error::fail("the guest has no name in xenstore").domain(guest))?;
    Ok(format!("{name}-dm"))
}

/// Whether a guest's stub domain runs Linux with QEMU; otherwise it is MiniOS with qemu-xen-traditional.
pub(crate) fn is_linux(guest: &DomainConfig) -> bool {
    guest.b_info.device_model_version == DeviceModelVersion::QemuXen
}

/// Whether the domain is there and has not shut down.
pub(crate) fn is_up(op: &Op, stubdom: Domid) -> Result<bool> {
    let info = op.xen()?.domain_info(stubdom)?;
    Ok(info.is_some_and(|info| !info.flags.shutdown() && !info.flags.dying()))
}
