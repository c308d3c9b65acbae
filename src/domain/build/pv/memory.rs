//! The memory of a PV guest: machine frames, which it gets in extents of 2 MiB where it can.

use crate::Result;
use crate::xen::{GuestMemory, Pace, Source};

/// An extent of 2 MiB as the power of two of its pages.
const LARGE: u32 = 9;
const LARGE_PAGES: usize = 1 << LARGE;

/// Gives the domain its memory: the machine frame of each of its pages. Virtual nodes are refused for PV guests before
/// (`domain::defaults`).
pub(super) fn populate(memory: &GuestMemory<'_>, pages: u64, claim: bool) -> Result<Vec<u64>> {
    if claim {
        memory.claim(pages)?;
    }
    let mut frames = vec![0; index(pages)];
    let done = populate_large(memory, &mut frames)?;
    let rest = &mut frames[done..];
    for (page, frame) in (done as u64..).zip(rest.iter_mut()) {
        *frame = page;
    }
    if !rest.is_empty() {
        memory.populate_pages(Source::default(), rest)?;
    }
    if claim {
        memory.claim(0)?;
    }
    Ok(frames)
}

/// Large extents from the beginning on, as many as there are; the number of pages that they give.
fn populate_large(memory: &GuestMemory<'_>, frames: &mut [u64]) -> Result<usize> {
    let wanted = frames.len() / LARGE_PAGES;
    let (mut done, mut pace) = (0, Pace::default());
    while done < wanted {
        let count = (wanted - done).min(pace.extents(LARGE));
        let mut extents: Vec<u64> = (done..done + count)
            .map(|extent| (extent * LARGE_PAGES) as u64)
            .collect();
        let given = memory.populate(LARGE, Source::default(), &mut extents, &mut pace)?;
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
