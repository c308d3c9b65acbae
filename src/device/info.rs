//! How a device stands right now.

use super::traits::Listed;
use super::view::View;
use crate::engine::Op;
use crate::{Domid, Result};

/// The state of `device`; an error when `domid` has no such device.
pub async fn of<K: Listed>(op: &Op, domid: Domid, device: &K) -> Result<K::Info> {
    let (kind, devid) = device.on_record().map_err(|error| error.domain(domid))?;
    let view = View::of(op, domid, kind, devid).await?;
    device.info(&view).await
}
