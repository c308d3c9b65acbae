//! The memory of a PV guest: machine frames, which it gets in extents of 2 MiB where it can.

use super::HOLE;
use crate::xen::{GuestMemory, PAGE_SIZE, Source, VNuma};
use crate::{Error, Result};

/// An extent of 2 MiB as the power of two of its pages.
const LARGE: u32 = 9;
const LARGE_PAGES: usize = 1 << LARGE;
/// Extents asked for at a time.
const BATCH: usize = 512;

/// Pages of the guest from one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    first: u64,
    end: u64,
    /// The machine's node, if it matters.
    node: Option<u32>,
}

impl Region {
    /// All pages from anywhere.
    pub(super) fn whole(pages: u64) -> Self {
        Self {
            first: 0,
            end: pages,
            node: None,
        }
    }

    /// The ranges of virtual nodes.
    pub(super) fn of(numa: &VNuma) -> Vec<Self> {
        let region = |range: &crate::xen::VNumaRange| Self {
            first: range.start / PAGE_SIZE,
            end: range.end / PAGE_SIZE,
            node: numa.vnode_to_pnode.get(range.node as usize).copied(),
        };
        numa.ranges.iter().map(region).collect()
    }
}

/// Gives the domain its memory: the machine frame of each of its pages, [`HOLE`] between regions.
pub(super) fn populate(
    memory: &GuestMemory<'_>,
    regions: &[Region],
    pages: u64,
    claim: bool,
) -> Result<Vec<u64>> {
    let total: u64 = regions.iter().map(|region| region.end - region.first).sum();
    if total != pages {
        return Err(Error::fail(format!(
            "the virtual nodes have {total} pages together, the guest has {pages}"
        )));
    }
    if claim {
        memory.claim(pages)?;
    }
    let end = regions.iter().map(|region| region.end).max().unwrap_or(0);
    let mut frames = vec![HOLE; index(end)];
    for region in regions {
        let source = Source {
            node: region.node,
            ..Source::default()
        };
        let frames = &mut frames[index(region.first)..index(region.end)];
        let done = populate_large(memory, source, frames)?;
        let rest = &mut frames[done..];
        for (page, frame) in (region.first + done as u64..).zip(rest.iter_mut()) {
            *frame = page;
        }
        if !rest.is_empty() {
            memory.populate_pages(source, rest)?;
        }
    }
    if claim {
        memory.claim(0)?;
    }
    Ok(frames)
}

/// Large extents from the beginning on, as many as there are; the number of pages that they give.
fn populate_large(memory: &GuestMemory<'_>, source: Source, frames: &mut [u64]) -> Result<usize> {
    let wanted = frames.len() / LARGE_PAGES;
    let mut done = 0;
    while done < wanted {
        let count = (wanted - done).min(BATCH);
        let mut extents: Vec<u64> = (done..done + count)
            .map(|extent| (extent * LARGE_PAGES) as u64)
            .collect();
        let given = memory.populate(LARGE, source, &mut extents)?;
        let pages = &mut frames[done * LARGE_PAGES..];
        for (pages, first) in pages.chunks_exact_mut(LARGE_PAGES).zip(&extents[..given]) {
            for (page, frame) in pages.iter_mut().zip(*first..) {
                *page = frame;
            }
        }
        done += given;
        if given < count {
            break;
        }
    }
    Ok(done * LARGE_PAGES)
}

/// The pages of a domain are fewer than what an usize counts.
fn index(pages: u64) -> usize {
    usize::try_from(pages).unwrap_or(usize::MAX)
}
