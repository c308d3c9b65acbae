//! Event channels of any domain, for looking at.

use std::collections::BTreeMap;

use super::Xen;
use crate::{Domid, Result};

pub use crate::sys::xc::Channel;

/// More ports than any domain can have (the FIFO interface's limit).
const MAX_PORTS: u32 = 1 << 17;

impl Xen {
    /// The ports of a domain that are in use, and what is behind them.
    pub fn event_channels(&self, domid: Domid) -> Result<BTreeMap<u32, Channel>> {
        let mut channels = BTreeMap::new();
        // Port 0 is never used.
        for port in 1..MAX_PORTS {
            let status = self.domctl(domid, "looking at the event channels", |xc| {
                xc.evtchn_status(domid, port)
            })?;
            match status {
                None => break,
                Some(Channel::Closed) => {}
                Some(channel) => {
                    channels.insert(port, channel);
                }
            }
        }
        Ok(channels)
    }
}
