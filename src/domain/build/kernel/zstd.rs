//! zstd (RFC 8878) as Linux's kernels use it: one frame.
//!
//! The blocks are counted before the first one is unpacked, because the decoder makes tables for each of them, even for one
//! that gives nothing.

use std::fmt::Display;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::bad;
use super::bytes::u8_at;
use super::output::{MAX_DICTIONARY, buffer, exactly, more_than};
use crate::{Error, Result};

/// What one block gives at most.
const BLOCK: usize = 128 << 10;
const BLOCK_HEADER: usize = 3;
/// A whole block out of a header and one byte.
pub(super) const RATIO: u64 = (BLOCK / (BLOCK_HEADER + 1)) as u64;
/// Where zstd splits blocks, the parts have 150 sequences of at least three bytes.
const SMALLEST_BLOCK: usize = 512;
const FEW_BLOCKS: usize = 16;

const RAW: u8 = 0;
const REPEATED: u8 = 1;
const COMPRESSED: u8 = 2;

/// The decoder holds back what its window may still need, so that what it has given says little of what it holds: after each
/// piece that it did not end with it has unpacked that much more.
pub(super) fn unpack(mut packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let blocks = blocks(packed).ok_or_else(|| failed(&"the data are damaged"))?;
    if blocks > FEW_BLOCKS + size / SMALLEST_BLOCK {
        return Err(failed(&format_args!(
            "{blocks} blocks for {size} bytes are too many"
        )));
    }
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_DICTIONARY.into());
    decoder.init(&mut packed).map_err(|error| failed(&error))?;
    let mut out = buffer(size)?;
    let mut unpacked = 0;
    // In pieces of one block the window's buffer never outgrows the window.
    while !decoder
        .decode_blocks(&mut packed, BlockDecodingStrategy::UptoBytes(BLOCK))
        .map_err(|error| failed(&error))?
    {
        unpacked += BLOCK;
        if unpacked > size {
            return Err(more_than("zstd", size));
        }
        decoder
            .collect_to_writer(&mut out)
            .map_err(|error| failed(&error))?;
    }
    if out.len() + decoder.can_collect() > size {
        return Err(more_than("zstd", size));
    }
    decoder
        .collect_to_writer(&mut out)
        .map_err(|error| failed(&error))?;
    exactly("zstd", out, size)
}

fn failed(error: &dyn Display) -> Error {
    bad(format_args!("unpacking zstd: {error}"))
}

/// How many blocks a frame has; `None` where one is cut, larger than may be, or empty and not the last.
fn blocks(frame: &[u8]) -> Option<usize> {
    let mut rest = frame.get(frame_header(frame)?..)?;
    let mut count = 0;
    loop {
        let header = rest.get(..BLOCK_HEADER)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (last, [kind, ..]) = (header & 1 != 0, (header >> 1 & 3).to_le_bytes());
        let size = usize::try_from(header >> 3).ok()?;
        let stored = match kind {
            RAW | COMPRESSED => size,
            REPEATED => 1,
            _ => return None,
        };
        if size > BLOCK || size == 0 && !last {
            return None;
        }
        rest = rest.get(BLOCK_HEADER + stored..)?;
        count += 1;
        if last {
            return Some(count);
        }
    }
}

/// Bytes in front of the first block.
fn frame_header(frame: &[u8]) -> Option<usize> {
    const MAGIC_AND_DESCRIPTOR: usize = 5;
    let descriptor = u8_at(frame, MAGIC_AND_DESCRIPTOR - 1)?;
    let single_segment = descriptor & 0x20 != 0;
    let window = usize::from(!single_segment);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    Some(MAGIC_AND_DESCRIPTOR + window + dictionary + content_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with a window of 1 KiB and no checksum.
    fn frame(blocks: &[Vec<u8>]) -> Vec<u8> {
        let header = [0x28, 0xb5, 0x2f, 0xfd, 0, 0];
        [header.as_slice(), &blocks.concat()].concat()
    }

    fn header(kind: u8, size: u32, last: bool) -> Vec<u8> {
        let header = u32::from(last) | u32::from(kind) << 1 | size << 3;
        header.to_le_bytes()[..BLOCK_HEADER].to_vec()
    }

    fn repeated(size: u32, last: bool) -> Vec<u8> {
        [header(REPEATED, size, last), vec![7]].concat()
    }

    #[test]
    fn blocks_are_counted() {
        let many = |size: u32, count: usize| {
            let mut blocks = vec![repeated(size, false); count];
            blocks[count - 1] = repeated(size, true);
            frame(&blocks)
        };
        assert_eq!(blocks(&many(600, 40)), Some(40));
        assert_eq!(unpack(&many(600, 40), 40 * 600).unwrap(), [7; 40 * 600]);
        let nothing_last = frame(&[repeated(600, false), header(RAW, 0, true)]);
        assert_eq!(unpack(&nothing_last, 600).unwrap(), [7; 600]);
        let error = unpack(&many(1, 100), 100).unwrap_err().to_string();
        assert!(error.contains("100 blocks for 100 bytes"), "{error}");
    }

    #[test]
    fn blocks_that_give_nothing_are_refused() {
        for kind in [RAW, REPEATED, COMPRESSED, 3] {
            let stored = vec![0; usize::from(kind == REPEATED)];
            let parts = [header(kind, 0, false), stored, repeated(600, true)];
            assert_eq!(blocks(&frame(&parts)), None, "{kind}");
        }
        let large = u32::try_from(BLOCK).unwrap() + 1;
        for parts in [
            vec![repeated(600, true)[..3].to_vec()],
            vec![repeated(large, true)],
            vec![],
        ] {
            assert_eq!(blocks(&frame(&parts)), None);
        }
        assert_eq!(blocks(&[]), None);
    }

    #[test]
    fn headers_have_many_lengths() {
        for (descriptor, length) in [
            (0x00, 6),
            (0x20, 6),
            (0xe3, 17),
            (0x41, 9),
            (0x84, 10),
            (0xa2, 11),
        ] {
            assert_eq!(
                frame_header(&[0, 0, 0, 0, descriptor]),
                Some(length),
                "{descriptor:#x}"
            );
        }
    }
}
