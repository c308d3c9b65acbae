//! Building a PV guest: memory, image, the pages that tell it what it has, page tables, its first vCPU.

mod layout;
mod memory;
mod start_info;
mod tables;

use super::image::Job;
use super::kernel::{self, Kernel, Limits, Machine, Placement};
use super::{BootFile, Built, Channels, grants};
use crate::log::{Level, Logger};
use crate::types::{DomainBuildInfo, DomainBuildInfoPv};
use crate::xen::{GuestMemory, PAGE_SIZE, Piece, PvStart, Xen};
use crate::{Domid, Error, Result, log_line};
use layout::{Area, Layout, Wanted};
use start_info::{Facts, INTERFACE, MAX_CMDLINE};

const MIB_IN_KIB: u64 = 1024;
const MIB_IN_PAGES: u64 = (1 << 20) / PAGE_SIZE;

/// Builds the guest; what the store has to know of it.
pub(super) fn build(
    job: &Job<'_>,
    info: &DomainBuildInfo,
    pv: &DomainBuildInfoPv,
) -> Result<Built> {
    let file = job.boot_kernel()?;
    let bytes = file.read()?;
    let about = |error: Error| error.context(format_args!("cannot load {}", file.path()));
    let kernel = kernel::load(&bytes, Limits::default()).map_err(about)?;
    let place = kernel.pv(pv.features.as_deref()).map_err(about)?;
    check_interface(
        &kernel,
        &job.xen.version()?.capabilities.unwrap_or_default(),
    )
    .map_err(about)?;
    let ramdisk = job.boot_ramdisk().map(BootFile::read).transpose()?;
    let ramdisk = ramdisk
        .as_ref()
        .map(|bytes| kernel::module(bytes, Limits::default()));

    let pages = info.target_memkb / MIB_IN_KIB * MIB_IN_PAGES;
    job.xen.set_address_size(job.domid, 64)?;
    let guest_memory = job.xen.guest_memory(job.domid);
    let claim = info.claim_mode == Some(true);
    let frames = memory::populate(&guest_memory, pages, claim)?;
    let layout = Layout::plan(&Wanted {
        place: &place,
        notes: &kernel.notes,
        pages,
        ramdisk: ramdisk.as_ref().map(|ramdisk| ramdisk.len() as u64),
    })?;
    let guest = Guest {
        xen: job.xen,
        domid: job.domid,
        memory: guest_memory,
        channels: job.channels,
        layout,
        frames,
    };
    guest.load(&kernel, ramdisk.as_deref().unwrap_or_default())?;
    let cmdline = cmdline(job.log, job.domid, job.boot.cmdline.as_deref());
    guest.start(&kernel, &place, cmdline)
}

/// The command line as far as the start info has room.
fn cmdline<'a>(log: &Logger, domid: Domid, cmdline: Option<&'a str>) -> &'a str {
    let cmdline = cmdline.unwrap_or_default();
    if cmdline.len() >= MAX_CMDLINE {
        let kept = MAX_CMDLINE - 1;
        log_line!(
            log,
            Level::Warn,
            domid,
            "the kernel's command line is cut to {kept} bytes"
        );
    }
    cmdline
}

/// Guests are 64-bit; Debian's hypervisor has no others.
fn check_interface(kernel: &Kernel<'_>, capabilities: &str) -> Result<()> {
    let offered = capabilities.split_whitespace().any(|one| one == INTERFACE);
    if kernel.machine == Machine::X86_64 && offered {
        return Ok(());
    }
    let what = format!("it is no {INTERFACE} kernel, or the hypervisor does not run such guests");
    Err(Error::fail(what).hint("xen_caps of xl info says which it runs"))
}

/// The machine frame of a guest's page.
fn frame_of(frames: &[u64], pfn: u64) -> Result<u64> {
    let frame = usize::try_from(pfn).ok().and_then(|pfn| frames.get(pfn));
    let frame = frame.copied();
    frame.ok_or_else(|| Error::fail(format!("the guest has no memory at its page {pfn:#x}")))
}

/// A guest with memory and a plan for it.
struct Guest<'a> {
    xen: &'a Xen,
    domid: Domid,
    memory: GuestMemory<'a>,
    channels: &'a Channels,
    layout: Layout,
    /// The machine frame of each of its pages.
    frames: Vec<u64>,
}

impl Guest<'_> {
    fn frame(&self, pfn: u64) -> Result<u64> {
        frame_of(&self.frames, pfn)
    }

    fn fill(&self, area: Area, pieces: &[Piece<'_>]) -> Result<()> {
        let pfns = area.pfn..area.pfn + area.pages;
        let frames: Vec<u64> = pfns.map(|pfn| self.frame(pfn)).collect::<Result<_>>()?;
        if frames.is_empty() {
            return Ok(());
        }
        self.memory.fill(&frames, pieces)
    }

    fn fill_page(&self, pfn: u64, bytes: &[u8]) -> Result<()> {
        let piece = Piece { offset: 0, bytes };
        self.fill(Area { pfn, pages: 1 }, &[piece])
    }

    /// Copies kernel, ramdisk, list of machine frames and page tables.
    fn load(&self, kernel: &Kernel<'_>, ramdisk: &[u8]) -> Result<()> {
        let start = kernel.extent().start;
        let segments = kernel.segments.iter().map(|segment| Piece {
            offset: segment.paddr - start,
            bytes: kernel.data(segment),
        });
        self.fill(self.layout.kernel, &segments.collect::<Vec<_>>())?;
        if let Some(place) = self.layout.ramdisk {
            let piece = Piece {
                offset: 0,
                bytes: ramdisk,
            };
            self.fill(place.area, &[piece])?;
        }
        self.fill_page(self.layout.store, &[])?;
        self.fill_page(self.layout.console, &[])?;

        let contents = self.layout.tables.contents(&self.frames)?;
        let contents: Vec<Vec<u8>> = contents.iter().map(|table| bytes_of(table)).collect();
        // The first mapping's tables have an area of their own; those of the list's own mapping follow the list.
        let (first, behind_list) = contents.split_at(1);
        let piece = |bytes| Piece { offset: 0, bytes };
        for tables in first {
            self.fill(self.layout.page_tables, &[piece(tables)])?;
        }
        // All ones stand for a hole.
        let list = bytes_of(&self.frames);
        let mut pieces = vec![piece(&list)];
        pieces.extend(behind_list.iter().map(|tables| Piece {
            offset: (list.len() as u64).next_multiple_of(PAGE_SIZE),
            bytes: tables,
        }));
        self.fill(self.layout.frame_list.area, &pieces)
    }

    /// Tells the guest what it has, and the hypervisor how it starts.
    fn start(&self, kernel: &Kernel<'_>, place: &Placement, cmdline: &str) -> Result<Built> {
        let (xen, domid, layout) = (self.xen, self.domid, &self.layout);
        let shared_frame = xen.domain_info_required(domid)?.shared_info_frame;
        let built = Built {
            store_frame: self.frame(layout.store)?,
            console_frame: self.frame(layout.console)?,
            keys: Vec::new(),
        };
        let facts = Facts {
            pages: self.frames.len() as u64,
            shared_frame,
            store_frame: built.store_frame,
            console_frame: built.console_frame,
            channels: self.channels,
            cmdline,
        };
        self.fill_page(layout.start_info, &start_info::start_info(layout, &facts))?;
        if let Some(address) = kernel.notes.hypercall_page {
            let pfn = address.wrapping_sub(place.virt_base) / PAGE_SIZE;
            xen.set_hypercall_page(domid, self.frame(pfn)?)?;
        }
        let top_table = self.frame(layout.page_tables.pfn)?;
        xen.pin_page_tables(domid, top_table)?;
        let shared = start_info::shared_info();
        let piece = Piece {
            offset: 0,
            bytes: &shared,
        };
        self.memory.fill(&[shared_frame], &[piece])?;
        let start = PvStart {
            entry: place.entry,
            stack: layout.vaddr(layout.boot_stack + 1),
            start_info: layout.vaddr(layout.start_info),
            top_table,
        };
        xen.start_pv_vcpu(domid, &start)?;
        grants::seed(
            &self.memory,
            domid,
            self.channels,
            built.store_frame,
            built.console_frame,
        )?;
        Ok(built)
    }
}

fn bytes_of(numbers: &[u64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// For fuzzing: the plan of guests of several sizes, with all page tables.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzzing_plan(kernel: &Kernel<'_>) {
    let Ok(place) = kernel.pv(None) else {
        return;
    };
    for pages in [0, 1, 0x401, 0x4000] {
        let layout = Layout::plan(&Wanted {
            place: &place,
            notes: &kernel.notes,
            pages,
            ramdisk: Some(5000),
        });
        if let Ok(layout) = layout {
            let frames: Vec<u64> = (0..pages).map(|page| page + 7).collect();
            let tables = layout.tables.contents(&frames).expect("all is inside");
            assert!(layout.page_tables.pages * PAGE_SIZE == tables[0].len() as u64 * 8);
            assert!(layout.boot_stack < pages);
        }
    }
}
