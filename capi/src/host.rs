//! Exports of the area "misc/host info", and those that tell about CPUs and nodes.

use std::ffi::{c_char, c_int};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use xenlight::host;
use xenlight::types::Bitmap;
use xenlight::{Error, Result};

use crate::args::{In, InOut, Out, Text};
use crate::export::{export, list_free};
use crate::types::{
    CType, libxl_bitmap, libxl_cputopology, libxl_numainfo, libxl_pcitopology, libxl_physinfo,
    libxl_version_info,
};

/// What `libxl_get_version_info` hands out; it belongs to the context.
#[derive(Default)]
pub(crate) struct VersionCache(OnceLock<Box<libxl_version_info>>);

impl Drop for VersionCache {
    fn drop(&mut self) {
        if let Some(info) = self.0.get_mut() {
            // SAFETY: made by from_native; callers may not use it once the context is gone.
            unsafe { info.dispose() };
        }
    }
}

list_free! {
    libxl_pcitopology_list_free: libxl_pcitopology;
    libxl_cputopology_list_free: libxl_cputopology;
    libxl_numainfo_list_free: libxl_numainfo;
}

/// A count of the machine's, as a status.
fn count(result: Result<u32>) -> Result<c_int> {
    Ok(c_int::try_from(result?).unwrap_or(c_int::MAX))
}

/// Gives a bitmap room for `wanted` numbers, or for as many as `most` says when that is 0.
fn alloc(map: Out<libxl_bitmap>, wanted: c_int, most: impl FnOnce() -> Result<u32>) -> Result<()> {
    let bits = match u32::try_from(wanted) {
        Ok(0) => most()?,
        Ok(some) => some,
        Err(_) => return Err(Error::inval(format!("{wanted} is no size for a bitmap"))),
    };
    map.called("the bitmap").give(&Bitmap::new(bits as usize))
}

export! {
    /// Figures of the machine.
    fn libxl_get_physinfo(this, physinfo: Out<libxl_physinfo>) {
        physinfo.give(&host::physinfo(this.core.xen()?)?)
    }

    /// What the hypervisor says about itself; NULL on failure. The result belongs to the context.
    fn libxl_get_version_info(this) -> *const libxl_version_info [else null()] {
        if let Some(known) = this.version.0.get() {
            return Ok(std::ptr::from_ref::<libxl_version_info>(known));
        }
        let info = Box::new(libxl_version_info::from_native(&host::version(
            this.core.xen()?,
        )?));
        let kept = match this.version.0.set(info) {
            Ok(()) => this.version.0.get(),
            Err(mut late) => {
                // SAFETY: another thread was first; this one was never handed out.
                unsafe { late.dispose() };
                this.version.0.get()
            }
        };
        kept.map(|info| std::ptr::from_ref::<libxl_version_info>(info))
            .ok_or_else(|| Error::fail("the version vanished"))
    }

    /// All PCI devices with their nodes; NULL on failure.
    fn libxl_get_pci_topology(this, num_devs: Out<c_int>) -> *mut libxl_pcitopology [else null_mut()] {
        num_devs.list(&host::pci_topology(this.core.xen()?)?)
    }

    /// The place of each CPU; NULL on failure.
    fn libxl_get_cpu_topology(this, nb_cpu_out: Out<c_int>) -> *mut libxl_cputopology [else null_mut()] {
        nb_cpu_out.list(&host::cpu_topology(this.core.xen()?)?)
    }

    /// Memory and distances of each node; NULL on failure.
    fn libxl_get_numainfo(this, nr: Out<c_int>) -> *mut libxl_numainfo [else null_mut()] {
        nr.list(&host::numa_nodes(this.core.xen()?)?)
    }

    /// Acts like keys typed at the hypervisor's console.
    fn libxl_send_debug_keys(this, keys: Text<*mut c_char>) {
        let keys = keys.required()?;
        this.core.xen()?.send_debug_keys(keys)
    }

    /// Changes parameters of the running hypervisor.
    fn libxl_set_parameters(this, params: Text<*mut c_char>) {
        let params = params.required()?;
        host::set_parameters(this.core.xen()?, params)
    }

    /// One more than the highest CPU number.
    fn libxl_get_max_cpus(this) {
        count(this.core.xen()?.max_cpus())
    }

    /// CPUs that are up.
    fn libxl_get_online_cpus(this) {
        count(this.core.xen()?.online_cpus())
    }

    /// One more than the highest node number.
    fn libxl_get_max_nodes(this) {
        count(this.core.xen()?.max_nodes())
    }

    /// The number of the scheduler of pool 0.
    fn libxl_get_scheduler(this) {
        count(this.core.xen()?.scheduler().map(|scheduler| scheduler.0))
    }

    /// A bitmap for CPUs; `max_cpus` 0 makes room for all the machine has.
    fn libxl_cpu_bitmap_alloc(this, cpumap: Out<libxl_bitmap>, max_cpus: c_int) {
        alloc(cpumap, max_cpus, || this.core.xen()?.max_cpus())
    }

    /// A bitmap for nodes; `max_nodes` 0 makes room for all the machine has.
    fn libxl_node_bitmap_alloc(this, nodemap: Out<libxl_bitmap>, max_nodes: c_int) {
        alloc(nodemap, max_nodes, || this.core.xen()?.max_nodes())
    }

    /// A bitmap for sockets; `max_sockets` 0 makes room for all the machine has.
    fn libxl_socket_bitmap_alloc(this, socketmap: Out<libxl_bitmap>, max_sockets: c_int) {
        alloc(socketmap, max_sockets, || host::socket_count(this.core.xen()?))
    }

    /// Sets the sockets that have a CPU, in a bitmap that has room already.
    fn libxl_get_online_socketmap(this, socketmap: InOut<libxl_bitmap>) {
        let bits = socketmap.room()?;
        socketmap.fill(&host::online_sockets(this.core.xen()?, bits)?)
    }

    /// Sets the CPUs of one node, in a bitmap that has room already.
    fn libxl_node_to_cpumap(this, node: c_int, cpumap: InOut<libxl_bitmap>) {
        let mut nodes = Bitmap::new(this.core.xen()?.max_nodes()? as usize);
        let node =
            usize::try_from(node).map_err(|_| Error::inval(format!("there is no node {node}")))?;
        nodes.set(node);
        let bits = cpumap.room()?;
        cpumap.fill(&host::cpus_of_nodes(this.core.xen()?, &nodes, bits)?)
    }

    /// Sets the CPUs of some nodes, in a bitmap that has room already.
    fn libxl_nodemap_to_cpumap(this, nodemap: In<libxl_bitmap>, cpumap: InOut<libxl_bitmap>) {
        let (nodes, bits) = (nodemap.native()?, cpumap.room()?);
        cpumap.fill(&host::cpus_of_nodes(this.core.xen()?, &nodes, bits)?)
    }

    /// Sets the nodes that some CPUs are on, in a bitmap that has room already.
    fn libxl_cpumap_to_nodemap(this, cpumap: In<libxl_bitmap>, nodemap: InOut<libxl_bitmap>) {
        let (cpus, bits) = (cpumap.native()?, nodemap.room()?);
        nodemap.fill(&host::nodes_of_cpus(this.core.xen()?, &cpus, bits)?)
    }
}
