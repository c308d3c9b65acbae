//! What comes out of a decoder: never more bytes than were asked for.

use std::io::Read;

use super::bad;
use crate::{Error, Result};

/// The largest dictionary that Linux's kernels are packed with (zstd's window as well).
pub(super) const MAX_DICTIONARY: u32 = 128 << 20;

/// Room for `size` bytes, of which the system gives none before they are written.
pub(super) fn buffer(size: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    reserve(&mut out, size)?;
    Ok(out)
}

/// Room for `size` bytes more.
pub(super) fn reserve(out: &mut Vec<u8>, size: usize) -> Result<()> {
    out.try_reserve_exact(size)
        .map_err(|_| bad(format_args!("no memory for {size} bytes")))
}

pub(super) fn read(how: &str, mut from: impl Read, out: &mut Vec<u8>) -> Result<()> {
    from.read_to_end(out)
        .map_err(|error| bad(format_args!("unpacking {how}: {error}")))?;
    Ok(())
}

/// Reads to the end, which must come before `out` has more than `size` bytes.
pub(super) fn fill(how: &str, from: &mut impl Read, size: usize, out: &mut Vec<u8>) -> Result<()> {
    let left = (size - out.len()) as u64;
    read(how, from.by_ref().take(left), out)?;
    // An end marker or a checksum may still have to be read.
    let mut more = Vec::new();
    read(how, from.take(1), &mut more)?;
    if more.is_empty() {
        return Ok(());
    }
    Err(more_than(how, size))
}

pub(super) fn more_than(how: &str, size: usize) -> Error {
    bad(format_args!("unpacking {how} gives more than {size} bytes"))
}

pub(super) fn exactly(how: &str, out: Vec<u8>, size: usize) -> Result<Vec<u8>> {
    if out.len() == size {
        return Ok(out);
    }
    Err(bad(format_args!(
        "unpacking {how} gave {} bytes instead of {size}",
        out.len()
    )))
}
