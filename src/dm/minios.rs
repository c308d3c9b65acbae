//! MiniOS stub domains: their arguments, and the three nodes over which qemu-xen-traditional takes commands.

use super::process;
use crate::engine::Op;
use crate::store::{Batch, Perms, layout};
use crate::{DOM0, Domid, Result};

/// Arguments that mean nothing in a MiniOS stub domain.
const DROPPED: [&str; 3] = ["-sdl", "-M", "xenfv"];

/// QEMU's arguments as the one string that MiniOS splits at blanks, and the clock offset that it may read.
pub(super) fn arguments(vm: &str, stubdom: Domid, args: &[String]) -> Batch {
    let kept = args.iter().filter(|arg| !DROPPED.contains(&arg.as_str()));
    // MiniOS expects a blank in front of each, the first one too.
    let value: String = kept.map(|arg| format!(" {arg}")).collect();
    let readable = Perms::owner_read(DOM0, stubdom);
    let mut batch = Batch::new();
    batch.mkdir_perms(format!("{vm}/image/dmargs"), &readable);
    batch.write(format!("{vm}/image/dmargs"), value);
    batch.mkdir_perms(format!("{vm}/rtc/timeoffset"), &readable);
    batch
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Change;

    #[test]
    fn minios_reads_one_string_without_the_machine() {
        let args = ["-d", "5", "-sdl", "-boot", "c", "-M", "xenfv"].map(str::to_owned);
        let batch = arguments("/vm/u", 6, &args);
        let written = batch.changes().iter().find_map(|change| match change {
            Change::Write { path, value } => Some((path.as_str(), value.as_slice())),
            _ => None,
        });
        assert_eq!(
            written,
            Some(("/vm/u/image/dmargs", b" -d 5 -boot c".as_slice()))
        );
        let readable = Perms::owner_read(DOM0, 6);
        let perms = |wanted: &str| {
            batch.changes().iter().any(
                |change| matches!(change, Change::Perms { path, perms } if path == wanted && *perms == readable),
            )
        };
        assert!(perms("/vm/u/image/dmargs") && perms("/vm/u/rtc/timeoffset"));
    }
}
