//! The library as a file: soname, versioned symbols, sizes of exported data, hardening; Debian's library is read the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, elf};
use xenlight_compat_tests as compat;
use xenlight_idl::abi;

struct Library {
    path: PathBuf,
    bytes: Vec<u8>,
}

struct Symbol {
    version: String,
    is_data: bool,
    size: u64,
}

impl Library {
    fn open(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        println!("reading {}", path.display());
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, bytes }
    }

    fn ours() -> Self {
        Self::open(compat::build().join("lib").join(compat::file_name()))
    }

    fn debian() -> Self {
        Self::open(compat::debian_libraries().join(compat::file_name()))
    }

    fn elf(&self) -> ElfFile64<'_, Endianness> {
        ElfFile64::parse(&*self.bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }

    /// Tag and value of each dynamic entry.
    fn dynamic(&self) -> Vec<(u32, u64)> {
        let file = self.elf();
        let endian = file.endian();
        let sections = file.elf_section_table();
        let (entries, _) = sections
            .dynamic(endian, &*self.bytes)
            .expect("dynamic section parses")
            .expect("dynamic section exists");
        entries
            .iter()
            .filter_map(|entry| Some((entry.tag32(endian)?, entry.d_val(endian))))
            .collect()
    }

    fn dynamic_strings(&self, wanted: u32) -> Vec<String> {
        let file = self.elf();
        let endian = file.endian();
        let table = file
            .elf_section_table()
            .symbols(endian, &*self.bytes, elf::SHT_DYNSYM)
            .expect("dynamic symbols parse");
        self.dynamic()
            .into_iter()
            .filter(|(tag, _)| *tag == wanted)
            .map(|(_, value)| {
                let offset = u32::try_from(value).expect("string offset fits");
                let text = table.strings().get(offset).expect("string is in the table");
                String::from_utf8_lossy(text).into_owned()
            })
            .collect()
    }

    /// Every symbol that the library defines, with its version node.
    fn symbols(&self) -> BTreeMap<String, Symbol> {
        let file = self.elf();
        let endian = file.endian();
        let sections = file.elf_section_table();
        let table = sections
            .symbols(endian, &*self.bytes, elf::SHT_DYNSYM)
            .expect("dynamic symbols parse");
        let versions = sections
            .versions(endian, &*self.bytes)
            .expect("version tables parse")
            .expect("version tables exist");
        let mut symbols = BTreeMap::new();
        for (index, symbol) in table.enumerate() {
            if symbol.is_undefined(endian) || symbol.st_type() == elf::STT_NOTYPE {
                continue;
            }
            let name = symbol
                .name(endian, table.strings())
                .expect("symbol has a name");
            let version = versions
                .version(versions.version_index(endian, index))
                .expect("version index is valid")
                .map_or_else(String::new, |version| {
                    String::from_utf8_lossy(version.name()).into_owned()
                });
            symbols.insert(
                String::from_utf8_lossy(name).into_owned(),
                Symbol {
                    version,
                    is_data: symbol.st_type() == elf::STT_OBJECT,
                    size: symbol.st_size(endian),
                },
            );
        }
        symbols
    }
}

/// The public symbols: name, and the size of data.
fn exports() -> Vec<(String, Option<u64>)> {
    let exports = abi::exports_of(&compat::top(), compat::release().version);
    exports
        .expect("the table of exports")
        .into_iter()
        .map(|export| (export.name, export.size))
        .collect()
}

fn assert_exports(library: &Library) {
    let symbols = library.symbols();
    let wanted = exports();
    let known = match compat::release().version.to_string().as_str() {
        "4.17" => 902,
        "4.20" => 940,
        other => panic!("nobody has counted the symbols of Xen {other}"),
    };
    assert_eq!(wanted.len(), known, "the list of exports is whole");
    let node = compat::release().node;
    let mut wrong = Vec::new();
    for (name, data_size) in &wanted {
        match symbols.get(name) {
            None => wrong.push(format!("{name}: missing")),
            Some(symbol) if symbol.version != node => {
                wrong.push(format!("{name}: version {:?}", symbol.version));
            }
            Some(symbol) if symbol.is_data != data_size.is_some() => {
                wrong.push(format!("{name}: data instead of function, or the reverse"));
            }
            Some(symbol) if data_size.is_some_and(|size| size != symbol.size) => {
                wrong.push(format!("{name}: size {}", symbol.size));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn debian_has_the_public_symbols() {
    assert_exports(&Library::debian());
}

#[test]
fn ours_has_the_public_symbols_and_no_other() {
    let ours = Library::ours();
    assert_exports(&ours);
    let node = compat::release().node;
    let public: Vec<String> = exports().into_iter().map(|(name, _)| name).collect();
    let extra: Vec<String> = ours
        .symbols()
        .into_keys()
        .filter(|name| *name != node && !public.contains(name))
        .collect();
    assert!(extra.is_empty(), "exported but not public: {extra:?}");
}

#[test]
fn both_have_the_soname() {
    for library in [Library::debian(), Library::ours()] {
        assert_eq!(library.dynamic_strings(elf::DT_SONAME), [compat::soname()]);
    }
}

#[test]
fn ours_does_not_lean_on_another_libxenlight() {
    let needed = Library::ours().dynamic_strings(elf::DT_NEEDED);
    println!("needs {needed:?}");
    assert!(!needed.iter().any(|name| name.contains("xenlight")));
    assert!(!needed.iter().any(|name| name.contains("xenstore")));
}

/// What `size` calls text: all that is loaded and not written to. Each process that runs on the library pays for it.
#[test]
fn ours_stays_small() {
    let ours = Library::ours();
    let file = ours.elf();
    let endian = file.endian();
    let sections = file.elf_section_table();
    let text: u64 = sections
        .iter()
        .filter(|section| {
            let flags = section.sh_flags(endian);
            flags & u64::from(elf::SHF_ALLOC) != 0 && flags & u64::from(elf::SHF_WRITE) == 0
        })
        .map(|section| section.sh_size(endian))
        .sum();
    assert!(
        text < 3_300_000,
        "{text} bytes; PROFILE=dev makes it large, and so does a second crate type in capi/Cargo.toml"
    );
}

#[test]
fn ours_is_hardened() {
    let ours = Library::ours();
    let dynamic = ours.dynamic();
    assert!(
        dynamic.iter().all(|(tag, _)| *tag != elf::DT_TEXTREL),
        "text relocations"
    );
    let now = dynamic
        .iter()
        .any(|(tag, value)| *tag == elf::DT_FLAGS && value & u64::from(elf::DF_BIND_NOW) != 0);
    assert!(now, "symbols are not bound at load time");

    let file = ours.elf();
    let endian = file.endian();
    let headers = file
        .elf_header()
        .program_headers(endian, &*ours.bytes)
        .expect("program headers parse");
    assert!(
        headers
            .iter()
            .any(|header| header.p_type(endian) == elf::PT_GNU_RELRO),
        "no RELRO segment"
    );
    let stack = headers
        .iter()
        .find(|header| header.p_type(endian) == elf::PT_GNU_STACK)
        .expect("stack header exists");
    assert_eq!(stack.p_flags(endian) & elf::PF_X, 0, "executable stack");
}
