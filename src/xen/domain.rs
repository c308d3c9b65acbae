//! Domain control: create, list, pause, shut down, destroy.

use super::Xen;
use crate::sys::xc;
use crate::{Code, Domid, Error, Result};

/// First of the numbers that no guest can have (`DOMID_FIRST_RESERVED` of xen.h).
pub const DOMID_FIRST_RESERVED: Domid = 0x7ff0;

/// `XEN_DOMCTL_CDF_*` of domctl.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreateFlags {
    /// HVM or PVH.
    pub hvm: bool,
    /// Hardware-assisted paging.
    pub hap: bool,
    /// No out-of-sync shadow pages.
    pub oos_off: bool,
    /// The domain may get devices.
    pub iommu: bool,
    /// The guest may itself use hardware virtualisation.
    pub nested_virt: bool,
    /// A virtual performance counter unit.
    pub vpmu: bool,
    /// This is the xenstore domain.
    pub xs_domain: bool,
}

impl CreateFlags {
    fn raw(self) -> u32 {
        u32::from(self.hvm)
            | u32::from(self.hap) << 1
            | u32::from(self.oos_off) << 3
            | u32::from(self.xs_domain) << 4
            | u32::from(self.iommu) << 5
            | u32::from(self.nested_virt) << 6
            | u32::from(self.vpmu) << 7
    }
}

/// `XEN_DOMCTL_IOMMU_*` of domctl.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IommuOptions {
    /// The IOMMU has page tables of its own instead of the CPU's.
    pub no_sharept: bool,
}

/// All that the hypervisor wants to know to make a domain (`struct xen_domctl_createdomain`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateDomain {
    /// The number wanted; 0 or a reserved one lets the hypervisor choose.
    pub domid: Domid,
    /// FLASK's number for the domain's label.
    pub ssidref: u32,
    /// The domain's UUID.
    pub handle: [u8; 16],
    /// What it is and may.
    pub flags: CreateFlags,
    /// How its IOMMU tables work.
    pub iommu: IommuOptions,
    /// vCPUs it can ever have.
    pub max_vcpus: u32,
    /// Highest event channel it can ever have.
    pub max_evtchn_port: u32,
    /// Grant table frames; -1 is the hypervisor's default.
    pub max_grant_frames: i32,
    /// Frames for mapping others' grants; -1 is the hypervisor's default.
    pub max_maptrack_frames: i32,
    /// Highest grant table version, 0 for no grant table.
    pub max_grant_version: u32,
    /// Bytes of processor trace per vCPU, 0 for none.
    pub vmtrace_size: u32,
    /// The CPU pool it starts in.
    pub cpupool: u32,
    /// `XEN_X86_EMU_*`: devices that the hypervisor emulates.
    pub emulation_flags: u32,
    /// `XEN_X86_MSR_RELAXED`: unknown MSRs read as zero.
    pub msr_relaxed: bool,
    /// `XEN_DOMCTL_ALTP2M_*`: which second-level address translations it may switch between, where that is said here
    /// ([`crate::release::ALTP2M_AT_CREATION`]).
    pub altp2m: u32,
}

/// Why a domain shut down (`SHUTDOWN_*` of sched.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ShutdownReason {
    /// Powered off.
    Poweroff = 0,
    /// Wants to start again.
    Reboot = 1,
    /// Suspended, to be saved or migrated.
    Suspend = 2,
    /// Crashed.
    Crash = 3,
    /// Its watchdog bit.
    Watchdog = 4,
    /// Wants to start again in the same domain, for a crash dump.
    SoftReset = 5,
}

impl ShutdownReason {
    /// From the hypervisor's number.
    pub fn from_raw(raw: u8) -> Option<Self> {
        Some(match raw {
            0 => Self::Poweroff,
            1 => Self::Reboot,
            2 => Self::Suspend,
            3 => Self::Crash,
            4 => Self::Watchdog,
            5 => Self::SoftReset,
            _ => return None,
        })
    }
}

/// Things the toolstack can poke a guest with (`XEN_DOMCTL_SENDTRIGGER_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Trigger {
    /// A non-maskable interrupt.
    Nmi = 0,
    /// The reset line.
    Reset = 1,
    /// The INIT line.
    Init = 2,
    /// The power button.
    Power = 3,
    /// The sleep button.
    Sleep = 4,
}

/// `XEN_DOMINF_*` flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainFlags(pub u32);

impl DomainFlags {
    fn has(self, bit: u32) -> bool {
        self.0 & (1 << bit) != 0
    }
    /// Being torn down.
    pub fn dying(self) -> bool {
        self.has(0)
    }
    /// HVM or PVH.
    pub fn hvm(self) -> bool {
        self.has(1)
    }
    /// Shut down; [`DomainInfo::shutdown_reason`] says why.
    pub fn shutdown(self) -> bool {
        self.has(2)
    }
    /// Paused by the toolstack.
    pub fn paused(self) -> bool {
        self.has(3)
    }
    /// All vCPUs wait.
    pub fn blocked(self) -> bool {
        self.has(4)
    }
    /// A vCPU runs.
    pub fn running(self) -> bool {
        self.has(5)
    }
    /// Under a debugger.
    pub fn debugged(self) -> bool {
        self.has(6)
    }
    /// The xenstore domain.
    pub fn xs_domain(self) -> bool {
        self.has(7)
    }
    /// Uses hardware-assisted paging.
    pub fn hap(self) -> bool {
        self.has(8)
    }
}

/// What the hypervisor knows about a domain (`struct xen_domctl_getdomaininfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// Its number.
    pub domid: Domid,
    /// Its UUID.
    pub handle: [u8; 16],
    /// FLASK's number for its label.
    pub ssidref: u32,
    /// State bits.
    pub flags: DomainFlags,
    /// The raw reason, meaningful when [`DomainFlags::shutdown`] or dying.
    pub shutdown_code: u8,
    /// Pages it has.
    pub tot_pages: u64,
    /// Pages it may have; `u64::MAX >> 12` and the like for dom0.
    pub max_pages: u64,
    /// Pages claimed but not yet given.
    pub outstanding_pages: u64,
    /// Pages shared with other domains.
    pub shr_pages: u64,
    /// Pages that are paged out.
    pub paged_pages: u64,
    /// The frame of its shared info page.
    pub shared_info_frame: u64,
    /// Nanoseconds its vCPUs ran.
    pub cpu_time: u64,
    /// vCPUs that are up.
    pub nr_online_vcpus: u32,
    /// Highest vCPU number; `u32::MAX` when it has none.
    pub max_vcpu_id: u32,
    /// Its CPU pool; `u32::MAX` when in none.
    pub cpupool: u32,
    /// Width of its physical addresses.
    pub gpaddr_bits: u8,
}

impl DomainInfo {
    /// Why it shut down, when it did.
    pub fn shutdown_reason(&self) -> Option<ShutdownReason> {
        if self.flags.shutdown() {
            ShutdownReason::from_raw(self.shutdown_code)
        } else {
            None
        }
    }
}

impl From<&xc::GetDomainInfo> for DomainInfo {
    fn from(raw: &xc::GetDomainInfo) -> Self {
        let [_, _, reason, _] = raw.flags.to_le_bytes();
        Self {
            domid: raw.domain.into(),
            handle: raw.handle,
            ssidref: raw.ssidref,
            flags: DomainFlags(raw.flags),
            shutdown_code: reason,
            tot_pages: raw.tot_pages,
            max_pages: raw.max_pages,
            outstanding_pages: raw.outstanding_pages,
            shr_pages: raw.shr_pages,
            paged_pages: raw.paged_pages,
            shared_info_frame: raw.shared_info_frame,
            cpu_time: raw.cpu_time,
            nr_online_vcpus: raw.nr_online_vcpus,
            max_vcpu_id: raw.max_vcpu_id,
            cpupool: raw.cpupool,
            gpaddr_bits: raw.gpaddr_bits,
        }
    }
}

impl Xen {
    /// Makes a domain, paused and empty; its number.
    pub fn create_domain(&self, create: &CreateDomain) -> Result<Domid> {
        let mut config = xc::CreateDomain {
            ssidref: create.ssidref,
            handle: create.handle,
            flags: create.flags.raw(),
            iommu_opts: u32::from(create.iommu.no_sharept),
            max_vcpus: create.max_vcpus,
            max_evtchn_port: create.max_evtchn_port,
            max_grant_frames: create.max_grant_frames,
            max_maptrack_frames: create.max_maptrack_frames,
            grant_opts: create.max_grant_version,
            vmtrace_size: create.vmtrace_size,
            cpupool_id: create.cpupool,
            ..Default::default()
        };
        xc::set_altp2m(&mut config, create.altp2m);
        config.arch.emulation_flags = create.emulation_flags;
        config.arch.misc_flags = u32::from(create.msr_relaxed);
        self.xc()?
            .domain_create(create.domid, &config)
            .map_err(|error| {
                let failed = Error::io("the hypervisor refused to make the domain", &error);
                match error.raw_os_error() {
                    Some(libc::EINVAL) => failed.hint(
                        "an option does not fit the machine: hardware virtualisation, HAP or IOMMU may be missing",
                    ),
                    Some(libc::ENOMEM) => failed.hint("free some memory, see xl info"),
                    _ => failed,
                }
            })
    }

    /// Removes a domain for good; takes as long as freeing its memory. One that is gone meanwhile is no error: a dying domain
    /// goes with the last one that maps its memory, such as its stub domain.
    pub fn destroy_domain(&self, domid: Domid) -> Result<()> {
        self.domctl(domid, "destroying the domain", |xc| {
            match xc.domain_destroy(domid) {
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
                result => result,
            }
        })
    }

    /// Stops its vCPUs; counted, so pauses nest.
    pub fn pause(&self, domid: Domid) -> Result<()> {
        self.domctl(domid, "pausing the domain", |xc| xc.domain_pause(domid))
    }

    /// Undoes one pause.
    pub fn unpause(&self, domid: Domid) -> Result<()> {
        self.domctl(domid, "unpausing the domain", |xc| xc.domain_unpause(domid))
    }

    /// Shuts it down without asking the guest.
    pub fn shutdown(&self, domid: Domid, reason: ShutdownReason) -> Result<()> {
        self.domctl(domid, "shutting the domain down", |xc| {
            xc.domain_shutdown(domid, i32::from(reason as u8))
        })
    }

    /// Empties a domain that asked for a soft reset.
    pub fn soft_reset(&self, domid: Domid) -> Result<()> {
        self.domctl(domid, "soft-resetting the domain", |xc| {
            xc.domain_soft_reset(domid)
        })
    }

    /// What the hypervisor knows about the domain; None when there is none of that number.
    pub fn domain_info(&self, domid: Domid) -> Result<Option<DomainInfo>> {
        let list = match self.xc()?.domain_getinfolist(domid, 1) {
            Ok(list) => list,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            Err(error) => return Err(Error::io("looking at the domain", &error).domain(domid)),
        };
        Ok(list
            .first()
            .map(DomainInfo::from)
            .filter(|info| info.domid == domid))
    }

    /// As [`Xen::domain_info`], where a missing domain is an error ([`Code::DomainNotfound`]).
    pub fn domain_info_required(&self, domid: Domid) -> Result<DomainInfo> {
        self.domain_info(domid)?.ok_or_else(|| {
            Error::new(Code::DomainNotfound, "there is no such domain").domain(domid)
        })
    }

    /// The registers of a vCPU, as in `vcpu_guest_context_any_t` of xenctrl.h.
    pub fn vcpu_context(&self, domid: Domid, vcpu: u32) -> Result<Vec<u8>> {
        self.domctl(domid, "reading the registers of a vCPU", |xc| {
            xc.vcpu_context(domid, vcpu)
        })
    }

    /// All domains, by number.
    pub fn domain_list(&self) -> Result<Vec<DomainInfo>> {
        const CHUNK: usize = 1024;
        let mut all: Vec<DomainInfo> = Vec::new();
        let mut next = 0;
        loop {
            let part = self.sysctl("listing the domains", |xc| {
                xc.domain_getinfolist(next, CHUNK)
            })?;
            all.extend(part.iter().map(DomainInfo::from));
            match part.last() {
                Some(last) if part.len() == CHUNK => next = Domid::from(last.domain) + 1,
                _ => return Ok(all),
            }
        }
    }

    /// Sets how many vCPUs the domain can ever have, and makes them.
    pub fn max_vcpus(&self, domid: Domid, max: u32) -> Result<()> {
        self.domctl(domid, "setting the number of vCPUs", |xc| {
            xc.domain_max_vcpus(domid, max)
        })
    }

    /// Lets `domid` act on `target` like its device model.
    pub fn set_target(&self, domid: Domid, target: Domid) -> Result<()> {
        self.xc_about(target)?;
        self.domctl(domid, "setting the domain's target", |xc| {
            xc.domain_set_target(domid, target)
        })
    }

    /// Pokes a vCPU of the guest.
    pub fn send_trigger(&self, domid: Domid, trigger: Trigger, vcpu: u32) -> Result<()> {
        self.domctl(domid, "sending a trigger", |xc| {
            xc.domain_send_trigger(domid, trigger as u32, vcpu)
        })
    }

    /// Seconds between the guest's clock and UTC.
    pub fn set_time_offset(&self, domid: Domid, seconds: i32) -> Result<()> {
        self.domctl(domid, "setting the clock's offset", |xc| {
            xc.domain_set_time_offset(domid, seconds)
        })
    }

    /// `mode`: 0 native where safe, 1 always emulated, 2 never emulated.
    pub fn set_tsc_mode(&self, domid: Domid, mode: u32) -> Result<()> {
        self.domctl(domid, "setting the time stamp counter's mode", |xc| {
            xc.domain_set_tsc_info(domid, mode, 0, 0, 0)
        })
    }

    /// An event channel of `domid` that `remote` may bind; its port.
    pub fn evtchn_alloc_unbound(&self, domid: Domid, remote: Domid) -> Result<u32> {
        self.xc_about(remote)?;
        self.domctl(domid, "allocating an event channel", |xc| {
            xc.evtchn_alloc_unbound(domid, remote)
        })
    }

    /// Bytes of a PV guest's words.
    pub fn guest_width(&self, domid: Domid) -> Result<u32> {
        let doing = "looking at the size of the guest's words";
        self.domctl(domid, doing, |xc| xc.domain_guest_width(domid))
    }

    /// "x86_64-abi" or "x86_32-abi": the layout of shared rings in a PV guest (xen/io/protocols.h).
    pub fn native_protocol(&self, domid: Domid) -> Result<Option<&'static str>> {
        Ok(match self.guest_width(domid)? {
            8 => Some("x86_64-abi"),
            4 => Some("x86_32-abi"),
            _ => None,
        })
    }
}
