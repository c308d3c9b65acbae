//! What a guest finds of a ramdisk or another module.

use super::{Contents, Limits, unpack};
use crate::release;

/// Zeros that the C library leaves behind what it unpacked; they count as part of the module.
const TAIL: usize = 16;

/// A module's bytes as the C library hands them over. Where releases unpack them: unpacked when the file is packed with gzip, in
/// one piece, and within the limits; else as they are.
pub fn module(bytes: &[u8], limits: Limits) -> Contents<'_> {
    if release::RAMDISKS_AS_THEY_ARE || !unpack::is_gzip(bytes) {
        return Contents::from(bytes);
    }
    match unpack::gzip_file(bytes, limits) {
        Ok(mut unpacked) => {
            unpacked.resize(unpacked.len() + TAIL, 0);
            Contents::from(unpacked)
        }
        // Several archives one behind the other, for instance, which Linux can read.
        Err(_) => Contents::from(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn one_archive_is_unpacked() {
        let file = packed(&[7; 100]);
        let unpacked = module(&file, Limits::default()).to_vec();
        if release::RAMDISKS_AS_THEY_ARE {
            return assert_eq!(unpacked, file);
        }
        assert_eq!(unpacked[..100], [7; 100]);
        assert_eq!(unpacked[100..], [0; 16]);
    }

    #[test]
    fn other_files_stay_as_they_are() {
        let two = [packed(&[7; 100]), packed(&[8; 50])].concat();
        for file in [b"070701".as_slice(), b"\x1f\x8b", b"", &two] {
            assert_eq!(*module(file, Limits::default()), *file);
        }
        let small = Limits { unpacked: 99 };
        let file = packed(&[7; 100]);
        assert_eq!(*module(&file, small), *file);
    }
}
