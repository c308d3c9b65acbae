//! From an empty domain to one that holds a bootable image: everything between "made" and "has devices" that the
//! hypervisor must be told.
//!
//! The caller runs [`pre`], [`image`] and [`post`] in this order and writes the values that they return to the store.
//! Nothing here waits, and nothing but the hypervisor and the image files is touched.

pub mod acpi;
mod affinity;
mod cpupolicy;
mod create;
mod e820;
mod firmware;
mod genid;
mod grants;
mod hvm;
mod hvm_info;
mod image;
pub mod kernel;
mod layout;
mod params;
mod prepare;
mod pv;
mod rdm;
mod vnuma;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Arc;

use self::kernel::Contents;
use super::sched;
use crate::log::Logger;
use crate::types::{DomainBuildInfoU, DomainConfig};
use crate::xen::{HvmParam, Xen};
use crate::{Domid, Error, Result};

pub use create::create_config;

/// The domains in which xenstored and xenconsoled run: `/tool/xenstored/domid`, `/tool/xenconsoled/domid`, 0 when
/// those nodes are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Daemons {
    /// xenstored's.
    pub store: Domid,
    /// xenconsoled's.
    pub console: Domid,
}

/// Event channels between the guest and the daemons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// Whom they lead to.
    pub daemons: Daemons,
    /// The guest's port for the store.
    pub store_port: u32,
    /// The guest's port for the console.
    pub console_port: u32,
}

/// The C library's limit of kernels and ramdisks.
pub(super) const MAX_BOOT_FILE: u64 = 1 << 30;

/// A kernel or ramdisk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootFile {
    /// A file that is there when the image is built.
    Path(String),
    /// A file that a bootloader left and that is gone; `path` is what the store shows.
    Bytes {
        /// Where it was.
        path: String,
        /// What it held.
        bytes: Arc<Vec<u8>>,
    },
}

impl BootFile {
    /// The path for the store.
    pub fn path(&self) -> &str {
        match self {
            Self::Path(path) | Self::Bytes { path, .. } => path,
        }
    }

    /// What it holds, [`MAX_BOOT_FILE`] at most.
    fn read(&self) -> Result<Contents<'_>> {
        let path = match self {
            Self::Bytes { bytes, .. } => return Ok(Contents::from(&bytes[..])),
            Self::Path(path) => path,
        };
        let mut bytes = Vec::new();
        open_image(path)
            .and_then(|file| {
                // A reader that finds the end with its buffer full doubles it.
                let size = file.metadata()?.len().min(MAX_BOOT_FILE);
                bytes.try_reserve_exact(usize::try_from(size + 1).unwrap_or(usize::MAX))?;
                file.take(MAX_BOOT_FILE + 1).read_to_end(&mut bytes)
            })
            .map_err(|error| Error::io(format!("cannot load {path}"), &error))?;
        if bytes.len() as u64 > MAX_BOOT_FILE {
            let limit = format!("{path} is larger than {MAX_BOOT_FILE} bytes");
            return Err(Error::inval(limit));
        }
        Ok(Contents::from(bytes))
    }
}

/// Opens a file that ends. A pipe or a terminal could keep the building of a guest for ever.
fn open_image(path: &str) -> io::Result<File> {
    let nonblock = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_block_device() {
        return Ok(file);
    }
    Err(io::Error::other("neither a file nor a disk"))
}

/// What a PV or PVH guest boots, after a bootloader had its say. HVM guests leave it empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// The kernel.
    pub kernel: Option<BootFile>,
    /// Its ramdisk.
    pub ramdisk: Option<BootFile>,
    /// Its command line.
    pub cmdline: Option<String>,
}

/// A built image, as far as the store has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// The page of the store ring: a guest frame, for PV a machine frame.
    pub store_frame: u64,
    /// The page of the console ring, likewise.
    pub console_frame: u64,
    /// Keys below the domain's path that tell hvmloader where firmware modules are.
    pub keys: Vec<(String, String)>,
}

/// Limits, affinity, parameters, CPU policy, and the event channels to the daemons. `restore`: the image comes from a
/// stream, which brings the policy with it.
///
/// NUMA placement notes its choice in the configuration, so that a rebuilt domain goes to the same place.
pub fn pre(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    config: &mut DomainConfig,
    daemons: Daemons,
    restore: bool,
) -> Result<Channels> {
    prepare::run(log, xen, domid, config, daemons, restore).map_err(|error| error.domain(domid))
}

/// Loads the image: kernel and ramdisk for PV and PVH, firmware for HVM. Reserved device memory found on the way is
/// noted in the configuration's `rdms`.
pub fn image(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    config: &mut DomainConfig,
    boot: &Boot,
    channels: &Channels,
) -> Result<Built> {
    let job = image::Job {
        log,
        xen,
        domid,
        boot,
        channels,
    };
    typed_image(&job, config).map_err(|error| error.domain(domid))
}

fn typed_image(job: &image::Job<'_>, config: &mut DomainConfig) -> Result<Built> {
    match &config.b_info.u {
        DomainBuildInfoU::Pv(pv) => pv::build(job, &config.b_info, pv),
        DomainBuildInfoU::Hvm(hvm) => {
            let hvm = hvm.clone();
            hvm::hvm(job, config, &hvm)
        }
        DomainBuildInfoU::Pvh(pvh) => hvm::pvh(job, &config.b_info, pvh),
        DomainBuildInfoU::Invalid => Err(Error::inval("the domain's type is not set")),
    }
}

/// What the store has to know of an HVM guest that has its image, and goes on with these channels.
pub fn kept(xen: &Xen, domid: Domid, channels: &Channels) -> Result<Built> {
    for (param, port) in [
        (HvmParam::StoreEvtchn, channels.store_port),
        (HvmParam::ConsoleEvtchn, channels.console_port),
    ] {
        xen.hvm_param_set(domid, param, port.into())?;
    }
    Ok(Built {
        store_frame: xen.hvm_param_get(domid, HvmParam::StorePfn)?,
        console_frame: xen.hvm_param_get(domid, HvmParam::ConsolePfn)?,
        keys: Vec::new(),
    })
}

/// Soft affinity of virtual nodes, scheduler parameters, generation id. Returns keys below the domain's path.
pub fn post(
    log: &Logger,
    xen: &Xen,
    domid: Domid,
    config: &DomainConfig,
) -> Result<Vec<(String, String)>> {
    let info = &config.b_info;
    affinity::follow_vnuma(log, xen, domid, info)?;
    sched::apply(xen, domid, &info.sched_params)?;
    match &info.u {
        DomainBuildInfoU::Hvm(hvm) if hvm.ms_vm_genid != [0; 16] => {
            genid::set(xen, domid, &hvm.ms_vm_genid)?;
            Ok(vec![genid::key(&hvm.ms_vm_genid)])
        }
        _ => Ok(Vec::new()),
    }
}

/// For fuzzing: a kernel, and the plan of a PV guest with it.
#[cfg(feature = "fuzzing")]
pub fn fuzzing_kernel(data: &[u8]) {
    let limits = kernel::Limits { unpacked: 4 << 20 };
    if let Ok(kernel) = kernel::load(data, limits) {
        kernel.fuzzing_check();
        pv::fuzzing_plan(&kernel);
    }
}
