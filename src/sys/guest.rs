//! libxenguest's domain builder, for PV guests: one image from files to a domain that can run.
//!
//! Reasons for failures go to the logger of the [`Xc`] handle; the calls themselves only say that they failed.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::ptr::{self, NonNull};

use super::faults;
use super::raw::guest;
use super::xc::{VMemRange, Xc};

/// Event channels to the daemons and the domains in which those run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    /// The guest's port for the console.
    pub console_port: u32,
    /// xenconsoled's domain.
    pub console_domid: u32,
    /// The guest's port for the store.
    pub store_port: u32,
    /// xenstored's domain.
    pub store_domid: u32,
}

/// A domain image in the making (`struct xc_dom_image`).
///
/// The steps come in the order `kernel_*`, `module_*`, setters, [`Image::attach`], [`Image::parse`],
/// [`Image::init_memory`], [`Image::populate`], [`Image::load`], [`Image::start`], [`Image::seed_grants`].
#[derive(Debug)]
pub struct Image<'a> {
    raw: NonNull<guest::xc_dom_image>,
    xc: &'a Xc,
    /// Memory that the image points into; freed after it.
    buffers: Vec<Vec<u8>>,
    ranges: Vec<VMemRange>,
    pnodes: Vec<u32>,
}

fn text(value: &str) -> io::Result<CString> {
    CString::new(value).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn optional(value: Option<&str>) -> io::Result<Option<CString>> {
    value.map(text).transpose()
}

fn pointer(value: &Option<CString>) -> *const c_char {
    value.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

/// Makes a call of the builder, which returns 0 or something else, with an errno that may be stale.
fn done(call: impl FnOnce() -> c_int) -> io::Result<()> {
    faults::point("builder", format_args!("{}", faults::name_of(&call)))?;
    clear_errno();
    if call() == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(match error.raw_os_error() {
        Some(0) | None => io::Error::other("libxenguest failed"),
        Some(_) => error,
    })
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $function:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(&mut self) -> io::Result<()> {
                // SAFETY: the image is live, and so is all that its fields point at (see `buffers` and below).
                done(|| unsafe { guest::$function(self.raw.as_ptr()) })
            }
        )*
    };
}

fn clear_errno() {
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() = 0 };
}

impl<'a> Image<'a> {
    /// An empty image. `features` is the guest's feature string.
    pub fn new(xc: &'a Xc, cmdline: Option<&str>, features: Option<&str>) -> io::Result<Self> {
        let (cmdline, features) = (optional(cmdline)?, optional(features)?);
        faults::point("builder", format_args!("new"))?;
        // SAFETY: the handle is live; both strings are NULL or live, and are copied or parsed inside the call.
        let raw =
            unsafe { guest::xc_dom_allocate(xc.as_ptr(), pointer(&cmdline), pointer(&features)) };
        let raw = NonNull::new(raw).ok_or_else(io::Error::last_os_error)?;
        let mut image = Self {
            raw,
            xc,
            buffers: Vec::new(),
            ranges: Vec::new(),
            pnodes: Vec::new(),
        };
        image.fields().container_type = guest::xc_dom_image_XC_DOM_PV_CONTAINER;
        Ok(image)
    }

    fn fields(&mut self) -> &mut guest::xc_dom_image {
        // SAFETY: the structure is live until drop and touched by the C side only inside calls made through `self`.
        unsafe { self.raw.as_mut() }
    }

    fn read(&self) -> &guest::xc_dom_image {
        // SAFETY: as in `fields`.
        unsafe { self.raw.as_ref() }
    }

    fn keep(&mut self, bytes: Vec<u8>) -> (*mut u8, usize) {
        self.buffers.push(bytes);
        let last = self.buffers.len() - 1;
        let buffer = &mut self.buffers[last];
        (buffer.as_mut_ptr(), buffer.len())
    }

    /// Loads the kernel from a file; compressed ones are unpacked.
    pub fn kernel_file(&mut self, path: &str) -> io::Result<()> {
        let path = text(path)?;
        // SAFETY: the image is live; the path lives across the call.
        done(|| unsafe { guest::xc_dom_kernel_file(self.raw.as_ptr(), path.as_ptr()) })
    }

    /// Takes the kernel from memory.
    pub fn kernel_bytes(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let (data, size) = self.keep(bytes);
        // SAFETY: the image is live; `data` is kept until the image is released.
        done(|| unsafe { guest::xc_dom_kernel_mem(self.raw.as_ptr(), data.cast::<c_void>(), size) })
    }

    /// Adds a ramdisk from a file.
    pub fn module_file(&mut self, path: &str) -> io::Result<()> {
        let path = text(path)?;
        // SAFETY: the image is live; the path lives across the call; NULL stands for no command line.
        done(|| unsafe { guest::xc_dom_module_file(self.raw.as_ptr(), path.as_ptr(), ptr::null()) })
    }

    /// Adds a ramdisk from memory.
    pub fn module_bytes(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let (data, size) = self.keep(bytes);
        // SAFETY: the image is live; `data` is kept until the image is released; NULL stands for no command line.
        done(|| unsafe {
            guest::xc_dom_module_mem(self.raw.as_ptr(), data.cast::<c_void>(), size, ptr::null())
        })
    }

    /// Sets ports and domains of the daemons.
    pub fn set_wiring(&mut self, wiring: &Wiring) {
        let fields = self.fields();
        fields.console_evtchn = wiring.console_port;
        fields.console_domid = wiring.console_domid;
        fields.xenstore_evtchn = wiring.store_port;
        fields.xenstore_domid = wiring.store_domid;
    }

    /// Sets the number of vCPUs, and whether the memory is claimed before it is populated.
    pub fn set_basics(&mut self, max_vcpus: u32, claim: bool) {
        let fields = self.fields();
        fields.max_vcpus = max_vcpus;
        fields.claim_enabled = c_int::from(claim);
    }

    /// Sets the guest's virtual NUMA layout: its memory ranges, and the machine's node behind each virtual one.
    pub fn set_vnuma(&mut self, ranges: Vec<VMemRange>, vnode_to_pnode: Vec<u32>) {
        self.ranges = ranges;
        self.pnodes = vnode_to_pnode;
        let (ranges, range_count) = (self.ranges.as_mut_ptr(), self.ranges.len());
        let (pnodes, node_count) = (self.pnodes.as_mut_ptr(), self.pnodes.len());
        let fields = self.fields();
        fields.vmemranges = ranges;
        fields.nr_vmemranges = u32::try_from(range_count).unwrap_or(0);
        fields.vnode_to_pnode = pnodes;
        fields.nr_vnodes = u32::try_from(node_count).unwrap_or(0);
    }

    /// Binds the image to its domain.
    pub fn attach(&mut self, domid: u32) -> io::Result<()> {
        // SAFETY: image and handle are live.
        done(|| unsafe { guest::xc_dom_boot_xen_init(self.raw.as_ptr(), self.xc.as_ptr(), domid) })
    }

    steps! {
        /// Looks at the kernel: format, notes, what it wants.
        parse = xc_dom_parse_image;
        /// Gives the domain its memory.
        populate = xc_dom_boot_mem_init;
        /// Copies kernel, modules and tables into the guest.
        load = xc_dom_build_image;
        /// Sets up page tables, start info, shared pages, HVM parameters and the first vCPU.
        start = xc_dom_boot_image;
        /// Grants the store and console pages to the daemons.
        seed_grants = xc_dom_gnttab_init;
    }

    /// Says how much memory the guest sees, in MiB.
    pub fn init_memory(&mut self, mib: u32) -> io::Result<()> {
        // SAFETY: the image is live and the other argument is an integer.
        done(|| unsafe { guest::xc_dom_mem_init(self.raw.as_ptr(), mib) })
    }

    /// The machine frames of the store and console rings, as the daemons map them.
    pub fn ring_frames(&self) -> io::Result<(u64, u64)> {
        let fields = self.read();
        let rings = (fields.xenstore_pfn, fields.console_pfn);
        let covered = fields.p2m_size.min(fields.total_pages);
        let frame = |pfn: u64| {
            if fields.pv_p2m.is_null() || pfn >= covered {
                return Err(io::Error::from_raw_os_error(libc::ERANGE));
            }
            let index =
                usize::try_from(pfn).map_err(|_| io::Error::from_raw_os_error(libc::ERANGE))?;
            // SAFETY: the table has p2m_size entries, and the index was checked.
            Ok(unsafe { *fields.pv_p2m.add(index) })
        };
        Ok((frame(rings.0)?, frame(rings.1)?))
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        // SAFETY: made by xc_dom_allocate, released once; what its fields point at is freed after it.
        unsafe { guest::xc_dom_release(self.raw.as_ptr()) };
    }
}
