//! Which page of a PV guest holds what when it starts. The order is the interface's (xen.h, "start of day"): kernel,
//! ramdisk, list of machine frames, start info, store ring, console ring, page tables, boot stack, at least 512 KiB of
//! free memory, all mapped up to the next 4 MiB. Behind that lie a ramdisk and a list that the kernel's notes allow there.

use super::tables::{Mapping, Tables};
use crate::domain::build::kernel::{Notes, Placement};
use crate::xen::PAGE_SIZE;
use crate::{Error, Result};

/// Mapped and free behind the boot stack.
const SPARE_PAGES: u64 = (512 << 10) / PAGE_SIZE;
/// Bytes of an entry of the list of machine frames.
const FRAME_BYTES: u64 = 8;
/// The first mapping ends at a multiple of this.
const MAPPING_ALIGN: u64 = 4 << 20;

/// Pages one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) pfn: u64,
    pub(super) pages: u64,
}

/// A ramdisk, and how the guest learns where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ramdisk {
    pub(super) area: Area,
    /// A virtual address, or a page number where it is not mapped.
    pub(super) start: u64,
    /// Whole pages where it is not mapped.
    pub(super) length: u64,
    pub(super) mapped: bool,
}

/// The list of machine frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameList {
    /// The list, and behind it the page tables of its own mapping.
    pub(super) area: Area,
    pub(super) vaddr: u64,
    /// Whether it has a mapping of its own.
    pub(super) apart: bool,
}

/// The whole plan.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) virt_base: u64,
    pub(super) kernel: Area,
    pub(super) ramdisk: Option<Ramdisk>,
    pub(super) frame_list: FrameList,
    pub(super) start_info: u64,
    pub(super) store: u64,
    pub(super) console: u64,
    /// The page tables of the first mapping, the top one first.
    pub(super) page_tables: Area,
    pub(super) boot_stack: u64,
    pub(super) tables: Tables,
}

/// What a layout is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) place: &'a Placement,
    pub(super) notes: &'a Notes,
    /// Pages of memory.
    pub(super) pages: u64,
    /// Bytes of the ramdisk.
    pub(super) ramdisk: Option<u64>,
}

impl Layout {
    /// Lays everything out, or says what does not fit.
    pub(super) fn plan(wanted: &Wanted<'_>) -> Result<Self> {
        let Wanted { place, notes, .. } = *wanted;
        let mut cursor = Cursor {
            next: 0,
            pages: wanted.pages,
            virt_base: place.virt_base,
        };
        let mut tables = Tables::default();

        cursor.skip_to((place.start - place.virt_base) / PAGE_SIZE, "padding")?;
        let kernel = cursor.take(pages_of(place.end - place.start), "the kernel")?;
        let ramdisk_pages = wanted.ramdisk.map(|length| (length, pages_of(length)));
        let mut ramdisk = None;
        if let Some((length, pages)) = ramdisk_pages.filter(|_| !notes.unmapped_ramdisk) {
            let start = cursor.vaddr();
            ramdisk = Some(Ramdisk {
                area: cursor.take(pages, "the ramdisk")?,
                start,
                length,
                mapped: true,
            });
        }
        let list_pages = pages_of(wanted.pages * FRAME_BYTES);
        let list_base = list_base(wanted);
        let mut frame_list = None;
        if list_base.is_none() {
            frame_list = Some(FrameList {
                vaddr: cursor.vaddr(),
                area: cursor.take(list_pages, "the list of machine frames")?,
                apart: false,
            });
        }
        let start_info = cursor.take(1, "the start info")?.pfn;
        let store = cursor.take(1, "the store ring")?.pfn;
        let console = cursor.take(1, "the console ring")?.pfn;

        let mapping = cursor.first_mapping(&tables, wanted)?;
        let page_tables = cursor.take(tables.missing(&mapping).len() as u64, "page tables")?;
        tables.add(mapping, page_tables.pfn);
        let boot_stack = cursor.take(1, "the boot stack")?.pfn;
        cursor.skip_to(mapping.pages(), "the first mapping")?;

        if let Some((_, pages)) = ramdisk_pages.filter(|_| notes.unmapped_ramdisk) {
            let area = cursor.take(pages, "the ramdisk")?;
            ramdisk = Some(Ramdisk {
                area,
                start: area.pfn,
                length: pages * PAGE_SIZE,
                mapped: false,
            });
        }
        if let Some(vaddr) = list_base {
            let mapping = Mapping::new(vaddr, list_pages, cursor.next)?;
            if tables.overlaps(&mapping) {
                return Err(Error::fail(
                    "the kernel wants the list of machine frames inside its first mapping",
                ));
            }
            let own_tables = tables.missing(&mapping).len() as u64;
            let area = cursor.take(list_pages + own_tables, "the list of machine frames")?;
            tables.add(mapping, area.pfn + list_pages);
            frame_list = Some(FrameList {
                area,
                vaddr,
                apart: true,
            });
        }
        Ok(Self {
            virt_base: place.virt_base,
            kernel,
            ramdisk,
            frame_list: frame_list.ok_or_else(|| Error::fail("no list of machine frames"))?,
            start_info,
            store,
            console,
            page_tables,
            boot_stack,
            tables,
        })
    }

    /// The virtual address of a page of the first mapping.
    pub(super) fn vaddr(&self, pfn: u64) -> u64 {
        self.virt_base.wrapping_add(pfn * PAGE_SIZE)
    }
}

/// Where the list of machine frames goes by the kernel's wish, if that can be fulfilled: below the kernel.
fn list_base(wanted: &Wanted<'_>) -> Option<u64> {
    wanted
        .notes
        .init_p2m
        .filter(|base| *base < wanted.place.virt_base && base % PAGE_SIZE == 0)
}

fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

/// Hands out pages from the bottom up; page n has the virtual address of the base plus n pages.
#[derive(Debug)]
struct Cursor {
    next: u64,
    pages: u64,
    virt_base: u64,
}

impl Cursor {
    fn vaddr(&self) -> u64 {
        self.virt_base.wrapping_add(self.next * PAGE_SIZE)
    }

    fn take(&mut self, pages: u64, what: &str) -> Result<Area> {
        let area = Area {
            pfn: self.next,
            pages,
        };
        if pages > self.pages.saturating_sub(self.next) {
            return Err(Error::fail(format!(
                "{what} needs {pages} pages, and of the guest's {} only {} are left",
                self.pages,
                self.pages.saturating_sub(self.next)
            ))
            .hint("raise memory= in the configuration"));
        }
        self.next += pages;
        Ok(area)
    }

    fn skip_to(&mut self, pfn: u64, what: &str) -> Result<()> {
        let behind = || Error::fail(format!("{what} would begin before what is there already"));
        let pages = pfn.checked_sub(self.next).ok_or_else(behind)?;
        self.take(pages, what).map(drop)
    }

    /// The smallest mapping that covers what was handed out, its own tables, the boot stack and the spare pages. Tables
    /// may make it larger, and that needs more tables.
    fn first_mapping(&self, tables: &Tables, wanted: &Wanted<'_>) -> Result<Mapping> {
        let extra = SPARE_PAGES + 1;
        let mut behind = extra;
        loop {
            let needed = (self.next + behind) * PAGE_SIZE;
            let end = self
                .virt_base
                .checked_add(needed)
                .map(|end| end | (MAPPING_ALIGN - 1));
            let last = end.ok_or_else(|| {
                Error::fail("kernel and ramdisk do not fit into the kernel's address space")
            })?;
            let pages = (last - self.virt_base) / PAGE_SIZE + 1;
            if pages > wanted.pages {
                return Err(Error::fail(format!(
                    "the first mapping needs {pages} pages, and the guest has {}",
                    wanted.pages
                ))
                .hint("raise memory= in the configuration"));
            }
            let mapping = Mapping::new(self.virt_base, pages, 0)?;
            let with_tables = tables.missing(&mapping).len() as u64 + extra;
            if self.next + with_tables <= pages {
                return Ok(mapping);
            }
            behind = with_tables;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX_BASE: u64 = 0xffff_ffff_8000_0000;
    const LINUX_LIST: u64 = 0x80_0000_0000;

    fn place(start: u64, end: u64) -> Placement {
        Placement {
            virt_base: LINUX_BASE,
            virt_offset: LINUX_BASE,
            start: LINUX_BASE + start,
            end: LINUX_BASE + end,
            entry: LINUX_BASE + start,
        }
    }

    fn plan(notes: &Notes, pages: u64, ramdisk: Option<u64>) -> Result<Layout> {
        Layout::plan(&Wanted {
            place: &place(16 << 20, (44 << 20) + 1),
            notes,
            pages,
            ramdisk,
        })
    }

    #[test]
    fn an_old_kernel_has_all_in_one_mapping() {
        let layout = plan(&Notes::default(), 0xa000, Some(5 * 4096 + 1)).unwrap();
        let area = |pfn, pages| Area { pfn, pages };
        assert_eq!(layout.kernel, area(0x1000, 0x1c01));
        let ramdisk = layout.ramdisk.unwrap();
        assert_eq!(ramdisk.area, area(0x2c01, 6));
        assert_eq!(ramdisk.start, LINUX_BASE + 0x2c0_1000);
        assert_eq!((ramdisk.length, ramdisk.mapped), (5 * 4096 + 1, true));
        assert_eq!(layout.frame_list.area, area(0x2c07, 0x50));
        assert_eq!(layout.frame_list.vaddr, LINUX_BASE + 0x2c0_7000);
        assert_eq!(
            (layout.start_info, layout.store, layout.console),
            (0x2c57, 0x2c58, 0x2c59)
        );
        // 0x3000 pages: 24 first-level tables, and one of each higher level.
        assert_eq!(layout.page_tables, area(0x2c5a, 27));
        assert_eq!(layout.boot_stack, 0x2c75);
    }

    #[test]
    fn linux_has_list_and_ramdisk_behind_the_first_mapping() {
        let notes = Notes {
            unmapped_ramdisk: true,
            init_p2m: Some(LINUX_LIST),
            ..Notes::default()
        };
        let layout = plan(&notes, 0xa000, Some(5 * 4096 + 1)).unwrap();
        assert_eq!(layout.start_info, 0x2c01);
        assert_eq!(layout.page_tables.pfn, 0x2c04);
        let ramdisk = layout.ramdisk.unwrap();
        assert_eq!((ramdisk.start, ramdisk.length), (0x3000, 6 * 4096));
        assert!(!ramdisk.mapped);
        // 0x50 pages, and a table of each level below the common top one.
        assert_eq!(
            layout.frame_list,
            FrameList {
                area: Area {
                    pfn: 0x3006,
                    pages: 0x53,
                },
                vaddr: LINUX_LIST,
                apart: true,
            }
        );
    }

    #[test]
    fn a_list_above_the_kernel_is_not_heeded() {
        let notes = Notes {
            init_p2m: Some(LINUX_BASE + (1 << 30)),
            ..Notes::default()
        };
        assert!(!plan(&notes, 0xa000, None).unwrap().frame_list.apart);
    }

    #[test]
    fn the_mapping_grows_with_its_tables() {
        // Everything up to here just fits into 4 MiB without tables.
        for pages in 0x300..0x400 {
            let place = Placement {
                end: LINUX_BASE + pages * PAGE_SIZE,
                ..place(0, 1)
            };
            let layout = Layout::plan(&Wanted {
                place: &place,
                notes: &Notes::default(),
                pages: 0x1000,
                ramdisk: None,
            })
            .unwrap();
            let mapped = if layout.boot_stack + 1 + SPARE_PAGES <= 0x400 {
                0x400
            } else {
                0x800
            };
            // Each first-level table maps 512 pages.
            assert_eq!(layout.page_tables.pages, 3 + mapped / 512);
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let no_list = Notes::default();
        let error = |pages, ramdisk| plan(&no_list, pages, ramdisk).unwrap_err().to_string();
        assert!(error(0x1000, None).contains("the kernel needs"));
        assert!(error(0x2c00, None).contains("the kernel needs"));
        assert!(error(0x2fff, None).contains("the first mapping needs 12288 pages"));
        assert!(plan(&no_list, 0x3000, None).is_ok());
        assert!(error(0xa000, Some(1 << 30)).contains("the ramdisk needs"));
        assert!(error(1 << 20, Some(3 << 30)).contains("address space"));
    }
}
