//! Parameters of HVM and PVH guests, and the state that the hypervisor keeps for them.

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
    /// The guest frame of the first device model's requests.
    IoreqPfn = 5,
    /// The guest frame of its buffered requests.
    BufIoreqPfn = 6,
    /// Hyper-V enlightenments.
    Viridian = 9,
    /// How missed timer ticks are delivered.
    TimerMode = 10,
    /// Whether there is an HPET.
    HpetEnabled = 11,
    /// Where the page table lies that maps the guest to itself while it has paging off.
    IdentPt = 12,
    /// The sleep state the guest is in.
    AcpiSState = 14,
    /// Where the task state for real mode lies, on CPUs that need it.
    Vm86Tss = 15,
    /// Whether virtual timers fire together.
    VptAlign = 16,
    /// The guest frame of the console ring.
    ConsolePfn = 17,
    /// The console's event channel.
    ConsoleEvtchn = 18,
    /// Which set of ports the ACPI registers have.
    AcpiIoportsLocation = 19,
    /// The guest frame of the ring about paged-out memory.
    PagingRingPfn = 27,
    /// The guest frame of the ring of an introspecting monitor.
    MonitorRingPfn = 28,
    /// The guest frame of the ring about shared memory.
    SharingRingPfn = 29,
    /// What a triple fault is reported as.
    TripleFaultReason = 31,
    /// The first of the guest frames for further device models.
    IoreqServerPfn = 32,
    /// How many of those there are.
    NrIoreqServerPages = 33,
    /// Where the generation id lies in guest memory.
    VmGenerationIdAddr = 34,
    /// Alternate second-level tables.
    Altp2m = 35,
    /// Bytes of the FPU's instruction pointer that are saved.
    X87FipWidth = 36,
    /// Machine check capabilities.
    McaCap = 38,
}

impl HvmParam {
    /// All that the hypervisor tells.
    pub const ALL: [Self; 25] = [
        Self::CallbackIrq,
        Self::StorePfn,
        Self::StoreEvtchn,
        Self::IoreqPfn,
        Self::BufIoreqPfn,
        Self::Viridian,
        Self::TimerMode,
        Self::HpetEnabled,
        Self::IdentPt,
        Self::AcpiSState,
        Self::Vm86Tss,
        Self::VptAlign,
        Self::ConsolePfn,
        Self::ConsoleEvtchn,
        Self::AcpiIoportsLocation,
        Self::PagingRingPfn,
        Self::MonitorRingPfn,
        Self::SharingRingPfn,
        Self::TripleFaultReason,
        Self::IoreqServerPfn,
        Self::NrIoreqServerPages,
        Self::VmGenerationIdAddr,
        Self::Altp2m,
        Self::X87FipWidth,
        Self::McaCap,
    ];
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

    /// The records of the guest's devices and vCPUs (xen/hvm/save.h): type, instance and length, then the record.
    pub fn hvm_context(&self, domid: Domid) -> Result<Vec<u8>> {
        self.domctl(domid, "reading the guest's state", |xc| {
            xc.hvm_context(domid)
        })
    }

    /// Loads such records. Takes all vCPUs down but those that have one.
    pub fn set_hvm_context(&self, domid: Domid, records: &[u8]) -> Result<()> {
        self.domctl(domid, "setting the guest's state", |xc| {
            xc.set_hvm_context(domid, records)
        })
    }
}
