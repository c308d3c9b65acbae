//! Kernel files, made byte by byte: what no packer and no linker writes as well.

use std::io::Write;

use flate2::Compression;
use flate2::Crc;
use flate2::write::GzEncoder;

pub(crate) const MIB: usize = 1 << 20;

fn le32(value: usize) -> [u8; 4] {
    u32::try_from(value).expect("a small number").to_le_bytes()
}

/// A program header or section header in the making, as far as the tests differ.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// `PT_*` or `SHT_*`.
    pub(crate) kind: u32,
    pub(crate) offset: usize,
    pub(crate) size: usize,
    /// A section's name, as an offset.
    pub(crate) name: usize,
    /// The section that a symbol table's names are in.
    pub(crate) link: usize,
}

pub(crate) fn part(kind: u32, offset: usize, size: usize) -> Part {
    Part {
        kind,
        offset,
        size,
        name: 0,
        link: 0,
    }
}

/// Bytes that a file can have in front of its parts: header and up to 2,100 program headers.
pub(crate) const BODY: usize = 0x20000;

/// An ELF64 file for x86: one page to load, `body` at [`BODY`], parts that lie in it, and the number of the section with
/// the names.
pub(crate) fn elf(segments: &[Part], body: &[u8], sections: &[Part], names: usize) -> Vec<u8> {
    let load = part(1, 0, 4096);
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
    let sections_at = (BODY + body.len()).next_multiple_of(8);
    for word in [0x10_0000, 64, sections_at] {
        file.extend_from_slice(&(word as u64).to_le_bytes());
    }
    file.extend_from_slice(&[0; 4]);
    for half in [64, 56, segments.len() + 1, 64, sections.len(), names] {
        file.extend_from_slice(&le32(half)[..2]);
    }
    for (number, segment) in std::iter::once(&load).chain(segments).enumerate() {
        file.extend_from_slice(&segment.kind.to_le_bytes());
        file.extend_from_slice(&le32(7));
        let address = 0x10_0000 + number * 4096;
        for word in [
            segment.offset,
            address,
            address,
            segment.size,
            segment.size,
            4,
        ] {
            file.extend_from_slice(&(word as u64).to_le_bytes());
        }
    }
    assert!(file.len() <= BODY, "too many program headers");
    file.resize(BODY, 0);
    file.extend_from_slice(body);
    file.resize(sections_at, 0);
    for section in sections {
        file.extend_from_slice(&le32(section.name));
        file.extend_from_slice(&section.kind.to_le_bytes());
        for word in [0, 0, section.offset, section.size] {
            file.extend_from_slice(&(word as u64).to_le_bytes());
        }
        file.extend_from_slice(&le32(section.link));
        file.extend_from_slice(&[0; 20]);
    }
    file
}

/// One of Xen's notes.
pub(crate) fn note(kind: usize, text: &[u8]) -> Vec<u8> {
    let mut note = [le32(4), le32(text.len()), le32(kind), *b"Xen\0"].concat();
    note.extend_from_slice(text);
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

/// A bzImage with `packed`, which announces `size` bytes.
pub(crate) fn bzimage(packed: &[u8], size: usize) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    file[0x1f1] = 1;
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file[0x206..0x208].copy_from_slice(&[0x0f, 2]);
    file[0x24c..0x250].copy_from_slice(&le32(packed.len() + 4));
    file.extend_from_slice(packed);
    file.extend_from_slice(&le32(size));
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// A gzip file of `empty` blocks that give nothing, then one that gives a byte.
pub(crate) fn gzip_of_nothing(empty: usize) -> Vec<u8> {
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    file.extend_from_slice(&[0, 0, 0, 0xff, 0xff].repeat(empty));
    file.extend_from_slice(&[1, 1, 0, 0xfe, 0xff, b'x']);
    file.extend_from_slice(&crc(b"x"));
    file.extend_from_slice(&le32(1));
    file
}

/// Blocks of lz4's legacy format behind their sizes.
pub(crate) fn lz4(block: &[u8], count: usize) -> Vec<u8> {
    let block = [&le32(block.len()), block].concat();
    [&le32(0x184c_2102), block.repeat(count).as_slice()].concat()
}

/// zstd with a window of 128 MiB: `count` times the block that repeats a byte `size` times, then an empty last one.
pub(crate) fn zstd(size: usize, count: usize) -> Vec<u8> {
    let block = [&le32(1 << 1 | size << 3)[..3], b"x"].concat();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3];
    frame.extend_from_slice(&block.repeat(count));
    frame.extend_from_slice(&[1, 0, 0]);
    frame
}

/// lzma with a dictionary of 4 GiB, and no data worth the name.
pub(crate) fn lzma(length: usize) -> Vec<u8> {
    let mut file = vec![0x5d, 0, 0, 0xff, 0xff];
    file.resize(13, 0xff);
    file.resize(length, 0);
    file
}

/// A stream of xz with `blocks` of LZMA2 chunks, each with a dictionary of 4 GiB, and without checksums.
pub(crate) fn xz<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut file = b"\xfd7zXZ\0\0\0".to_vec();
    file.extend_from_slice(&crc(&[0, 0]));
    // Its length in words, no sizes, LZMA2 with one byte of properties, padding.
    let header = [2, 0, 0x21, 1, 40, 0, 0, 0];
    for chunks in blocks {
        file.extend_from_slice(&header);
        file.extend_from_slice(&crc(&header));
        file.extend_from_slice(chunks);
        file.push(0);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    file.push(0);
    file
}

/// What LZMA2 does not pack: chunks of at most `size` bytes, each of which begins a new dictionary.
pub(crate) fn stored(bytes: &[u8], size: usize) -> Vec<u8> {
    let chunk = |chunk: &[u8]| {
        let [low, high, ..] = le32(chunk.len() - 1);
        [&[1, high, low], chunk].concat()
    };
    bytes.chunks(size).flat_map(chunk).collect()
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
