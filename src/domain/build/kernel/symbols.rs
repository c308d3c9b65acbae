//! The symbol table that BSD kernels ask for (`BSD_SYMTAB`): behind the kernel in memory lies its size, and an ELF file
//! with nothing but the symbols and their names.

use super::bytes::u32_at;
use super::elf::{Elf, SHT_STRTAB, SHT_SYMTAB};

const HEADER: usize = 64;
const SECTION: usize = 64;
const SECTIONS: usize = 3;
/// The size in front of the file.
const PREFIX: usize = 4;
const ALIGN: usize = 8;
/// Where the symbols begin, counted from the size.
const SYMBOLS: usize = (PREFIX + HEADER + SECTIONS * SECTION).next_multiple_of(ALIGN);

/// The table of a 64-bit kernel, if it has one. It belongs at the next multiple of 8 behind the kernel.
pub(super) fn table(image: &[u8], elf: &Elf) -> Option<Vec<u8>> {
    if !elf.wide {
        return None;
    }
    let sections: Vec<&[u8]> = elf.section_headers(image).collect();
    let (symbols_header, names_header) = sections.iter().find_map(|header| {
        let names = sections.get(usize::try_from(u32_at(header, 40)?).ok()?)?;
        let fits = u32_at(header, 4)? == SHT_SYMTAB && u32_at(names, 4)? == SHT_STRTAB;
        fits.then_some((*header, *names))
    })?;
    let symbols = image.get(elf.section_bytes(image, symbols_header)?)?;
    let names = image.get(elf.section_bytes(image, names_header)?)?;
    let names_at = (SYMBOLS + symbols.len()).next_multiple_of(ALIGN);
    let end = names_at + names.len();

    let mut table = u32::try_from(end - PREFIX).ok()?.to_le_bytes().to_vec();
    table.extend_from_slice(&file_header(image)?);
    table.resize(table.len() + SECTION, 0);
    table.extend_from_slice(&section(symbols_header, SYMBOLS)?);
    table.extend_from_slice(&section(names_header, names_at)?);
    table.resize(SYMBOLS, 0);
    table.extend_from_slice(symbols);
    table.resize(names_at, 0);
    table.extend_from_slice(names);
    table.resize(end.next_multiple_of(ALIGN), 0);
    Some(table)
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
