//! Carries out an access, one element after the other.

use std::io;

use crate::request::{Access, Address, Data};

/// What answers a guest's accesses. Values have the access's size: 1, 2, 4 or 8 bytes, the rest is zero or cut off.
pub trait Device {
    /// The guest reads.
    fn read(&mut self, address: Address, size: u8) -> u64;
    /// The guest writes; it may not be waiting for the end.
    fn write(&mut self, address: Address, size: u8, value: u64);
    /// The guest set its clock forward by so many seconds, or back.
    fn time_offset(&mut self, _seconds: i64) {}
    /// The guest's memory has changed; mappings of it that the device keeps are stale.
    fn invalidate(&mut self) {}
}

/// The guest's memory, by physical address. A range may cross pages.
pub(crate) trait Memory {
    fn read(&mut self, address: u64, to: &mut [u8]) -> io::Result<()>;
    fn write(&mut self, address: u64, from: &[u8]) -> io::Result<()>;
}

/// Nobody at home: what a bus without a device does.
pub(crate) struct Nobody;

impl Device for Nobody {
    fn read(&mut self, _: Address, _: u8) -> u64 {
        u64::MAX
    }
    fn write(&mut self, _: Address, _: u8, _: u64) {}
}

/// The lowest `size` bytes of a value.
fn cut(value: u64, size: u8) -> u64 {
    match size {
        8.. => value,
        _ => value & ((1 << (8 * u32::from(size))) - 1),
    }
}

/// Carries out all elements of an access; gives the value for the guest's register, which of a series is the last one.
/// Fails where the guest's memory does, and then leaves out the rest.
pub(crate) fn perform(
    access: &Access,
    device: &mut impl Device,
    memory: &mut impl Memory,
) -> io::Result<u64> {
    let size = access.size;
    let mut last = 0;
    for index in 0..access.count {
        let address = match access.address {
            Address::Memory(base) => Address::Memory(access.step(base, index)),
            other => other,
        };
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..usize::from(size)];
        match (access.write, access.data) {
            (true, Data::Value(value)) => device.write(address, size, cut(value, size)),
            (true, Data::Guest(base)) => {
                memory.read(access.step(base, index), bytes)?;
                let value = bytes
                    .iter()
                    .rev()
                    .fold(0, |value, byte| value << 8 | u64::from(*byte));
                device.write(address, size, value);
            }
            (false, Data::Value(_)) => last = cut(device.read(address, size), size),
            (false, Data::Guest(base)) => {
                let value = device.read(address, size).to_le_bytes();
                bytes.copy_from_slice(&value[..bytes.len()]);
                memory.write(access.step(base, index), bytes)?;
            }
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers what was done; a read gives the number of the call, in each byte.
    #[derive(Default)]
    struct Log(Vec<(Address, u8, Option<u64>)>);

    impl Device for Log {
        fn read(&mut self, address: Address, size: u8) -> u64 {
            self.0.push((address, size, None));
            0x0101_0101_0101_0101 * self.0.len() as u64
        }
        fn write(&mut self, address: Address, size: u8, value: u64) {
            self.0.push((address, size, Some(value)));
        }
    }

    struct Ram(Vec<u8>);

    impl Memory for Ram {
        fn read(&mut self, address: u64, to: &mut [u8]) -> io::Result<()> {
            let at = usize::try_from(address).unwrap();
            let from = self.0.get(at..at + to.len());
            to.copy_from_slice(from.ok_or(io::ErrorKind::NotFound)?);
            Ok(())
        }
        fn write(&mut self, address: u64, from: &[u8]) -> io::Result<()> {
            let at = usize::try_from(address).unwrap();
            let to = self.0.get_mut(at..at + from.len());
            to.ok_or(io::ErrorKind::NotFound)?.copy_from_slice(from);
            Ok(())
        }
    }

    fn access(address: Address, size: u8, count: u16, write: bool, data: Data) -> Access {
        Access {
            address,
            size,
            count,
            write,
            backwards: false,
            data,
        }
    }

    #[test]
    fn values_are_cut_to_the_size() {
        let (mut log, mut ram) = (Log::default(), Ram(vec![]));
        let port = Address::Port(0x80);
        let write = access(port, 2, 1, true, Data::Value(0xdead_beef));
        perform(&write, &mut log, &mut ram).unwrap();
        assert_eq!(log.0, [(port, 2, Some(0xbeef))]);
        let read = access(port, 1, 1, false, Data::Value(u64::MAX));
        assert_eq!(perform(&read, &mut log, &mut ram).unwrap(), 2);
        let wide = access(Address::Memory(0), 8, 1, false, Data::Value(0));
        let value = perform(&wide, &mut Nobody, &mut ram).unwrap();
        assert_eq!(value, u64::MAX);
    }

    #[test]
    fn a_series_moves_through_memory_and_stays_at_its_port() {
        let (mut log, mut ram) = (Log::default(), Ram((0..16).collect()));
        let out = access(Address::Port(0x80), 2, 2, true, Data::Guest(4));
        perform(&out, &mut log, &mut ram).unwrap();
        let values: Vec<_> = log.0.iter().map(|(at, _, value)| (*at, *value)).collect();
        let port = Address::Port(0x80);
        assert_eq!(values, [(port, Some(0x0504)), (port, Some(0x0706))]);

        let mut log = Log::default();
        let mut copy = access(Address::Memory(0x9000), 4, 2, false, Data::Guest(8));
        copy.backwards = true;
        perform(&copy, &mut log, &mut ram).unwrap();
        assert_eq!(log.0[1].0, Address::Memory(0x8ffc));
        assert_eq!(ram.0[4..12], [2, 2, 2, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn missing_memory_ends_the_series() {
        let (mut log, mut ram) = (Log::default(), Ram(vec![0; 6]));
        let copy = access(Address::Memory(0), 4, 4, true, Data::Guest(0));
        assert!(perform(&copy, &mut log, &mut ram).is_err());
        assert_eq!(log.0.len(), 1);
    }
}
