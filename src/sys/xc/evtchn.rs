//! Event channels as the hypervisor lists them.

use std::io;

use super::{Xc, check, control};

/// What an event channel is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Not in use.
    Closed,
    /// Waits for a domain to bind it.
    Unbound(u32),
    /// Connected to a domain's port.
    Interdomain(u32, u32),
    /// A physical interrupt.
    Pirq(u32),
    /// A virtual interrupt (`VIRQ_*` of xen.h).
    Virq(u32),
    /// The domain's vCPUs among themselves.
    Ipi,
    /// The hypervisor's own end: that of an ioreq server, or of a ring for monitors.
    Hypervisor,
}

impl Xc {
    /// The state of a domain's port; None behind the last one.
    pub fn evtchn_status(&self, domid: u32, port: u32) -> io::Result<Option<Channel>> {
        let mut status = control::xc_evtchn_status_t {
            dom: u16::try_from(domid).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
            port,
            ..Default::default()
        };
        // SAFETY: the pointer is to a local of the right type.
        let done = check(|| unsafe { control::xc_evtchn_status(self.as_ptr(), &mut status) });
        match done {
            Ok(_) => {}
            Err(error) => {
                return match error.raw_os_error() {
                    Some(libc::EINVAL) => Ok(None),
                    Some(libc::EACCES) => Ok(Some(Channel::Hypervisor)),
                    _ => Err(error),
                };
            }
        }
        // SAFETY: all members are plain integers, and the structure was zeroed before the call: any member may be read.
        let (unbound, interdomain, pirq, virq) = unsafe {
            let u = &status.u;
            (u.unbound, u.interdomain, u.pirq, u.virq)
        };
        Ok(Some(match status.status {
            control::EVTCHNSTAT_unbound => Channel::Unbound(unbound.dom.into()),
            control::EVTCHNSTAT_interdomain => {
                Channel::Interdomain(interdomain.dom.into(), interdomain.port)
            }
            control::EVTCHNSTAT_pirq => Channel::Pirq(pirq),
            control::EVTCHNSTAT_virq => Channel::Virq(virq),
            control::EVTCHNSTAT_ipi => Channel::Ipi,
            _ => Channel::Closed,
        }))
    }
}
