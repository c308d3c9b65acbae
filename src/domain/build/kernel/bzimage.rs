//! Linux's bzImage: a real-mode part with the setup header, then the protected-mode part with the payload
//! (Documentation/arch/x86/boot.rst of Linux).

use std::ops::Range;

use super::bad;
use super::bytes::{range, u8_at, u16_at, u32_at};
use crate::Result;

const SETUP_SECTS: usize = 0x1f1;
const MAGIC: usize = 0x202;
const VERSION: usize = 0x206;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// The protocol that brought the payload's place.
const OLDEST: u16 = 0x208;
const SECTOR: u64 = 512;

/// Bytes to the end of what is read of the header.
pub(super) const HEADER: usize = PAYLOAD_LENGTH + 4;

pub(super) fn is_bzimage(image: &[u8]) -> bool {
    image.get(MAGIC..MAGIC + 4) == Some(b"HdrS")
}

/// Where the payload is in the file: the compressed ELF kernel and its unpacked size.
pub(super) fn payload(image: &[u8]) -> Result<Range<usize>> {
    let header = || {
        Some((
            u8_at(image, SETUP_SECTS)?,
            u16_at(image, VERSION)?,
            u32_at(image, PAYLOAD_OFFSET)?,
            u32_at(image, PAYLOAD_LENGTH)?,
        ))
    };
    let (sectors, version, offset, length) =
        header().ok_or_else(|| bad("the bzImage ends in its header"))?;
    if version < OLDEST {
        return Err(bad(format_args!(
            "the bzImage has boot protocol {version:#x}, older than {OLDEST:#x}"
        )));
    }
    // The boot sector counts as well.
    let protected_mode = (u64::from(sectors) + 1) * SECTOR;
    range(image, protected_mode + u64::from(offset), length.into())
        .ok_or_else(|| bad("the bzImage ends before its payload does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Vec<u8> {
        let mut image = vec![0; 4096];
        image[SETUP_SECTS] = 3;
        image[MAGIC..MAGIC + 4].copy_from_slice(b"HdrS");
        image[VERSION..VERSION + 2].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&0x100_u32.to_le_bytes());
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&0x200_u32.to_le_bytes());
        image
    }

    #[test]
    fn the_payload_follows_the_setup_sectors() {
        assert!(is_bzimage(&image()));
        assert_eq!(payload(&image()).unwrap(), 0x900..0xb00);
        let mut whole = image();
        whole[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&0x700_u32.to_le_bytes());
        assert_eq!(payload(&whole).unwrap(), 0x900..0x1000);
    }

    #[test]
    fn what_lies_is_refused() {
        assert!(!is_bzimage(&[0; 512]));
        let refused = |change: fn(&mut Vec<u8>)| {
            let mut image = image();
            change(&mut image);
            payload(&image).unwrap_err().to_string()
        };
        assert!(refused(|image| image[VERSION] = 7).contains("0x207"));
        assert!(refused(|image| image[PAYLOAD_LENGTH + 1] = 8).contains("ends before"));
        assert!(
            refused(|image| image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].fill(0xff)).contains("ends")
        );
        assert!(
            refused(|image| image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].fill(0xff)).contains("ends")
        );
        assert!(refused(|image| image.truncate(0x24e)).contains("in its header"));
    }
}
