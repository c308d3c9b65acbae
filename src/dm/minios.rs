//! MiniOS stub domains: the three nodes over which qemu-xen-traditional takes commands.

use super::process;
use crate::engine::Op;
use crate::store::layout;
use crate::{Domid, Result};

/// Lets a paused device model go on; fine when it is not paused.
pub(super) async fn go_on(op: &Op, dm: Domid, guest: Domid) -> Result<()> {
    let state = layout::dm_state(dm, guest);
    if op.store()?.read(&state).await?.as_deref() != Some(b"paused") {
        return Ok(());
    }
    command(op, dm, guest, "continue").await?;
    process::wait_for_state(op, &state, "running").await
}

/// Gives a command; how it went shows in the state node.
async fn command(op: &Op, dm: Domid, guest: Domid, name: &str) -> Result<()> {
    let path = format!("{}/command", layout::dm(dm, guest));
    op.store()?.write(&path, name).await
}
