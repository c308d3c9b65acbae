//! Devices of a running domain, read back from the toolstack's record.

use super::record::Record;
use super::traits::Listed;
use crate::engine::Op;
use crate::{Code, Domid, Error, Result};

/// The devices of a kind that `domid` has, in the order of the store.
pub async fn all<K: Listed>(op: &Op, domid: Domid) -> Result<Vec<K>> {
    let kind = K::kind_on_record(op, domid).await?;
    let mut devices = K::read_all(&Record::all(op, domid, kind).await?)?;
    for device in &mut devices {
        device.look(op, domid).await?;
    }
    Ok(devices)
}

/// Device `devid` of a kind; [`Code::Notfound`] when there is none.
pub async fn one<K: Listed>(op: &Op, domid: Domid, devid: i32) -> Result<K> {
    match Record::read(op, domid, K::KIND, devid).await? {
        Some(record) => {
            let mut device = K::read(&record)?;
            device.look(op, domid).await?;
            Ok(device)
        }
        None => {
            let what = format!("there is no {} {devid}", K::NAME);
            Err(Error::new(Code::Notfound, what).domain(domid))
        }
    }
}
