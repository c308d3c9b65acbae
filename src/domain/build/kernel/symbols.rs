//! The symbol table that BSD kernels ask for (`BSD_SYMTAB`): behind the kernel in memory lies its size, and an ELF file
//! with nothing but the symbols and their names.

use std::ops::Range;

use super::bad;
use super::bytes::u32_at;
use super::elf::{Elf, SHT_STRTAB, SHT_SYMTAB};
use crate::Result;

const HEADER: usize = 64;
const SECTION: usize = 64;
const SECTIONS: usize = 3;
/// The size in front of the file.
const PREFIX: usize = 4;
const ALIGN: usize = 8;
/// Where the symbols begin, counted from the size.
const SYMBOLS: usize = (PREFIX + HEADER + SECTIONS * SECTION).next_multiple_of(ALIGN);

/// FreeBSD's has 6 MiB.
const MAX_SIZE: usize = 32 << 20;

/// The table of a kernel, to be written.
pub(super) struct Table {
    /// All in front of the symbols.
    head: Vec<u8>,
    /// Where they are in the image.
    symbols: Range<usize>,
    /// Where their names are in the image, and in the table.
    names: Range<usize>,
    names_at: usize,
    /// Bytes that it takes.
    pub(super) size: usize,
}

/// The table of a 64-bit kernel, if it has one. It belongs at the next multiple of 8 behind the kernel. Symbols and names
/// are different parts of the image; with them it may have no more than `allowed` bytes.
pub(super) fn table(image: &[u8], elf: &Elf, allowed: u64) -> Result<Option<Table>> {
    let Some(table) = find(image, elf) else {
        return Ok(None);
    };
    if table.symbols.start < table.names.end && table.names.start < table.symbols.end {
        return Err(bad("the symbols and their names overlap"));
    }
    if table.size > MAX_SIZE || (image.len() + table.size) as u64 > allowed {
        return Err(bad(format_args!(
            "its symbol table of {} bytes is too large",
            table.size
        )));
    }
    Ok(Some(table))
}

fn find(image: &[u8], elf: &Elf) -> Option<Table> {
    if !elf.wide {
        return None;
    }
    let sections: Vec<&[u8]> = elf.section_headers(image).collect();
    let (symbols_header, names_header) = sections.iter().find_map(|header| {
        let names = sections.get(usize::try_from(u32_at(header, 40)?).ok()?)?;
        let fits = u32_at(header, 4)? == SHT_SYMTAB && u32_at(names, 4)? == SHT_STRTAB;
        fits.then_some((*header, *names))
    })?;
    let symbols = elf.section_bytes(image, symbols_header)?;
    let names = elf.section_bytes(image, names_header)?;
    let names_at = (SYMBOLS + symbols.len()).next_multiple_of(ALIGN);
    let end = names_at + names.len();

    let mut head = u32::try_from(end - PREFIX).ok()?.to_le_bytes().to_vec();
    head.extend_from_slice(&file_header(image)?);
    head.resize(head.len() + SECTION, 0);
    head.extend_from_slice(&section(symbols_header, SYMBOLS)?);
    head.extend_from_slice(&section(names_header, names_at)?);
    head.resize(SYMBOLS, 0);
    Some(Table {
        head,
        symbols,
        names,
        names_at,
        size: end.next_multiple_of(ALIGN),
    })
}

impl Table {
    /// Writes it behind the image that it was made from.
    pub(super) fn append_to(self, image: &mut Vec<u8>) {
        let start = image.len();
        image.extend_from_slice(&self.head);
        image.extend_from_within(self.symbols);
        image.resize(start + self.names_at, 0);
        image.extend_from_within(self.names);
        image.resize(start + self.size, 0);
    }
}

/// The kernel's own header, without program headers and with three sections right behind it.
fn file_header(image: &[u8]) -> Option<[u8; HEADER]> {
    let mut header: [u8; HEADER] = image.get(..HEADER)?.try_into().ok()?;
    header[20..24].copy_from_slice(&1_u32.to_le_bytes());
    header[32..40].fill(0);
    header[40..48].copy_from_slice(&(HEADER as u64).to_le_bytes());
    let sizes = [HEADER, 0, 0, SECTION, SECTIONS, 0];
    for (field, size) in header[52..].chunks_exact_mut(2).zip(sizes) {
        field.copy_from_slice(&u16::try_from(size).ok()?.to_le_bytes());
    }
    Some(header)
}

/// The header of a section that lies at `at`; the symbols' names are section 2.
fn section(original: &[u8], at: usize) -> Option<[u8; SECTION]> {
    let mut header: [u8; SECTION] = original.get(..SECTION)?.try_into().ok()?;
    header[24..32].copy_from_slice(&((at - PREFIX) as u64).to_le_bytes());
    if u32_at(&header, 4)? == SHT_SYMTAB {
        header[40..44].copy_from_slice(&2_u32.to_le_bytes());
    }
    Some(header)
}
