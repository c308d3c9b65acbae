//! Requests as the hypervisor lays them out (xen/hvm/ioreq.h), read once and checked. Nearly every field is the guest's.

use std::fmt;
use std::ops::RangeInclusive;

/// Words of a vCPU's slot: address; data; count and size; event channel, state, flags and type.
pub(crate) const SLOT_WORDS: usize = 4;

const STATE: u64 = 0xf << 48;
const STATE_READY: u64 = 1 << 48;
const STATE_IN_PROCESS: u64 = 2 << 48;
const STATE_ANSWERED: u64 = 3 << 48;
const DATA_IS_POINTER: u64 = 1 << 52;
const READ: u64 = 1 << 53;
const BACKWARDS: u64 = 1 << 54;

const TYPE_PORT: u8 = 0;
const TYPE_MEMORY: u8 = 1;
const TYPE_PCI_CONFIG: u8 = 2;
const TYPE_TIME_OFFSET: u8 = 7;
const TYPE_INVALIDATE: u8 = 8;

/// The hypervisor cuts repeated accesses at the end of a page.
const MAX_BYTES: u64 = 4096;
/// Bytes of a function's configuration space, extended.
const PCI_CONFIG_BYTES: u64 = 4096;
/// One past the highest guest physical address.
const MAX_ADDRESS: u64 = 1 << 52;

/// A PCI function of the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciFunction {
    /// Segment.
    pub segment: u16,
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl PciFunction {
    fn from_raw(raw: u32) -> Self {
        let [devfn, bus, low, high] = raw.to_le_bytes();
        Self {
            segment: u16::from_le_bytes([low, high]),
            bus,
            device: devfn >> 3,
            function: devfn & 7,
        }
    }
}

/// What an access goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// An I/O port.
    Port(u16),
    /// Guest physical memory without RAM behind it.
    Memory(u64),
    /// A byte of a function's configuration space.
    Pci(PciFunction, u16),
}

/// Where the data of an access is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// In the request, or for a read to be put there.
    Value(u64),
    /// In guest memory from this physical address on.
    Guest(u64),
}

/// `count` accesses of `size` bytes each. The data of each, and the address in memory, are one size further than those
/// of the one before, or with `backwards` one size before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) address: Address,
    pub(crate) size: u8,
    pub(crate) count: u16,
    pub(crate) write: bool,
    pub(crate) backwards: bool,
    pub(crate) data: Data,
}

impl Access {
    /// Where the element at `index` of a series that starts at `base` is.
    pub(crate) fn step(&self, base: u64, index: u16) -> u64 {
        let offset = u64::from(index) * u64::from(self.size);
        if self.backwards {
            base.wrapping_sub(offset)
        } else {
            base.wrapping_add(offset)
        }
    }

    /// All bytes of a series that starts at `base`; None where it leaves the address space.
    fn covered(&self, base: u64) -> Option<RangeInclusive<u64>> {
        let last = u64::from(self.count - 1) * u64::from(self.size);
        let (low, high) = if self.backwards {
            (base.checked_sub(last)?, base)
        } else {
            (base, base.checked_add(last)?)
        };
        let high = high.checked_add(u64::from(self.size) - 1)?;
        (high < MAX_ADDRESS).then_some(low..=high)
    }

    /// All guest physical memory that an access to memory touches.
    pub(crate) fn memory(&self, address: u64) -> RangeInclusive<u64> {
        // Checked when the request was read.
        self.covered(address).unwrap_or(u64::MAX..=u64::MAX)
    }
}

/// A request that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Access(Access),
    /// The guest set its clock, by so many seconds.
    TimeOffset(i64),
    /// The guest's memory has changed: mappings of it are stale.
    Invalidate,
}

/// What is wrong with a request. It is answered all the same, or the vCPU would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No type of request that there is.
    Type(u8),
    /// Not 1, 2, 4 or 8 bytes, or too many for a port.
    Size(u32),
    /// None, or more than fit into a page.
    Count(u32),
    /// The access leaves the address space.
    Address(u64),
    /// Its data leaves the guest's address space.
    Pointer(u64),
    /// Nothing that was claimed.
    Unclaimed(Address),
    /// The guest's memory with the data cannot be mapped.
    Memory(u64),
    /// The ring of buffered requests holds something else than writes, or says that it holds more than it can.
    Ring,
    /// Somebody else changed the slot while the request was being served.
    Slot,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => write!(f, "a request of type {kind}"),
            Self::Size(size) => write!(f, "an access of {size} bytes"),
            Self::Count(count) => write!(f, "an access {count} times"),
            Self::Address(address) => write!(f, "an access at {address:#x}"),
            Self::Pointer(address) => write!(f, "data at {address:#x}"),
            Self::Unclaimed(address) => write!(f, "an access to {address:x?}, not claimed"),
            Self::Memory(address) => write!(f, "data at {address:#x}, not mapped"),
            Self::Ring => f.write_str("a broken ring of buffered requests"),
            Self::Slot => f.write_str("a slot that changed meanwhile"),
        }
    }
}

/// The last word of a slot, which says whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Control(pub(crate) u64);

impl Control {
    /// Whether a request waits.
    pub(crate) fn ready(self) -> bool {
        self.0 & STATE == STATE_READY
    }

    pub(crate) fn in_process(self) -> Self {
        Self(self.0 & !STATE | STATE_IN_PROCESS)
    }

    pub(crate) fn answered(self) -> Self {
        Self(self.0 & !STATE | STATE_ANSWERED)
    }

    /// The guest's event channel of the vCPU.
    pub(crate) fn port(self) -> u32 {
        low(self.0)
    }

    /// Whether the guest waits for a value in the slot. Also asked of requests that are refused.
    pub(crate) fn wants_value(self) -> bool {
        self.0 & READ != 0 && self.0 & DATA_IS_POINTER == 0
    }
}

/// The lower half.
pub(crate) fn low(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The upper half.
pub(crate) fn high(word: u64) -> u32 {
    low(word >> 32)
}

impl Request {
    /// From a copy of a slot in any state.
    pub(crate) fn from_slot(words: [u64; SLOT_WORDS]) -> Result<Self, Malformed> {
        let [address, data, numbers, control] = words;
        let [.., kind] = control.to_le_bytes();
        Raw {
            kind,
            address,
            size: high(numbers),
            count: low(numbers),
            write: control & READ == 0,
            backwards: control & BACKWARDS != 0,
            data: if control & DATA_IS_POINTER == 0 {
                Data::Value(data)
            } else {
                Data::Guest(data)
            },
        }
        .check()
    }

    /// From a slot of the ring, and the one behind it, of which an access of 8 bytes takes the upper half. Also tells
    /// whether it did.
    pub(crate) fn from_ring(first: u64, second: Option<u64>) -> (Result<Self, Malformed>, bool) {
        // Type: 8 bits, padding: 1, read: 1, size: 2 as a power of two, address: 20, data: 32.
        let [kind, ..] = first.to_le_bytes();
        let size = 1 << (first >> 10 & 3);
        let mut data = u64::from(high(first));
        if size == 8 {
            match second {
                Some(second) => data |= u64::from(high(second)) << 32,
                None => return (Err(Malformed::Ring), false),
            }
        }
        let raw = Raw {
            kind,
            address: u64::from(low(first) >> 12),
            size,
            count: 1,
            write: first & 1 << 9 == 0,
            backwards: false,
            data: Data::Value(data),
        };
        // Nobody would get the answer.
        let request = if raw.write {
            raw.check()
        } else {
            Err(Malformed::Ring)
        };
        (request, size == 8)
    }
}

/// The fields of either form.
struct Raw {
    kind: u8,
    address: u64,
    size: u32,
    count: u32,
    write: bool,
    backwards: bool,
    data: Data,
}

impl Raw {
    fn check(self) -> Result<Request, Malformed> {
        match self.kind {
            TYPE_PORT | TYPE_MEMORY | TYPE_PCI_CONFIG => self.access().map(Request::Access),
            TYPE_TIME_OFFSET => match self.data {
                Data::Value(seconds) => Ok(Request::TimeOffset(i64::from_le_bytes(
                    seconds.to_le_bytes(),
                ))),
                Data::Guest(address) => Err(Malformed::Pointer(address)),
            },
            TYPE_INVALIDATE => Ok(Request::Invalidate),
            kind => Err(Malformed::Type(kind)),
        }
    }

    fn access(self) -> Result<Access, Malformed> {
        let size = match (self.size, self.kind) {
            (1 | 2 | 4, _) | (8, TYPE_MEMORY) => self.size.to_le_bytes()[0],
            _ => return Err(Malformed::Size(self.size)),
        };
        let count = match u16::try_from(self.count) {
            Ok(count @ 1..) if u64::from(count) * u64::from(size) <= MAX_BYTES => count,
            _ => return Err(Malformed::Count(self.count)),
        };
        let outside = Malformed::Address(self.address);
        let address = match self.kind {
            TYPE_PORT => {
                let port = u16::try_from(self.address).map_err(|_| outside)?;
                if u32::from(port) + u32::from(size) > 1 << 16 {
                    return Err(outside);
                }
                Address::Port(port)
            }
            TYPE_PCI_CONFIG => {
                let offset = u64::from(low(self.address));
                if offset + u64::from(size) > PCI_CONFIG_BYTES {
                    return Err(outside);
                }
                let offset = u16::try_from(offset).map_err(|_| outside)?;
                Address::Pci(PciFunction::from_raw(high(self.address)), offset)
            }
            _ => Address::Memory(self.address),
        };
        let access = Access {
            address,
            size,
            count,
            write: self.write,
            backwards: self.backwards,
            data: self.data,
        };
        if let Address::Memory(address) = address {
            access.covered(address).ok_or(outside)?;
        }
        if let Data::Guest(pointer) = self.data {
            let outside = Malformed::Pointer(pointer);
            access.covered(pointer).ok_or(outside)?;
        }
        Ok(access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot of a read of `size` bytes, done once, of type `kind`.
    fn slot(kind: u8, address: u64, size: u32) -> [u64; SLOT_WORDS] {
        let numbers = u64::from(size) << 32 | 1;
        let control = u64::from(kind) << 56 | READ | STATE_READY | 7;
        [address, 0, numbers, control]
    }

    fn with(mut slot: [u64; SLOT_WORDS], flags: u64, count: u32, data: u64) -> [u64; SLOT_WORDS] {
        slot[3] |= flags;
        slot[2] = slot[2] & !0xffff_ffff | u64::from(count);
        slot[1] = data;
        slot
    }

    #[test]
    fn accesses_are_read() {
        let Ok(Request::Access(access)) = Request::from_slot(slot(TYPE_PORT, 0x3f8, 2)) else {
            panic!("no access");
        };
        assert_eq!(access.address, Address::Port(0x3f8));
        assert!(!access.write && access.size == 2 && access.count == 1);
        let pci = slot(TYPE_PCI_CONFIG, 0x0001_02ef_0000_0010, 4);
        let Ok(Request::Access(access)) = Request::from_slot(pci) else {
            panic!("no access");
        };
        let function = PciFunction {
            segment: 1,
            bus: 2,
            device: 0x1d,
            function: 7,
        };
        assert_eq!(access.address, Address::Pci(function, 0x10));
        let series = with(
            slot(TYPE_MEMORY, 0x1000, 8),
            BACKWARDS | DATA_IS_POINTER,
            3,
            0x5000,
        );
        let Ok(Request::Access(access)) = Request::from_slot(series) else {
            panic!("no access");
        };
        assert_eq!(access.memory(0x1000), 0xff0..=0x1007);
        assert_eq!(access.step(0x5000, 2), 0x4ff0);
        let offset = with(slot(TYPE_TIME_OFFSET, 0, 8), 0, 1, u64::MAX - 59);
        assert_eq!(Request::from_slot(offset), Ok(Request::TimeOffset(-60)));
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |words| Request::from_slot(words).unwrap_err();
        for size in [0, 3, 5, 8, 16, 0x104, 1 << 31] {
            assert_eq!(refused(slot(TYPE_PORT, 0, size)), Malformed::Size(size));
        }
        for count in [0, 4097, 0x10000, u32::MAX] {
            let words = with(slot(TYPE_MEMORY, 0, 1), 0, count, 0);
            assert_eq!(refused(words), Malformed::Count(count));
        }
        for address in [0xffff, 0x10000, u64::MAX] {
            assert_eq!(
                refused(slot(TYPE_PORT, address, 2)),
                Malformed::Address(address)
            );
        }
        for address in [u64::MAX, u64::MAX - 3, MAX_ADDRESS - 3] {
            assert_eq!(
                refused(slot(TYPE_MEMORY, address, 4)),
                Malformed::Address(address)
            );
        }
        let before_zero = with(slot(TYPE_MEMORY, 4, 4), BACKWARDS, 3, 0);
        assert_eq!(refused(before_zero), Malformed::Address(4));
        let config = slot(TYPE_PCI_CONFIG, 0xffe, 4);
        assert_eq!(refused(config), Malformed::Address(0xffe));
        let pointer = with(slot(TYPE_PORT, 0, 4), DATA_IS_POINTER, 4, u64::MAX - 7);
        assert_eq!(refused(pointer), Malformed::Pointer(u64::MAX - 7));
        for kind in (3..=6).chain(9..=255) {
            assert_eq!(refused(slot(kind, 0, 4)), Malformed::Type(kind));
        }
    }

    #[test]
    fn the_state_changes_alone() {
        let control = Control(slot(TYPE_MEMORY, 0, 4)[3]);
        assert!(control.ready() && control.port() == 7 && control.wants_value());
        let answered = control.in_process().answered();
        assert!(!answered.ready());
        assert_eq!(answered.0 ^ control.0, STATE_READY ^ STATE_ANSWERED);
    }

    #[test]
    fn buffered_requests_take_one_slot_or_two() {
        let entry = |kind: u8, size: u64, address: u64, data: u64| {
            u64::from(kind) | size << 10 | address << 12 | data << 32
        };
        let (request, two) = Request::from_ring(entry(TYPE_MEMORY, 1, 0xa0123, 0xbeef), None);
        let Ok(Request::Access(access)) = request else {
            panic!("no access");
        };
        assert_eq!(access.address, Address::Memory(0xa0123));
        assert!(access.write && access.size == 2 && !two);
        assert_eq!(access.data, Data::Value(0xbeef));
        let halves = (
            entry(TYPE_TIME_OFFSET, 3, 0, 0xffff_ffc4),
            u64::from(u32::MAX) << 32,
        );
        let (request, two) = Request::from_ring(halves.0, Some(halves.1));
        assert_eq!((request, two), (Ok(Request::TimeOffset(-60)), true));
        let (request, two) = Request::from_ring(halves.0, None);
        assert_eq!((request, two), (Err(Malformed::Ring), false));
        let (request, _) = Request::from_ring(entry(TYPE_MEMORY, 0, 0, 0) | 1 << 9, None);
        assert_eq!(request, Err(Malformed::Ring));
    }
}
