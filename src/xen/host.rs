//! The machine.

use super::Xen;
use crate::Result;
use crate::sys::xc::{self, Version};

/// Figures of the machine (`struct xen_sysctl_physinfo`); sizes are pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhysInfo {
    /// Hardware threads per core.
    pub threads_per_core: u32,
    /// Cores per socket.
    pub cores_per_socket: u32,
    /// CPUs that are up.
    pub nr_cpus: u32,
    /// Highest CPU number.
    pub max_cpu_id: u32,
    /// NUMA nodes.
    pub nr_nodes: u32,
    /// Highest node number.
    pub max_node_id: u32,
    /// Clock rate in kHz.
    pub cpu_khz: u32,
    /// `XEN_SYSCTL_PHYSCAP_*`.
    pub capabilities: u32,
    /// Capabilities of the architecture; none on x86.
    pub arch_capabilities: u32,
    /// Memory of the machine.
    pub total_pages: u64,
    /// Of it, free.
    pub free_pages: u64,
    /// Freed, not yet wiped.
    pub scrub_pages: u64,
    /// Claimed by domains being built.
    pub outstanding_pages: u64,
    /// Highest machine page number.
    pub max_mfn: u64,
    /// CPUID feature words.
    pub hw_cap: [u32; 8],
}

impl PhysInfo {
    fn has(&self, bit: u32) -> bool {
        self.capabilities & (1 << bit) != 0
    }
    /// HVM and PVH guests can run.
    pub fn cap_hvm(&self) -> bool {
        self.has(0)
    }
    /// PV guests can run.
    pub fn cap_pv(&self) -> bool {
        self.has(1)
    }
    /// There is an IOMMU.
    pub fn cap_directio(&self) -> bool {
        self.has(2)
    }
    /// Hardware-assisted paging.
    pub fn cap_hap(&self) -> bool {
        self.has(3)
    }
    /// Shadow paging.
    pub fn cap_shadow(&self) -> bool {
        self.has(4)
    }
    /// The IOMMU can use the CPU's page tables.
    pub fn cap_iommu_hap_pt_share(&self) -> bool {
        self.has(5)
    }
    /// Processor trace.
    pub fn cap_vmtrace(&self) -> bool {
        self.has(6)
    }
    /// Virtual performance counters.
    pub fn cap_vpmu(&self) -> bool {
        self.has(7)
    }
    /// Grant tables of version 1.
    pub fn cap_gnttab_v1(&self) -> bool {
        self.has(8)
    }
    /// Grant tables of version 2.
    pub fn cap_gnttab_v2(&self) -> bool {
        self.has(9)
    }
}

/// Where a CPU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTopology {
    /// Core.
    pub core: u32,
    /// Socket.
    pub socket: u32,
    /// NUMA node.
    pub node: u32,
}

/// Memory of one node, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumaNode {
    /// None where no such node is there.
    pub memory: Option<u64>,
    /// Of it, free.
    pub free: Option<u64>,
    /// Distances to all nodes; `u32::MAX` where unknown.
    pub distances: Vec<u32>,
}

/// Part of the hypervisor's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleChunk {
    /// Bytes as they are; may begin in the middle of a line.
    pub bytes: Vec<u8>,
    /// Where the next read goes on.
    pub next: u32,
}

impl Xen {
    /// Figures of the machine.
    pub fn physinfo(&self) -> Result<PhysInfo> {
        let raw = self.sysctl("reading the machine's figures", xc::Xc::physinfo)?;
        Ok(PhysInfo {
            threads_per_core: raw.threads_per_core,
            cores_per_socket: raw.cores_per_socket,
            nr_cpus: raw.nr_cpus,
            max_cpu_id: raw.max_cpu_id,
            nr_nodes: raw.nr_nodes,
            max_node_id: raw.max_node_id,
            cpu_khz: raw.cpu_khz,
            capabilities: raw.capabilities,
            arch_capabilities: raw.arch_capabilities,
            total_pages: raw.total_pages,
            free_pages: raw.free_pages,
            scrub_pages: raw.scrub_pages,
            outstanding_pages: raw.outstanding_pages,
            max_mfn: raw.max_mfn,
            hw_cap: raw.hw_cap,
        })
    }

    /// Pages shared between domains: (freed by it, used for it); (0, 0) where the hypervisor cannot.
    pub fn sharing_pages(&self) -> Result<(u64, u64)> {
        match self.xc()?.sharing_pages() {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok((0, 0)),
            result => result.map_err(|error| crate::Error::io("asking for shared pages", &error)),
        }
    }

    /// All that the hypervisor says about itself.
    pub fn version(&self) -> Result<Version> {
        self.sysctl("reading the hypervisor's version", xc::Xc::version)
    }

    /// One more than the highest CPU number possible.
    pub fn max_cpus(&self) -> Result<u32> {
        self.sysctl("asking for the number of CPUs", xc::Xc::max_cpus)
    }

    /// CPUs that are up.
    pub fn online_cpus(&self) -> Result<u32> {
        self.sysctl("asking for the number of CPUs", xc::Xc::online_cpus)
    }

    /// One more than the highest node number possible.
    pub fn max_nodes(&self) -> Result<u32> {
        self.sysctl("asking for the number of nodes", xc::Xc::max_nodes)
    }

    /// Each CPU's place, by number; None where no such CPU is there.
    pub fn cpu_topology(&self) -> Result<Vec<Option<CpuTopology>>> {
        let list = self.sysctl("reading the CPU topology", xc::Xc::cpu_topology)?;
        let known = |id: u32| id != u32::MAX;
        Ok(list
            .iter()
            .map(|cpu| {
                (known(cpu.core) || known(cpu.socket) || known(cpu.node)).then_some(CpuTopology {
                    core: cpu.core,
                    socket: cpu.socket,
                    node: cpu.node,
                })
            })
            .collect())
    }

    /// Each NUMA node, by number.
    pub fn numa_nodes(&self) -> Result<Vec<NumaNode>> {
        let (nodes, distances) = self.sysctl("reading the NUMA layout", xc::Xc::numa_info)?;
        let known = |size: u64| (size != u64::MAX).then_some(size);
        Ok(nodes
            .iter()
            .zip(distances.chunks(nodes.len().max(1)))
            .map(|(node, distances)| NumaNode {
                memory: known(node.memsize),
                free: known(node.memfree),
                distances: distances.to_vec(),
            })
            .collect())
    }

    /// The node of each PCI device (segment, bus, devfn); None where the hypervisor knows none.
    pub fn pci_nodes(&self, devices: &[(u16, u8, u8)]) -> Result<Vec<Option<u32>>> {
        // XEN_INVALID_DEV and XEN_INVALID_NODE_ID of sysctl.h.
        const INVALID: [u32; 2] = [u32::MAX - 1, u32::MAX];
        let nodes = self.sysctl("reading the PCI topology", |xc| xc.pci_topology(devices))?;
        Ok(nodes
            .iter()
            .map(|&node| (!INVALID.contains(&node)).then_some(node))
            .collect())
    }

    /// Acts like keys typed at the hypervisor's console.
    pub fn send_debug_keys(&self, keys: &str) -> Result<()> {
        self.sysctl("sending debug keys", |xc| xc.send_debug_keys(keys))
    }

    /// Up to `max` bytes of the hypervisor's log; with `next` of the last chunk the reading goes on there.
    pub fn read_console(&self, max: usize, clear: bool, from: Option<u32>) -> Result<ConsoleChunk> {
        let mut bytes = vec![0; max];
        let (length, next) = self.sysctl("reading the console ring", |xc| {
            xc.read_console_ring(&mut bytes, clear, from.is_some(), from.unwrap_or(0))
        })?;
        bytes.truncate(length);
        Ok(ConsoleChunk { bytes, next })
    }
}
