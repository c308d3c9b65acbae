//! The machine: CPUs, memory, nodes, version, console ring.

#[cfg(since_4_18)]
use std::ffi::CStr;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io;

use super::{Xc, check, control, count};

/// `struct xen_sysctl_physinfo`.
pub type PhysInfo = control::xc_physinfo_t;
/// `struct xen_sysctl_cputopo`; ids are `u32::MAX` for a CPU that is not there.
pub type CpuTopo = control::xc_cputopo_t;
/// `struct xen_sysctl_meminfo`; sizes are `u64::MAX` for a node that is not there.
pub type MemInfo = control::xc_meminfo_t;

/// What the hypervisor says about itself. Only since 4.18 it can keep part of it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// 4 of 4.17.5.
    pub major: u32,
    /// 17 of 4.17.5.
    pub minor: u32,
    /// ".5" and what the vendor adds.
    pub extra: Option<String>,
    /// The compiler.
    pub compiler: String,
    /// Who built it.
    pub compile_by: String,
    /// Where it was built.
    pub compile_domain: String,
    /// When it was built.
    pub compile_date: String,
    /// Guest types, as "xen-3.0-x86_64 hvm-3.0-x86_32 …".
    pub capabilities: Option<String>,
    /// The source's revision.
    pub changeset: Option<String>,
    /// Where the hypervisor begins in a PV guest's address space.
    pub virt_start: u64,
    /// Bytes of a page.
    pub pagesize: u32,
    /// The hypervisor's command line.
    pub commandline: Option<String>,
    /// The build id in hexadecimal.
    pub build_id: Option<String>,
}

fn text(bytes: &[c_char]) -> String {
    let bytes: Vec<u8> = bytes
        .iter()
        .map(|&byte| u8::from_ne_bytes(byte.to_ne_bytes()))
        .take_while(|&byte| byte != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Xc {
    /// Bytes of a bitmap over CPUs.
    pub fn cpumap_size(&self) -> io::Result<usize> {
        Ok(self.max_cpus()?.div_ceil(8) as usize)
    }

    /// Bytes of a bitmap over nodes.
    pub fn nodemap_size(&self) -> io::Result<usize> {
        Ok(self.max_nodes()?.div_ceil(8) as usize)
    }

    /// One more than the highest CPU number possible.
    pub fn max_cpus(&self) -> io::Result<u32> {
        // SAFETY: the handle is live.
        let result = check(|| unsafe { control::xc_get_max_cpus(self.as_ptr()) })?;
        Ok(u32::try_from(result).unwrap_or(0))
    }

    /// CPUs that are up.
    pub fn online_cpus(&self) -> io::Result<u32> {
        // SAFETY: the handle is live.
        let result = check(|| unsafe { control::xc_get_online_cpus(self.as_ptr()) })?;
        Ok(u32::try_from(result).unwrap_or(0))
    }

    /// One more than the highest node number possible.
    pub fn max_nodes(&self) -> io::Result<u32> {
        // SAFETY: the handle is live.
        let result = check(|| unsafe { control::xc_get_max_nodes(self.as_ptr()) })?;
        Ok(u32::try_from(result).unwrap_or(0))
    }

    /// CPU and memory figures of the machine.
    pub fn physinfo(&self) -> io::Result<PhysInfo> {
        let mut info = PhysInfo::default();
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_physinfo(self.as_ptr(), &mut info) })?;
        Ok(info)
    }

    /// Core, socket and node of each CPU.
    pub fn cpu_topology(&self) -> io::Result<Vec<CpuTopo>> {
        let mut length = 0;
        // SAFETY: NULL asks for the length alone.
        check(|| unsafe {
            control::xc_cputopoinfo(self.as_ptr(), &mut length, std::ptr::null_mut())
        })?;
        let mut list = vec![CpuTopo::default(); length as usize];
        // SAFETY: the array has the length that is passed; the call lowers it when fewer are there.
        check(|| unsafe {
            control::xc_cputopoinfo(self.as_ptr(), &mut length, list.as_mut_ptr())
        })?;
        list.truncate(length as usize);
        Ok(list)
    }

    /// Memory of each node, and their distances by rows.
    pub fn numa_info(&self) -> io::Result<(Vec<MemInfo>, Vec<u32>)> {
        let mut length = 0;
        let none = std::ptr::null_mut();
        // SAFETY: NULL asks for the length alone.
        check(|| unsafe { control::xc_numainfo(self.as_ptr(), &mut length, none, none.cast()) })?;
        let asked = length as usize;
        let mut nodes = vec![MemInfo::default(); asked];
        let mut distances = vec![0; asked * asked];
        // SAFETY: the arrays have length and length² elements; the call lowers the length when fewer are there.
        check(|| unsafe {
            control::xc_numainfo(
                self.as_ptr(),
                &mut length,
                nodes.as_mut_ptr(),
                distances.as_mut_ptr(),
            )
        })?;
        let given = (length as usize).min(asked);
        nodes.truncate(given);
        distances.truncate(given * given);
        Ok((nodes, distances))
    }

    /// The node of each PCI device (segment, bus, devfn); `u32::MAX` where the hypervisor knows none.
    pub fn pci_topology(&self, devices: &[(u16, u8, u8)]) -> io::Result<Vec<u32>> {
        let mut list: Vec<_> = devices
            .iter()
            .map(|&(seg, bus, devfn)| control::physdev_pci_device_t { seg, bus, devfn })
            .collect();
        let mut nodes = vec![u32::MAX; list.len()];
        // SAFETY: both arrays have the length that is passed.
        check(|| unsafe {
            control::xc_pcitopoinfo(
                self.as_ptr(),
                count(list.len()),
                list.as_mut_ptr(),
                nodes.as_mut_ptr(),
            )
        })?;
        Ok(nodes)
    }

    /// The scheduler's number (`XEN_SCHEDULER_*`).
    pub fn scheduler(&self) -> io::Result<i32> {
        let mut id = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_sched_id(self.as_ptr(), &mut id) })?;
        Ok(id)
    }

    /// Acts like keys typed at the hypervisor's console.
    pub fn send_debug_keys(&self, keys: &str) -> io::Result<()> {
        let keys = CString::new(keys).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        // SAFETY: the string lives across the call.
        check(|| unsafe { control::xc_send_debug_keys(self.as_ptr(), keys.as_ptr()) }).map(drop)
    }

    /// Fills `buffer` from the hypervisor's console ring; returns how many bytes and the next index.
    pub fn read_console_ring(
        &self,
        buffer: &mut [u8],
        clear: bool,
        incremental: bool,
        index: u32,
    ) -> io::Result<(usize, u32)> {
        let mut length = count(buffer.len());
        let mut index = index;
        // SAFETY: the buffer has `length` bytes; the call lowers `length` to what it wrote.
        check(|| unsafe {
            control::xc_readconsolering(
                self.as_ptr(),
                buffer.as_mut_ptr().cast::<c_char>(),
                &mut length,
                c_int::from(clear),
                c_int::from(incremental),
                &mut index,
            )
        })?;
        Ok(((length as usize).min(buffer.len()), index))
    }

    /// Pages shared between domains: (freed by it, used for it).
    pub fn sharing_pages(&self) -> io::Result<(u64, u64)> {
        // SAFETY: the handle is live.
        let freed = check(|| unsafe { control::xc_sharing_freed_pages(self.as_ptr()) })?;
        // SAFETY: as above.
        let used = check(|| unsafe { control::xc_sharing_used_frames(self.as_ptr()) })?;
        Ok((freed.unsigned_abs(), used.unsigned_abs()))
    }

    /// The FLASK label for a number, or None where the hypervisor runs without FLASK.
    pub fn flask_label(&self, sid: u32) -> io::Result<String> {
        let mut buffer = [0; 1024];
        // SAFETY: the buffer has the size that is passed.
        check(|| unsafe {
            control::xc_flask_sid_to_context(
                self.as_ptr(),
                c_int::from_ne_bytes(sid.to_ne_bytes()),
                buffer.as_mut_ptr(),
                count(buffer.len()),
            )
        })?;
        Ok(text(&buffer))
    }

    /// The number of a FLASK label.
    pub fn flask_sid(&self, label: &str) -> io::Result<u32> {
        let mut label: Vec<c_char> = label
            .bytes()
            .map(|byte| c_char::from_ne_bytes([byte]))
            .collect();
        let mut sid = 0;
        // SAFETY: the buffer has the size that is passed.
        check(|| unsafe {
            control::xc_flask_context_to_sid(
                self.as_ptr(),
                label.as_mut_ptr(),
                count(label.len()),
                &mut sid,
            )
        })?;
        Ok(sid)
    }

    /// Whether FLASK enforces its policy.
    pub fn flask_enforcing(&self) -> io::Result<i32> {
        // SAFETY: the handle is live.
        let result = check(|| unsafe { control::xc_flask_getenforce(self.as_ptr()) })?;
        Ok(i32::try_from(result).unwrap_or(0))
    }

    /// Sets whether FLASK enforces its policy.
    pub fn flask_set_enforcing(&self, mode: i32) -> io::Result<()> {
        // SAFETY: the handle is live and the other argument is an integer.
        check(|| unsafe { control::xc_flask_setenforce(self.as_ptr(), mode) }).map(drop)
    }

    /// Loads a FLASK policy.
    pub fn flask_load(&self, policy: &[u8]) -> io::Result<()> {
        let mut policy = policy.to_vec();
        // SAFETY: the buffer has the size that is passed.
        check(|| unsafe {
            control::xc_flask_load(
                self.as_ptr(),
                policy.as_mut_ptr().cast::<c_char>(),
                count(policy.len()),
            )
        })
        .map(drop)
    }

    fn version_call(&self, command: u32, into: *mut c_void) -> io::Result<i64> {
        let command = c_int::try_from(command).unwrap_or(c_int::MAX);
        // SAFETY: the callers below pass a buffer of the type that xen/version.h gives for `command`.
        check(|| unsafe { control::xc_version(self.as_ptr(), command, into) })
    }

    /// All that the hypervisor says about itself.
    pub fn version(&self) -> io::Result<Version> {
        let mut version = Version::default();
        let number = self.version_call(control::XENVER_version, std::ptr::null_mut())?;
        let number = u32::try_from(number).unwrap_or(0);
        (version.major, version.minor) = (number >> 16, number & 0xffff);

        let mut compile = control::xen_compile_info_t::default();
        self.version_call(control::XENVER_compile_info, (&raw mut compile).cast())?;
        version.compiler = text(&compile.compiler);
        version.compile_by = text(&compile.compile_by);
        version.compile_domain = text(&compile.compile_domain);
        version.compile_date = text(&compile.compile_date);

        let mut platform = control::xen_platform_parameters_t::default();
        self.version_call(
            control::XENVER_platform_parameters,
            (&raw mut platform).cast(),
        )?;
        version.virt_start = platform.virt_start;

        let pagesize = self.version_call(control::XENVER_pagesize, std::ptr::null_mut())?;
        version.pagesize = u32::try_from(pagesize).unwrap_or(0);

        self.long_words(&mut version)?;
        Ok(version)
    }

    /// What can be of any length.
    #[cfg(since_4_18)]
    #[allow(clippy::unnecessary_wraps, reason = "older releases can fail here")]
    fn long_words(&self, version: &mut Version) -> io::Result<()> {
        let words = |call: unsafe extern "C" fn(*mut control::xc_interface) -> *mut c_char| {
            // SAFETY: the handle is live; the call gives NULL or a C string from malloc, which is ours to free.
            unsafe {
                let said = call(self.as_ptr());
                if said.is_null() {
                    return None;
                }
                let copy = CStr::from_ptr(said).to_string_lossy().into_owned();
                libc::free(said.cast());
                Some(copy)
            }
        };
        version.extra = words(control::xc_xenver_extraversion);
        version.capabilities = words(control::xc_xenver_capabilities);
        version.changeset = words(control::xc_xenver_changeset);
        version.commandline = words(control::xc_xenver_commandline);
        version.build_id = words(control::xc_xenver_buildid);
        Ok(())
    }

    /// What can be of any length, as far as it fits into the structures for it.
    #[cfg(not(since_4_18))]
    fn long_words(&self, version: &mut Version) -> io::Result<()> {
        let mut extra: control::xen_extraversion_t = [0; 16];
        self.version_call(control::XENVER_extraversion, (&raw mut extra).cast())?;
        version.extra = Some(text(&extra));

        let mut capabilities: control::xen_capabilities_info_t = [0; 1024];
        self.version_call(control::XENVER_capabilities, (&raw mut capabilities).cast())?;
        version.capabilities = Some(text(&capabilities));

        let mut changeset: control::xen_changeset_info_t = [0; 64];
        self.version_call(control::XENVER_changeset, (&raw mut changeset).cast())?;
        version.changeset = Some(text(&changeset));

        let mut commandline: control::xen_commandline_t = [0; 1024];
        self.version_call(control::XENVER_commandline, (&raw mut commandline).cast())?;
        version.commandline = Some(text(&commandline));

        version.build_id = Some(self.build_id().unwrap_or_default());
        Ok(())
    }

    #[cfg(not(since_4_18))]
    fn build_id(&self) -> io::Result<String> {
        /// xen_build_id with room for the longest id that xc_version passes on.
        #[repr(C)]
        struct BuildId {
            length: u32,
            bytes: [u8; 1020],
        }
        let mut id = BuildId {
            length: 1020,
            bytes: [0; 1020],
        };
        let length = self.version_call(control::XENVER_build_id, (&raw mut id).cast())?;
        let length = usize::try_from(length).unwrap_or(0).min(id.bytes.len());
        Ok(id.bytes[..length]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }
}
