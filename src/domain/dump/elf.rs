//! The form of a core file: an ELF file with sections and no segments (docs/misc/dump-core-format.txt of Xen).

use crate::sys::xc::{PAGE_SIZE, Version};

/// Section and ELF headers have 64 bytes each.
const HEADER: u64 = 64;
const PAGE: u64 = PAGE_SIZE as u64;

/// Types of sections (`SHT_*` of elf.h).
const PROGBITS: u32 = 1;
const STRTAB: u32 = 3;
const NOTE: u32 = 7;
/// `ET_CORE`, `EM_X86_64`, `EV_CURRENT`.
const CORE: u16 = 4;
const X86_64: u16 = 62;
const CURRENT: u8 = 1;
/// The section with the names is the first one, after an empty one.
const NAMES_INDEX: u16 = 1;
const NAMES: &str = ".shstrtab";

/// Types of notes (`XEN_ELFNOTE_DUMPCORE_*` of elfnote.h).
const NOTE_NONE: u32 = 0x200_0000;
const NOTE_HEADER: u32 = 0x200_0001;
const NOTE_XEN_VERSION: u32 = 0x200_0002;
const NOTE_FORMAT_VERSION: u32 = 0x200_0003;
/// Format 0.1.
const FORMAT_VERSION: u64 = 1;
/// `XC_CORE_MAGIC` and `XC_CORE_MAGIC_HVM` of xenctrl.h.
const MAGIC_PV: u64 = 0xf00f_ebed;
const MAGIC_HVM: u64 = 0xf00f_ebee;

/// What a core file says apart from the pages.
#[derive(Debug)]
pub(super) struct Core<'a> {
    /// The guest is HVM or PVH: frames are its own, not the machine's.
    pub translated: bool,
    pub version: &'a Version,
    /// The state of each vCPU, all of the same size.
    pub vcpus: &'a [Vec<u8>],
    /// A page, where there is one to read.
    pub shared_info: Option<&'a [u8]>,
    /// How many pages follow.
    pub pages: u64,
}

struct Section {
    name: &'static str,
    kind: u32,
    size: u64,
    align: u64,
    entry: u64,
}

impl Core<'_> {
    /// All that comes before the pages, which follow at a page's boundary.
    pub(super) fn head(&self) -> Vec<u8> {
        let notes = self.notes();
        let sections = self.sections(length(&notes));
        let mut offset = HEADER * (3 + sections.len() as u64);
        let mut offsets = Vec::new();
        for section in &sections {
            if section.align == PAGE {
                offset = offset.next_multiple_of(PAGE);
            }
            offsets.push(offset);
            offset = offset.saturating_add(section.size);
        }

        let mut out = Vec::new();
        out.extend([0x7f, b'E', b'L', b'F', 2, 1, CURRENT, 0, CURRENT]);
        out.resize(16, 0);
        put16(&mut out, &[CORE, X86_64]);
        put32(&mut out, &[CURRENT.into()]);
        // No entry point, no segments; the sections' headers follow at once.
        put64(&mut out, &[0, 0, HEADER]);
        put32(&mut out, &[0]);
        let count = u16::try_from(2 + sections.len()).unwrap_or(u16::MAX);
        put16(&mut out, &[64, 56, 0, 64, count, NAMES_INDEX]);

        out.resize(out.len() + 64, 0);
        let names = self.names();
        let strings = Section {
            name: NAMES,
            kind: STRTAB,
            size: length(&names),
            align: 0,
            entry: 0,
        };
        let all = std::iter::once((&strings, offset)).chain(sections.iter().zip(offsets));
        for (section, offset) in all {
            let name = position(&names, section.name);
            put32(&mut out, &[name, section.kind]);
            put64(&mut out, &[0, 0, offset, section.size]);
            put32(&mut out, &[0, 0]);
            put64(&mut out, &[section.align, section.entry]);
        }

        out.extend(notes);
        self.vcpus.iter().for_each(|vcpu| out.extend(vcpu));
        out.extend(self.shared_info.unwrap_or_default());
        out.resize(out.len().next_multiple_of(PAGE_SIZE), 0);
        out
    }

    /// What ends the file: the names of the sections.
    pub(super) fn names(&self) -> Vec<u8> {
        let mut names = vec![0];
        let sections = self.sections(0);
        let all = std::iter::once(NAMES).chain(sections.iter().map(|section| section.name));
        for name in all {
            names.extend(name.bytes());
            names.push(0);
        }
        names
    }

    fn sections(&self, notes: u64) -> Vec<Section> {
        let data = |name, size, align, entry| Section {
            name,
            kind: PROGBITS,
            size,
            align,
            entry,
        };
        let vcpu = self.vcpus.first().map_or(0, |vcpu| length(vcpu));
        let mut sections = vec![
            Section {
                kind: NOTE,
                ..data(".note.Xen", notes, 0, 0)
            },
            data(".xen_prstatus", vcpu * self.vcpus.len() as u64, 8, vcpu),
        ];
        if self.shared_info.is_some() {
            sections.push(data(".xen_shared_info", PAGE, 8, PAGE));
        }
        let (table, entry) = if self.translated {
            (".xen_pfn", 8)
        } else {
            (".xen_p2m", 16)
        };
        let sized = |size: u64| self.pages.saturating_mul(size);
        sections.push(data(".xen_pages", sized(PAGE), PAGE, PAGE));
        sections.push(data(table, sized(entry), 8, entry));
        sections
    }

    fn notes(&self) -> Vec<u8> {
        let magic = if self.translated { MAGIC_HVM } else { MAGIC_PV };
        let mut header = Vec::new();
        put64(
            &mut header,
            &[magic, self.vcpus.len() as u64, self.pages, PAGE],
        );
        let mut format = Vec::new();
        put64(&mut format, &[FORMAT_VERSION]);
        let mut notes = Vec::new();
        let all = [
            (NOTE_NONE, Vec::new()),
            (NOTE_HEADER, header),
            (NOTE_XEN_VERSION, xen_version(self.version)),
            (NOTE_FORMAT_VERSION, format),
        ];
        for (kind, text) in all {
            put32(
                &mut notes,
                &[4, u32::try_from(text.len()).unwrap_or(0), kind],
            );
            notes.extend(b"Xen\0");
            notes.extend(text);
        }
        notes
    }
}

/// The hypervisor's own words, in fields of the sizes in version.h.
fn xen_version(version: &Version) -> Vec<u8> {
    let mut out = Vec::new();
    put64(&mut out, &[version.major.into(), version.minor.into()]);
    let long = |text: &Option<String>| text.clone().unwrap_or_default();
    let texts = [
        (&long(&version.extra), 16),
        (&version.compiler, 64),
        (&version.compile_by, 16),
        (&version.compile_domain, 32),
        (&version.compile_date, 32),
        (&long(&version.capabilities), 1024),
        (&long(&version.changeset), 64),
    ];
    for (text, size) in texts {
        let end = out.len() + size;
        // The last byte is NUL.
        out.extend(text.bytes().take(size - 1));
        out.resize(end, 0);
    }
    put64(&mut out, &[version.virt_start, version.pagesize.into()]);
    out
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

fn position(names: &[u8], name: &str) -> u32 {
    let found = names
        .windows(name.len())
        .position(|part| part == name.as_bytes());
    found.and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    values
        .iter()
        .for_each(|value| out.extend(value.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, values: &[u32]) {
    values
        .iter()
        .for_each(|value| out.extend(value.to_le_bytes()));
}

pub(super) fn put64(out: &mut Vec<u8>, values: &[u64]) {
    values
        .iter()
        .for_each(|value| out.extend(value.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
    }

    #[test]
    fn sections_follow_each_other_and_pages_are_aligned() {
        let version = Version {
            major: 4,
            minor: 17,
            capabilities: Some("x".repeat(2000)),
            ..Version::default()
        };
        let vcpus = [vec![1; 5168], vec![2; 5168]];
        let shared = vec![3; PAGE_SIZE];
        for (translated, shared_info) in [(true, None), (false, Some(&shared[..]))] {
            let core = Core {
                translated,
                version: &version,
                vcpus: &vcpus,
                shared_info,
                pages: 10,
            };
            let head = core.head();
            assert_eq!(head.len() % PAGE_SIZE, 0);
            let count = usize::from(head[60]);
            assert_eq!(count, if translated { 6 } else { 7 });
            let section = |index: usize| {
                let at = 64 + 64 * index;
                (word(&head, at + 24), word(&head, at + 32))
            };
            let mut end = 64 + 64 * count as u64;
            for index in 2..count {
                let (offset, size) = section(index);
                let pages = index == count - 2;
                assert_eq!(offset, if pages { length(&head) } else { end });
                end = offset + size;
            }
            let (offset, size) = section(1);
            assert_eq!(offset, end);
            assert_eq!(size, length(&core.names()));
            // Both vCPUs, each with its own state.
            let (vcpu, size) = section(3);
            let vcpu = usize::try_from(vcpu).unwrap();
            assert_eq!(size, 2 * 5168);
            assert_eq!((head[vcpu], head[vcpu + 5168]), (1, 2));
        }
    }
}
