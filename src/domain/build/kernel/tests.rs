//! Images made here: what is right is understood, what lies is refused.

use super::unpack::tests::{gzip, lz4};
use super::*;

const LINUX_BASE: u64 = 0xffff_ffff_8000_0000;

/// An ELF file in the making.
struct Image {
    wide: bool,
    machine: u16,
    entry: u64,
    notes: Vec<u8>,
    /// Physical address, bytes, size in memory.
    loads: Vec<(u64, Vec<u8>, u64)>,
    /// Whether the notes are in a section instead of a segment.
    in_section: bool,
    /// The `__xen_guest` string.
    legacy: Option<&'static str>,
}

fn note(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [4, u32::try_from(data.len()).unwrap(), kind] {
        note.extend_from_slice(&word.to_le_bytes());
    }
    note.extend_from_slice(b"Xen\0");
    note.extend_from_slice(data);
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

fn linux_notes() -> Vec<u8> {
    [
        note(6, b"linux\0"),
        note(7, b"2.6\0"),
        note(5, b"xen-3.0\0"),
        note(3, &LINUX_BASE.to_le_bytes()),
        note(15, &0x80_0000_0000_u64.to_le_bytes()),
        note(1, &(LINUX_BASE + 0x100_0040).to_le_bytes()),
        note(10, b"!writable_page_tables|supervisor_mode_kernel\0"),
        note(17, &0x8801_u32.to_le_bytes()),
        note(18, &0x100_0180_u32.to_le_bytes()),
        note(9, b"yes\0"),
        note(8, b"generic\0"),
        note(2, &(LINUX_BASE + 0x100_1000).to_le_bytes()),
        note(16, &1_u32.to_le_bytes()),
        note(4, &0_u64.to_le_bytes()),
        note(13, &[0; 16]),
    ]
    .concat()
}

impl Default for Image {
    fn default() -> Self {
        Self {
            wide: true,
            machine: 62,
            entry: 0x100_0000,
            notes: linux_notes(),
            loads: vec![
                (0x100_0000, vec![1; 0x1800], 0x2000),
                (0x120_0000, vec![2; 0x100], 0x8001),
            ],
            in_section: false,
            legacy: None,
        }
    }
}

impl Image {
    fn word(&self, bytes: &mut Vec<u8>, value: u64) {
        let size = if self.wide { 8 } else { 4 };
        bytes.extend_from_slice(&value.to_le_bytes()[..size]);
    }

    fn program_header(&self, kind: u32, flags: u32, fields: [u64; 4]) -> Vec<u8> {
        let [offset, address, file_size, memory_size] = fields;
        let mut header = kind.to_le_bytes().to_vec();
        if self.wide {
            header.extend_from_slice(&flags.to_le_bytes());
        }
        for value in [offset, address, address, file_size, memory_size] {
            self.word(&mut header, value);
        }
        if !self.wide {
            header.extend_from_slice(&flags.to_le_bytes());
        }
        self.word(&mut header, 4);
        header
    }

    fn section_header(&self, name: u32, kind: u32, offset: u64, size: u64) -> Vec<u8> {
        let mut header = name.to_le_bytes().to_vec();
        header.extend_from_slice(&kind.to_le_bytes());
        for value in [0, 0, offset, size] {
            self.word(&mut header, value);
        }
        header.extend_from_slice(&[0; 8]);
        self.word(&mut header, 4);
        self.word(&mut header, 0);
        header
    }

    /// Header, program headers, notes, segments, names of sections, section headers.
    fn file(&self) -> Vec<u8> {
        let (head, program, section) = if self.wide {
            (64, 56, 64)
        } else {
            (52, 32, 40)
        };
        let count = self.loads.len() + usize::from(!self.in_section && !self.notes.is_empty());
        let mut at = (head + program * count) as u64;
        let (mut programs, mut body) = (Vec::new(), Vec::new());
        let notes_at = at;
        if !self.in_section && !self.notes.is_empty() {
            let size = self.notes.len() as u64;
            programs.extend(self.program_header(4, 4, [at, 0, size, size]));
        }
        body.extend_from_slice(&self.notes);
        at += self.notes.len() as u64;
        for (address, bytes, size) in &self.loads {
            let fields = [at, *address, bytes.len() as u64, *size];
            programs.extend(self.program_header(1, 7, fields));
            body.extend_from_slice(bytes);
            at += bytes.len() as u64;
        }
        let names = b"\0__xen_guest\0.notes\0.names\0";
        let names_at = at;
        body.extend_from_slice(names);
        at += names.len() as u64;
        let legacy_at = at;
        let legacy = self.legacy.unwrap_or_default().as_bytes();
        body.extend_from_slice(legacy);
        at += legacy.len() as u64;
        let mut sections = self.section_header(0, 0, 0, 0);
        let kind = if self.in_section { 7 } else { 1 };
        sections.extend(self.section_header(13, kind, notes_at, self.notes.len() as u64));
        sections.extend(self.section_header(20, 3, names_at, names.len() as u64));
        let name = if self.legacy.is_some() { 1 } else { 0 };
        sections.extend(self.section_header(name, 1, legacy_at, legacy.len() as u64));

        let mut file = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.wide), 1, 1];
        file.resize(16, 0);
        for half in [2, self.machine, 1, 0] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        for value in [self.entry, head as u64, at] {
            self.word(&mut file, value);
        }
        file.extend_from_slice(&[0; 4]);
        for half in [head, program, count, section, 4, 2] {
            file.extend_from_slice(&u16::try_from(half).unwrap().to_le_bytes());
        }
        file.extend(programs);
        file.extend(body);
        file.extend(sections);
        file
    }
}

fn refused(file: &[u8]) -> String {
    load(file, Limits::default()).unwrap_err().to_string()
}

fn bzimage(payload: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    file[0x1f1] = 1;
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
    file[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    file.extend_from_slice(payload);
    file.extend_from_slice(&[0xaa; 99]);
    file
}

#[test]
fn linux_is_a_pv_kernel() {
    let file = Image::default().file();
    let kernel = load(&file, Limits::default()).unwrap();
    assert_eq!(kernel.segments.len(), 2);
    assert_eq!(kernel.data(&kernel.segments[1]), [2; 0x100]);
    let notes = &kernel.notes;
    assert_eq!(notes.guest_os, "linux");
    assert_eq!((notes.supported, notes.required), (0x8809, 1));
    assert!(notes.unmapped_ramdisk && notes.supports(15) && !notes.supports(2));
    assert_eq!(
        kernel.pv(None).unwrap(),
        Placement {
            virt_base: LINUX_BASE,
            virt_offset: LINUX_BASE,
            start: LINUX_BASE + 0x100_0000,
            end: LINUX_BASE + 0x120_8001,
            entry: LINUX_BASE + 0x100_0040,
        }
    );
    let pvh = kernel.pvh().unwrap();
    assert_eq!(
        (pvh.start, pvh.end, pvh.entry),
        (0x100_0000, 0x120_8001, 0x100_0180)
    );
    assert!(kernel.firmware().is_err());
}

#[test]
fn notes_may_stand_in_a_section() {
    for wide in [true, false] {
        let file = Image {
            wide,
            in_section: true,
            ..Image::default()
        }
        .file();
        let kernel = load(&file, Limits::default()).unwrap();
        assert_eq!(kernel.wide, wide);
        assert_eq!(kernel.notes.phys32_entry, Some(0x100_0180));
    }
}

#[test]
fn the_old_string_says_the_same() {
    let file = Image {
        notes: Vec::new(),
        legacy: Some(
            "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0x1000000,HYPERCALL_PAGE=0x1,PAE=yes,LOADER=generic\0",
        ),
        ..Image::default()
    }
    .file();
    let kernel = load(&file, Limits::default()).unwrap();
    assert!(kernel.notes.legacy);
    assert_eq!(kernel.notes.hypercall_page, Some(0x100_1000));
    let place = kernel.pv(None).unwrap();
    // Here physical addresses are virtual ones unless the string says otherwise.
    assert_eq!((place.virt_offset, place.start), (0, 0x100_0000));
    assert!(kernel.pvh().is_err());
}

#[test]
fn hvmloader_is_firmware() {
    let file = Image {
        wide: false,
        machine: 3,
        notes: Vec::new(),
        ..Image::default()
    }
    .file();
    let kernel = load(&file, Limits::default()).unwrap();
    assert_eq!(kernel.firmware().unwrap().entry, 0x100_0000);
    assert!(kernel.pv(None).is_err() && kernel.pvh().is_err());
}

#[test]
fn what_a_pv_guest_cannot_be() {
    let pv = |notes: Vec<u8>| {
        let file = Image {
            notes,
            ..Image::default()
        }
        .file();
        let place = load(&file, Limits::default()).and_then(|kernel| kernel.pv(None));
        place.unwrap_err().to_string()
    };
    let with = |more: Vec<u8>| pv([linux_notes(), more].concat());
    assert!(pv(Vec::new()).contains("neither Xen's notes"));
    assert!(pv(note(5, b"xen-3.0\0")).contains("made for the loader"));
    assert!(with(note(5, b"xen-2.0\0")).contains("xen-2.0"));
    assert!(with(note(10, b"!dom0\0")).contains("only be dom0"));
    assert!(with(note(10, b"!auto_translated_physmap\0")).contains("auto_translated"));
    assert!(with(note(10, b"!flying\0")).contains("flying"));
    assert!(with(note(3, &(LINUX_BASE + 0x200_0000).to_le_bytes())).contains("does not fit"));
    assert!(with(note(3, &(LINUX_BASE + 8).to_le_bytes())).contains("those of pages"));
    assert!(with(note(1, &7_u64.to_le_bytes())).contains("entry point"));
    assert!(
        with(note(15, &(LINUX_BASE + 0x100_1000).to_le_bytes())).contains("where it is itself")
    );
    assert!(with(note(18, &(1_u64 << 32).to_le_bytes())).contains("beyond 4 GiB"));
    assert!(with(note(3, &[0; 3])).contains("not a number"));
    assert!(with(note(17, &[0; 6])).contains("odd size"));
    assert!(with(note(6, b"li\x1bnux\0")).contains("not text"));
    let mut long = note(6, b"linux\0");
    long[4] = 200;
    assert!(with(long).contains("longer than"));
    let offset = [note(6, b"linux\0"), note(5, b"xen-3.0\0"), note(4, &[0; 8])];
    assert!(pv(offset.concat()).contains("without VIRT_BASE"));
}

#[test]
fn wanted_features_must_be_there() {
    let file = Image::default().file();
    let kernel = load(&file, Limits::default()).unwrap();
    assert!(
        kernel
            .pv(Some("writable_page_tables|!supervisor_mode_kernel|flying"))
            .is_ok()
    );
    assert!(kernel.pv(Some("writable_descriptor_tables")).is_err());
}

#[test]
fn bsd_finds_its_symbols_behind_it() {
    let mut image = Image {
        notes: [linux_notes(), note(11, b"yes\0")].concat(),
        ..Image::default()
    };
    // There is no symbol table yet.
    assert_eq!(
        load(&image.file(), Limits::default())
            .unwrap()
            .segments
            .len(),
        2
    );
    let mut file = image.file();
    // The first section, of the notes, becomes a table whose names are in the second.
    let sections = usize::try_from(u64::from_le_bytes(file[40..48].try_into().unwrap())).unwrap();
    file[sections + 64 + 4] = 2;
    file[sections + 64 + 40] = 2;
    let kernel = load(&file, Limits::default()).unwrap();
    let table = kernel.segments.last().unwrap();
    assert_eq!((table.paddr, table.vaddr), (0x120_8008, 0x120_8008));
    let bytes = kernel.data(table);
    let size = usize::try_from(u32::from_le_bytes(bytes[..4].try_into().unwrap())).unwrap();
    assert!((size + 4).next_multiple_of(8) == bytes.len() && table.memsz == bytes.len() as u64);
    let inner = elf::parse(&bytes[4..4 + size]).unwrap_err().to_string();
    assert!(inner.contains("nothing to load"), "{inner}");
    // Sections 1 and 2 of the table are the originals.
    let section = |number: usize| {
        let header = &bytes[4 + 64 + number * 64..][..64];
        let word = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
        let start = 4 + usize::try_from(word(24)).unwrap();
        &bytes[start..start + usize::try_from(word(32)).unwrap()]
    };
    assert_eq!(section(1), image.notes);
    assert_eq!(section(2), b"\0__xen_guest\0.notes\0.names\0");
    image.wide = false;
    assert_eq!(
        load(&image.file(), Limits::default())
            .unwrap()
            .segments
            .len(),
        2
    );
}

#[test]
fn notes_are_counted() {
    let mut image = Image {
        notes: note(7, b"").repeat(65_536),
        ..Image::default()
    };
    assert!(load(&image.file(), Limits::default()).is_ok());
    image.notes.extend(note(7, b""));
    assert!(refused(&image.file()).contains("65536 notes"));
}

#[test]
fn texts_are_bounded() {
    let with = |text: &[u8]| {
        let file = Image {
            notes: [linux_notes(), note(10, text)].concat(),
            ..Image::default()
        }
        .file();
        load(&file, Limits::default()).map(drop)
    };
    let long = [[b'x'; 4096].as_slice(), b"\0yyyy"].concat();
    assert!(with(&long).is_ok() && with(&long[..4096]).is_ok());
    let error = with(&[b'x'; 4097]).unwrap_err().to_string();
    assert!(error.contains("more than 4096 bytes of text"), "{error}");

    let quoted = |text: &[u8]| with(text).unwrap_err().to_string();
    let exact = [b"!".as_slice(), &[b'x'; 80], b"|writable_page_tables"].concat();
    assert!(quoted(&exact).ends_with(&format!("{:?}", "x".repeat(80))));
    let long = [b"!".as_slice(), &[b'x'; 81]].concat();
    assert!(quoted(&long).ends_with(&format!("{:?}...", "x".repeat(80))));
}

#[test]
fn places_with_notes_are_counted_and_lie_apart() {
    let mut image = Image::default();
    let good = image.file();
    // The second program header, of what is loaded, becomes another one of notes; the third still loads.
    let notes = |offset: u64, size: u64| {
        let mut file = good.clone();
        file[120..124].copy_from_slice(&4_u32.to_le_bytes());
        file[128..136].copy_from_slice(&offset.to_le_bytes());
        file[152..160].copy_from_slice(&size.to_le_bytes());
        load(&file, Limits::default()).map(drop)
    };
    let start = u64::from_le_bytes(good[72..80].try_into().unwrap());
    let end = start + image.notes.len() as u64;
    assert!(notes(end, 11).is_ok() && notes(start - 11, 11).is_ok());
    for (offset, size) in [(start, 1), (start - 1, 2), (end - 1, 9)] {
        let error = notes(offset, size).unwrap_err().to_string();
        assert!(error.contains("overlap"), "{error}");
    }
    // Sections count only where no segment has any.
    image.in_section = true;
    assert!(load(&image.file(), Limits::default()).is_ok());
}

#[test]
fn elf_files_that_lie_are_refused() {
    let good = Image::default().file();
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        refused(&file)
    };
    assert!(refused(b"").contains("neither an ELF"));
    assert!(refused(b"\x7fELF").contains("class"));
    assert!(refused(&good[..60]).contains("in its ELF header"));
    assert!(changed(4, &[3]).contains("class"));
    assert!(changed(5, &[2]).contains("little-endian"));
    assert!(changed(18, &[40]).contains("not for x86"));
    assert!(changed(32, &[0xff; 8]).contains("program headers"));
    assert!(changed(54, &[8, 0]).contains("program headers"));
    assert!(changed(56, &[0xff, 0xff]).contains("program headers"));
    assert!(changed(56, &[0, 0]).contains("nothing to load"));
    assert!(changed(40, &[0xff; 8]).contains("section headers"));
    // The second program header: its offset, physical address, size in the file, size in memory.
    let second = 64 + 56;
    for (field, value) in [
        (8, u64::MAX),
        (24, u64::MAX),
        (32, 1 << 40),
        (32, 0x2001),
        (40, u64::MAX),
    ] {
        let error = changed(second + field, &value.to_le_bytes());
        assert!(error.contains("program header points"), "{field}: {error}");
    }
    assert!(changed(second + 24, &0x11f_f000_u64.to_le_bytes()).contains("overlap"));
    // The first one, which has the notes: its offset and size.
    assert!(changed(64 + 8, &(1_u64 << 40).to_le_bytes()).contains("program header points"));
    assert!(changed(64 + 32, &(1_u64 << 40).to_le_bytes()).contains("program header points"));
    for end in 0..good.len() {
        drop(load(&good[..end], Limits::default()));
    }
}

#[test]
fn segments_are_counted() {
    let many = |count: u64| Image {
        loads: (0..count)
            .map(|n| (0x100_0000 + n * 0x1000, vec![1], 2))
            .collect(),
        ..Image::default()
    };
    assert!(load(&many(64).file(), Limits::default()).is_ok());
    assert!(load(&many(65).file(), Limits::default()).is_err());
}

#[test]
fn a_kernel_is_found_in_what_packs_it() {
    let file = Image::default().file();
    let images = [
        gzip(&file),
        bzimage(&gzip(&file)),
        bzimage(&lz4(&file)),
        gzip(&bzimage(&gzip(&file))),
    ];
    for image in images {
        assert_eq!(*load(&image, Limits::default()).unwrap().image, *file);
    }
    assert!(refused(&bzimage(&file)).contains("unknown way"));
    assert!(refused(&gzip(&gzip(&file))).contains("neither an ELF"));
}
