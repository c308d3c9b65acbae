//! Kernel images: from a file to segments, an entry point and Xen's notes. Nothing here talks to the hypervisor.
//!
//! An image is an ELF file, one compressed with gzip, or a Linux bzImage whose payload is one. It may come from the
//! guest's own disk and is hostile: every length and offset is checked, nothing may overlap, and unpacking is bounded.
//! Time goes by the size of the file and of what comes out, never by their product or by numbers in the file.

pub(in crate::domain) mod bytes;
mod bzimage;
mod contents;
mod elf;
mod module;
mod notes;
mod output;
mod place;
mod symbols;
#[cfg(test)]
mod tests;
mod unpack;
mod xz;
mod zstd;

use std::ops::Range;

use crate::{Error, Result};

pub use contents::Contents;
pub use elf::Machine;
pub use module::module;
pub use notes::Notes;
pub use place::Placement;

/// What an image may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all that is unpacked or made of it.
    pub unpacked: u64,
}

impl Default for Limits {
    /// The C library's limit: 1 GiB (`XC_DOM_DECOMPRESS_MAX` of xenguest.h).
    fn default() -> Self {
        Self { unpacked: 1 << 30 }
    }
}

/// A piece of the image that goes into the guest's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it belongs by the image's physical addresses.
    pub paddr: u64,
    /// The same by its virtual addresses.
    pub vaddr: u64,
    /// Its bytes in [`Kernel::image`].
    pub data: Range<usize>,
    /// Bytes that it has in memory: those of `data`, then zeros.
    pub memsz: u64,
}

impl Segment {
    /// One past its last byte, by physical addresses.
    pub fn end(&self) -> u64 {
        // Checked when it was parsed.
        self.paddr.saturating_add(self.memsz)
    }
}

/// A kernel that was taken apart. There is at least one segment; they are in the order of their physical addresses
/// and do not overlap.
#[derive(Clone, Debug)]
pub struct Kernel<'a> {
    /// The unpacked ELF file.
    pub image: Contents<'a>,
    /// The processor that it is for.
    pub machine: Machine,
    /// Whether the file is of class ELF64.
    pub wide: bool,
    /// What goes into memory.
    pub segments: Vec<Segment>,
    /// The entry point in the ELF header.
    pub entry: u64,
    /// What it tells Xen.
    pub notes: Notes,
}

impl Kernel<'_> {
    /// A segment's bytes.
    pub fn data(&self, segment: &Segment) -> &[u8] {
        // Only segments of another kernel could be out of range.
        self.image.get(segment.data.clone()).unwrap_or_default()
    }

    /// The physical addresses from the first segment to the end of the last one.
    pub fn extent(&self) -> Range<u64> {
        let start = self.segments.first().map_or(0, |first| first.paddr);
        start..self.segments.last().map_or(0, Segment::end)
    }
}

/// Takes an image apart: unpacks it where it is packed, and reads segments and notes. Says why it cannot be a kernel.
pub fn load(bytes: &[u8], limits: Limits) -> Result<Kernel<'_>> {
    let mut image = Contents::from(bytes);
    let mut left = limits;
    if unpack::is_gzip(&image) {
        let unpacked = unpack::gzip_kernel(&image, limits)?;
        left.unpacked -= unpacked.len() as u64;
        image = Contents::from(unpacked);
    }
    if is_bzimage(&image) {
        let payload = bzimage::payload(&image)?;
        image = Contents::from(unpack::payload(&image[payload], left)?);
    }
    let mut parsed = elf::parse(&image)?;
    let notes = Notes::read(&image, &parsed)?;
    if notes.bsd_symtab
        && let Some(table) = symbols::table(&image, &parsed, limits.unpacked)?
    {
        append(&mut image, &mut parsed.segments, table)?;
    }
    Ok(Kernel {
        machine: parsed.machine,
        wide: parsed.wide,
        segments: parsed.segments,
        entry: parsed.entry,
        notes,
        image,
    })
}

/// By its first [`bzimage::HEADER`] bytes. An ELF file may have anything in these places.
fn is_bzimage(image: &[u8]) -> bool {
    !elf::is_elf(image) && bzimage::is_bzimage(image)
}

/// Puts `table` behind the last segment, as one more.
fn append(
    image: &mut Contents<'_>,
    segments: &mut Vec<Segment>,
    table: symbols::Table,
) -> Result<()> {
    let size = table.size as u64;
    let place = |end: u64| {
        let start = end.checked_next_multiple_of(8)?;
        start.checked_add(size).map(|_| start)
    };
    let (paddr, vaddr) = segments
        .last()
        .map_or((0, 0), |last| (last.end(), last.vaddr + last.memsz));
    let places = place(paddr).zip(place(vaddr));
    let (paddr, vaddr) = places.ok_or_else(|| bad("its symbol table is beyond all addresses"))?;
    let start = image.len();
    let whole = image.to_mut();
    output::reserve(whole, table.size)?;
    table.append_to(whole);
    segments.push(Segment {
        paddr,
        vaddr,
        data: start..whole.len(),
        memsz: size,
    });
    Ok(())
}

fn bad(what: impl std::fmt::Display) -> Error {
    Error::fail(format!("not a kernel that Xen can boot: {what}"))
}

/// A kernel's own words, for a log line.
fn quoted(text: &str) -> String {
    const MAX: usize = 80;
    let cut: String = text.chars().take(MAX).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    format!("{cut:?}{more}")
}

/// For fuzzing: notes, and the string that stood for them.
#[cfg(feature = "fuzzing")]
pub fn fuzzing_notes(data: &[u8]) {
    notes::fuzzing(data);
}

/// For fuzzing: the payload of a bzImage, and a module.
#[cfg(feature = "fuzzing")]
pub fn fuzzing_payload(data: &[u8]) {
    let limits = Limits { unpacked: 4 << 20 };
    if let Ok(unpacked) = unpack::payload(data, limits) {
        assert!(unpacked.len() as u64 <= limits.unpacked);
    }
    drop(module(data, limits));
}

#[cfg(feature = "fuzzing")]
impl Kernel<'_> {
    /// What a builder relies on.
    pub(super) fn fuzzing_check(&self) {
        let mut end = 0;
        for segment in &self.segments {
            assert_eq!(self.data(segment).len(), segment.data.len());
            assert!(segment.data.len() as u64 <= segment.memsz);
            assert!(segment.paddr >= end && segment.end() > segment.paddr);
            end = segment.end();
        }
        for place in [self.pv(None), self.pvh(), self.firmware()]
            .into_iter()
            .flatten()
        {
            assert!(place.virt_base <= place.start && place.start < place.end);
            assert_eq!(
                place.end - place.start,
                self.extent().end - self.extent().start
            );
        }
    }
}
