//! What ties a stub domain to its guest: QEMU's arguments, nodes, power over the guest, and the guest's screen.

use crate::device::{self, Guest, When};
use crate::dm::args::CommandLine;
use crate::dm::{self, args};
use crate::engine::Op;
use crate::store::{Batch, Perms, layout};
use crate::types::DomainConfig;
use crate::{DOM0, Domid, Error, Result};

/// Arguments that mean nothing in a MiniOS stub domain.
const DROPPED: [&str; 3] = ["-sdl", "-M", "xenfv"];

/// QEMU's arguments, where only the stub domain can read them: one node each for Linux, one string for MiniOS.
pub(super) async fn write_arguments(
    op: &Op,
    guest: Domid,
    stubdom: Domid,
    config: &DomainConfig,
    line: &CommandLine,
) -> Result<()> {
    let store = op.store()?;
    let vm = store.read_str(&layout::vm_link(guest)).await?;
    let vm = vm.ok_or_else(|| Error::fail("the guest has no VM node in xenstore").domain(guest))?;
    let batch = if dm::is_linux(config) {
        linux_arguments(&vm, stubdom, &line.args)
    } else {
        minios_arguments(&vm, stubdom, &line.args)
    };
    store
        .apply(&batch)
        .await
        .map_err(|error| error.domain(guest))
}

fn linux_arguments(vm: &str, stubdom: Domid, args: &[String]) -> Batch {
    let path = format!("{vm}/image/dm-argv");
    let mut batch = Batch::new();
    // What a former stub domain of this guest left must not be read as the tail of the new list.
    batch.rm(&path);
    batch.mkdir_perms(&path, &Perms::owner_read(DOM0, stubdom));
    for (number, arg) in (1..).zip(args) {
        batch.write(format!("{path}/{number:03}"), arg);
    }
    batch
}

/// QEMU's arguments as the one string that MiniOS splits at blanks, and the clock offset that it may read.
fn minios_arguments(vm: &str, stubdom: Domid, args: &[String]) -> Batch {
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

/// Tells each of the two about the other, and hvmloader what to expect.
pub(super) async fn introduce(
    op: &Op,
    guest: Domid,
    stubdom: Domid,
    config: &DomainConfig,
) -> Result<()> {
    let build = &config.b_info;
    let mut batch = Batch::new();
    batch.write(layout::dm_version(guest), build.device_model_version.name());
    batch.write(layout::dm_domid(guest), stubdom.to_string());
    batch.write(layout::target(stubdom), guest.to_string());
    if let Some(hvm) = args::hvm(build).filter(|_| dm::is_linux(config)) {
        let path = format!("{}/bios", layout::hvmloader(guest));
        batch.write(path, hvm.bios.name());
    }
    dm::allow_memory_relocate(&mut batch, guest, config);
    op.store()?.apply(&batch).await
}

/// Gives the stub domain power over the guest, and a directory in which it reports about it.
pub(super) async fn allow_control(op: &Op, guest: Domid, stubdom: Domid) -> Result<()> {
    op.xen()?.set_target(stubdom, guest)?;
    let store = op.store()?;
    store.set_target(stubdom, guest).await?;
    let mut batch = Batch::new();
    let reports = layout::dm(stubdom, guest);
    batch.mkdir_perms(reports, &Perms::owner_read(stubdom, guest));
    store.apply(&batch).await
}

/// A framebuffer and a keyboard, through which QEMU in dom0 shows the screen that QEMU in the stub domain draws.
pub(super) async fn screen(op: &Op, stubdom: &Guest, config: &mut DomainConfig) -> Result<()> {
    for vfb in &mut config.vfbs {
        device::add(op, stubdom, vfb, When::Creation).await?;
    }
    for vkb in &mut config.vkbs {
        device::add(op, stubdom, vkb, When::Creation).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Change;

    #[test]
    fn linux_reads_one_node_per_argument() {
        let args = ["-xen-domid".to_owned(), "5".to_owned()];
        let batch = linux_arguments("/vm/u", 6, &args);
        let dir = "/vm/u/image/dm-argv".to_owned();
        let perms = Perms::owner_read(DOM0, 6);
        let write = |path: &str, value: &str| Change::Write {
            path: path.into(),
            value: value.into(),
        };
        assert_eq!(
            batch.changes(),
            [
                Change::Rm { path: dir.clone() },
                Change::Mkdir { path: dir.clone() },
                Change::Perms { path: dir, perms },
                write("/vm/u/image/dm-argv/001", "-xen-domid"),
                write("/vm/u/image/dm-argv/002", "5"),
            ]
        );
    }

    #[test]
    fn minios_reads_one_string_without_the_machine() {
        let args = ["-d", "5", "-sdl", "-boot", "c", "-M", "xenfv"].map(str::to_owned);
        let batch = minios_arguments("/vm/u", 6, &args);
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
