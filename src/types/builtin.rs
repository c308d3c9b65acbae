//! The types that libxl writes by hand and its description only names.

use std::fmt;
use std::io::Read;

/// What an unset memory size holds, in KiB.
pub const MEMKB_DEFAULT: u64 = u64::MAX;

/// What an unset guest frame number holds.
pub const INVALID_GFN: u64 = u64::MAX;

/// Bytes nobody can guess, from the kernel.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A UUID, most significant byte first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// Whether all bytes are zero, which is what an unset UUID holds.
    pub fn is_nil(&self) -> bool {
        self.0 == [0; 16]
    }

    /// A random one (version 4).
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = random_bytes::<16>()?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(Self(bytes))
    }

    /// Reads 32 hexadecimal digits with dashes after the 8th, 12th, 16th and 20th.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
            return None;
        }
        let digits: Vec<u8> = text.iter().copied().filter(|&c| c != b'-').collect();
        hex(&digits).map(Self)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if [4, 6, 8, 10].contains(&index) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether all bytes are zero, which is what an unset address holds.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 6]
    }

    /// Reads six pairs of hexadecimal digits with colons between them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 17 || text.iter().skip(2).step_by(3).any(|&c| c != b':') {
            return None;
        }
        let digits: Vec<u8> = text.iter().copied().filter(|&c| c != b':').collect();
        hex(&digits).map(Self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// `N` bytes from `2 * N` hexadecimal digits.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            let value = char::from(digit).to_digit(16)?;
            *byte = *byte << 4 | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}

/// A set of small numbers (CPUs, NUMA nodes, vCPUs), bit 0 first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bitmap {
    /// Bit N is bit N % 8 of byte N / 8.
    pub bytes: Vec<u8>,
}

impl Bitmap {
    /// An empty set with room for the numbers below `bits`, rounded up to whole bytes.
    pub fn new(bits: usize) -> Self {
        Self {
            bytes: vec![0; bits.div_ceil(8)],
        }
    }

    /// A set with room for the numbers below `bits`, all of them in it; the last byte is full as well.
    pub fn full(bits: usize) -> Self {
        Self {
            bytes: vec![0xff; bits.div_ceil(8)],
        }
    }

    /// The number of bits there is room for.
    pub fn len(&self) -> usize {
        self.bytes.len() * 8
    }

    /// Whether no bit is set; a set without room is empty, too.
    pub fn is_empty(&self) -> bool {
        self.bytes.iter().all(|&byte| byte == 0)
    }

    /// Whether every bit there is room for is set.
    pub fn is_full(&self) -> bool {
        self.bytes.iter().all(|&byte| byte == 0xff)
    }

    /// Whether `bit` is in the set.
    pub fn test(&self, bit: usize) -> bool {
        self.bytes
            .get(bit / 8)
            .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    }

    /// Adds `bit`; does nothing where there is no room for it.
    pub fn set(&mut self, bit: usize) {
        if let Some(byte) = self.bytes.get_mut(bit / 8) {
            *byte |= 1 << (bit % 8);
        }
    }

    /// Takes `bit` out.
    pub fn reset(&mut self, bit: usize) {
        if let Some(byte) = self.bytes.get_mut(bit / 8) {
            *byte &= !(1 << (bit % 8));
        }
    }

    /// The numbers in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|&bit| self.test(bit))
    }

    /// How many numbers are in the set.
    pub fn count(&self) -> usize {
        self.bytes
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum()
    }

    /// The numbers in either set, with the room of the larger.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let (large, small) = if self.bytes.len() > other.bytes.len() {
            (self, other)
        } else {
            (other, self)
        };
        let mut union = large.clone();
        for (byte, more) in union.bytes.iter_mut().zip(&small.bytes) {
            *byte |= more;
        }
        union
    }

    /// The numbers in both sets, with the room of the smaller.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let pairs = self.bytes.iter().zip(&other.bytes);
        Self {
            bytes: pairs.map(|(a, b)| a & b).collect(),
        }
    }

    /// The bytes in hexadecimal, the last one first, after `0x`.
    pub fn to_hex(&self) -> String {
        let digits = self.bytes.iter().rev().map(|byte| format!("{byte:02x}"));
        "0x".to_owned() + &digits.collect::<String>()
    }
}

impl FromIterator<usize> for Bitmap {
    /// A set with room for the largest number.
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut set = Self::default();
        for number in numbers {
            let needed = number / 8 + 1;
            if set.bytes.len() < needed {
                set.bytes.resize(needed, 0);
            }
            set.set(number);
        }
        set
    }
}

/// What the application wants back with an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvUser(pub u64);

/// What a domain's CPUID and MSRs shall show, bit by bit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuidPolicyList {
    /// Rules for CPUID leaves.
    pub leaves: Vec<CpuidLeaf>,
    /// Rules for model specific registers.
    pub msrs: Vec<MsrPolicy>,
}

impl CpuidPolicyList {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.msrs.is_empty()
    }
}

/// Rules for one CPUID leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuidLeaf {
    /// The leaf, as in EAX.
    pub leaf: u32,
    /// The subleaf, as in ECX; None stands for a leaf that has none.
    pub subleaf: Option<u32>,
    /// For EAX, EBX, ECX and EDX: a character for each bit, the highest first. `1` and `0` set it, `x` leaves the
    /// default, `k` keeps the host's value, `s` keeps it across migrations.
    pub registers: [Option<[u8; 32]>; 4],
}

/// Rules for one model specific register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsrPolicy {
    /// The register's number.
    pub index: u32,
    /// A character for each bit, the highest first; `1`, `0`, `x` or `k` as for CPUID.
    pub bits: [u8; 64],
}

/// Moves a deprecated member to its successor, unless both are set.
pub(super) fn move_member<T: Default + PartialEq>(
    name: &str,
    old: &mut T,
    new: &mut T,
) -> crate::Result<()> {
    let unset = T::default();
    if *old != unset && *new != unset {
        return Err(crate::Error::inval(format!(
            "{name} is set in its deprecated place and in its own"
        )));
    }
    if *new == unset {
        *new = std::mem::take(old);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_strict() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let uuid = Uuid::parse(text).unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(Uuid::parse(&text.to_uppercase()), Some(uuid));
        for bad in [
            "",
            "00112233445566778899aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeef",
            "00112233-4455-6677-8899-aabbccddeefg",
            "0011223-34455-6677-8899-aabbccddeeff",
        ] {
            assert_eq!(Uuid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn macs_are_strict() {
        assert_eq!(
            Mac::parse("00:16:3E:01:02:ff"),
            Some(Mac([0, 0x16, 0x3e, 1, 2, 0xff]))
        );
        for bad in [
            "",
            "0:16:3e:1:2:3",
            "00-16-3e-01-02-03",
            "00:16:3e:01:02:+3",
        ] {
            assert_eq!(Mac::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn bitmaps_combine() {
        let low: Bitmap = [0, 3].into_iter().collect();
        let high: Bitmap = [3, 9].into_iter().collect();
        assert_eq!(low.or(&high).iter().collect::<Vec<_>>(), [0, 3, 9]);
        assert_eq!(low.and(&high).iter().collect::<Vec<_>>(), [3]);
        assert_eq!(low.and(&high).len(), 8);
        assert_eq!(high.to_hex(), "0x0208");
        let mut none = Bitmap::new(3);
        none.set(8);
        assert!(none.is_empty() && none.len() == 8 && none.count() == 0);
    }
}
