//! The stub domain's image as files: the ramdisk holds everything that its programs load, and the
//! kernel is one that libxenguest takes as it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader, SectionHeader};

/// A file of the ramdisk: its mode as in stat, and its bytes.
struct Entry {
    mode: u32,
    bytes: Vec<u8>,
}

const TYPE_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;

fn image(name: &str) -> PathBuf {
    let dir = env::var_os("XENLIGHT_STUBDOM").map_or_else(
        || xenlight_compat_tests::build().join("stubdom"),
        PathBuf::from,
    );
    let path = dir.join(name);
    assert!(path.exists(), "no {}: run make stubdom", path.display());
    path
}

/// Unpacks the ramdisk: lz4 outside, "newc" archives one after the other inside.
fn ramdisk() -> BTreeMap<String, Entry> {
    let output = Command::new("lz4")
        .arg("-dqc")
        .arg(image("qemu-stubdom-linux-rootfs"))
        .output()
        .expect("lz4 runs");
    assert!(output.status.success(), "the ramdisk is not lz4");
    let archive = output.stdout;
    let mut entries = BTreeMap::new();
    let mut at = 0;
    while at < archive.len() {
        if archive[at] == 0 {
            at += 1;
            continue;
        }
        assert_eq!(&archive[at..at + 6], b"070701", "archive header at {at}");
        let field = |index: usize| {
            let digits = &archive[at + 6 + index * 8..at + 14 + index * 8];
            let digits = std::str::from_utf8(digits).expect("digits");
            usize::from_str_radix(digits, 16).expect("a hexadecimal number")
        };
        let (mode, size, name_size) = (field(1), field(6), field(11));
        let name = String::from_utf8_lossy(&archive[at + 110..at + 109 + name_size]).into_owned();
        let data = (at + 110 + name_size).next_multiple_of(4);
        at = (data + size).next_multiple_of(4);
        if name != "TRAILER!!!" {
            let mode = u32::try_from(mode).expect("a mode");
            entries.insert(
                name,
                Entry {
                    mode,
                    bytes: archive[data..data + size].to_vec(),
                },
            );
        }
    }
    entries
}

struct Program {
    interpreter: Option<String>,
    needed: Vec<String>,
}

fn c_string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// What the dynamic linker would read of an ELF file; None for other files.
fn program(bytes: &[u8]) -> Option<Program> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let file = ElfFile64::<Endianness>::parse(bytes).expect("an ELF file");
    let endian = file.endian();
    let interpreter = file
        .elf_program_headers()
        .iter()
        .find(|header| header.p_type(endian) == elf::PT_INTERP)
        .map(|header| c_string(header.data(endian, bytes).expect("interpreter")));
    let mut needed = Vec::new();
    if let Some((entries, strings)) = file
        .elf_section_table()
        .dynamic(endian, bytes)
        .expect("sections")
    {
        let strings = file
            .elf_section_table()
            .strings(endian, bytes, strings)
            .expect("strings");
        for entry in entries
            .iter()
            .filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED))
        {
            let offset = u32::try_from(entry.d_val(endian)).expect("an offset");
            needed.push(c_string(strings.get(offset).expect("a name")));
        }
    }
    Some(Program {
        interpreter,
        needed,
    })
}

#[test]
fn every_needed_library_is_in_the_ramdisk() {
    let ramdisk = ramdisk();
    let mut checked = 0;
    for (name, entry) in &ramdisk {
        let Some(program) = program(&entry.bytes) else {
            continue;
        };
        if name.starts_with("modules/") {
            continue;
        }
        for library in &program.needed {
            let path = format!("lib/x86_64-linux-gnu/{library}");
            assert!(ramdisk.contains_key(&path), "{name} needs {library}");
            checked += 1;
        }
        if let Some(interpreter) = program.interpreter {
            assert!(
                ramdisk.contains_key(interpreter.trim_start_matches('/')),
                "{name} needs {interpreter}"
            );
        }
    }
    assert!(
        checked > 20,
        "only {checked} libraries are needed: is QEMU in there?"
    );
}

#[test]
fn the_first_process_needs_no_library_and_finds_dev_null() {
    let ramdisk = ramdisk();
    let init = &ramdisk["init"];
    assert_eq!(init.mode, REGULAR | 0o755);
    let init = program(&init.bytes).expect("an ELF file");
    assert!(init.interpreter.is_none() && init.needed.is_empty());
    assert_eq!(ramdisk["dev/null"].mode & TYPE_MASK, CHARACTER);
}

#[test]
fn the_modules_match_their_lists_and_their_kernel() {
    let ramdisk = ramdisk();
    let mut listed = Vec::new();
    for purpose in ["base", "disk", "network"] {
        let list =
            String::from_utf8(ramdisk[&format!("modules/{purpose}")].bytes.clone()).expect("text");
        let mut loaded: Vec<String> = Vec::new();
        for line in list.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            let module = &ramdisk[&format!("modules/{name}.ko")].bytes;
            let info = String::from_utf8_lossy(module).into_owned();
            let depends = info
                .split('\0')
                .find_map(|field| field.strip_prefix("depends="))
                .unwrap_or_default();
            for dependency in depends.split(',').filter(|name| !name.is_empty()) {
                assert!(
                    loaded.iter().any(|name| name == dependency),
                    "{name} comes before {dependency}"
                );
            }
            loaded.push(name.to_owned());
        }
        listed.extend(loaded);
    }
    for name in [
        "xen-privcmd",
        "xen-evtchn",
        "xen-gntalloc",
        "xen-blkfront",
        "xen-netfront",
        "tun",
        "bridge",
    ] {
        assert!(listed.iter().any(|listed| listed == name), "no {name}");
    }
    let kernel = fs::read(image("qemu-stubdom-linux-kernel")).expect("the kernel");
    let module = String::from_utf8_lossy(&ramdisk["modules/xen-privcmd.ko"].bytes).into_owned();
    let magic = module
        .split('\0')
        .find_map(|field| field.strip_prefix("vermagic="))
        .expect("vermagic");
    let release = magic.split(' ').next().expect("a release");
    let banner = format!("Linux version {release} ");
    assert!(
        kernel
            .windows(banner.len())
            .any(|window| window == banner.as_bytes()),
        "the modules are for {release}, the kernel is not"
    );
}

#[test]
fn qemu_finds_the_option_roms_of_the_devices_that_libxl_offers() {
    let ramdisk = ramdisk();
    for rom in [
        "vgabios-stdvga.bin",
        "vgabios-cirrus.bin",
        "efi-rtl8139.rom",
        "efi-e1000.rom",
        "efi-virtio.rom",
    ] {
        let entry = &ramdisk[&format!("usr/share/qemu/{rom}")];
        assert_eq!(entry.mode & TYPE_MASK, REGULAR, "{rom}");
        assert_eq!(entry.bytes[..2], [0x55, 0xaa], "{rom} is no option ROM");
    }
}

#[test]
fn qemu_finds_every_keymap() {
    let ramdisk = ramdisk();
    let keymaps: Vec<&str> = ramdisk
        .keys()
        .filter_map(|name| name.strip_prefix("usr/share/qemu/keymaps/"))
        .collect();
    for name in ["en-us", "de", "fr", "ja", "pt-br"] {
        assert!(keymaps.contains(&name), "no {name} among {keymaps:?}");
    }
    assert!(keymaps.len() > 30, "only {keymaps:?}");
}

#[test]
fn the_first_process_carries_qmp_itself() {
    let ramdisk = ramdisk();
    let programs: Vec<&String> = ramdisk
        .keys()
        .filter(|name| name.starts_with("bin/"))
        .collect();
    assert_eq!(programs, ["bin/qemu"]);
    assert!(
        !ramdisk.keys().any(|name| name.contains("vchan")),
        "the C library's vchan is in there"
    );
}

#[test]
fn who_is_not_root_can_read_all_and_write_nothing() {
    const DIRECTORY: u32 = 0o040_000;
    let ramdisk = ramdisk();
    for (name, entry) in &ramdisk {
        let (kind, rights) = (entry.mode & TYPE_MASK, entry.mode & 0o7777);
        let expected: &[u32] = match (kind, name.as_str()) {
            (DIRECTORY, _) => &[0o755],
            (REGULAR, "init" | "bin/qemu") => &[0o755],
            // Libraries are often both.
            (REGULAR, _) => &[0o644, 0o755],
            (SYMLINK, _) => &[0o777],
            (CHARACTER, "dev/null") => &[0o666],
            _ => &[],
        };
        assert!(
            expected.contains(&rights),
            "{name} has mode {:o}",
            entry.mode
        );
    }
    // Where the first process makes a place for QEMU's sockets.
    assert_eq!(ramdisk["run"].mode & TYPE_MASK, DIRECTORY);
}

#[test]
fn the_ramdisk_stays_small() {
    let unpacked: usize = ramdisk().values().map(|entry| entry.bytes.len()).sum();
    let packed = fs::metadata(image("qemu-stubdom-linux-rootfs"))
        .expect("the ramdisk")
        .len();
    println!("ramdisk: {packed} bytes, {unpacked} unpacked");
    // Both are in memory at once while the kernel unpacks, in the 128 MiB that libxl gives by default.
    assert!(unpacked < 40 << 20 && packed < 16 << 20);
    let links = ramdisk()
        .values()
        .filter(|entry| entry.mode & TYPE_MASK == SYMLINK)
        .count();
    assert!(links < 5, "{links} links: whole packages in there?");
}

/// Owner and type of each note.
fn notes(segment: &[u8]) -> Vec<(String, u32)> {
    let word = |at: usize| {
        let bytes = segment[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(bytes)).expect("a size")
    };
    let mut notes = Vec::new();
    let mut at = 0;
    while at + 12 <= segment.len() {
        let (name, descriptor) = (word(at), word(at + 4));
        let kind = u32::try_from(word(at + 8)).expect("a type");
        notes.push((c_string(&segment[at + 12..at + 12 + name]), kind));
        at += 12 + name.next_multiple_of(4) + descriptor.next_multiple_of(4);
    }
    notes
}

#[test]
fn the_kernel_is_a_plain_elf_for_pv_domains() {
    let bytes = fs::read(image("qemu-stubdom-linux-kernel")).expect("the kernel");
    let file = ElfFile64::<Endianness>::parse(&*bytes).expect("a plain ELF, not a bzImage");
    let endian = file.endian();
    assert_eq!(file.elf_header().e_machine(endian), elf::EM_X86_64);
    let sections = file.elf_section_table();
    let (_, section) = sections.section_by_name(endian, b".notes").expect("notes");
    let notes = notes(section.data(endian, &*bytes).expect("bytes"));
    // xen/elfnote.h: 1 is the PV entry point.
    assert!(
        notes.contains(&("Xen".to_owned(), 1)),
        "no PV entry point among {notes:?}"
    );
}
