//! Domain control: making, killing, looking at domains and their vCPUs.

use std::io;

use super::{Xc, check, control, count, integer_calls};

/// `struct xen_domctl_createdomain`.
pub type CreateDomain = control::xen_domctl_createdomain;

/// Which second-level address translations the domain may switch between (`XEN_DOMCTL_ALTP2M_*`). Releases before 4.19 have no
/// place for it.
pub fn set_altp2m(config: &mut CreateDomain, mode: u32) {
    #[cfg(since_4_19)]
    {
        config.altp2m_opts = mode;
    }
    #[cfg(not(since_4_19))]
    let _ = (config, mode);
}
/// `struct xen_domctl_getdomaininfo`.
pub type GetDomainInfo = control::xc_domaininfo_t;
/// `struct xen_domctl_getvcpuinfo`.
pub type VcpuInfo = control::xc_vcpuinfo_t;

/// CPUs a vCPU may run on (hard) and should run on (soft), as bitmaps; None leaves one alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affinity<T> {
    /// Must.
    pub hard: Option<T>,
    /// Should.
    pub soft: Option<T>,
}

integer_calls! {
    /// Sets how many vCPUs the domain can ever have.
    fn domain_max_vcpus(domid: u32, max: u32) = xc_domain_max_vcpus;
    /// Stops scheduling the domain; counts.
    fn domain_pause(domid: u32) = xc_domain_pause;
    /// Undoes one pause.
    fn domain_unpause(domid: u32) = xc_domain_unpause;
    /// Removes the domain; returns when its memory is free.
    fn domain_destroy(domid: u32) = xc_domain_destroy;
    /// Shuts the domain down with a `SHUTDOWN_*` reason.
    fn domain_shutdown(domid: u32, reason: i32) = xc_domain_shutdown;
    /// Tears down what a domain has, but keeps it.
    fn domain_soft_reset(domid: u32) = xc_domain_soft_reset;
    /// Lets `domid` act as device model of `target`.
    fn domain_set_target(domid: u32, target: u32) = xc_domain_set_target;
    /// Sends a `XEN_DOMCTL_SENDTRIGGER_*`.
    fn domain_send_trigger(domid: u32, trigger: u32, vcpu: u32) = xc_domain_send_trigger;
    /// Seconds between the guest's clock and UTC.
    fn domain_set_time_offset(domid: u32, seconds: i32) = xc_domain_set_time_offset;
    /// How the guest sees the time stamp counter.
    fn domain_set_tsc_info(domid: u32, mode: u32, elapsed_ns: u64, khz: u32, incarnation: u32) = xc_domain_set_tsc_info;
    /// Allows or forbids ports.
    fn domain_ioport_permission(domid: u32, first: u32, count: u32, allow: u32) = xc_domain_ioport_permission;
    /// Allows or forbids a physical interrupt.
    fn domain_irq_permission(domid: u32, pirq: u32, allow: bool) = xc_domain_irq_permission;
    /// Allows or forbids physical pages.
    fn domain_iomem_permission(domid: u32, first: u64, count: u64, allow: u8) = xc_domain_iomem_permission;
    /// Maps physical pages into a guest, or unmaps them.
    fn domain_memory_mapping(domid: u32, gfn: u64, mfn: u64, count: u64, add: u32) = xc_domain_memory_mapping;
    /// Sets an HVM parameter.
    fn hvm_param_set(domid: u32, param: u32, value: u64) = xc_hvm_param_set;
    /// Lets the device with this machine SBDF go to the domain.
    fn assign_device(domid: u32, sbdf: u32, flags: u32) = xc_assign_device;
    /// Whether the device with this machine SBDF could be assigned.
    fn test_assign_device(domid: u32, sbdf: u32) = xc_test_assign_device;
    /// Takes the device with this machine SBDF away.
    fn deassign_device(domid: u32, sbdf: u32) = xc_deassign_device;
    /// Gives up a mapped interrupt.
    fn physdev_unmap_pirq(domid: u32, pirq: i32) = xc_physdev_unmap_pirq;
    /// Sets the FLASK label of a domain.
    fn flask_relabel_domain(domid: u32, sid: u32) = xc_flask_relabel_domain;
}

impl Xc {
    /// Makes a domain; `wanted` 0 lets the hypervisor choose the number, which is returned.
    pub fn domain_create(&self, wanted: u32, config: &CreateDomain) -> io::Result<u32> {
        let mut domid = wanted;
        let mut config = *config;
        // SAFETY: both pointers are to locals of the right type.
        check(|| unsafe { control::xc_domain_create(self.as_ptr(), &mut domid, &mut config) })?;
        Ok(domid)
    }

    /// The size of a PV guest's words, in bytes.
    pub fn domain_guest_width(&self, domid: u32) -> io::Result<u32> {
        let mut width = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_domain_get_guest_width(self.as_ptr(), domid, &mut width) })?;
        Ok(width)
    }

    /// The registers of a vCPU: a `vcpu_guest_context_any_t` of xenctrl.h.
    pub fn vcpu_context(&self, domid: u32, vcpu: u32) -> io::Result<Vec<u8>> {
        const SIZE: usize = size_of::<control::vcpu_guest_context_any_t>();
        let mut context = control::vcpu_guest_context_any_t {
            c: Default::default(),
        };
        // SAFETY: the pointer is to a local of the right type, which the call fills.
        check(|| unsafe { control::xc_vcpu_getcontext(self.as_ptr(), domid, vcpu, &mut context) })?;
        // SAFETY: bytes may be read from any structure of that size; the call has copied a whole one over it.
        let bytes: [u8; SIZE] = unsafe { std::mem::transmute(context) };
        Ok(bytes.to_vec())
    }

    /// Information on up to `max` domains from number `first` on.
    pub fn domain_getinfolist(&self, first: u32, max: usize) -> io::Result<Vec<GetDomainInfo>> {
        let mut list = vec![GetDomainInfo::default(); max];
        // SAFETY: the array has `max` elements.
        let filled = check(|| unsafe {
            control::xc_domain_getinfolist(self.as_ptr(), first, count(max), list.as_mut_ptr())
        })?;
        list.truncate(usize::try_from(filled).unwrap_or(0));
        Ok(list)
    }

    /// State of one vCPU.
    pub fn vcpu_getinfo(&self, domid: u32, vcpu: u32) -> io::Result<VcpuInfo> {
        let mut info = VcpuInfo::default();
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_vcpu_getinfo(self.as_ptr(), domid, vcpu, &mut info) })?;
        Ok(info)
    }

    /// Hard and soft affinity of one vCPU, as bitmaps over the host's CPUs.
    pub fn vcpu_getaffinity(&self, domid: u32, vcpu: u32) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let size = self.cpumap_size()?;
        let (mut hard, mut soft) = (vec![0u8; size], vec![0u8; size]);
        // SAFETY: libxenctrl fills both maps to xc_get_cpumap_size bytes, which they have.
        check(|| unsafe {
            control::xc_vcpu_getaffinity(
                self.as_ptr(),
                domid,
                i32::try_from(vcpu).unwrap_or(i32::MAX),
                hard.as_mut_ptr(),
                soft.as_mut_ptr(),
                control::XEN_VCPUAFFINITY_HARD | control::XEN_VCPUAFFINITY_SOFT,
            )
        })?;
        Ok((hard, soft))
    }

    /// Sets one or both affinities of a vCPU; returns what the hypervisor made of them, in the same places.
    pub fn vcpu_setaffinity(
        &self,
        domid: u32,
        vcpu: u32,
        wanted: Affinity<&[u8]>,
        force: bool,
    ) -> io::Result<Affinity<Vec<u8>>> {
        let size = self.cpumap_size()?;
        let sized = |map: &[u8]| {
            let mut map = map.to_vec();
            map.resize(size, 0);
            map
        };
        let (mut hard, mut soft) = (wanted.hard.map(sized), wanted.soft.map(sized));
        let mut flags = 0;
        if hard.is_some() {
            flags |= control::XEN_VCPUAFFINITY_HARD;
        }
        if soft.is_some() {
            flags |= control::XEN_VCPUAFFINITY_SOFT;
        }
        if force {
            flags |= control::XEN_VCPUAFFINITY_FORCE;
        }
        let pointer = |map: &mut Option<Vec<u8>>| {
            map.as_mut()
                .map_or(std::ptr::null_mut(), |map| map.as_mut_ptr())
        };
        // SAFETY: each map is NULL with its flag unset, or has xc_get_cpumap_size bytes.
        check(|| unsafe {
            control::xc_vcpu_setaffinity(
                self.as_ptr(),
                domid,
                i32::try_from(vcpu).unwrap_or(i32::MAX),
                pointer(&mut hard),
                pointer(&mut soft),
                flags,
            )
        })?;
        Ok(Affinity { hard, soft })
    }

    /// The NUMA nodes whose memory the domain gets.
    pub fn domain_node_setaffinity(&self, domid: u32, nodes: &[u8]) -> io::Result<()> {
        let mut map = nodes.to_vec();
        map.resize(self.nodemap_size()?, 0);
        // SAFETY: the map has xc_get_nodemap_size bytes.
        check(|| unsafe {
            control::xc_domain_node_setaffinity(self.as_ptr(), domid, map.as_mut_ptr())
        })
        .map(drop)
    }

    /// The NUMA nodes whose memory the domain gets.
    pub fn domain_node_getaffinity(&self, domid: u32) -> io::Result<Vec<u8>> {
        let mut map = vec![0u8; self.nodemap_size()?];
        // SAFETY: the map has xc_get_nodemap_size bytes.
        check(|| unsafe {
            control::xc_domain_node_getaffinity(self.as_ptr(), domid, map.as_mut_ptr())
        })?;
        Ok(map)
    }

    /// Reads an HVM parameter.
    pub fn hvm_param_get(&self, domid: u32, param: u32) -> io::Result<u64> {
        let mut value = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_hvm_param_get(self.as_ptr(), domid, param, &mut value) })?;
        Ok(value)
    }

    /// An event channel of `domid` that `remote` may bind; returns its port.
    pub fn evtchn_alloc_unbound(&self, domid: u32, remote: u32) -> io::Result<u32> {
        // SAFETY: the handle is live and every other argument is an integer.
        let port =
            check(|| unsafe { control::xc_evtchn_alloc_unbound(self.as_ptr(), domid, remote) })?;
        Ok(u32::try_from(port).unwrap_or(0))
    }

    /// Gives a domain the physical interrupt `irq`; returns the number under which it sees it.
    pub fn physdev_map_pirq(&self, domid: u32, irq: i32) -> io::Result<i32> {
        let mut pirq = irq;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_physdev_map_pirq(self.as_ptr(), domid, irq, &mut pirq) })?;
        Ok(pirq)
    }
}
