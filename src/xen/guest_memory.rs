//! Memory of a domain that is being built: giving it pages, and copying into them.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::{PAGE_SIZE, Xen};
use crate::sys::xc::ForeignMemory;
use crate::sys::xc::consts::{
    XENMEMF_exact_node_request as EXACT_NODE, XENMEMF_populate_on_demand as POPULATE_ON_DEMAND,
};
use crate::{Domid, Error, Result};

/// Pages mapped at a time: 16 MiB. Linux holds the lock of this process's address space while it maps and unmaps them.
const WINDOW: usize = 4096;
/// Extents given at a time; their frames fill a page.
const BATCH: usize = 512;
/// Orders of the extents that page tables know: 1 GiB, 2 MiB, 4 KiB.
const ORDERS: [u32; 3] = [18, 9, 0];

/// Where pages come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Nothing yet: the guest's first access takes the page from the domain's cache.
    pub on_demand: bool,
    /// Only this node of the machine.
    pub node: Option<u32>,
}

impl Source {
    fn flags(self) -> u32 {
        let on_demand = if self.on_demand {
            POPULATE_ON_DEMAND
        } else {
            0
        };
        // The field counts nodes from 1 in eight bits.
        let node = self
            .node
            .map_or(0, |node| EXACT_NODE | ((node + 1) & 0xff) << 8);
        on_demand | node
    }
}

/// Bytes for an area, at an offset from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Where they go.
    pub offset: u64,
    /// What they are.
    pub bytes: &'a [u8],
}

/// How many pages one hypercall gives. Linux runs nothing else on the processor meanwhile, the other threads of this
/// process neither, so that a hypercall shall take about 10 ms on every machine.
#[derive(Debug)]
pub struct Pace {
    pages: usize,
}

impl Default for Pace {
    /// 16 MiB to begin with.
    fn default() -> Pace {
        Pace { pages: 4096 }
    }
}

impl Pace {
    const LEAST: usize = 512;
    const MOST: usize = 16384;
    const SHORT: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_millis(20);

    /// Extents of 2^`order` pages that come next, one at least.
    pub fn extents(&self, order: u32) -> usize {
        (self.pages >> order).clamp(1, BATCH)
    }

    /// Takes into account how long the hypercall took that gave these extents.
    fn took(&mut self, order: u32, extents: usize, time: Duration) {
        if time > Pace::LONG {
            self.pages = (self.pages / 2).max(Pace::LEAST);
        } else if time < Pace::SHORT && extents == self.extents(order) {
            self.pages = (self.pages * 2).min(Pace::MOST);
        }
    }
}

/// How many extents of which order a guest got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Populated {
    /// Of 1 GiB.
    pub huge: u64,
    /// Of 2 MiB.
    pub large: u64,
    /// Of 4 KiB.
    pub small: u64,
}

/// The memory of one domain.
#[derive(Clone, Copy, Debug)]
pub struct GuestMemory<'a> {
    xen: &'a Xen,
    domid: Domid,
}

impl Xen {
    /// The memory of a domain that does not run yet.
    pub fn guest_memory(&self, domid: Domid) -> GuestMemory<'_> {
        GuestMemory { xen: self, domid }
    }
}

impl<'a> GuestMemory<'a> {
    /// Sets free pages aside, so that a lack of memory shows before any is given; 0 gives them up.
    pub fn claim(&self, pages: u64) -> Result<()> {
        self.xen.domctl(self.domid, "claiming memory", |xc| {
            xc.domain_claim_pages(self.domid, pages)
        })
    }

    /// Gives the domain extents of 2^`order` pages, one at each of `frames`, which for a PV domain become the
    /// machine's. How many it got; the first one after those cannot be had.
    pub fn populate(
        &self,
        order: u32,
        source: Source,
        frames: &mut [u64],
        pace: &mut Pace,
    ) -> Result<usize> {
        let (asked, start) = (frames.len(), Instant::now());
        let done = self.xen.domctl(self.domid, "populating memory", |xc| {
            xc.domain_populate_physmap(self.domid, order, source.flags(), frames)
        })?;
        pace.took(order, asked, start.elapsed());
        Ok(done)
    }

    /// Gives the domain single pages, one at each of `frames`; all of them or an error.
    pub fn populate_pages(&self, source: Source, frames: &mut [u64]) -> Result<()> {
        let wanted = frames.len();
        let (mut rest, mut pace) = (frames, Pace::default());
        while !rest.is_empty() {
            let (batch, after) = rest.split_at_mut(pace.extents(0).min(rest.len()));
            if self.populate(0, source, batch, &mut pace)? < batch.len() {
                return Err(self.no_memory(wanted as u64));
            }
            rest = after;
        }
        Ok(())
    }

    /// Gives a translated domain the guest frames `frames`, in the largest extents that fit and can be had.
    pub fn populate_range(&self, source: Source, frames: Range<u64>) -> Result<Populated> {
        let (mut populated, mut pace) = (Populated::default(), Pace::default());
        for (order, frames) in extents(frames, &ORDERS) {
            self.populate_extents(order, source, frames, &mut populated, &mut pace)?;
        }
        Ok(populated)
    }

    /// `frames` is whole and aligned in extents of `order`. One that cannot be had is given in smaller ones.
    fn populate_extents(
        &self,
        order: u32,
        source: Source,
        frames: Range<u64>,
        populated: &mut Populated,
        pace: &mut Pace,
    ) -> Result<()> {
        let mut next = frames.start;
        while next < frames.end {
            let count = ((frames.end - next) >> order).min(pace.extents(order) as u64);
            let mut batch: Vec<u64> = (0..count).map(|extent| next + (extent << order)).collect();
            let done = self.populate(order, source, &mut batch, pace)? as u64;
            next += done << order;
            match order {
                0 => populated.small += done,
                9 => populated.large += done,
                _ => populated.huge += done,
            }
            if done == count {
                continue;
            }
            let smaller = ORDERS.into_iter().find(|&smaller| smaller < order);
            let smaller = smaller.ok_or_else(|| self.no_memory(frames.end - next))?;
            let end = next + (1 << order);
            self.populate_extents(smaller, source, next..end, populated, pace)?;
            next = end;
        }
        Ok(())
    }

    fn no_memory(&self, pages: u64) -> Error {
        Error::fail(format!(
            "the hypervisor does not give the domain {pages} more pages"
        ))
        .domain(self.domid)
        .hint("is enough memory free? see xl info")
    }

    /// Maps pages one after the other: guest frames, for PV machine frames. All of them or an error.
    pub fn map(&self, frames: &[u64]) -> Result<ForeignMemory<'a>> {
        self.xen
            .xc_about(self.domid)?
            .map_frames(self.domid, frames)
            .map_err(|error| {
                let first = frames.first().copied().unwrap_or(0);
                let what = format!(
                    "mapping {} pages of the guest from {first:#x}",
                    frames.len()
                );
                Error::io(what, &error).domain(self.domid)
            })
    }

    /// Fills an area of the guest with `pieces` and zeros around them. `frames` are its pages as [`GuestMemory::map`]
    /// takes them; the pieces come in order, do not overlap and lie inside.
    pub fn fill(&self, frames: &[u64], pieces: &[Piece<'_>]) -> Result<()> {
        check(frames.len() as u64 * PAGE_SIZE, pieces).map_err(|error| error.domain(self.domid))?;
        let mut start = 0;
        for window in frames.chunks(WINDOW) {
            let mut memory = self.map(window)?;
            let end = start + window.len() as u64 * PAGE_SIZE;
            for part in parts(start..end, pieces) {
                match part {
                    Part::Bytes(offset, bytes) => memory.write(offset, bytes),
                    Part::Zeros(offset, length) => memory.zero(offset, length),
                }
            }
            start = end;
        }
        Ok(())
    }

    /// As [`GuestMemory::fill`] for a translated domain's pages from `first` on.
    pub fn fill_range(&self, frames: Range<u64>, pieces: &[Piece<'_>]) -> Result<()> {
        let frames: Vec<u64> = frames.collect();
        self.fill(&frames, pieces)
    }

    /// Maps the first page of the domain's grant table.
    pub fn map_grant_table(&self) -> Result<ForeignMemory<'a>> {
        let mapped = self.xen.xc_about(self.domid)?.map_grant_table(self.domid);
        mapped.map_err(|error| {
            Error::io("mapping the guest's grant table", &error)
                .domain(self.domid)
                .hint("dom0's Linux must be 4.18 or newer")
        })
    }
}

/// Cuts `frames` into ranges of whole, aligned extents, the largest order first that fits.
fn extents(frames: Range<u64>, orders: &[u32]) -> Vec<(u32, Range<u64>)> {
    let Some((&order, smaller)) = orders.split_first() else {
        return Vec::new();
    };
    if frames.is_empty() {
        return Vec::new();
    }
    let size = 1 << order;
    let start = frames.start.next_multiple_of(size);
    let end = frames.end - frames.end % size;
    if start >= end {
        return extents(frames, smaller);
    }
    let mut all = extents(frames.start..start, smaller);
    all.push((order, start..end));
    all.extend(extents(end..frames.end, smaller));
    all
}

fn check(length: u64, pieces: &[Piece<'_>]) -> Result<()> {
    let mut free = 0;
    for piece in pieces {
        let end = piece.offset.checked_add(piece.bytes.len() as u64);
        match end {
            Some(end) if piece.offset >= free && end <= length => free = end,
            _ => {
                return Err(Error::inval(format!(
                    "{} bytes at {:#x} overlap others or leave their area of {length:#x} bytes",
                    piece.bytes.len(),
                    piece.offset
                )));
            }
        }
    }
    Ok(())
}

/// What goes into a window, at an offset from the window's beginning.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Bytes(usize, &'a [u8]),
    Zeros(usize, usize),
}

/// The parts of the window `window` of an area that is filled with `pieces`; together they cover it once.
fn parts<'a>(window: Range<u64>, pieces: &[Piece<'a>]) -> Vec<Part<'a>> {
    // A window is far smaller than what an usize counts.
    let inside = |at: u64| usize::try_from(at - window.start).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    let mut next = window.start;
    for piece in pieces {
        let end = piece.offset + piece.bytes.len() as u64;
        let (from, to) = (piece.offset.max(window.start), end.min(window.end));
        if from >= to {
            continue;
        }
        if next < from {
            all.push(Part::Zeros(inside(next), inside(from) - inside(next)));
        }
        let skipped = usize::try_from(from - piece.offset).unwrap_or(usize::MAX);
        let length = inside(to) - inside(from);
        all.push(Part::Bytes(
            inside(from),
            &piece.bytes[skipped..skipped + length],
        ));
        next = to;
    }
    if next < window.end {
        all.push(Part::Zeros(inside(next), inside(window.end) - inside(next)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = 1 << 9;
    const HUGE: u64 = 1 << 18;

    #[test]
    fn extents_are_as_large_as_they_can_be() {
        assert_eq!(
            extents(0xc0..HUGE * 2 + LARGE + 3, &ORDERS),
            [
                (0, 0xc0..LARGE),
                (9, LARGE..HUGE),
                (18, HUGE..HUGE * 2),
                (9, HUGE * 2..HUGE * 2 + LARGE),
                (0, HUGE * 2 + LARGE..HUGE * 2 + LARGE + 3),
            ]
        );
        assert_eq!(extents(0..HUGE, &ORDERS), [(18, 0..HUGE)]);
        assert_eq!(extents(5..7, &ORDERS), [(0, 5..7)]);
        assert_eq!(
            extents(LARGE - 1..LARGE + 1, &ORDERS),
            [(0, LARGE - 1..LARGE + 1)]
        );
        assert!(extents(7..7, &ORDERS).is_empty());
    }

    #[test]
    fn every_page_is_in_one_extent() {
        for (start, end) in [
            (0, 1024),
            (1, 1 << 20),
            (0xc0, 0xf_0000),
            (HUGE - 1, HUGE * 4 + 1),
        ] {
            let mut next = start;
            for (order, frames) in extents(start..end, &ORDERS) {
                assert_eq!(frames.start, next);
                assert_eq!(
                    (frames.start % (1 << order), frames.end % (1 << order)),
                    (0, 0)
                );
                next = frames.end;
            }
            assert_eq!(next, end);
        }
    }

    #[test]
    fn a_hypercall_takes_about_as_long_on_every_machine() {
        let (mut pace, long, short) = (Pace::default(), Duration::from_millis(40), Duration::ZERO);
        assert_eq!(
            (pace.extents(0), pace.extents(9), pace.extents(18)),
            (512, 8, 1)
        );
        pace.took(9, 8, long);
        assert_eq!(pace.extents(9), 4);
        pace.took(9, 4, Duration::from_millis(10));
        assert_eq!(pace.extents(9), 4);
        // The last extents of a range say nothing about more of them.
        pace.took(9, 1, short);
        assert_eq!(pace.extents(9), 4);
        for _ in 0..10 {
            pace.took(9, pace.extents(9), short);
        }
        assert_eq!(pace.extents(9), 32);
        for _ in 0..20 {
            pace.took(9, pace.extents(9), long);
        }
        assert_eq!((pace.extents(0), pace.extents(9)), (512, 1));
    }

    #[test]
    fn sources_are_flags() {
        assert_eq!(Source::default().flags(), 0);
        let on_demand = Source {
            on_demand: true,
            node: None,
        };
        assert_eq!(on_demand.flags(), 1 << 16);
        let node = Source {
            on_demand: false,
            node: Some(1),
        };
        assert_eq!(node.flags(), 1 << 17 | 2 << 8);
    }

    #[test]
    fn a_window_is_covered_once() {
        let (first, second) = ([1; 6], [2; 10]);
        let pieces = [
            Piece {
                offset: 2,
                bytes: &first,
            },
            Piece {
                offset: 8,
                bytes: &second,
            },
        ];
        assert_eq!(
            parts(0..12, &pieces),
            [
                Part::Zeros(0, 2),
                Part::Bytes(2, &[1; 6]),
                Part::Bytes(8, &[2; 4]),
            ]
        );
        assert_eq!(
            parts(12..24, &pieces),
            [Part::Bytes(0, &[2; 6]), Part::Zeros(6, 6)]
        );
        assert_eq!(parts(24..30, &pieces), [Part::Zeros(0, 6)]);
    }

    #[test]
    fn pieces_stay_inside_and_apart() {
        let bytes = [0; 4];
        let at = |offset| Piece {
            offset,
            bytes: &bytes,
        };
        assert!(check(8, &[at(0), at(4)]).is_ok());
        assert!(check(8, &[at(0), at(3)]).is_err());
        assert!(check(8, &[at(4), at(0)]).is_err());
        assert!(check(8, &[at(5)]).is_err());
        assert!(check(8, &[at(u64::MAX)]).is_err());
    }
}
