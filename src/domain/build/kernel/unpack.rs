//! Unpacking: what Linux packs its kernels with, never to more than was announced and allowed.
//!
//! A bzImage's payload ends in the unpacked size; that is a gzip file's last field anyway.

use std::fmt::Display;
use std::io::Read;

use flate2::read::GzDecoder;
use lzma_rust2::LzmaReader;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::bytes::{last_u32, u8_at, u32_at, u64_at};
use super::{Limits, bad, xz};
use crate::{Error, Result};

const GZIP: &[u8] = b"\x1f\x8b";
const LZ4_LEGACY: u32 = 0x184c_2102;
/// What one block of the legacy format holds at most.
const LZ4_BLOCK: usize = 8 << 20;
/// Properties, size of the dictionary, unpacked size.
const LZMA_HEADER: usize = 13;
/// The largest window of zstd's own levels, which Linux uses.
const ZSTD_WINDOW: u64 = 128 << 20;
const ZSTD_PIECE: usize = 1 << 20;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP)
}

/// A whole file packed with gzip.
pub(super) fn gzip_file(bytes: &[u8], limits: Limits) -> Result<Vec<u8>> {
    let size = announced(bytes, limits)?;
    collect("gzip", GzDecoder::new(bytes), size)
}

/// The payload of a bzImage, by its first bytes.
pub(super) fn payload(bytes: &[u8], limits: Limits) -> Result<Vec<u8>> {
    if is_gzip(bytes) {
        return gzip_file(bytes, limits);
    }
    let size = announced(bytes, limits)?;
    let packed = &bytes[..bytes.len() - 4];
    if packed.starts_with(b"\xfd7zXZ\0") {
        let mut out = buffer(size)?;
        xz::unpack(packed, size, &mut out)?;
        exactly("xz", out, size)
    } else if packed.starts_with(b"\x28\xb5\x2f\xfd") {
        zstd(packed, size)
    } else if packed.starts_with(b"\x5d\0") {
        lzma(packed, size)
    } else if u32_at(packed, 0) == Some(LZ4_LEGACY) {
        lz4(packed, size)
    } else if packed.starts_with(b"BZh") || packed.starts_with(b"\x89LZO") {
        Err(bad(
            "it is packed with bzip2 or lzo, which is not supported",
        ))
    } else {
        Err(bad("its payload is packed in an unknown way"))
    }
}

fn announced(bytes: &[u8], limits: Limits) -> Result<usize> {
    let size = last_u32(bytes).ok_or_else(|| bad("its payload is empty"))?;
    if u64::from(size) > limits.unpacked {
        return Err(bad(format_args!(
            "it has {size} bytes unpacked, more than the {} that are allowed",
            limits.unpacked
        )));
    }
    usize::try_from(size).map_err(|_| bad("it is too large"))
}

/// Room for `size` bytes, of which the system gives none before they are written.
fn buffer(size: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(size)
        .map_err(|_| bad(format_args!("no memory for {size} bytes")))?;
    Ok(out)
}

fn collect(how: &str, mut from: impl Read, size: usize) -> Result<Vec<u8>> {
    let mut out = buffer(size)?;
    fill(how, &mut from, size, &mut out)?;
    exactly(how, out, size)
}

/// Reads to the end, which must come before `out` has more than `size` bytes.
pub(super) fn fill(how: &str, from: &mut impl Read, size: usize, out: &mut Vec<u8>) -> Result<()> {
    let left = (size - out.len()) as u64;
    let read = from.by_ref().take(left).read_to_end(out);
    // An end marker or a checksum may still have to be read.
    match read.and_then(|_| from.read(&mut [0])) {
        Ok(0) => Ok(()),
        Ok(_) => Err(more_than(how, size)),
        Err(error) => Err(bad(format_args!("unpacking {how}: {error}"))),
    }
}

fn more_than(how: &str, size: usize) -> Error {
    bad(format_args!("unpacking {how} gives more than {size} bytes"))
}

fn exactly(how: &str, out: Vec<u8>, size: usize) -> Result<Vec<u8>> {
    if out.len() == size {
        return Ok(out);
    }
    Err(bad(format_args!(
        "unpacking {how} gave {} bytes instead of {size}",
        out.len()
    )))
}

/// The decoder holds back what its window may still need, so that what it has given says little of what it holds: after each
/// piece that it did not end with it has unpacked that much more.
fn zstd(mut packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let failed = |error: &dyn Display| bad(format_args!("unpacking zstd: {error}"));
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(ZSTD_WINDOW);
    decoder.init(&mut packed).map_err(|error| failed(&error))?;
    let mut out = buffer(size)?;
    let mut unpacked = 0;
    while !decoder
        .decode_blocks(&mut packed, BlockDecodingStrategy::UptoBytes(ZSTD_PIECE))
        .map_err(|error| failed(&error))?
    {
        unpacked += ZSTD_PIECE;
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

fn lzma(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let header = || Some((u8_at(packed, 0)?, u32_at(packed, 1)?, u64_at(packed, 5)?));
    let (properties, dictionary, unpacked) =
        header().ok_or_else(|| bad("its payload ends in the header of lzma"))?;
    // A distance never leaves the output, so a larger dictionary is of no use.
    let dictionary = dictionary.min(u32::try_from(size).unwrap_or(u32::MAX));
    let reader = LzmaReader::new_with_props(
        &packed[LZMA_HEADER..],
        unpacked,
        properties,
        dictionary,
        None,
    )
    .map_err(|error| bad(format_args!("unpacking lzma: {error}")))?;
    collect("lzma", reader, size)
}

/// The legacy format: the magic number, then blocks behind their sizes; the number may stand before each of them.
fn lz4(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let damaged = || bad("unpacking lz4: the data are damaged");
    let mut out = buffer(size)?;
    let mut rest = packed;
    while !rest.is_empty() {
        let length = u32_at(rest, 0).ok_or_else(damaged)?;
        rest = &rest[4..];
        if length == LZ4_LEGACY {
            continue;
        }
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let block = rest.get(..length).ok_or_else(damaged)?;
        rest = &rest[length..];
        let start = out.len();
        out.resize(start + LZ4_BLOCK.min(size - start), 0);
        let written = lz4_flex::block::decompress_into(block, &mut out[start..])
            .map_err(|error| bad(format_args!("unpacking lz4: {error}")))?;
        out.truncate(start + written);
    }
    exactly("lz4", out, size)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    pub(in super::super) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// With the size behind it, as Linux does.
    fn sized(mut packed: Vec<u8>, size: usize) -> Vec<u8> {
        packed.extend_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        packed
    }

    pub(in super::super) fn lz4(bytes: &[u8]) -> Vec<u8> {
        let mut packed = 0x184c_2102_u32.to_le_bytes().to_vec();
        for block in bytes.chunks(3000) {
            let block = lz4_flex::block::compress(block);
            packed.extend_from_slice(&u32::try_from(block.len()).unwrap().to_le_bytes());
            packed.extend_from_slice(&block);
        }
        sized(packed, bytes.len())
    }

    /// What the files in packed/ hold, made like code with calls; packed by the commands of Linux's build.
    fn sample() -> Vec<u8> {
        let call = |i: u32| {
            let [a, b, c, d] = ((i * 37) & 0xffff).to_le_bytes();
            let [low, ..] = i.to_le_bytes();
            let [_, high, ..] = (i * i).to_le_bytes();
            [0xe8, a, b, c, d, high, low, 0x90, 0x90]
        };
        (0..600).flat_map(call).collect()
    }

    fn sample_payloads() -> [(&'static str, Vec<u8>); 5] {
        let sample = sample();
        let file = |bytes: &[u8]| sized(bytes.to_vec(), sample.len());
        [
            ("gzip", gzip(&sample)),
            ("lz4", lz4(&sample)),
            ("xz", file(include_bytes!("packed/sample.xz"))),
            ("lzma", file(include_bytes!("packed/sample.lzma"))),
            ("zstd", file(include_bytes!("packed/sample.zst"))),
        ]
    }

    #[test]
    fn payloads_are_unpacked() {
        for (how, packed) in sample_payloads() {
            let unpacked = payload(&packed, Limits::default());
            assert_eq!(unpacked.unwrap(), sample(), "{how}");
        }
        for unknown in [
            &b"BZh9    "[..],
            b"\x89LZO\0\x0d\x0a    ",
            &[7; 40],
            b"",
            &[1, 2],
        ] {
            assert!(payload(unknown, Limits::default()).is_err());
        }
    }

    #[test]
    fn nothing_is_unpacked_to_more_than_is_allowed_or_announced() {
        let small = Limits { unpacked: 4096 };
        let size = sample().len();
        for (how, packed) in sample_payloads() {
            let error = payload(&packed, small).unwrap_err().to_string();
            assert!(error.contains("more than the 4096"), "{how}: {error}");
            for lie in [size - 1, size + 1, 0] {
                let mut packed = packed.clone();
                let end = packed.len() - 4;
                packed[end..].copy_from_slice(&u32::try_from(lie).unwrap().to_le_bytes());
                let unpacked = payload(&packed, Limits::default());
                assert!(unpacked.is_err(), "{how} of {lie} bytes");
            }
        }
    }

    #[test]
    fn damaged_payloads_do_no_harm() {
        for (_, packed) in sample_payloads() {
            for at in (0..packed.len() - 4).step_by(11) {
                let mut damaged = packed.clone();
                damaged[at] ^= 0x55;
                drop(payload(&damaged, Limits::default()));
                damaged.drain(..at);
                drop(payload(&damaged, Limits::default()));
            }
        }
    }
}
