//! Exports of the area "misc/host info", and those that tell about CPUs and nodes.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::sync::OnceLock;

use xenlight::host;
use xenlight::types::Bitmap;
use xenlight::{Error, Result};

use crate::boundary::{OK, plain, required_str, status, store_out, value};
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::{
    CType, dispose_array, libxl_bitmap, libxl_cputopology, libxl_numainfo, libxl_pcitopology,
    libxl_physinfo, libxl_version_info,
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

/// A malloc'd array, never NULL, with its length stored through `count`.
///
/// # Safety
/// `count` is NULL or valid for writing.
pub(crate) unsafe fn hand_over<T: CType>(
    list: &[T::Native],
    what: &str,
    count: *mut c_int,
) -> Result<*mut T> {
    let length = c_int::try_from(list.len()).unwrap_or(c_int::MAX);
    // SAFETY: the same contract.
    unsafe { store_out(what, count, length) }?;
    Ok(array(list))
}

/// A malloc'd array, never NULL.
pub(crate) fn array<T: CType>(list: &[T::Native]) -> *mut T {
    let array = mem::zeroed_array::<T>(list.len());
    for (index, item) in list.iter().enumerate() {
        // SAFETY: `index` is below the allocation's element count.
        unsafe { array.add(index).write(T::from_native(item)) };
    }
    array
}

/// A bitmap argument that may be NULL.
///
/// # Safety
/// `map` is NULL or an initialised bitmap.
pub(crate) unsafe fn optional_bitmap(map: *const libxl_bitmap) -> Result<Option<Bitmap>> {
    // SAFETY: the same contract.
    unsafe { map.as_ref().map(|map| map.to_native()).transpose() }
}

/// A bitmap argument that must be there.
///
/// # Safety
/// As for [`optional_bitmap`].
pub(crate) unsafe fn bitmap(what: &str, map: *const libxl_bitmap) -> Result<Bitmap> {
    // SAFETY: the same contract.
    unsafe { optional_bitmap(map) }?.ok_or_else(|| Error::inval(format!("{what} is NULL")))
}

/// Replaces the bits of a caller's bitmap, which keeps its size.
///
/// # Safety
/// As for [`optional_bitmap`]; the map is valid for writing.
pub(crate) unsafe fn fill(what: &str, map: *mut libxl_bitmap, bits: &Bitmap) -> Result<()> {
    // SAFETY: the same contract.
    let Some(map) = (unsafe { map.as_ref() }) else {
        return Err(Error::inval(format!("{what} is NULL")));
    };
    if map.map.is_null() {
        return Ok(());
    }
    for index in 0..map.size as usize {
        let byte = bits.bytes.get(index).copied().unwrap_or(0);
        // SAFETY: `index` is below the size of the map, which the caller lets us write.
        unsafe { map.map.add(index).write(byte) };
    }
    Ok(())
}

/// Room in a caller's bitmap.
///
/// # Safety
/// As for [`optional_bitmap`].
unsafe fn room(what: &str, map: *const libxl_bitmap) -> Result<usize> {
    // SAFETY: the same contract.
    match unsafe { map.as_ref() } {
        Some(map) => Ok(map.size as usize * 8),
        None => Err(Error::inval(format!("{what} is NULL"))),
    }
}

/// Figures of the machine.
///
/// # Safety
/// `physinfo` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_physinfo(
    ctx: *mut libxl_ctx,
    physinfo: *mut libxl_physinfo,
) -> c_int {
    status(ctx, "libxl_get_physinfo", |this| {
        let info = libxl_physinfo::from_native(&host::physinfo(this.core.xen()?)?);
        // SAFETY: the same contract.
        unsafe { store_out("physinfo", physinfo, info) }?;
        Ok(OK)
    })
}

/// What the hypervisor says about itself; NULL on failure. The result belongs to the context.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_version_info(ctx: *mut libxl_ctx) -> *const libxl_version_info {
    value(ctx, "libxl_get_version_info", std::ptr::null(), |this| {
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
    })
}

/// All PCI devices with their nodes; NULL on failure.
///
/// # Safety
/// `num_devs` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_pci_topology(
    ctx: *mut libxl_ctx,
    num_devs: *mut c_int,
) -> *mut libxl_pcitopology {
    value(ctx, "libxl_get_pci_topology", null_mut(), |this| {
        let list = host::pci_topology(this.core.xen()?)?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "num_devs", num_devs) }
    })
}

/// The place of each CPU; NULL on failure.
///
/// # Safety
/// `nb_cpu_out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_cpu_topology(
    ctx: *mut libxl_ctx,
    nb_cpu_out: *mut c_int,
) -> *mut libxl_cputopology {
    value(ctx, "libxl_get_cpu_topology", null_mut(), |this| {
        let list = host::cpu_topology(this.core.xen()?)?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "nb_cpu_out", nb_cpu_out) }
    })
}

/// Memory and distances of each node; NULL on failure.
///
/// # Safety
/// `nr` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_numainfo(
    ctx: *mut libxl_ctx,
    nr: *mut c_int,
) -> *mut libxl_numainfo {
    value(ctx, "libxl_get_numainfo", null_mut(), |this| {
        let list = host::numa_nodes(this.core.xen()?)?;
        // SAFETY: the same contract.
        unsafe { hand_over(&list, "nr", nr) }
    })
}

/// Frees a list that one of the exports above returned.
macro_rules! list_free {
    ($($name:ident: $type:ty;)*) => {
        $(
            /// Frees a list that the getter of its type returned.
            ///
            /// # Safety
            /// `list` is NULL or such an array of `count` elements.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(list: *mut $type, count: c_int) {
                // SAFETY: the same contract.
                plain(stringify!($name), (), || unsafe {
                    dispose_array(list, count);
                });
            }
        )*
    };
}
pub(crate) use list_free;

list_free! {
    libxl_pcitopology_list_free: libxl_pcitopology;
    libxl_cputopology_list_free: libxl_cputopology;
    libxl_numainfo_list_free: libxl_numainfo;
}

/// Acts like keys typed at the hypervisor's console.
///
/// # Safety
/// `keys` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_send_debug_keys(ctx: *mut libxl_ctx, keys: *mut c_char) -> c_int {
    status(ctx, "libxl_send_debug_keys", |this| {
        // SAFETY: the same contract.
        let keys = unsafe { required_str("keys", keys) }?;
        this.core.xen()?.send_debug_keys(keys)?;
        Ok(OK)
    })
}

/// Changes parameters of the running hypervisor.
///
/// # Safety
/// `params` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_set_parameters(ctx: *mut libxl_ctx, params: *mut c_char) -> c_int {
    status(ctx, "libxl_set_parameters", |this| {
        // SAFETY: the same contract.
        let params = unsafe { required_str("params", params) }?;
        host::set_parameters(this.core.xen()?, params)?;
        Ok(OK)
    })
}

/// A count of the machine's, as a status.
fn count(result: Result<u32>) -> Result<c_int> {
    Ok(c_int::try_from(result?).unwrap_or(c_int::MAX))
}

/// One more than the highest CPU number.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_max_cpus(ctx: *mut libxl_ctx) -> c_int {
    status(ctx, "libxl_get_max_cpus", |this| {
        count(this.core.xen()?.max_cpus())
    })
}

/// CPUs that are up.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_online_cpus(ctx: *mut libxl_ctx) -> c_int {
    status(ctx, "libxl_get_online_cpus", |this| {
        count(this.core.xen()?.online_cpus())
    })
}

/// One more than the highest node number.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_max_nodes(ctx: *mut libxl_ctx) -> c_int {
    status(ctx, "libxl_get_max_nodes", |this| {
        count(this.core.xen()?.max_nodes())
    })
}

/// The number of the scheduler of pool 0.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_scheduler(ctx: *mut libxl_ctx) -> c_int {
    status(ctx, "libxl_get_scheduler", |this| {
        count(this.core.xen()?.scheduler().map(|scheduler| scheduler.0))
    })
}

/// Gives a bitmap room for `wanted` numbers, or for as many as `most` says when that is 0.
///
/// # Safety
/// `map` is NULL or valid for writing.
unsafe fn alloc(
    map: *mut libxl_bitmap,
    wanted: c_int,
    most: impl FnOnce() -> Result<u32>,
) -> Result<c_int> {
    let bits = match u32::try_from(wanted) {
        Ok(0) => most()?,
        Ok(some) => some,
        Err(_) => return Err(Error::inval(format!("{wanted} is no size for a bitmap"))),
    };
    let room = libxl_bitmap::from_native(&Bitmap::new(bits as usize));
    // SAFETY: the same contract.
    unsafe { store_out("the bitmap", map, room) }?;
    Ok(OK)
}

/// A bitmap for CPUs; `max_cpus` 0 makes room for all the machine has.
///
/// # Safety
/// `cpumap` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpu_bitmap_alloc(
    ctx: *mut libxl_ctx,
    cpumap: *mut libxl_bitmap,
    max_cpus: c_int,
) -> c_int {
    // SAFETY: the same contract.
    status(ctx, "libxl_cpu_bitmap_alloc", |this| unsafe {
        alloc(cpumap, max_cpus, || this.core.xen()?.max_cpus())
    })
}

/// A bitmap for nodes; `max_nodes` 0 makes room for all the machine has.
///
/// # Safety
/// `nodemap` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_node_bitmap_alloc(
    ctx: *mut libxl_ctx,
    nodemap: *mut libxl_bitmap,
    max_nodes: c_int,
) -> c_int {
    // SAFETY: the same contract.
    status(ctx, "libxl_node_bitmap_alloc", |this| unsafe {
        alloc(nodemap, max_nodes, || this.core.xen()?.max_nodes())
    })
}

/// A bitmap for sockets; `max_sockets` 0 makes room for all the machine has.
///
/// # Safety
/// `socketmap` is NULL or valid for writing; what was there is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_socket_bitmap_alloc(
    ctx: *mut libxl_ctx,
    socketmap: *mut libxl_bitmap,
    max_sockets: c_int,
) -> c_int {
    // SAFETY: the same contract.
    status(ctx, "libxl_socket_bitmap_alloc", |this| unsafe {
        alloc(socketmap, max_sockets, || {
            host::socket_count(this.core.xen()?)
        })
    })
}

/// Sets the sockets that have a CPU, in a bitmap that has room already.
///
/// # Safety
/// `socketmap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_get_online_socketmap(
    ctx: *mut libxl_ctx,
    socketmap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_get_online_socketmap", |this| {
        // SAFETY: the same contract.
        let bits = unsafe { room("socketmap", socketmap) }?;
        let online = host::online_sockets(this.core.xen()?, bits)?;
        // SAFETY: the same contract.
        unsafe { fill("socketmap", socketmap, &online) }?;
        Ok(OK)
    })
}

/// Sets the CPUs of one node, in a bitmap that has room already.
///
/// # Safety
/// `cpumap` is NULL or an initialised bitmap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_node_to_cpumap(
    ctx: *mut libxl_ctx,
    node: c_int,
    cpumap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_node_to_cpumap", |this| {
        let mut nodes = Bitmap::new(this.core.xen()?.max_nodes()? as usize);
        let node =
            usize::try_from(node).map_err(|_| Error::inval(format!("there is no node {node}")))?;
        nodes.set(node);
        // SAFETY: the same contract.
        let bits = unsafe { room("cpumap", cpumap) }?;
        let cpus = host::cpus_of_nodes(this.core.xen()?, &nodes, bits)?;
        // SAFETY: the same contract.
        unsafe { fill("cpumap", cpumap, &cpus) }?;
        Ok(OK)
    })
}

/// Sets the CPUs of some nodes, in a bitmap that has room already.
///
/// # Safety
/// Both are NULL or initialised bitmaps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_nodemap_to_cpumap(
    ctx: *mut libxl_ctx,
    nodemap: *const libxl_bitmap,
    cpumap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_nodemap_to_cpumap", |this| {
        // SAFETY: the same contract.
        let (nodes, bits) = unsafe { (bitmap("nodemap", nodemap)?, room("cpumap", cpumap)?) };
        let cpus = host::cpus_of_nodes(this.core.xen()?, &nodes, bits)?;
        // SAFETY: the same contract.
        unsafe { fill("cpumap", cpumap, &cpus) }?;
        Ok(OK)
    })
}

/// Sets the nodes that some CPUs are on, in a bitmap that has room already.
///
/// # Safety
/// Both are NULL or initialised bitmaps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpumap_to_nodemap(
    ctx: *mut libxl_ctx,
    cpumap: *const libxl_bitmap,
    nodemap: *mut libxl_bitmap,
) -> c_int {
    status(ctx, "libxl_cpumap_to_nodemap", |this| {
        // SAFETY: the same contract.
        let (cpus, bits) = unsafe { (bitmap("cpumap", cpumap)?, room("nodemap", nodemap)?) };
        let nodes = host::nodes_of_cpus(this.core.xen()?, &cpus, bits)?;
        // SAFETY: the same contract.
        unsafe { fill("nodemap", nodemap, &nodes) }?;
        Ok(OK)
    })
}
