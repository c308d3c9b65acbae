//! The image itself: who builds it for which type of guest. PV images are libxenguest's.

use super::{Boot, BootFile, Built, Channels, e820, hvm, vnuma};
use crate::log::{Level, Logger};
use crate::sys::guest::{Image, Wiring};
use crate::types::{DomainBuildInfo, DomainBuildInfoPv, DomainBuildInfoU, DomainConfig};
use crate::xen::{E820Region, VNuma, VNumaRange, Xen};
use crate::{Domid, Error, Result, log_line};

const MIB_IN_KIB: u64 = 1024;

/// What all types of guests need.
pub(super) struct Job<'a> {
    pub(super) log: &'a Logger,
    pub(super) xen: &'a Xen,
    pub(super) domid: Domid,
    pub(super) boot: &'a Boot,
    pub(super) channels: &'a Channels,
}

impl Job<'_> {
    /// Builds the image of the configuration's type.
    pub(super) fn run(&self, config: &mut DomainConfig) -> Result<Built> {
        match &config.b_info.u {
            DomainBuildInfoU::Pv(pv) => self.pv(&config.b_info, pv),
            DomainBuildInfoU::Hvm(hvm) => {
                let hvm = hvm.clone();
                hvm::hvm(self, config, &hvm)
            }
            DomainBuildInfoU::Pvh(pvh) => hvm::pvh(self, &config.b_info, pvh),
            DomainBuildInfoU::Invalid => Err(Error::inval("the domain's type is not set")),
        }
    }

    fn pv(&self, info: &DomainBuildInfo, pv: &DomainBuildInfoPv) -> Result<Built> {
        let mut image = self.image(pv.features.as_deref(), info)?;
        self.kernel(&mut image)?;
        if let Some(ramdisk) = self.boot_ramdisk() {
            let loaded = match ramdisk {
                BootFile::Path(path) => image.module_file(path),
                BootFile::Bytes { bytes, .. } => image.module_bytes(bytes.to_vec()),
            };
            step(&format!("cannot load {}", ramdisk.path()), loaded)?;
        }
        if !info.vnuma_nodes.is_empty() {
            let ranges = if pv.e820_host == Some(true) {
                vnuma::mapped_ranges(&info.vnuma_nodes, &host_map(self.xen, info, pv)?)?
            } else {
                vnuma::pv_ranges(&info.vnuma_nodes)?
            };
            let numa = self.numa(info, ranges)?;
            let raw = numa.ranges.iter().map(VNumaRange::raw).collect();
            image.set_vnuma(raw, numa.vnode_to_pnode);
        }
        self.attach(&mut image)?;
        self.populate(&mut image, info.target_memkb)?;
        self.finish(image)
    }

    fn image(&self, features: Option<&str>, info: &DomainBuildInfo) -> Result<Image<'_>> {
        let cmdline = self.boot.cmdline.as_deref();
        let mut image = step(
            "making a domain image",
            Image::new(self.xen.xc()?, cmdline, features),
        )?;
        image.set_wiring(&Wiring {
            console_port: self.channels.console_port,
            console_domid: self.channels.daemons.console,
            store_port: self.channels.store_port,
            store_domid: self.channels.daemons.store,
        });
        image.set_basics(vcpus(info)?, info.claim_mode == Some(true));
        Ok(image)
    }

    fn kernel(&self, image: &mut Image<'_>) -> Result<()> {
        let kernel = self.boot_kernel()?;
        let loaded = match kernel {
            BootFile::Path(path) => image.kernel_file(path),
            BootFile::Bytes { bytes, .. } => image.kernel_bytes(bytes.to_vec()),
        };
        step(&format!("cannot load the kernel {}", kernel.path()), loaded)
    }

    /// The kernel that the guest boots.
    pub(super) fn boot_kernel(&self) -> Result<&BootFile> {
        let kernel = self.boot.kernel.as_ref().ok_or_else(|| {
            Error::inval("the guest has no kernel")
                .hint("set kernel= or bootloader= in the configuration")
        })?;
        log_line!(
            self.log,
            Level::Debug,
            self.domid,
            "kernel {}",
            kernel.path()
        );
        Ok(kernel)
    }

    /// Its ramdisk, if it has one.
    pub(super) fn boot_ramdisk(&self) -> Option<&BootFile> {
        let ramdisk = self.boot.ramdisk.as_ref();
        ramdisk.filter(|ramdisk| !ramdisk.path().is_empty())
    }

    /// Declares the guest's virtual NUMA nodes, whose memory is `ranges`.
    pub(super) fn numa(&self, info: &DomainBuildInfo, ranges: Vec<VNumaRange>) -> Result<VNuma> {
        let host_nodes = self.xen.numa_nodes()?.len();
        let numa = vnuma::assemble(info, ranges, host_nodes)?;
        self.xen.set_vnuma(self.domid, &numa)?;
        Ok(numa)
    }

    fn attach(&self, image: &mut Image<'_>) -> Result<()> {
        step("binding the image to the domain", image.attach(self.domid))?;
        step("the kernel cannot be booted", image.parse())
    }

    fn populate(&self, image: &mut Image<'_>, kib: u64) -> Result<()> {
        let mib = u32::try_from(kib / MIB_IN_KIB)
            .map_err(|_| Error::inval(format!("{kib} KiB of memory are too much")))?;
        step("sizing the guest's memory", image.init_memory(mib))?;
        step("populating the guest's memory", image.populate())
            .map_err(|error| error.hint("is enough memory free? see xl info"))?;
        step("loading the image into the guest", image.load())?;
        step("setting the guest up for its start", image.start())?;
        step("granting the rings to the daemons", image.seed_grants())
    }

    fn finish(&self, image: Image<'_>) -> Result<Built> {
        let (store_frame, console_frame) = step("finding the rings", image.ring_frames())?;
        Ok(Built {
            store_frame,
            console_frame,
            keys: Vec::new(),
        })
    }
}

/// The map that a PV guest with `e820_host` sees.
pub(super) fn host_map(
    xen: &Xen,
    info: &DomainBuildInfo,
    pv: &DomainBuildInfoPv,
) -> Result<Vec<E820Region>> {
    let balloon = info.max_memkb.saturating_sub(info.target_memkb) + pv.slack_memkb;
    e820::from_host(&xen.machine_memory_map()?, info.target_memkb, balloon)
}

/// The vCPUs that the guest can ever have.
pub(super) fn vcpus(info: &DomainBuildInfo) -> Result<u32> {
    u32::try_from(info.max_vcpus)
        .map_err(|_| Error::inval(format!("{} vCPUs make no sense", info.max_vcpus)))
}

fn step<T>(doing: &str, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|error| {
        Error::io(doing, &error).hint("the lines above from xc tell the reason, if they are shown")
    })
}
