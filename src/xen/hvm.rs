//! Parameters of HVM and PVH guests.

use super::Xen;
use crate::{Domid, Result};

/// Numbers of `xen/hvm/params.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum HvmParam {
    /// How event channels interrupt the guest; zero until PV drivers set it.
    CallbackIrq = 0,
    /// The guest frame of the store ring.
    StorePfn = 1,
    /// The store's event channel.
    StoreEvtchn = 2,
    /// Hyper-V enlightenments.
    Viridian = 9,
    /// How missed timer ticks are delivered.
    TimerMode = 10,
    /// Whether there is an HPET.
    HpetEnabled = 11,
    /// The sleep state the guest is in.
    AcpiSState = 14,
    /// Whether virtual timers fire together.
    VptAlign = 16,
    /// The guest frame of the console ring.
    ConsolePfn = 17,
    /// The console's event channel.
    ConsoleEvtchn = 18,
    /// Where the generation id lies in guest memory.
    VmGenerationIdAddr = 34,
    /// Alternate second-level tables.
    Altp2m = 35,
    /// Machine check capabilities.
    McaCap = 38,
}

impl Xen {
    /// Sets a parameter.
    pub fn hvm_param_set(&self, domid: Domid, param: HvmParam, value: u64) -> Result<()> {
        self.domctl(domid, &format!("setting the parameter {param:?}"), |xc| {
            xc.hvm_param_set(domid, param as u32, value)
        })
    }

    /// Reads a parameter.
    pub fn hvm_param_get(&self, domid: Domid, param: HvmParam) -> Result<u64> {
        self.domctl(domid, &format!("reading the parameter {param:?}"), |xc| {
            xc.hvm_param_get(domid, param as u32)
        })
    }
}
