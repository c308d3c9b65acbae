//! libxenctrl: one live handle and its calls, a file per subsystem.
//!
//! Failures are the C library's errno. Buffers are sized and filled here, so that no caller can hand over a short one.

mod buffer;
mod cpupolicy;
mod domain;
mod evtchn;
mod foreign;
mod host;
mod hvm;
mod ioreq;
mod memory;
mod pool;
pub mod psr;
mod pv;
mod sched;

use std::io;
use std::ptr::{self, NonNull};

use super::faults;
use super::log::CLogger;
use super::raw::control;

pub use cpupolicy::{CpuPolicy, Culprit, Leaf, Msr, NO_SUBLEAF, SystemPolicy};
pub use domain::{Affinity, CreateDomain, GetDomainInfo, VcpuInfo, set_altp2m};
pub use evtchn::Channel;
pub use foreign::{ForeignMemory, ReadableFrames};
pub use host::{CpuTopo, MemInfo, PhysInfo, Version};
pub use ioreq::{IoreqPages, SharedPage};
pub use memory::{E820Entry, PAGE_SIZE, PodTarget, ReservedRegion, VMemRange};
pub use pool::CpupoolInfo;
pub use pv::{PvStart, shared_info};
pub use sched::{Credit, Credit2, Credit2Schedule, CreditSchedule, Rtds};

/// Constants of Xen's public headers, under their C names.
pub mod consts {
    pub use super::control::{
        E820_ACPI, E820_NVS, E820_RAM, E820_RESERVED, E820_UNUSABLE, E820MAX,
    };
    pub use super::control::{
        HVM_PARAM_ALTP2M, HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_HPET_ENABLED, HVM_PARAM_MCA_CAP,
        HVM_PARAM_TIMER_MODE, HVM_PARAM_VIRIDIAN, HVM_PARAM_VM_GENERATION_ID_ADDR,
        HVM_PARAM_VPT_ALIGN,
    };
    pub use super::control::{XENMEMF_exact_node_request, XENMEMF_populate_on_demand};
}

/// An open connection to the hypervisor.
#[derive(Debug)]
pub struct Xc {
    raw: NonNull<control::xc_interface>,
    /// The C side keeps a pointer to the logger.
    _logger: Option<CLogger>,
}

// SAFETY: opened without XC_OPENFLAG_NON_REENTRANT, libxenctrl guards its buffers with a mutex of its own; only
// xc_get_last_error is bound to a thread, and it is not used.
unsafe impl Send for Xc {}
// SAFETY: as for Send.
unsafe impl Sync for Xc {}

impl Xc {
    /// Opens /dev/xen/privcmd and its companions; libxenctrl's own lines go to `logger`.
    pub fn open(logger: Option<CLogger>) -> io::Result<Self> {
        let sink = logger.as_ref().map_or(ptr::null_mut(), CLogger::as_ptr);
        // SAFETY: NULL is allowed; otherwise `logger` is kept alive by the result.
        let raw = unsafe { control::xc_interface_open(sink, sink, 0) };
        let raw = NonNull::new(raw).ok_or_else(io::Error::last_os_error)?;
        Ok(Self {
            raw,
            _logger: logger,
        })
    }

    pub(super) fn as_ptr(&self) -> *mut control::xc_interface {
        self.raw.as_ptr()
    }
}

impl Drop for Xc {
    fn drop(&mut self) {
        // SAFETY: opened by Xc::open, closed once.
        unsafe { control::xc_interface_close(self.as_ptr()) };
    }
}

/// Makes a call of libxenctrl, by its convention: negative is failure, with errno.
fn check<R: Into<i64>>(call: impl FnOnce() -> R) -> io::Result<i64> {
    faults::point("hypercall", format_args!("{}", faults::name_of(&call)))?;
    let result = call().into();
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Methods for the calls that take integers only and return nothing but success.
macro_rules! integer_calls {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) = $function:ident;)*) => {
        impl Xc {
            $(
                $(#[$doc])*
                pub fn $name(&self, $($arg: $type),*) -> std::io::Result<()> {
                    // SAFETY: the handle is live and every other argument is an integer.
                    check(|| unsafe { control::$function(self.as_ptr(), $($arg),*) }).map(drop)
                }
            )*
        }
    };
}
use integer_calls;

/// A length as the C side counts; saturates, which no kernel list reaches.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
