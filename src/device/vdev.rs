//! Virtual disk names and the device numbers behind them.
//!
//! A guest sees its disks by number; configurations name them `xvda3`, `hdc`, `sdb1`, `d5p2` or by the number itself.
//! The encoding is public in Xen's `vbd-interface` document: major 202 for the first sixteen `xvd` disks, bit 28 for
//! the rest, and the numbers of Linux's IDE and SCSI disks for `hd` and `sd`.

/// Bit 28 marks the extended encoding, where a disk has 256 partitions.
const EXTENDED: u32 = 1 << 28;
const XVD_MAJOR: u32 = 202;
const SD_MAJOR: u32 = 8;

/// A virtual disk name, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vdev {
    /// The device number, as it stands in xenstore.
    pub devid: i32,
    /// Which disk and which partition of it (0: the whole disk); unknown when the name was a plain number.
    pub place: Option<Place>,
}

/// The position of a virtual disk among those of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 0 for `xvda`, `hda`, `sda`, `d0`.
    pub disk: u32,
    /// 0 for the whole disk.
    pub partition: u32,
}

impl Vdev {
    /// Understands a name; `None` when it is none.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(place) = dp(name).or_else(|| lettered(name, "xvd", (1 << 20) - 1, 255)) {
            let devid = if place.disk <= 15 && place.partition <= 15 {
                XVD_MAJOR << 8 | place.disk << 4 | place.partition
            } else {
                EXTENDED | place.disk << 8 | place.partition
            };
            return Self::at(devid, place);
        }
        if let Some((number, "")) = c_number(name) {
            let devid = i32::try_from(number).ok()?;
            return Some(Self { devid, place: None });
        }
        if let Some(place) = lettered(name, "hd", 3, 63) {
            let major = if place.disk < 2 { 3 } else { 22 };
            return Self::at(major << 8 | (place.disk & 1) << 6 | place.partition, place);
        }
        let place = lettered(name, "sd", 15, 15)?;
        Self::at(SD_MAJOR << 8 | place.disk << 4 | place.partition, place)
    }

    fn at(devid: u32, place: Place) -> Option<Self> {
        Some(Self {
            devid: i32::try_from(devid).ok()?,
            place: Some(place),
        })
    }
}

/// The `xvd` name of a device number, as Linux names the disk in the guest.
pub fn name_of(devid: i32) -> String {
    let devid = u32::from_ne_bytes(devid.to_ne_bytes());
    let (minor, partitions) = if devid & EXTENDED == 0 {
        (devid & 0xff, 16)
    } else {
        (devid & !EXTENDED, 256)
    };
    let mut name = format!("xvd{}", letters(minor / partitions));
    if minor % partitions != 0 {
        name.push_str(&(minor % partitions).to_string());
    }
    name
}

/// `d<disk>p<partition>`, each number as C writes them (0x for hexadecimal, 0 for octal).
fn dp(name: &str) -> Option<Place> {
    let (disk, rest) = c_number(name.strip_prefix('d')?)?;
    let (partition, rest) = c_number(rest.strip_prefix('p')?)?;
    let fits = rest.is_empty() && disk < 1 << 20 && partition < 256;
    fits.then_some(Place {
        disk: u32::try_from(disk).ok()?,
        partition: u32::try_from(partition).ok()?,
    })
}

/// `<prefix><letters>[<partition>]`; letters count a=0 … z=25, aa=26.
fn lettered(name: &str, prefix: &str, max_disk: u32, max_partition: u32) -> Option<Place> {
    let rest = name.strip_prefix(prefix)?;
    let split = rest
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(rest.len());
    let (letters, digits) = rest.split_at(split);
    let mut disk: Option<u32> = None;
    for letter in letters.bytes() {
        let above = disk.map_or(0, |d| (d + 1) * 26);
        let value = above + u32::from(letter - b'a');
        if value > max_disk {
            return None;
        }
        disk = Some(value);
    }
    let partition = match digits {
        "" => 0,
        _ if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) => return None,
        _ => digits.parse().ok().filter(|p| *p <= max_partition)?,
    };
    Some(Place {
        disk: disk?,
        partition,
    })
}

fn letters(disk: u32) -> String {
    let last = char::from(b'a' + (disk % 26) as u8);
    let mut name = match disk / 26 {
        0 => String::new(),
        above => letters(above - 1),
    };
    name.push(last);
    name
}

/// An unsigned number the way C's base 0 reads it, and what follows it. No sign, no blanks.
fn c_number(text: &str) -> Option<(u64, &str)> {
    let (radix, digits) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => (16, hex),
        _ if text.starts_with('0') => (8, text),
        _ => (10, text),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let value = u64::from_str_radix(&digits[..end], radix).ok()?;
    Some((value, &digits[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devid(name: &str) -> Option<i32> {
        Vdev::parse(name).map(|v| v.devid)
    }

    #[test]
    fn names_give_the_numbers_of_the_vbd_interface() {
        assert_eq!(devid("xvda"), Some(51712));
        assert_eq!(devid("xvdb3"), Some(51712 + 16 + 3));
        assert_eq!(devid("xvdp15"), Some(51712 + 255));
        assert_eq!(devid("xvdq"), Some(0x1000_0000 | 16 << 8));
        assert_eq!(devid("xvda16"), Some(0x1000_0000 | 16));
        assert_eq!(devid("xvdaa"), Some(0x1000_0000 | 26 << 8));
        assert_eq!(devid("hda"), Some(768));
        assert_eq!(devid("hdb1"), Some(768 + 65));
        assert_eq!(devid("hdc"), Some(5632));
        assert_eq!(devid("sda"), Some(2048));
        assert_eq!(devid("sdc4"), Some(2048 + 36));
        assert_eq!(devid("d0p0"), Some(51712));
        assert_eq!(devid("d1p3"), Some(51712 + 19));
        assert_eq!(devid("d0x20p2"), Some(0x1000_0000 | 0x20 << 8 | 2));
        assert_eq!(devid("51728"), Some(51728));
        assert_eq!(devid("0xca00"), Some(51712));
    }

    #[test]
    fn nonsense_is_refused() {
        for name in [
            "",
            "xvd",
            "hd",
            "sd",
            "xvda01",
            "xvda256",
            "hde",
            "hda64",
            "sdq",
            "sda16",
            "xvdA",
            "xvda1x",
            "d0",
            "d0p",
            "d-1p0",
            "d0p256",
            "d1048576p0",
            " xvda",
            "xvda+1",
            "vda",
            "4294967296",
            "2147483648",
            "0x",
            "xvdzzzzzzzzzzzz",
        ] {
            assert_eq!(Vdev::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_place_is_known_unless_a_number_was_given() {
        let place = |disk, partition| Some(Place { disk, partition });
        assert_eq!(Vdev::parse("hdd2").unwrap().place, place(3, 2));
        assert_eq!(Vdev::parse("xvdz").unwrap().place, place(25, 0));
        assert_eq!(Vdev::parse("51712").unwrap().place, None);
    }

    #[test]
    fn numbers_give_names_back() {
        for name in [
            "xvda", "xvdb3", "xvdp15", "xvdq", "xvdz200", "xvdaa", "xvdzz", "xvdaaa1", "xvdnmc3",
        ] {
            assert_eq!(name_of(devid(name).unwrap()), name);
        }
        assert_eq!(name_of(768), "xvda");
    }
}
