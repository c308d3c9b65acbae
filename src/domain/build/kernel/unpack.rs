//! Unpacking: what Linux packs its kernels with, never to more than was announced and allowed.
//!
//! A bzImage's payload ends in the unpacked size, which is a gzip file's last field anyway. A file of any kind is
//! refused before the first byte comes out when so much cannot come out of it, or when it is larger than what comes out: a
//! decoder may need long for parts that give nothing.

use std::io::Read;

use flate2::read::GzDecoder;
use lzma_rust2::LzmaReader;

use super::bytes::{last_u32, u8_at, u32_at, u64_at};
use super::output::{MAX_DICTIONARY, buffer, exactly, fill, read};
use super::{Limits, bad, bzimage, is_bzimage, xz, zstd};
use crate::Result;

const GZIP: &[u8] = b"\x1f\x8b";
/// What deflate's longest copy of 258 bytes takes: two bits.
const GZIP_RATIO: u64 = 1032;
/// A bzImage is packed already. Where gzip makes it much smaller it is made to need long.
const GZIP_TWICE_RATIO: u64 = 8;
const LZ4_LEGACY: u32 = 0x184c_2102;
/// What one block of the legacy format holds at most.
const LZ4_BLOCK: usize = 8 << 20;
const LZ4_RATIO: u64 = 255;
/// Properties, size of the dictionary, unpacked size.
const LZMA_HEADER: usize = 13;
/// A copy of 273 bytes takes 14 decisions of at least 0.022 bits.
const LZMA_RATIO: u64 = 8192;
/// What small files may have beyond any ratio: names in headers.
const SLACK: u64 = 256 << 10;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP)
}

/// A whole file packed with gzip.
pub(super) fn gzip_file(bytes: &[u8], limits: Limits) -> Result<Vec<u8>> {
    gunzip(bytes, limits, |_, _| Ok(()))
}

/// The same for a kernel, which may be a bzImage that is packed once more.
pub(super) fn gzip_kernel(bytes: &[u8], limits: Limits) -> Result<Vec<u8>> {
    let most = bytes.len() as u64 * GZIP_TWICE_RATIO + SLACK;
    gunzip(bytes, limits, |start, size| {
        if is_bzimage(start) && size as u64 > most {
            return Err(bad(format_args!(
                "it is a bzImage of {size} bytes, packed with gzip once more to {}",
                bytes.len()
            )));
        }
        Ok(())
    })
}

/// `check` sees the first bytes and the announced size before the rest is unpacked.
fn gunzip(
    bytes: &[u8],
    limits: Limits,
    check: impl FnOnce(&[u8], usize) -> Result<()>,
) -> Result<Vec<u8>> {
    let size = announced(bytes, limits)?;
    plausible("gzip", bytes, size, GZIP_RATIO)?;
    let mut decoder = GzDecoder::new(bytes);
    let mut out = buffer(size)?;
    let start = decoder.by_ref().take(bzimage::HEADER.min(size) as u64);
    read("gzip", start, &mut out)?;
    check(&out, size)?;
    fill("gzip", &mut decoder, size, &mut out)?;
    exactly("gzip", out, size)
}

/// The payload of a bzImage, by its first bytes.
pub(super) fn payload(bytes: &[u8], limits: Limits) -> Result<Vec<u8>> {
    if is_gzip(bytes) {
        return gzip_file(bytes, limits);
    }
    let size = announced(bytes, limits)?;
    let packed = &bytes[..bytes.len() - 4];
    if packed.starts_with(b"\xfd7zXZ\0") {
        plausible("xz", packed, size, LZMA_RATIO)?;
        xz::unpack(packed, size)
    } else if packed.starts_with(b"\x28\xb5\x2f\xfd") {
        plausible("zstd", packed, size, zstd::RATIO)?;
        zstd::unpack(packed, size)
    } else if packed.starts_with(b"\x5d\0") {
        plausible("lzma", packed, size, LZMA_RATIO)?;
        lzma(packed, size)
    } else if u32_at(packed, 0) == Some(LZ4_LEGACY) {
        plausible("lz4", packed, size, LZ4_RATIO)?;
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

/// Whether `packed` can be `size` bytes. One byte gives `ratio` at most; what cannot be packed grows a little.
fn plausible(how: &str, packed: &[u8], size: usize, ratio: u64) -> Result<()> {
    let (length, size) = (packed.len() as u64, size as u64);
    if size <= length * ratio && length <= size + size / 8 + SLACK {
        return Ok(());
    }
    Err(bad(format_args!(
        "{length} bytes packed with {how} cannot be {size} bytes"
    )))
}

fn lzma(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let header = || Some((u8_at(packed, 0)?, u32_at(packed, 1)?, u64_at(packed, 5)?));
    let (properties, dictionary, unpacked) =
        header().ok_or_else(|| bad("its payload ends in the header of lzma"))?;
    // A distance never leaves the output, so a larger dictionary is of no use.
    let largest = u32::try_from(size).unwrap_or(u32::MAX);
    let dictionary = dictionary.min(largest).min(MAX_DICTIONARY);
    let mut reader = LzmaReader::new_with_props(
        &packed[LZMA_HEADER..],
        unpacked,
        properties,
        dictionary,
        None,
    )
    .map_err(|error| bad(format_args!("unpacking lzma: {error}")))?;
    let mut out = buffer(size)?;
    fill("lzma", &mut reader, size, &mut out)?;
    exactly("lzma", out, size)
}

/// The legacy format: the magic number, then blocks behind their sizes; the number may stand before each of them.
fn lz4(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    let damaged = || bad("unpacking lz4: the data are damaged");
    let mut out = buffer(size)?;
    let mut unpacked = 0;
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
        // Cleared once, and not anew for each block however small.
        let end = size.min(unpacked + LZ4_BLOCK);
        out.resize(end.max(out.len()), 0);
        let written = lz4_flex::block::decompress_into(block, &mut out[unpacked..end])
            .map_err(|error| bad(format_args!("unpacking lz4: {error}")))?;
        if written == 0 {
            return Err(bad("unpacking lz4: a block is empty"));
        }
        unpacked += written;
    }
    out.truncate(unpacked);
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
