//! Soft reset: a guest that went down for it keeps its memory and its vCPUs, and all around it is made anew. Linux asks for that
//! when it starts another kernel in its place (kexec).

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::create::{self, Kept};
use super::{destroy, query};
use crate::device::tty::{self, Address};
use crate::dm;
use crate::engine::{Op, ProgressHow};
use crate::types::{ConsoleType, DomainConfig, DomainType};
use crate::{Domid, Error, Result};

/// Resets `domid`, an HVM guest that is down, and leaves it paused, with the devices of `config`. What that left open is filled
/// in. `console` hears when the first console can be connected to.
///
/// [`Code::Inval`](crate::Code::Inval) for guests of another type and for one that runs, [`Code::Ni`](crate::Code::Ni) for one with a stub
/// domain; these stay as they are. What fails later ends the guest, which then is neither as it was nor new.
pub async fn soft_reset(
    op: &Op,
    domid: Domid,
    config: &mut DomainConfig,
    console: &ProgressHow,
) -> Result<()> {
    check(op, domid, config).await?;
    let given = config.clone();
    let completed = create::complete(op, &given, config).await;
    completed.map_err(|error| {
        error
            .context("the configuration cannot be used")
            .domain(domid)
    })?;
    let first = Address {
        domid,
        number: 0,
        type_: ConsoleType::Pv,
    };
    let kept = Kept {
        state: dm::resume_file(domid).into(),
        tty: tty::path(op, first).await?,
    };
    let op = &op.shielded();
    op.with_rollback(|undo| async move {
        let saved = dm::saved_state_file(domid);
        save_device_model(op, domid, Path::new(&saved)).await?;
        undo.push(
            format!("destroy domain {domid}"),
            move |op: Op| async move { destroy::destroy_if_there(&op, domid).await },
        );
        destroy::all_but_memory(op, domid).await?;
        let failed = |error| Error::io(format!("cannot rename {saved}"), &error);
        fs::rename(&saved, &kept.state).map_err(failed)?;
        create::furnish(op, domid, config, console, Some(&kept)).await?;
        create::remember(op, domid, given, config).await
    })
    .await
    .map_err(|error| error.context("soft reset").domain(domid))
}

/// Refuses what cannot be done, before anything is touched.
async fn check(op: &Op, domid: Domid, config: &DomainConfig) -> Result<()> {
    let refused = |error: Error| Err(error.domain(domid));
    if config.c_info.type_ != DomainType::Hvm {
        return refused(Error::inval("only HVM guests can be reset softly"));
    }
    let advice = format!("xl destroy {domid}, and create it again");
    let info = query::info(op.xen()?, domid)?;
    if !info.shutdown {
        return refused(Error::inval(
            "the guest has to go down for a soft reset first",
        ));
    }
    if dm::stubdom_of(op, domid).await?.is_some() {
        let what = "a guest with a stub domain cannot be reset softly";
        return refused(Error::ni(what).hint(advice));
    }
    if dm::Running::read(op, domid).await? != dm::Running::QemuXen {
        let what = "a guest of qemu-xen-traditional cannot be reset softly";
        return refused(Error::ni(what).hint(advice));
    }
    Ok(())
}

/// Stops the guest's QEMU and has it write its state into a new file.
async fn save_device_model(op: &Op, domid: Domid, path: &Path) -> Result<()> {
    let failed = |error| Error::io(format!("cannot make {}", path.display()), &error).domain(domid);
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(failed)?;
    let saved = dm::save(op, domid, file.as_fd()).await;
    if saved.is_err() {
        let _ = fs::remove_file(path);
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::engine::testing::Bench;

    #[test]
    fn other_guests_are_refused_before_anything_is_asked() {
        for type_ in [DomainType::Pv, DomainType::Pvh, DomainType::Invalid] {
            let bench = Bench::new();
            let mut config = DomainConfig::default();
            config.c_info.type_ = type_;
            let done = bench.ctx.block_on(async |op| {
                let done = soft_reset(op, 7, &mut config, &ProgressHow::Drop).await;
                Ok(done.unwrap_err().code())
            });
            assert_eq!(done.unwrap(), Code::Inval);
            assert_eq!(bench.store.log(), []);
        }
    }

    #[test]
    fn an_older_state_is_no_part_of_a_new_one() {
        let bench = Bench::new();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        fs::write(&path, "older").unwrap();
        // There is no QEMU.
        let saved = bench.ctx.block_on(async |op| {
            let saved = save_device_model(op, 7, &path).await;
            Ok(saved.is_err())
        });
        assert!(saved.unwrap());
        assert!(!path.exists());
    }
}
