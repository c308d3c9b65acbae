//! The table through which the builder tells hvmloader about memory and vCPUs (public/hvm/hvm_info_table.h).

use super::layout::HvmMemory;
use crate::types::Bitmap;
use crate::xen::{GuestMemory, PAGE_SIZE, Piece};
use crate::{Domid, Error, Result};

/// The page that holds the table, and where in it.
const FRAME: u64 = 0x9f;
const OFFSET: u64 = 0x800;

const SIGNATURE: &[u8; 8] = b"HVM INFO";
const CHECKSUM: usize = 12;
/// A bit for each of 128 vCPUs.
const VCPU_ONLINE_BYTES: usize = 16;
const SIZE: usize = 32 + VCPU_ONLINE_BYTES;

/// What hvmloader is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Info<'a> {
    /// Whether it makes tables about APICs.
    pub(super) apic: bool,
    /// vCPUs that the guest can ever have.
    pub(super) max_vcpus: u32,
    /// Those that it starts with.
    pub(super) online: &'a Bitmap,
    /// The first frame that is not for memory or devices.
    pub(super) reserved_start: u64,
}

/// Writes the table into the guest's memory.
pub(super) fn write(
    memory: &GuestMemory<'_>,
    domid: Domid,
    layout: &HvmMemory,
    info: &Info<'_>,
) -> Result<()> {
    let table = table(layout, info).map_err(|error| error.domain(domid))?;
    let piece = Piece {
        offset: OFFSET,
        bytes: &table,
    };
    memory.fill(&[FRAME], &[piece])
}

fn table(layout: &HvmMemory, info: &Info<'_>) -> Result<[u8; SIZE]> {
    let page = |bytes: u64| {
        u32::try_from(bytes / PAGE_SIZE)
            .map_err(|_| Error::inval(format!("memory up to {bytes:#x} is too much")))
    };
    let mut table = [0; SIZE];
    table[..8].copy_from_slice(SIGNATURE);
    let size = u32::try_from(SIZE).unwrap_or(0);
    let words = [
        (8, size),
        (16, info.max_vcpus),
        (20, page(layout.lowmem_end)?),
        (24, page(info.reserved_start * PAGE_SIZE)?),
        (28, page(layout.highmem_end)?),
    ];
    for (at, word) in words {
        table[at..at + 4].copy_from_slice(&u32::to_le_bytes(word));
    }
    table[13] = u8::from(info.apic);
    for (byte, online) in table[32..].iter_mut().zip(&info.online.bytes) {
        *byte = *online;
    }
    table[CHECKSUM] = 0u8.wrapping_sub(sum(&table));
    Ok(table)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().copied().fold(0, u8::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(online: &Bitmap) -> Info<'_> {
        Info {
            apic: true,
            max_vcpus: 10,
            online,
            reserved_start: 0xfeff0,
        }
    }

    #[test]
    fn the_sum_of_all_bytes_is_zero() {
        let online: Bitmap = [0, 9].into_iter().collect();
        let memory = HvmMemory {
            lowmem_end: 0xf000_0000,
            highmem_end: 0x1_1000_0000,
            ..Default::default()
        };
        let table = table(&memory, &info(&online)).unwrap();
        assert_eq!(sum(&table), 0);
        assert_eq!(table[..12], *b"HVM INFO\x30\0\0\0");
        assert_eq!(table[13..20], [1, 0, 0, 10, 0, 0, 0]);
        assert_eq!(table[20..24], 0xf0000u32.to_le_bytes());
        assert_eq!(table[24..28], 0xfeff0u32.to_le_bytes());
        assert_eq!(table[28..32], 0x11_0000u32.to_le_bytes());
        assert_eq!(table[32..35], [1, 2, 0]);
    }

    #[test]
    fn more_vcpus_than_bits_do_no_harm() {
        let table = table(&HvmMemory::default(), &info(&Bitmap::full(1000))).unwrap();
        assert_eq!(sum(&table), 0);
        assert_eq!(table[32..], [0xff; VCPU_ONLINE_BYTES]);
    }

    #[test]
    fn memory_beyond_the_field_is_refused() {
        let memory = HvmMemory {
            highmem_end: 1 << 44,
            ..Default::default()
        };
        assert!(table(&memory, &info(&Bitmap::full(1))).is_err());
    }
}
