//! What a driver domain does for one device that it serves.
//!
//! It sees the backend's directory alone. The toolstack in dom0 has written that and has said which scripts are to run; a guest
//! can write nothing there.

use super::kind::{Device, DeviceKind};
use super::remove;
use super::scripts::{self, Action};
use super::state::XenbusState;
use crate::engine::Op;
use crate::store::layout;
use crate::{Domid, Result};

/// Domains have smaller numbers.
const RESERVED_DOMIDS: Domid = 0x7ff0;

/// How a backend stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It has no directory any more.
    Gone,
    /// Its directory is incomplete.
    Unknown,
    /// It has a state, which may be none that there is, and the toolstack wants to keep it (`online`) or not.
    Seen {
        /// What the backend says.
        state: Option<XenbusState>,
        /// What the toolstack says.
        online: bool,
    },
}

impl Look {
    /// Whether the backend is done with its device, which the toolstack takes away.
    pub fn is_leaving(self) -> bool {
        let (state, online) = (Some(XenbusState::Closed), false);
        self == Self::Seen { state, online }
    }
}

/// The device whose backend is at `path`, in domain `me`; `None` when that is no path of a guest's device.
pub fn at(me: Domid, path: &str) -> Option<Device> {
    let device = Device::from_backend(path)?;
    let named = device.backend_domid == me && device.domid < RESERVED_DOMIDS;
    named.then_some(device)
}

/// At most `limit` devices that this domain serves, and whether there are more.
pub async fn all(op: &Op, me: Domid, limit: usize) -> Result<(Vec<Device>, bool)> {
    let (store, top) = (op.store()?, layout::backends(me));
    let mut devices = Vec::new();
    for kind in store.list(&top).await? {
        if DeviceKind::from_name(&kind).is_none() {
            continue;
        }
        for guest in store.list(&format!("{top}/{kind}")).await? {
            let directory = format!("{top}/{kind}/{guest}");
            for devid in store.list(&directory).await? {
                if devices.len() == limit {
                    return Ok((devices, true));
                }
                devices.extend(at(me, &format!("{directory}/{devid}")));
            }
        }
    }
    Ok((devices, false))
}

/// Looks at a backend.
pub async fn look(op: &Op, device: &Device) -> Result<Look> {
    let (store, directory) = (op.store()?, device.backend());
    let state = store.read(&format!("{directory}/state")).await?;
    let online = store.read(&format!("{directory}/online")).await?;
    if let (Some(state), Some(online)) = (state, online) {
        return Ok(Look::Seen {
            state: XenbusState::parse(&state),
            online: online != b"0",
        });
    }
    Ok(match store.read(&directory).await? {
        Some(_) => Look::Unknown,
        None => Look::Gone,
    })
}

/// Whether a device takes a script to connect, and one to go.
pub fn has_scripts(device: &Device) -> bool {
    scripts::has_scripts(device.backend_kind)
}

/// Runs the scripts of a device whose backend waits for them, once no other script of it runs.
pub async fn attach(op: &Op, device: &Device) -> Result<()> {
    scripts::settle(op, device).await?;
    scripts::run_all(op, device, Action::Add).await
}

/// Runs the scripts of a device whose backend is done, also where one of before cannot be ended.
pub async fn detach(op: &Op, device: &Device) -> Result<()> {
    let settled = scripts::settle(op, device).await;
    settled.and(scripts::run_all(op, device, Action::Remove).await)
}

/// Does a step once more when it was this host that failed it: dom0 says only once what is to be done.
pub async fn insist<T, F>(op: &Op, step: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    match step().await {
        Err(error) if remove::may_work_later(&error) => {
            op.log().failure(&error);
            step().await
        }
        outcome => outcome,
    }
}

/// Removes a backend's nodes, which tells dom0 that its device is gone.
pub async fn erase(op: &Op, device: &Device) -> Result<()> {
    remove::erase(op, device).await
}
