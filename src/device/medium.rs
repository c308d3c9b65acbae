//! What a CD drive holds, on record and in the nodes of its backend.

use super::kind::{Device, DeviceKind};
use super::kinds::disk;
use crate::engine::Op;
use crate::store::Batch;
use crate::types::DeviceDisk;
use crate::{Code, Domid, Error, Result};

/// The CD drive, as it is on record, that the guest knows as `vdev`. [`Code::Fail`] when there is none of exactly that name on record.
pub async fn cd_drive(op: &Op, domid: Domid, vdev: &str) -> Result<DeviceDisk> {
    let found = disk::called(op, domid, vdev).await;
    let found = found.map_err(|error| match error.code() {
        Code::Inval => error.code_as(Code::Fail),
        _ => error,
    })?;
    if found.is_cdrom == 0 || found.vdev.as_deref() != Some(vdev) {
        return Err(Error::fail(format!("disk {vdev} is no CD drive")).domain(domid));
    }
    Ok(found)
}

/// Notes that `drive` holds `medium`, or nothing. `record` runs in the same transaction, maybe more than once.
///
/// [`Code::Fail`] when the drive is not there any more.
pub async fn set_medium(
    op: &Op,
    drive: &Device,
    medium: Option<&DeviceDisk>,
    record: &(dyn Fn() -> Result<()> + Send + Sync),
) -> Result<()> {
    let by_qemu = drive.backend_kind == DeviceKind::Qdisk;
    let params = match medium {
        None => String::new(),
        Some(medium) => medium.params(by_qemu)?,
    };
    let mut batch = Batch::new();
    let there = drive.record();
    for dir in [&drive.backend(), &there] {
        batch.write(format!("{dir}/type"), if by_qemu { "qdisk" } else { "phy" });
        batch.write(format!("{dir}/params"), &params);
    }
    let (store, there, batch) = (op.store()?, &format!("{there}/frontend"), &batch);
    let written = store.transaction(|tx| async move {
        if tx.read(there).await?.is_none() {
            return Err(Error::fail("the CD drive is gone"));
        }
        record()?;
        tx.apply(batch).await
    });
    written.await.map_err(|error| error.domain(drive.domid))
}
