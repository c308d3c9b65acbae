//! The image itself, through libxenguest.

use super::{Boot, BootFile, Built, Channels, acpi, e820, firmware, hvm_info, layout, rdm, vnuma};
use crate::log::{Level, Logger};
use crate::sys::guest::{Container, HvmMemory, Image, Module, Wiring};
use crate::types::{
    DomainBuildInfo, DomainBuildInfoHvm, DomainBuildInfoPv, DomainBuildInfoPvh, DomainBuildInfoU,
    DomainConfig, DomainType,
};
use crate::xen::{E820Region, VNuma, Xen};
use crate::{Domid, Error, Result, log_line};

/// `XENFEAT_linux_rsdp_unrestricted` of features.h: this Linux takes the ACPI tables from its start info.
const RSDP_ANYWHERE: u32 = 15;
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
                self.hvm(config, &hvm)
            }
            DomainBuildInfoU::Pvh(pvh) => self.pvh(&config.b_info, pvh),
            DomainBuildInfoU::Invalid => Err(Error::inval("the domain's type is not set")),
        }
    }

    fn pv(&self, info: &DomainBuildInfo, pv: &DomainBuildInfoPv) -> Result<Built> {
        let cmdline = self.boot.cmdline.as_deref();
        let mut image = self.image(Container::Pv, cmdline, pv.features.as_deref(), info)?;
        self.kernel(&mut image)?;
        self.ramdisk(&mut image)?;
        if !info.vnuma_nodes.is_empty() {
            let ranges = if pv.e820_host == Some(true) {
                vnuma::mapped_ranges(&info.vnuma_nodes, &host_map(self.xen, info, pv)?)?
            } else {
                vnuma::pv_ranges(&info.vnuma_nodes)?
            };
            self.vnuma(&mut image, info, ranges)?;
        }
        self.attach(&mut image)?;
        self.populate(&mut image, info.target_memkb)?;
        self.finish(image)
    }

    fn hvm(&self, config: &mut DomainConfig, hvm: &DomainBuildInfoHvm) -> Result<Built> {
        let mut memory = layout::hvm_memory(&config.b_info, acpi::INFO_ADDRESS);
        rdm::reserve(self.log, self.xen, self.domid, config, &mut memory)?;
        let info = &config.b_info;
        let mut image = self.image(Container::Hvm, info.cmdline.as_deref(), None, info)?;
        image.set_hvm_memory(&memory);
        firmware::load(self.log, self.domid, &mut image, info, hvm)?;
        let tables = firmware::acpi(hvm)?;
        if !info.vnuma_nodes.is_empty() {
            let ranges = vnuma::hvm_ranges(&info.vnuma_nodes, info.video_memkb, &memory)?;
            self.vnuma(&mut image, info, ranges)?;
        }
        self.attach(&mut image)?;
        step("setting the ACPI tables", image.set_acpi(tables.clone()))?;
        self.translated(&mut image, config, &memory, &tables)?;

        let info = &config.b_info;
        let vcpus = vcpus(info)?;
        let apic = info.apic == Some(true);
        hvm_info::patch(self.xen, self.domid, apic, vcpus, &info.avail_vcpus)?;
        let mut keys = Vec::new();
        for (name, (address, length)) in ["smbios", "acpi"].into_iter().zip(image.placed()) {
            if address != 0 {
                keys.push((format!("hvmloader/{name}/address"), format!("{address:#x}")));
                keys.push((format!("hvmloader/{name}/length"), format!("{length:#x}")));
            }
        }
        let built = self.finish(image)?;
        Ok(Built { keys, ..built })
    }

    fn pvh(&self, info: &DomainBuildInfo, pvh: &DomainBuildInfoPvh) -> Result<Built> {
        let shim = pvh.pvshim_path.as_deref().filter(|path| !path.is_empty());
        let shim_cmdline = shim.map(|_| shim_cmdline(pvh));
        let cmdline = shim_cmdline.as_deref().or(self.boot.cmdline.as_deref());
        let memory = layout::hvm_memory(info, acpi::INFO_ADDRESS);
        let mut image = self.image(Container::Hvm, cmdline, None, info)?;
        image.set_hvm_memory(&memory);
        match shim {
            Some(shim) => {
                step(&format!("cannot load {shim}"), image.kernel_file(shim))?;
                let kernel = self.boot.kernel.as_ref().ok_or_else(no_kernel)?;
                module(&mut image, kernel, self.boot.cmdline.as_deref())?;
            }
            None => self.kernel(&mut image)?,
        }
        self.ramdisk(&mut image)?;
        let mut numa = None;
        if !info.vnuma_nodes.is_empty() {
            let ranges = vnuma::hvm_ranges(&info.vnuma_nodes, info.video_memkb, &memory)?;
            numa = Some(self.vnuma(&mut image, info, ranges)?);
        }
        self.attach(&mut image)?;
        let tables = pvh_tables(&mut image, info, numa.as_ref())?;
        step("setting the ACPI tables", image.set_acpi(tables.clone()))?;
        let map = e820::translated(DomainType::Pvh, &memory, &[], &tables)?;
        self.memory(&mut image, info, &map)?;
        self.finish(image)
    }

    fn image(
        &self,
        container: Container,
        cmdline: Option<&str>,
        features: Option<&str>,
        info: &DomainBuildInfo,
    ) -> Result<Image<'_>> {
        let mut image = step(
            "making a domain image",
            Image::new(self.xen.xc()?, container, cmdline, features),
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
        let kernel = self.boot.kernel.as_ref().ok_or_else(no_kernel)?;
        log_line!(
            self.log,
            Level::Debug,
            self.domid,
            "kernel {}",
            kernel.path()
        );
        let loaded = match kernel {
            BootFile::Path(path) => image.kernel_file(path),
            BootFile::Bytes { bytes, .. } => image.kernel_bytes(bytes.to_vec()),
        };
        step(&format!("cannot load the kernel {}", kernel.path()), loaded)
    }

    fn ramdisk(&self, image: &mut Image<'_>) -> Result<()> {
        match &self.boot.ramdisk {
            Some(ramdisk) if !ramdisk.path().is_empty() => module(image, ramdisk, None),
            _ => Ok(()),
        }
    }

    fn vnuma(
        &self,
        image: &mut Image<'_>,
        info: &DomainBuildInfo,
        ranges: Vec<crate::xen::VNumaRange>,
    ) -> Result<VNuma> {
        let host_nodes = self.xen.numa_nodes()?.len();
        let numa = vnuma::assemble(info, ranges, host_nodes)?;
        self.xen.set_vnuma(self.domid, &numa)?;
        let raw = numa.ranges.iter().map(|range| range.raw()).collect();
        image.set_vnuma(raw, numa.vnode_to_pnode.clone());
        Ok(numa)
    }

    fn attach(&self, image: &mut Image<'_>) -> Result<()> {
        step("binding the image to the domain", image.attach(self.domid))?;
        step("the kernel cannot be booted", image.parse())
    }

    /// Memory map and memory of an HVM guest.
    fn translated(
        &self,
        image: &mut Image<'_>,
        config: &DomainConfig,
        memory: &HvmMemory,
        tables: &[Module],
    ) -> Result<()> {
        let map = e820::translated(DomainType::Hvm, memory, &config.rdms, tables)?;
        self.memory(image, &config.b_info, &map)
    }

    fn memory(
        &self,
        image: &mut Image<'_>,
        info: &DomainBuildInfo,
        map: &[E820Region],
    ) -> Result<()> {
        self.xen.set_memory_map(self.domid, map)?;
        image.set_e820(map.iter().map(E820Region::raw).collect());
        self.populate(image, info.max_memkb.saturating_sub(info.video_memkb))
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

fn pvh_tables(
    image: &mut Image<'_>,
    info: &DomainBuildInfo,
    numa: Option<&VNuma>,
) -> Result<Vec<Module>> {
    let config = acpi::Config {
        vcpus_online: (0..vcpus(info)? as usize)
            .map(|vcpu| info.avail_vcpus.test(vcpu))
            .collect(),
        numa: numa.map(|numa| acpi::Numa {
            vcpu_to_node: numa.vcpu_to_vnode.clone(),
            memory: numa
                .ranges
                .iter()
                .map(|range| (range.start, range.end, range.node))
                .collect(),
            distances: numa
                .distances
                .iter()
                .map(|&distance| u8::try_from(distance).unwrap_or(u8::MAX))
                .collect(),
        }),
    };
    let only_low = image.guest_os() == "linux" && !image.feature(RSDP_ANYWHERE);
    let tables = acpi::build(&config);
    let rsdp_address = tables.rsdp_address(only_low);
    Ok(vec![
        Module {
            bytes: tables.rsdp,
            address: rsdp_address,
        },
        Module {
            bytes: vec![0; 4096],
            address: acpi::INFO_ADDRESS,
        },
        Module {
            bytes: tables.tables,
            address: acpi::TABLES_ADDRESS,
        },
    ])
}

fn shim_cmdline(pvh: &DomainBuildInfoPvh) -> String {
    let parts = [&pvh.pvshim_cmdline, &pvh.pvshim_extra];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.join(" ")
}

fn module(image: &mut Image<'_>, file: &BootFile, cmdline: Option<&str>) -> Result<()> {
    let loaded = match file {
        BootFile::Path(path) => image.module_file(path, cmdline),
        BootFile::Bytes { bytes, .. } => image.module_bytes(bytes.to_vec(), cmdline),
    };
    step(&format!("cannot load {}", file.path()), loaded)
}

fn vcpus(info: &DomainBuildInfo) -> Result<u32> {
    u32::try_from(info.max_vcpus)
        .map_err(|_| Error::inval(format!("{} vCPUs make no sense", info.max_vcpus)))
}

fn no_kernel() -> Error {
    Error::inval("the guest has no kernel").hint("set kernel= or bootloader= in the configuration")
}

fn step<T>(doing: &str, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|error| {
        Error::io(doing, &error).hint("the lines above from xc tell the reason, if they are shown")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shims_command_line() {
        let mut pvh = DomainBuildInfoPvh {
            pvshim_cmdline: Some("pv-shim".to_owned()),
            ..Default::default()
        };
        assert_eq!(shim_cmdline(&pvh), "pv-shim");
        pvh.pvshim_extra = Some("debug".to_owned());
        assert_eq!(shim_cmdline(&pvh), "pv-shim debug");
    }
}
