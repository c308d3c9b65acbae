//! RAM of an HVM or PVH guest.

use std::ops::Range;

use crate::domain::build::layout::{FOUR_GIB, HvmMemory};
use crate::xen::{GuestMemory, PAGE_SIZE, Populated, Source, VNuma, Xen};
use crate::{Domid, Error, Result};

/// The first page of the VGA window; its pages are the device model's.
const VGA_START: u64 = 0xa0;

/// Gives the guest all its RAM, or on demand as much of it as it shall have now.
pub(super) fn populate(
    xen: &Xen,
    domid: Domid,
    memory: &GuestMemory<'_>,
    layout: &HvmMemory,
    numa: Option<&VNuma>,
    claim: bool,
) -> Result<Populated> {
    let on_demand = layout.ram_pages() > layout.target_pages;
    if on_demand && numa.is_some() {
        return Err(
            Error::inval("virtual NUMA nodes and memory on demand exclude each other")
                .domain(domid)
                .hint("set maxmem= to memory=, or leave out vnuma="),
        );
    }
    let ranges = ranges(layout, numa).map_err(|error| error.domain(domid))?;
    let target = layout.target_pages.saturating_sub(layout.vga_hole_pages);
    if claim {
        memory.claim(target)?;
    }
    let populated = give(xen, domid, memory, &ranges, on_demand.then_some(target));
    if claim {
        // What was claimed and not given must not stay away from others.
        memory.claim(0)?;
    }
    populated
}

fn give(
    xen: &Xen,
    domid: Domid,
    memory: &GuestMemory<'_>,
    ranges: &[(Range<u64>, Option<u32>)],
    target: Option<u64>,
) -> Result<Populated> {
    if let Some(pages) = target {
        // The cache that the guest is to take its pages from.
        xen.set_pod_target(domid, pages)?;
    }
    let mut all = Populated::default();
    for (frames, node) in ranges {
        let source = Source {
            on_demand: target.is_some(),
            node: *node,
        };
        let got = memory.populate_range(source, frames.clone())?;
        all.huge += got.huge;
        all.large += got.large;
        all.small += got.small;
    }
    Ok(all)
}

/// Frames of the guest's RAM and the machine's node that they shall come from.
fn ranges(layout: &HvmMemory, numa: Option<&VNuma>) -> Result<Vec<(Range<u64>, Option<u32>)>> {
    let frames = |start: u64, end: u64| start / PAGE_SIZE..end / PAGE_SIZE;
    let whole: Vec<(Range<u64>, Option<u32>)> = match numa {
        None => vec![
            (frames(0, layout.lowmem_end), None),
            (frames(FOUR_GIB, layout.highmem_end.max(FOUR_GIB)), None),
        ],
        Some(numa) => numa
            .ranges
            .iter()
            .map(|range| {
                let node = numa.vnode_to_pnode.get(range.node as usize).copied();
                (frames(range.start, range.end), node)
            })
            .collect(),
    };
    let pages: u64 = whole
        .iter()
        .map(|(frames, _)| frames.end - frames.start)
        .sum();
    if pages != layout.ram_pages() {
        return Err(Error::inval(format!(
            "the virtual nodes have {pages} pages, the guest has {}",
            layout.ram_pages()
        )));
    }
    Ok(without_window(whole, layout.vga_hole_pages))
}

fn without_window(
    ranges: Vec<(Range<u64>, Option<u32>)>,
    pages: u64,
) -> Vec<(Range<u64>, Option<u32>)> {
    let window = VGA_START..VGA_START + pages;
    ranges
        .into_iter()
        .flat_map(|(frames, node)| {
            let below = frames.start..frames.end.min(window.start);
            let above = frames.start.max(window.end)..frames.end;
            let parts = if pages == 0 {
                [frames, 0..0]
            } else {
                [below, above]
            };
            parts.map(|part| (part, node))
        })
        .filter(|(frames, _)| !frames.is_empty())
        .collect()
}

/// Guest frames below the hole for devices, given out from the bottom up.
#[derive(Debug)]
pub(super) struct Room {
    next: u64,
    end: u64,
}

impl Room {
    /// All frames below the hole.
    pub(super) fn new(layout: &HvmMemory) -> Self {
        Self {
            next: 0,
            end: layout.lowmem_end / PAGE_SIZE,
        }
    }

    /// Frames for the bytes `at`; all below them are taken as well.
    pub(super) fn at(&mut self, what: &str, at: Range<u64>) -> Result<Range<u64>> {
        let start = at.start / PAGE_SIZE;
        if start < self.next {
            return Err(Error::fail(format!(
                "{what} belongs at {:#x}, where something else is",
                at.start
            )));
        }
        self.next = start;
        self.take(what, at.end - start * PAGE_SIZE)
    }

    /// The next free frames, for that many bytes.
    pub(super) fn take(&mut self, what: &str, bytes: u64) -> Result<Range<u64>> {
        let pages = bytes.div_ceil(PAGE_SIZE);
        let start = self.next;
        if start > self.end || pages > self.end - start {
            return Err(Error::fail(format!(
                "{what} of {bytes} bytes does not fit the guest's memory from {:#x} to {:#x}",
                start * PAGE_SIZE,
                self.end * PAGE_SIZE
            ))
            .hint("give the guest more memory"));
        }
        self.next = start + pages;
        Ok(start..self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::VNumaRange;

    fn layout(low: u64, high: u64, vga: u64) -> HvmMemory {
        HvmMemory {
            lowmem_end: low,
            highmem_end: high,
            vga_hole_pages: vga,
            ..Default::default()
        }
    }

    #[test]
    fn the_vga_window_has_no_ram() {
        let found = ranges(&layout(4 << 20, 0, 0x20), None).unwrap();
        assert_eq!(found, [(0..0xa0, None), (0xc0..0x400, None)]);
        let found = ranges(&layout(4 << 20, 0, 0), None).unwrap();
        assert_eq!(found, [(0..0x400, None)]);
        let tiny = ranges(&layout(0x8000, 0, 0x20), None).unwrap();
        assert_eq!(tiny, [(0..8, None)]);
    }

    #[test]
    fn there_is_ram_on_both_sides_of_the_hole() {
        let memory = layout(0xf000_0000, FOUR_GIB + 0x3000, 0);
        let found = ranges(&memory, None).unwrap();
        assert_eq!(found, [(0..0xf_0000, None), (0x10_0000..0x10_0003, None)]);
    }

    #[test]
    fn nodes_get_memory_of_their_own() {
        let range = |start, end, node| VNumaRange { start, end, node };
        let mut numa = VNuma {
            ranges: vec![range(0, 2 << 20, 0), range(2 << 20, 4 << 20, 1)],
            vnode_to_pnode: vec![3, 0],
            ..VNuma::default()
        };
        let memory = layout(4 << 20, 0, 0x20);
        assert_eq!(
            ranges(&memory, Some(&numa)).unwrap(),
            [
                (0..0xa0, Some(3)),
                (0xc0..0x200, Some(3)),
                (0x200..0x400, Some(0)),
            ]
        );
        numa.ranges.pop();
        assert!(ranges(&memory, Some(&numa)).is_err());
    }

    #[test]
    fn room_is_taken_once() {
        let mut room = Room::new(&layout(1 << 20, 0, 0));
        assert_eq!(room.at("kernel", 0x2000..0x4100).unwrap(), 2..5);
        assert_eq!(room.take("ramdisk", 1).unwrap(), 5..6);
        assert_eq!(room.take("nothing", 0).unwrap(), 6..6);
        assert!(room.at("late", 0x5000..0x6000).is_err());
        assert!(room.take("large", 1 << 20).is_err());
        assert_eq!(room.take("rest", 250 << 12).unwrap(), 6..256);
        assert!(room.at("beyond", 2 << 20..3 << 20).is_err());
    }
}
