//! For compat-tests/fuzz: requests of a guest that may put anything into its slots, and a ring of which everything is made up.

use std::io;
use std::sync::atomic::AtomicU64;

use crate::access::{Device, Memory, perform};
use crate::request::{Access, Address, Request, SLOT_WORDS};
use crate::ring;

/// Checks that what reaches a device is in bounds.
struct Checker {
    done: u64,
}

impl Device for Checker {
    fn read(&mut self, address: Address, size: u8) -> u64 {
        self.write(address, size, 0);
        u64::MAX
    }

    fn write(&mut self, address: Address, size: u8, value: u64) {
        assert!(matches!(size, 1 | 2 | 4 | 8));
        assert!(size == 8 || value >> (8 * u32::from(size)) == 0);
        let end = match address {
            Address::Port(port) => u32::from(port) + u32::from(size) <= 1 << 16 && size < 8,
            Address::Memory(address) => address + u64::from(size) <= 1 << 52,
            Address::Pci(function, offset) => {
                offset + u16::from(size) <= 4096 && function.device < 32 && function.function < 8
            }
        };
        assert!(end, "{address:?}, {size} bytes");
        self.done += u64::from(size);
        assert!(self.done <= 4096, "{} bytes", self.done);
    }
}

/// Memory everywhere that there can be some.
struct Everywhere;

impl Memory for Everywhere {
    fn read(&mut self, address: u64, to: &mut [u8]) -> io::Result<()> {
        to.fill(0x5a);
        self.write(address, to)
    }

    fn write(&mut self, address: u64, from: &[u8]) -> io::Result<()> {
        assert!(address + from.len() as u64 <= 1 << 52, "{address:#x}");
        Ok(())
    }
}

fn carry_out(access: &Access) {
    let mut device = Checker { done: 0 };
    perform(access, &mut device, &mut Everywhere).expect("this memory never fails");
}

/// What a guest can put into the pages: all of `data` as slots of vCPUs, then its beginning as a ring.
pub fn requests(data: &[u8]) {
    let words: Vec<u64> = data
        .chunks_exact(8)
        .filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)))
        .collect();
    for slot in words.chunks_exact(SLOT_WORDS) {
        let request = Request::from_slot([slot[0], slot[1], slot[2], slot[3]]);
        if let Ok(Request::Access(access)) = request {
            carry_out(&access);
        }
    }
    let page = std::array::from_fn(|index| AtomicU64::new(words.get(index).copied().unwrap_or(0)));
    let mut served = 0;
    ring::drain(&page, |request| {
        served += 1;
        assert!(served <= 511);
        if let Ok(Request::Access(access)) = request {
            carry_out(&access);
        }
    });
}
