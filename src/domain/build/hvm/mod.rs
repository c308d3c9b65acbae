//! HVM and PVH guests: RAM, image, special pages and the first vCPU, in the order in which they are made.
//!
//! What a guest finds is what libxenguest's builder of Xen 4.17 leaves, down to the addresses.

mod image;
mod memory;
mod smbios;
mod special;
mod start_info;
mod vcpu;

use super::image::{Job, vcpus};
use super::kernel::{self, Kernel, Limits};
use super::layout::{self, HvmMemory};
use super::{BootFile, Built, acpi, e820, firmware, grants, hvm_info, rdm, vnuma};
use crate::log::Level;
use crate::types::{
    DomainBuildInfo, DomainBuildInfoHvm, DomainBuildInfoPvh, DomainConfig, DomainType,
};
use crate::xen::{E820Region, GuestMemory, HvmParam, VNuma};
use crate::{Result, log_line};
use image::{Loader, kernel_place};
use memory::Room;
use start_info::StartInfo;

/// The C library's.
const LIMITS: Limits = Limits { unpacked: 1 << 30 };
/// `XENFEAT_linux_rsdp_unrestricted` of features.h: this Linux takes the ACPI tables from its start info.
const RSDP_ANYWHERE: u32 = 15;

/// Builds an HVM guest: hvmloader, and what it starts.
pub(super) fn hvm(
    job: &Job<'_>,
    config: &mut DomainConfig,
    hvm: &DomainBuildInfoHvm,
) -> Result<Built> {
    let mut memory = layout::hvm_memory(&config.b_info, acpi::INFO_ADDRESS);
    rdm::reserve(job.log, job.xen, job.domid, config, &mut memory)?;
    let info = &config.b_info;
    let files = firmware::load(job.log, job.domid, info, hvm)?;
    let kernel = load(&files.loader_path, &files.loader)?;
    let place = kernel_place(&kernel).map_err(|error| error.context(&files.loader_path))?;
    let numa = numa(job, info, &memory)?;
    let map = e820::translated(DomainType::Hvm, &memory, &config.rdms, &[])?;

    let guest = Guest::new(job, info, &memory, numa.as_ref());
    guest.populate(&map)?;
    let mut loader = Loader::new(guest.memory, Room::new(&memory));
    loader.kernel(&kernel, &place)?;
    let mut start_info = StartInfo {
        map: &map,
        ..StartInfo::default()
    };
    if let Some(bios) = &files.bios {
        let bios = loader.module("the BIOS", bios, Some("firmware"))?;
        start_info.modules.push(bios);
    }
    let mut keys = smbios::strings(&hvm.smbios)?;
    for (name, bytes) in [("acpi", &files.acpi), ("smbios", &files.smbios)] {
        if let Some(bytes) = bytes {
            let placed = loader.module(name, bytes, None)?;
            keys.push((
                format!("hvmloader/{name}/address"),
                format!("{:#x}", placed.address),
            ));
            keys.push((
                format!("hvmloader/{name}/length"),
                format!("{:#x}", placed.length),
            ));
        }
    }
    special::create(job.xen, job.domid, &guest.memory, true)?;
    let at = loader.start_info(&start_info)?;
    loader.write_start_info(&start_info, at)?;
    let table = hvm_info::Info {
        apic: info.apic == Some(true),
        max_vcpus: vcpus(info)?,
        online: &info.avail_vcpus,
        reserved_start: special::SERVERS,
    };
    hvm_info::write(&guest.memory, job.domid, &memory, &table)?;
    let built = guest.start(place.entry, at, 0)?;
    Ok(Built { keys, ..built })
}

/// Builds a PVH guest: its own kernel, or the shim with the guest's kernel as a module.
pub(super) fn pvh(
    job: &Job<'_>,
    info: &DomainBuildInfo,
    pvh: &DomainBuildInfoPvh,
) -> Result<Built> {
    let shim = pvh.pvshim_path.as_deref().filter(|path| !path.is_empty());
    let boot_kernel = job.boot_kernel()?;
    let boot_bytes = boot_kernel.read()?;
    let boot_cmdline = job.boot.cmdline.as_deref();
    let shim_file = shim.map(|path| BootFile::Path(path.to_owned()));
    let shim_bytes = shim_file.as_ref().map(BootFile::read).transpose()?;
    let path = shim.unwrap_or(boot_kernel.path());
    let kernel = load(path, shim_bytes.as_ref().unwrap_or(&boot_bytes))?;
    let place = kernel_place(&kernel).map_err(|error| error.context(path))?;
    let ramdisk = job.boot_ramdisk().map(BootFile::read).transpose()?;
    let mut modules = Vec::new();
    if shim.is_some() {
        modules.push((kernel::module(&boot_bytes, LIMITS), boot_cmdline));
    }
    if let Some(bytes) = &ramdisk {
        modules.push((kernel::module(bytes, LIMITS), None));
    }

    let memory = layout::hvm_memory(info, acpi::INFO_ADDRESS);
    let numa = numa(job, info, &memory)?;
    let only_low = kernel.notes.guest_os == "linux" && !kernel.notes.supports(RSDP_ANYWHERE);
    let tables = tables(info, numa.as_ref(), only_low)?;
    let map = e820::translated(DomainType::Pvh, &memory, &[], &tables)?;

    let guest = Guest::new(job, info, &memory, numa.as_ref());
    guest.populate(&map)?;
    let mut loader = Loader::new(guest.memory, Room::new(&memory));
    loader.kernel(&kernel, &place)?;
    let shim_cmdline = shim.map(|_| shim_cmdline(pvh));
    let mut start_info = StartInfo {
        cmdline: shim_cmdline.as_deref().or(boot_cmdline),
        rsdp: tables.first().map_or(0, |rsdp| rsdp.address),
        modules: Vec::new(),
        map: &map,
    };
    // A kernel that can find its ramdisk anywhere has the start info in front of it.
    let early = !kernel.notes.unmapped_ramdisk;
    if early {
        start_info.modules = loader.modules(&modules)?;
    }
    loader.tables(&tables, &memory)?;
    special::create(job.xen, job.domid, &guest.memory, false)?;
    let at = loader.start_info(&start_info)?;
    if !early {
        start_info.modules = loader.modules(&modules)?;
    }
    loader.write_start_info(&start_info, at)?;
    guest.start(place.entry, at, vcpus(info)?)
}

/// What both types have in common.
struct Guest<'a> {
    job: &'a Job<'a>,
    info: &'a DomainBuildInfo,
    layout: &'a HvmMemory,
    numa: Option<&'a VNuma>,
    memory: GuestMemory<'a>,
}

impl<'a> Guest<'a> {
    fn new(
        job: &'a Job<'a>,
        info: &'a DomainBuildInfo,
        layout: &'a HvmMemory,
        numa: Option<&'a VNuma>,
    ) -> Self {
        Self {
            job,
            info,
            layout,
            numa,
            memory: job.xen.guest_memory(job.domid),
        }
    }

    /// Memory map and RAM.
    fn populate(&self, map: &[E820Region]) -> Result<()> {
        let (log, xen, domid) = (self.job.log, self.job.xen, self.job.domid);
        xen.set_memory_map(domid, map)?;
        let claim = self.info.claim_mode == Some(true);
        let got = memory::populate(xen, domid, &self.memory, self.layout, self.numa, claim)?;
        log_line!(
            log,
            Level::Debug,
            domid,
            "memory in {} extents of 1 GiB, {} of 2 MiB, {} of 4 KiB",
            got.huge,
            got.large,
            got.small
        );
        Ok(())
    }

    /// Event channels, the first vCPU, and the grants of the rings.
    fn start(&self, entry: u64, start_info: u64, cached_vcpus: u32) -> Result<Built> {
        let (xen, domid, channels) = (self.job.xen, self.job.domid, self.job.channels);
        xen.hvm_param_set(domid, HvmParam::ConsoleEvtchn, channels.console_port.into())?;
        xen.hvm_param_set(domid, HvmParam::StoreEvtchn, channels.store_port.into())?;
        let start = vcpu::Start {
            entry,
            start_info,
            cached_vcpus,
        };
        vcpu::set(xen, domid, &start)?;
        let (store_frame, console_frame) = (special::STORE, special::CONSOLE);
        grants::seed(&self.memory, domid, channels, store_frame, console_frame)?;
        Ok(Built {
            store_frame,
            console_frame,
            keys: Vec::new(),
        })
    }
}

fn load<'a>(path: &str, bytes: &'a [u8]) -> Result<Kernel<'a>> {
    kernel::load(bytes, LIMITS).map_err(|error| error.context(path))
}

fn numa(job: &Job<'_>, info: &DomainBuildInfo, memory: &HvmMemory) -> Result<Option<VNuma>> {
    if info.vnuma_nodes.is_empty() {
        return Ok(None);
    }
    let ranges = vnuma::hvm_ranges(&info.vnuma_nodes, info.video_memkb, memory)?;
    job.numa(info, ranges).map(Some)
}

/// A PVH guest's ACPI tables; the root pointer is the first.
fn tables(
    info: &DomainBuildInfo,
    numa: Option<&VNuma>,
    only_low: bool,
) -> Result<Vec<acpi::Module>> {
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
    let tables = acpi::build(&config);
    let rsdp_address = tables.rsdp_address(only_low);
    Ok(vec![
        acpi::Module {
            bytes: tables.rsdp,
            address: rsdp_address,
        },
        acpi::Module {
            bytes: vec![0; 4096],
            address: acpi::INFO_ADDRESS,
        },
        acpi::Module {
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
