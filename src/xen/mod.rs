//! Typed hypercalls, a file per subsystem. All are synchronous: a hypercall does not block for long.
//!
//! The device files are opened by the first call, so a context works where there is no Xen as long as it makes none.

mod cpupolicy;
mod cpupool;
mod device;
mod domain;
mod evtchn;
mod flask;
mod guest_memory;
mod host;
mod hvm;
pub mod ioreq;
mod memory;
mod pv;
mod sched;
mod vcpu;

use std::fmt;
use std::io;
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::gate::Gate;
use crate::sys::log::CLogger;
use crate::sys::xc::Xc;
use crate::{Domid, Error, Result};

pub use cpupolicy::{CpuPolicy, Leaf, Msr, NO_SUBLEAF, SystemPolicy};
pub use cpupool::Cpupool;
pub use domain::{
    CreateDomain, CreateFlags, DOMID_FIRST_RESERVED, DomainFlags, DomainInfo, IommuOptions,
    ShutdownReason, Trigger,
};
pub use evtchn::Channel;
pub use guest_memory::{GuestMemory, Pace, Piece, Populated, Source};
pub use host::{ConsoleChunk, CpuTopology, NumaNode, PhysInfo};
pub use hvm::HvmParam;
pub use memory::{E820Region, E820Type, VNuma, VNumaRange};
pub use pv::PvStart;
pub use sched::{Credit2Params, Credit2Pool, CreditParams, CreditPool, RtdsParams, Scheduler};
pub use vcpu::{Affinity, VcpuInfo};

pub use crate::sys::xc::Version;

/// Bytes of a page.
pub const PAGE_SIZE: u64 = crate::sys::xc::PAGE_SIZE as u64;

/// The hypervisor, reached through libxenctrl.
///
/// After a fork, the child must make a handle of its own.
pub struct Xen {
    logger: Option<CLogger>,
    xc: Arc<OnceCell<Xc>>,
    gate: Option<Arc<dyn Gate>>,
}

impl fmt::Debug for Xen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Xen").field(&self.xc).finish()
    }
}

impl Xen {
    /// A handle that opens nothing yet. The C libraries' own lines go to `logger`, or to stderr.
    pub fn new(logger: Option<CLogger>) -> Self {
        Self {
            logger,
            xc: Arc::default(),
            gate: None,
        }
    }

    /// The same handle, with `gate` asked before every hypercall: work of many of them ends soon after its abort.
    #[must_use]
    pub fn gated(&self, gate: Arc<dyn Gate>) -> Self {
        Self {
            logger: self.logger.clone(),
            xc: Arc::clone(&self.xc),
            gate: Some(gate),
        }
    }

    /// Opens the devices now, to learn early that there is no Xen.
    pub fn open(&self) -> Result<()> {
        self.xc().map(drop)
    }

    /// The logger that the C libraries write to.
    pub fn logger(&self) -> Option<&CLogger> {
        self.logger.as_ref()
    }

    pub(crate) fn xc(&self) -> Result<&Xc> {
        if let Some(gate) = &self.gate {
            gate.check()?;
        }
        self.xc.get_or_try_init(|| {
            Xc::open(self.logger.clone()).map_err(|error| {
                Error::io("cannot open the hypervisor's interface", &error).hint(
                    "is this dom0 of a running Xen, are you root, and is the module xen-privcmd loaded?",
                )
            })
        })
    }

    /// The interface for a call about one domain. Calls carry its number in 16 bits, so a longer one would mean another
    /// domain; it is refused as that of a domain that does not exist.
    pub(crate) fn xc_about(&self, domid: Domid) -> Result<&Xc> {
        if u16::try_from(domid).is_err() {
            let none = io::Error::from_raw_os_error(libc::ESRCH);
            return Err(Error::io("no domain has such a number", &none).domain(domid));
        }
        self.xc()
    }

    /// A call about one domain; `doing` reads like "pausing the domain".
    fn domctl<T>(
        &self,
        domid: Domid,
        doing: &str,
        call: impl FnOnce(&Xc) -> io::Result<T>,
    ) -> Result<T> {
        call(self.xc_about(domid)?).map_err(|error| Error::io(doing, &error).domain(domid))
    }

    /// A call about the machine.
    fn sysctl<T>(&self, doing: &str, call: impl FnOnce(&Xc) -> io::Result<T>) -> Result<T> {
        call(self.xc()?).map_err(|error| Error::io(doing, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The machine of a test may have no Xen: a number that a call would cut is refused before the interface is opened.
    #[test]
    fn long_numbers_are_no_other_domains() {
        let xen = Xen::new(None);
        let long = 65536 + 5;
        let refused = |failed: Option<Error>| {
            let failed = failed.expect("refused");
            assert_eq!(failed.errno(), Some(libc::ESRCH), "{failed}");
            assert_eq!(failed.domid(), Some(long));
        };
        refused(xen.pause(long).err());
        refused(xen.destroy_domain(long).err());
        refused(xen.evtchn_alloc_unbound(5, long).err());
        refused(xen.set_target(5, long).err());
        refused(xen.hvm_param_get(long, HvmParam::CallbackIrq).err());
        refused(xen.set_pod_target(long, 1).err());
        refused(xen.map_pirq(long, 1).err());
        refused(xen.map_readable(long, &[0]).err());
        refused(xen.guest_memory(long).map(&[0]).err());
        refused(xen.guest_memory(long).map_grant_table().err());
        refused(xen.set_cpu_policy(long, &CpuPolicy::default()).err());
        refused(xen.ioreq_servers(long).err());
        refused(crate::host::psr::attach(&xen, long).err());
        refused(crate::host::psr::attached(&xen, long).err());
    }
}
