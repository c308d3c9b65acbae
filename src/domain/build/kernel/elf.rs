//! ELF files of both classes: header, segments, and the sections that may hold notes (gABI, chapters 4 and 5).

use std::ops::Range;

use super::bytes::{range, u16_at, u32_at, u64_at};
use super::{Segment, bad};
use crate::Result;

const CLASS: usize = 4;
const DATA: usize = 5;
const CLASS_32: u8 = 1;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// Readable, writable or executable.
const ANY_ACCESS: u32 = 7;
pub(super) const SHT_SYMTAB: u32 = 2;
pub(super) const SHT_STRTAB: u32 = 3;
const SHT_NOTE: u32 = 7;

/// Linux has five, other kernels fewer.
const MAX_SEGMENTS: usize = 64;

/// The processor that a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// `EM_386`.
    I386,
    /// `EM_X86_64`.
    X86_64,
}

/// An ELF file, as far as a kernel needs it. All ranges are inside the file.
#[derive(Debug)]
pub(super) struct Elf {
    pub(super) machine: Machine,
    pub(super) wide: bool,
    pub(super) entry: u64,
    /// As in [`super::Kernel`].
    pub(super) segments: Vec<Segment>,
    /// Segments with notes.
    pub(super) note_segments: Vec<Range<usize>>,
    sections: Table,
    section_names: u16,
}

/// A table of headers.
#[derive(Clone, Copy, Debug)]
struct Table {
    offset: u64,
    entry_size: u16,
    count: u16,
}

/// Field offsets of one class. Fields whose size depends on the class are read with [`Layout::word`].
#[derive(Clone, Copy, Debug)]
struct Layout {
    wide: bool,
    header: usize,
    program_header: u16,
    section_header: u16,
}

const NARROW: Layout = Layout {
    wide: false,
    header: 52,
    program_header: 32,
    section_header: 40,
};
const WIDE: Layout = Layout {
    wide: true,
    header: 64,
    program_header: 56,
    section_header: 64,
};

impl Layout {
    fn of(wide: bool) -> Self {
        if wide { WIDE } else { NARROW }
    }

    fn pick(self, narrow: usize, wide: usize) -> usize {
        if self.wide { wide } else { narrow }
    }

    /// An address, offset or size at one of two places.
    fn word(self, bytes: &[u8], narrow: usize, wide: usize) -> Option<u64> {
        if self.wide {
            u64_at(bytes, wide)
        } else {
            u32_at(bytes, narrow).map(u64::from)
        }
    }
}

pub(super) fn is_elf(image: &[u8]) -> bool {
    image.starts_with(b"\x7fELF")
}

/// Reads an ELF file for x86.
pub(super) fn parse(image: &[u8]) -> Result<Elf> {
    if !is_elf(image) {
        return Err(bad("neither an ELF file nor a bzImage"));
    }
    let wide = match image.get(CLASS).copied() {
        Some(CLASS_32) => false,
        Some(CLASS_64) => true,
        _ => return Err(bad("the ELF class is unknown")),
    };
    if image.get(DATA) != Some(&LITTLE_ENDIAN) {
        return Err(bad("the ELF file is not little-endian"));
    }
    let layout = Layout::of(wide);
    let header = image
        .get(..layout.header)
        .ok_or_else(|| bad("the file ends in its ELF header"))?;
    let mut elf = read_header(header, layout)
        .ok_or_else(|| bad("the ELF header is damaged, or not for x86"))?;
    let programs = elf.programs;
    for header in headers(image, programs, layout.program_header)
        .ok_or_else(|| bad("the program headers are outside the file"))?
    {
        read_segment(image, header, layout, &mut elf.elf)
            .ok_or_else(|| bad("a program header points outside the file or wraps around"))?;
    }
    if headers(image, elf.elf.sections, layout.section_header).is_none() {
        return Err(bad("the section headers are outside the file"));
    }
    order(elf.elf)
}

struct Header {
    elf: Elf,
    programs: Table,
}

fn read_header(header: &[u8], layout: Layout) -> Option<Header> {
    let half = |narrow, wide| u16_at(header, layout.pick(narrow, wide));
    let machine = match u16_at(header, 18)? {
        3 => Machine::I386,
        62 => Machine::X86_64,
        _ => return None,
    };
    Some(Header {
        elf: Elf {
            machine,
            wide: layout.wide,
            entry: layout.word(header, 24, 24)?,
            segments: Vec::new(),
            note_segments: Vec::new(),
            sections: Table {
                offset: layout.word(header, 32, 40)?,
                entry_size: half(46, 58)?,
                count: half(48, 60)?,
            },
            section_names: half(50, 62)?,
        },
        programs: Table {
            offset: layout.word(header, 28, 32)?,
            entry_size: half(42, 54)?,
            count: half(44, 56)?,
        },
    })
}

/// The headers of a table that is wholly inside the file; an empty table may be anywhere.
fn headers(image: &[u8], table: Table, at_least: u16) -> Option<std::slice::ChunksExact<'_, u8>> {
    if table.count == 0 {
        return Some([].chunks_exact(1));
    }
    if table.entry_size < at_least {
        return None;
    }
    let length = u64::from(table.count) * u64::from(table.entry_size);
    let whole = range(image, table.offset, length)?;
    Some(image[whole].chunks_exact(table.entry_size.into()))
}

fn read_segment(image: &[u8], header: &[u8], layout: Layout, elf: &mut Elf) -> Option<()> {
    let kind = u32_at(header, 0)?;
    let offset = layout.word(header, 4, 8)?;
    let file_size = layout.word(header, 16, 32)?;
    match kind {
        PT_LOAD => {
            let flags = u32_at(header, layout.pick(24, 4))?;
            let segment = Segment {
                vaddr: layout.word(header, 8, 16)?,
                paddr: layout.word(header, 12, 24)?,
                data: range(image, offset, file_size)?,
                memsz: layout.word(header, 20, 40)?,
            };
            if flags & ANY_ACCESS == 0 || segment.memsz == 0 {
                return Some(());
            }
            segment.paddr.checked_add(segment.memsz)?;
            segment.vaddr.checked_add(segment.memsz)?;
            let fits = file_size <= segment.memsz && elf.segments.len() < MAX_SEGMENTS;
            fits.then(|| elf.segments.push(segment))
        }
        // Some versions of binutils leave the offset at zero.
        PT_NOTE if offset != 0 => {
            elf.note_segments.push(range(image, offset, file_size)?);
            Some(())
        }
        _ => Some(()),
    }
}

fn order(mut elf: Elf) -> Result<Elf> {
    if elf.segments.is_empty() {
        return Err(bad("the ELF file has nothing to load"));
    }
    elf.segments.sort_by_key(|segment| segment.paddr);
    let overlap = |pair: &[Segment]| pair[0].end() > pair[1].paddr;
    if elf.segments.windows(2).any(overlap) {
        return Err(bad("segments of the ELF file overlap"));
    }
    Ok(elf)
}

impl Elf {
    pub(super) fn section_headers<'a>(&self, image: &'a [u8]) -> std::slice::ChunksExact<'a, u8> {
        let size = Layout::of(self.wide).section_header;
        // Checked when the file was parsed.
        headers(image, self.sections, size).unwrap_or([].chunks_exact(1))
    }

    /// A section's bytes by its header.
    pub(super) fn section_bytes(&self, image: &[u8], header: &[u8]) -> Option<Range<usize>> {
        let layout = Layout::of(self.wide);
        let offset = layout.word(header, 16, 24)?;
        range(image, offset, layout.word(header, 20, 32)?)
    }

    /// Sections with notes.
    pub(super) fn note_sections(&self, image: &[u8]) -> Result<Vec<Range<usize>>> {
        self.section_headers(image)
            .filter(|header| u32_at(header, 4) == Some(SHT_NOTE))
            .map(|header| self.section_bytes(image, header))
            .collect::<Option<_>>()
            .ok_or_else(|| bad("a section with notes is outside the file"))
    }

    /// The bytes of the section called `name`.
    pub(super) fn section<'a>(&self, image: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
        let mut all = self.section_headers(image);
        let names = all.clone().nth(self.section_names.into())?;
        let names = &image[self.section_bytes(image, names)?];
        // Many sections may share one long text: no more of it is read than `name` is long.
        let found = all.find(|header| {
            let start = u32_at(header, 0).and_then(|start| usize::try_from(start).ok());
            let rest = start.and_then(|start| names.get(start..)?.strip_prefix(name));
            rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == 0))
        })?;
        Some(&image[self.section_bytes(image, found)?])
    }
}
