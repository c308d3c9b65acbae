//! What a kernel tells Xen: ELF notes (elfnote.h), or the older `__xen_guest` string with the same things in it.

use std::ops::Range;

use super::bytes::{range, u16_at, u32_at, u64_at, until_nul};
use super::elf::Elf;
use super::{bad, quoted};
use crate::Result;

/// Types of notes (`XEN_ELFNOTE_*`).
mod kind {
    pub(super) const ENTRY: u32 = 1;
    pub(super) const HYPERCALL_PAGE: u32 = 2;
    pub(super) const VIRT_BASE: u32 = 3;
    pub(super) const PADDR_OFFSET: u32 = 4;
    pub(super) const XEN_VERSION: u32 = 5;
    pub(super) const GUEST_OS: u32 = 6;
    pub(super) const LOADER: u32 = 8;
    pub(super) const FEATURES: u32 = 10;
    pub(super) const BSD_SYMTAB: u32 = 11;
    pub(super) const INIT_P2M: u32 = 15;
    pub(super) const MOD_START_PFN: u32 = 16;
    pub(super) const SUPPORTED_FEATURES: u32 = 17;
    pub(super) const PHYS32_ENTRY: u32 = 18;
}

/// Features by the names that strings use for them (features.h); bit numbers.
const FEATURES: [(&str, u32); 7] = [
    ("writable_page_tables", 0),
    ("writable_descriptor_tables", 1),
    ("auto_translated_physmap", 2),
    ("supervisor_mode_kernel", 3),
    ("pae_pgdir_above_4gb", 4),
    ("hvm_callback_vector", 8),
    ("dom0", 11),
];

/// The C library's bound on all notes of a file.
const MAX_NOTES: usize = 65_536;
/// Segments or sections with notes. Linux has one, other kernels one for each of their notes.
const MAX_PLACES: usize = 16;
/// Bytes of one text. Linux's longest has 45.
const MAX_TEXT: usize = 4096;
/// What the C library keeps of a name.
const MAX_NAME: usize = 15;
/// Type, length of the name and of the description.
const NOTE_HEADER: usize = 12;

/// What the notes of a kernel say. Addresses are `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Whether there was any note of Xen's.
    pub present: bool,
    /// Whether all this comes from a `__xen_guest` string.
    pub legacy: bool,
    /// The system, such as `linux`; at most 15 bytes.
    pub guest_os: String,
    /// The hypervisor's interface, `xen-3.0`; at most 15 bytes.
    pub xen_version: String,
    /// The loader it is made for, `generic`; at most 15 bytes.
    pub loader: String,
    /// Whether the symbol table goes behind the kernel.
    pub bsd_symtab: bool,
    /// Whether the ramdisk may lie outside the first mapping.
    pub unmapped_ramdisk: bool,
    /// The virtual address of physical address 0.
    pub virt_base: Option<u64>,
    /// What to take off the physical addresses in the file.
    pub paddr_offset: Option<u64>,
    /// The virtual entry point.
    pub virt_entry: Option<u64>,
    /// The virtual address of the hypercall page.
    pub hypercall_page: Option<u64>,
    /// The virtual address that the list of machine frames shall have.
    pub init_p2m: Option<u64>,
    /// The physical entry point of a PVH guest, 32-bit and without paging.
    pub phys32_entry: Option<u32>,
    /// `XENFEAT_*` that it can do, as bits.
    pub supported: u32,
    /// `XENFEAT_*` that it must have.
    pub required: u32,
}

impl Notes {
    /// Reads the notes in segments, else in sections, else the `__xen_guest` string.
    pub(super) fn read(image: &[u8], elf: &Elf) -> Result<Self> {
        let mut notes = Self::default();
        notes.collect(image, &elf.note_segments)?;
        if !notes.present {
            notes.collect(image, &elf.note_sections(image)?)?;
        }
        if !notes.present
            && let Some(text) = elf.section(image, b"__xen_guest")
        {
            notes.legacy_text(text)?;
        }
        Ok(notes)
    }

    /// Whether it can do the feature with this number.
    pub fn supports(&self, feature: u32) -> bool {
        has(self.supported, feature)
    }

    fn collect(&mut self, image: &[u8], places: &[Range<usize>]) -> Result<()> {
        apart(places)?;
        let mut left = MAX_NOTES;
        for place in places {
            let mut rest = &image[place.clone()];
            // Less than a header is padding.
            while rest.len() >= NOTE_HEADER {
                if left == 0 {
                    return Err(bad(format_args!("more than {MAX_NOTES} notes")));
                }
                left -= 1;
                let (note, length) = Note::first(rest)
                    .ok_or_else(|| bad("a note is longer than the segment that it is in"))?;
                if note.name == b"Xen\0" {
                    self.present = true;
                    self.take(&note)?;
                }
                rest = &rest[length.min(rest.len())..];
            }
        }
        Ok(())
    }

    fn take(&mut self, note: &Note<'_>) -> Result<()> {
        match note.kind {
            kind::ENTRY => self.virt_entry = Some(note.number()?),
            kind::HYPERCALL_PAGE => self.hypercall_page = Some(note.number()?),
            kind::VIRT_BASE => self.virt_base = Some(note.number()?),
            kind::PADDR_OFFSET => self.paddr_offset = Some(note.number()?),
            kind::XEN_VERSION => self.xen_version = name(note.text()?),
            kind::GUEST_OS => self.guest_os = name(note.text()?),
            kind::LOADER => self.loader = name(note.text()?),
            kind::FEATURES => self.features(note.text()?)?,
            kind::BSD_SYMTAB => self.bsd_symtab |= note.text()? == "yes",
            kind::INIT_P2M => self.init_p2m = Some(note.number()?),
            kind::MOD_START_PFN => self.unmapped_ramdisk = note.number()? != 0,
            kind::SUPPORTED_FEATURES => self.supported |= note.bits()?,
            kind::PHYS32_ENTRY => {
                let entry = u32::try_from(note.number()?)
                    .map_err(|_| bad("the physical entry point is beyond 4 GiB"))?;
                self.phys32_entry = Some(entry);
            }
            _ => {}
        }
        Ok(())
    }

    fn features(&mut self, text: &str) -> Result<()> {
        for word in text.split('|') {
            let (word, required) = match word.strip_prefix('!') {
                Some(word) => (word, true),
                None => (word, false),
            };
            match FEATURES.iter().find(|(known, _)| *known == word) {
                Some((_, bit)) => {
                    self.supported |= 1 << bit;
                    self.required |= u32::from(required) << bit;
                }
                None if required => {
                    let word = quoted(word);
                    return Err(bad(format_args!("it needs the unknown feature {word}")));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// `KEY=VALUE,KEY=VALUE`.
    fn legacy_text(&mut self, text: &[u8]) -> Result<()> {
        let text = ascii(text)?;
        self.present = true;
        self.legacy = true;
        let mut hypercall_frame = None;
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "LOADER" => self.loader = name(value),
                "GUEST_OS" => self.guest_os = name(value),
                "XEN_VER" => self.xen_version = name(value),
                "BSD_SYMTAB" => self.bsd_symtab = true,
                "VIRT_BASE" => self.virt_base = Some(number(value)?),
                "VIRT_ENTRY" => self.virt_entry = Some(number(value)?),
                "ELF_PADDR_OFFSET" => self.paddr_offset = Some(number(value)?),
                "HYPERCALL_PAGE" => hypercall_frame = Some(number(value)?),
                "FEATURES" => self.features(value)?,
                _ => {}
            }
        }
        // Here it is the number of a page in the image.
        if let Some(frame) = hypercall_frame {
            let address = frame
                .checked_mul(4096)
                .and_then(|offset| offset.checked_add(self.virt_base.unwrap_or(0)));
            self.hypercall_page =
                Some(address.ok_or_else(|| bad("the hypercall page is beyond all addresses"))?);
        }
        Ok(())
    }
}

/// The known ones of features by name, separated by `|`.
pub(super) fn named(text: &str) -> u32 {
    let words = text.split('|').map(|word| word.trim_start_matches('!'));
    let bits = words.filter_map(|word| FEATURES.iter().find(|(known, _)| *known == word));
    bits.fold(0, |set, (_, bit)| set | 1 << bit)
}

/// Whether a set of features has this one.
pub(super) fn has(set: u32, feature: u32) -> bool {
    set.checked_shr(feature).is_some_and(|set| set & 1 == 1)
}

struct Note<'a> {
    kind: u32,
    /// With its terminating NUL.
    name: &'a [u8],
    data: &'a [u8],
}

impl<'a> Note<'a> {
    /// The note at the start of `bytes`, and its length with the padding behind it.
    fn first(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let name_size = u32_at(bytes, 0)?;
        let data_size = u32_at(bytes, 4)?;
        let name = range(bytes, NOTE_HEADER as u64, name_size.into())?;
        let data_at = name.end.checked_next_multiple_of(4)?;
        let data = range(bytes, data_at as u64, data_size.into())?;
        let length = data.end.checked_next_multiple_of(4)?;
        let note = Self {
            kind: u32_at(bytes, 8)?,
            name: &bytes[name],
            data: &bytes[data],
        };
        Some((note, length))
    }

    fn number(&self) -> Result<u64> {
        match self.data.len() {
            1 => Some(self.data[0].into()),
            2 => u16_at(self.data, 0).map(u64::from),
            4 => u32_at(self.data, 0).map(u64::from),
            8 => u64_at(self.data, 0),
            _ => None,
        }
        .ok_or_else(|| bad(format_args!("note {} is not a number", self.kind)))
    }

    fn text(&self) -> Result<&'a str> {
        ascii(self.data)
    }

    /// The first word of a set of features.
    fn bits(&self) -> Result<u32> {
        u32_at(self.data, 0)
            .filter(|_| self.data.len() & 3 == 0)
            .ok_or_else(|| bad("the note with the supported features has an odd size"))
    }
}

/// Every byte of the file is in one place at most, so that reading the notes takes no longer than reading the file.
fn apart(places: &[Range<usize>]) -> Result<()> {
    if places.len() > MAX_PLACES {
        return Err(bad(format_args!(
            "more than {MAX_PLACES} segments or sections with notes"
        )));
    }
    let mut sorted = places.to_vec();
    sorted.sort_by_key(|place| (place.start, place.end));
    if sorted.windows(2).any(|pair| pair[0].end > pair[1].start) {
        return Err(bad("segments or sections with notes overlap"));
    }
    Ok(())
}

/// The text up to the first NUL.
fn ascii(bytes: &[u8]) -> Result<&str> {
    let text = until_nul(&bytes[..bytes.len().min(MAX_TEXT + 1)]);
    if text.len() > MAX_TEXT {
        return Err(bad(format_args!(
            "a note has more than {MAX_TEXT} bytes of text"
        )));
    }
    let text = std::str::from_utf8(text).ok();
    text.filter(|text| {
        text.bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    })
    .ok_or_else(|| bad("a note is not text"))
}

fn name(text: &str) -> String {
    // ASCII, as `ascii` found.
    text.chars().take(MAX_NAME).collect()
}

/// A number as C's strtoull reads it: hexadecimal with 0x, octal with 0, else decimal.
fn number(text: &str) -> Result<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let value = u64::from_str_radix(digits, radix).ok().filter(|_| plain);
    value.ok_or_else(|| {
        let text = quoted(text);
        bad(format_args!("__xen_guest has a bad number: {text}"))
    })
}

#[cfg(feature = "fuzzing")]
pub(super) fn fuzzing(data: &[u8]) {
    let mut notes = Notes::default();
    // One range, as the file has it.
    let whole = std::iter::once(0..data.len()).collect::<Vec<_>>();
    let read = notes.collect(data, &whole);
    let string = Notes::default().legacy_text(data);
    assert!(notes.guest_os.len() <= MAX_NAME && notes.loader.len() <= MAX_NAME);
    for error in [read, string].into_iter().filter_map(Result::err) {
        assert!(error.to_string().len() <= 400, "{error}");
    }
}
