//! The .xz container as Linux's kernels use it: one stream, blocks of LZMA2 with or without the filter for x86 code.
//!
//! Read here, and only what is inside by the crate, because its own reader lets the file choose how much memory the
//! dictionary and the index take. LZMA2's chunks tell their sizes: what a block takes and gives is known, and bounded,
//! before it is unpacked.

use flate2::Crc;
use lzma_rust2::Lzma2Reader;
use lzma_rust2::filter::bcj::BcjReader;

use super::bad;
use super::bytes::{u8_at, u32_at};
use super::output::{MAX_DICTIONARY, buffer, exactly, fill, more_than};
use crate::{Error, Result};

const STREAM_HEADER: usize = 12;
/// What stands where a block's header would begin once there are no more.
const INDEX: u8 = 0;
const CRC32: u8 = 1;
const FILTER_X86: u64 = 4;
const FILTER_LZMA2: u64 = 0x21;
/// A dictionary smaller than this gains nothing.
const SMALLEST_DICTIONARY: u32 = 4096;
/// Each chunk may make the decoder's tables anew. Packers begin one where the last has 64 KiB packed or 2 MiB unpacked.
const FEW_CHUNKS: usize = 16;
const PACKED_CHUNK: usize = 4096;
const UNPACKED_CHUNK: usize = 64 << 10;

struct Block {
    dictionary: u32,
    /// Where the filter for x86 code starts to count, when there is one.
    x86_start: Option<u32>,
}

/// Unpacks the blocks of the first stream to `size` bytes.
pub(super) fn unpack(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let check = check_kind(packed).ok_or_else(damaged)?;
    let mut rest = &packed[STREAM_HEADER..];
    let mut out = buffer(size)?;
    let mut count = 0;
    loop {
        let words = *rest.first().ok_or_else(damaged)?;
        if words == INDEX {
            return exactly("xz", out, size);
        }
        let length = (usize::from(words) + 1) * 4;
        let header = rest.get(..length).ok_or_else(damaged)?;
        let block = parse_header(header).ok_or_else(damaged)?;
        rest = &rest[length..];
        let chunks = Chunks::of(rest).ok_or_else(damaged)?;
        if chunks.unpacked == 0 {
            return Err(bad("unpacking xz: a block is empty"));
        }
        let (start, end) = (out.len(), out.len() + chunks.unpacked);
        if end > size {
            return Err(more_than("xz", size));
        }
        count += chunks.count;
        let read = packed.len() - rest.len() + chunks.packed;
        if count > FEW_CHUNKS + read / PACKED_CHUNK + end / UNPACKED_CHUNK {
            return Err(bad(format_args!(
                "unpacking xz: {count} chunks for {end} bytes are too many"
            )));
        }
        read_block(&rest[..chunks.packed], &block, chunks.unpacked, &mut out)?;
        rest = rest
            .get(chunks.packed.next_multiple_of(4)..)
            .ok_or_else(damaged)?;
        let stored = rest.get(..check_size(check)).ok_or_else(damaged)?;
        if check == CRC32 && u32_at(stored, 0) != Some(crc(&out[start..])) {
            return Err(bad("unpacking xz: the checksum is wrong"));
        }
        rest = &rest[stored.len()..];
    }
}

/// What the chunks of a block say of themselves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chunks {
    count: usize,
    /// Bytes to the block's end.
    packed: usize,
    unpacked: usize,
}

impl Chunks {
    /// `None` where one is cut or of an unknown kind.
    fn of(block: &[u8]) -> Option<Self> {
        let mut sum = Self::default();
        loop {
            let rest = block.get(sum.packed..)?;
            let half = |at: usize| {
                let bytes = rest.get(at..at + 2)?;
                Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) + 1)
            };
            let kind = *rest.first()?;
            let (packed, unpacked) = match kind {
                0 => {
                    sum.packed += 1;
                    return Some(sum);
                }
                // As it is.
                1 | 2 => (3 + half(1)?, half(1)?),
                // With properties of its own or those of the chunk before.
                0x80.. => {
                    let header = if kind < 0xc0 { 5 } else { 6 };
                    let high = usize::from(kind & 0x1f) << 16;
                    (header + half(3)?, high + half(1)?)
                }
                _ => return None,
            };
            sum.count += 1;
            sum.packed += packed;
            sum.unpacked += unpacked;
        }
    }
}

fn damaged() -> Error {
    bad("unpacking xz: the data are damaged, or need filters that kernels do not use")
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The kind of the checksums behind the blocks.
fn check_kind(packed: &[u8]) -> Option<u8> {
    let flags = packed.get(6..8)?;
    let valid = flags[0] == 0 && flags[1] < 16 && u32_at(packed, 8)? == crc(flags);
    valid.then_some(flags[1])
}

/// Bytes of a checksum by its kind.
fn check_size(kind: u8) -> usize {
    match kind {
        0 => 0,
        1..=3 => 4,
        4..=6 => 8,
        7..=9 => 16,
        10..=12 => 32,
        _ => 64,
    }
}

fn parse_header(header: &[u8]) -> Option<Block> {
    let (fields, stored) = header.split_at(header.len() - 4);
    if u32_at(stored, 0)? != crc(fields) {
        return None;
    }
    let flags = u8_at(fields, 1)?;
    if flags & 0x3c != 0 {
        return None;
    }
    let mut fields = &fields[2..];
    for present in [0x40, 0x80] {
        if flags & present != 0 {
            // Sizes, packed and unpacked; what comes out is measured instead.
            integer(&mut fields)?;
        }
    }
    let filters = (flags & 3) + 1;
    let x86_start = match filters {
        1 => None,
        2 => Some(x86_filter(&mut fields)?),
        _ => return None,
    };
    if integer(&mut fields)? != FILTER_LZMA2 || integer(&mut fields)? != 1 {
        return None;
    }
    let dictionary = dictionary_size(*fields.first()?)?;
    let padding = &fields[1..];
    padding.iter().all(|byte| *byte == 0).then_some(Block {
        dictionary,
        x86_start,
    })
}

fn x86_filter(fields: &mut &[u8]) -> Option<u32> {
    if integer(fields)? != FILTER_X86 {
        return None;
    }
    match integer(fields)? {
        0 => Some(0),
        4 => {
            let start = u32_at(fields, 0)?;
            *fields = &fields[4..];
            Some(start)
        }
        _ => None,
    }
}

/// A number in groups of seven bits, the lowest first.
fn integer(fields: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = fields.split_first()?;
        *fields = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn dictionary_size(property: u8) -> Option<u32> {
    match property {
        0..=39 => Some((2 | u32::from(property & 1)) << (property / 2 + 11)),
        40 => Some(u32::MAX),
        _ => None,
    }
}

/// Appends the `size` bytes of a block.
fn read_block(packed: &[u8], block: &Block, size: usize, out: &mut Vec<u8>) -> Result<()> {
    // A distance never leaves the block, so a larger dictionary is of no use.
    let largest = u32::try_from(size).unwrap_or(u32::MAX).min(MAX_DICTIONARY);
    let dictionary = block.dictionary.min(largest).max(SMALLEST_DICTIONARY);
    let mut lzma = Lzma2Reader::new(packed, dictionary, None);
    let end = out.len() + size;
    match block.x86_start {
        Some(start) => {
            let start = usize::try_from(start).unwrap_or(0);
            fill("xz", &mut BcjReader::new_x86(lzma, start), end, out)
        }
        None => fill("xz", &mut lzma, end, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_tell_their_sizes() {
        let sum = |count, packed, unpacked| {
            Some(Chunks {
                count,
                packed,
                unpacked,
            })
        };
        assert_eq!(Chunks::of(&[0, 1, 2]), sum(0, 1, 0));
        assert_eq!(Chunks::of(&[1, 0, 1, 7, 7, 2, 0, 0, 7, 0]), sum(2, 10, 3));
        // With properties and without, of 65,537 + 258 bytes.
        let packed = [0xe1, 0, 0, 0, 1, 93, 7, 7, 0x80, 1, 1, 0, 0, 7, 0];
        assert_eq!(Chunks::of(&packed), sum(2, 15, 65_537 + 258));
        for end in 0..packed.len() {
            assert_eq!(Chunks::of(&packed[..end]), None, "{end}");
        }
        assert_eq!(Chunks::of(&[3, 0, 0, 7, 0]), None);
    }
}
