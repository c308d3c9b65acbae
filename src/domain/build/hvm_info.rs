//! The table through which the builder tells hvmloader about vCPUs (public/hvm/hvm_info_table.h).
//!
//! libxenguest writes it; what only the toolstack knows is filled in here, and the checksum adjusted.

use crate::types::Bitmap;
use crate::xen::Xen;
use crate::{Domid, Error, Result};

/// The page that holds the table, and where in it.
const FRAME: u64 = 0x9f;
const OFFSET: usize = 0x800;

const SIGNATURE: &[u8; 8] = b"HVM INFO";
const LENGTH: usize = 8;
const CHECKSUM: usize = 12;
const APIC_MODE: usize = 13;
const NR_VCPUS: usize = 16;
const VCPU_ONLINE: usize = 32;
/// A bit for each of 128 vCPUs.
const VCPU_ONLINE_BYTES: usize = 16;
const SIZE: usize = VCPU_ONLINE + VCPU_ONLINE_BYTES;

/// Fills in the table in the guest's memory.
pub(super) fn patch(
    xen: &Xen,
    domid: Domid,
    apic: bool,
    max_vcpus: u32,
    online: &Bitmap,
) -> Result<()> {
    let mut page = xen.guest_memory(domid).map(&[FRAME])?;
    let mut table = [0; SIZE];
    page.read(OFFSET, &mut table);
    fill(&mut table, apic, max_vcpus, online).map_err(|error| error.domain(domid))?;
    page.write(OFFSET, &table);
    Ok(())
}

fn fill(table: &mut [u8; SIZE], apic: bool, max_vcpus: u32, online: &Bitmap) -> Result<()> {
    let length = u32::from_le_bytes([
        table[LENGTH],
        table[LENGTH + 1],
        table[LENGTH + 2],
        table[LENGTH + 3],
    ]);
    if !table.starts_with(SIGNATURE) || length as usize != SIZE {
        return Err(Error::fail(format!(
            "libxenguest left no HVM info table of {SIZE} bytes"
        )));
    }
    table[APIC_MODE] = u8::from(apic);
    table[NR_VCPUS..NR_VCPUS + 4].copy_from_slice(&max_vcpus.to_le_bytes());
    for (index, byte) in table[VCPU_ONLINE..].iter_mut().enumerate() {
        *byte = online.bytes.get(index).copied().unwrap_or(0);
    }
    table[CHECKSUM] = table[CHECKSUM].wrapping_sub(sum(table));
    Ok(())
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().copied().fold(0, u8::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> [u8; SIZE] {
        let mut table = [0; SIZE];
        table[..8].copy_from_slice(SIGNATURE);
        table[LENGTH] = u8::try_from(SIZE).unwrap();
        table[CHECKSUM] = 0x55;
        table[20] = 7;
        table
    }

    #[test]
    fn the_sum_of_all_bytes_is_zero() {
        let mut table = table();
        let online: Bitmap = [0, 9].into_iter().collect();
        fill(&mut table, true, 10, &online).unwrap();
        assert_eq!(sum(&table), 0);
        assert_eq!((table[APIC_MODE], table[NR_VCPUS], table[20]), (1, 10, 7));
        assert_eq!(table[VCPU_ONLINE..VCPU_ONLINE + 3], [1, 2, 0]);
    }

    #[test]
    fn only_a_table_is_patched() {
        let mut other = table();
        other[LENGTH] = 200;
        assert!(fill(&mut other, true, 1, &Bitmap::full(8)).is_err());
        assert!(fill(&mut [0; SIZE], true, 1, &Bitmap::full(8)).is_err());
    }

    #[test]
    fn more_vcpus_than_bits_do_no_harm() {
        let mut table = table();
        fill(&mut table, false, 1000, &Bitmap::full(1000)).unwrap();
        assert_eq!(sum(&table), 0);
        assert_eq!(table[VCPU_ONLINE..], [0xff; VCPU_ONLINE_BYTES]);
    }
}
