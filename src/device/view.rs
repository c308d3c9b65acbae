//! A look at a device as it is right now. The guest writes its half of this, so it is shown and never acted on.

use super::kind::{Device, DeviceKind};
use super::record;
use crate::engine::Op;
use crate::store::layout;
use crate::{Domid, Error, Result};

/// A device on record.
pub struct View<'a> {
    /// The operation that looks.
    pub op: &'a Op,
    /// The device.
    pub device: Device,
}

impl<'a> View<'a> {
    /// The device recorded as `kind`/`devid`; an error when there is none.
    pub(super) async fn of(op: &'a Op, domid: Domid, kind: DeviceKind, devid: i32) -> Result<Self> {
        let device = record::one(&op.store()?, domid, kind, devid).await?;
        let none = || Error::fail(format!("there is no {} {devid}", kind.name())).domain(domid);
        Ok(Self {
            op,
            device: device.ok_or_else(none)?,
        })
    }

    /// A number from the guest's directory; -1 when it holds none.
    pub async fn number(&self, key: &str) -> Result<i32> {
        let path = format!("{}/{key}", self.device.frontend());
        let value = self.op.store()?.read(&path).await?;
        let text = value
            .as_deref()
            .and_then(|value| std::str::from_utf8(value).ok());
        let number = text.and_then(layout::parse_number);
        Ok(number.and_then(|n| i32::try_from(n).ok()).unwrap_or(-1))
    }
}

/// A `libxl_…info`, whose first members are the same for all kinds; those from `devid` on are given, without `state`.
macro_rules! info {
    ($view:ident, $type:ident { devid: $devid:expr, $($rest:tt)* }) => {
        $type {
            backend: Some($view.device.backend()),
            backend_id: $view.device.backend_domid,
            frontend: Some($view.device.frontend()),
            frontend_id: $view.device.domid,
            devid: $devid,
            state: $view.number("state").await?,
            $($rest)*
        }
    };
}

pub(super) use info;
