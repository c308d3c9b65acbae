//! The .xz container as Linux's kernels use it: one stream, blocks of LZMA2 with or without the filter for x86 code.
//!
//! Read here, and only what is inside by the crate, because its own reader lets the file choose how much memory the
//! dictionary and the index take.

use flate2::Crc;
use lzma_rust2::Lzma2Reader;
use lzma_rust2::filter::bcj::BcjReader;

use super::bad;
use super::bytes::{u8_at, u32_at};
use super::unpack::fill;
use crate::{Error, Result};

const STREAM_HEADER: usize = 12;
/// What stands where a block's header would begin once there are no more.
const INDEX: u8 = 0;
const CRC32: u8 = 1;
const FILTER_X86: u64 = 4;
const FILTER_LZMA2: u64 = 0x21;
/// A dictionary smaller than this gains nothing.
const SMALLEST_DICTIONARY: u32 = 4096;

struct Block {
    dictionary: u32,
    /// Where the filter for x86 code starts to count, when there is one.
    x86_start: Option<u32>,
}

/// Appends what is packed to `out`, and no more than `size` bytes.
pub(super) fn unpack(packed: &[u8], size: usize, out: &mut Vec<u8>) -> Result<()> {
    let check = check_kind(packed).ok_or_else(damaged)?;
    let mut rest = &packed[STREAM_HEADER..];
    loop {
        let words = *rest.first().ok_or_else(damaged)?;
        if words == INDEX {
            return Ok(());
        }
        let length = (usize::from(words) + 1) * 4;
        let header = rest.get(..length).ok_or_else(damaged)?;
        let block = parse_header(header).ok_or_else(damaged)?;
        rest = &rest[length..];
        let (start, before) = (out.len(), rest.len());
        rest = read_block(rest, &block, size, out)?;
        let padding = (before - rest.len()).next_multiple_of(4) - (before - rest.len());
        rest = rest.get(padding..).ok_or_else(damaged)?;
        let stored = rest.get(..check_size(check)).ok_or_else(damaged)?;
        if check == CRC32 && u32_at(stored, 0) != Some(crc(&out[start..])) {
            return Err(bad("unpacking xz: the checksum is wrong"));
        }
        rest = &rest[stored.len()..];
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

/// Reads one block and gives what stands behind its packed data.
fn read_block<'a>(
    packed: &'a [u8],
    block: &Block,
    size: usize,
    out: &mut Vec<u8>,
) -> Result<&'a [u8]> {
    // A distance never leaves the output, so a larger dictionary is of no use.
    let largest = u32::try_from(size).unwrap_or(u32::MAX);
    let dictionary = block.dictionary.min(largest).max(SMALLEST_DICTIONARY);
    let lzma = Lzma2Reader::new(packed, dictionary, None);
    match block.x86_start {
        Some(start) => {
            let start = usize::try_from(start).unwrap_or(0);
            let mut reader = BcjReader::new_x86(lzma, start);
            fill("xz", &mut reader, size, out)?;
            Ok(reader.into_inner().into_inner())
        }
        None => {
            let mut reader = lzma;
            fill("xz", &mut reader, size, out)?;
            Ok(reader.into_inner())
        }
    }
}
