//! Kernel files that were made to cost hours or gigabytes, and what they cost: a second, and 64 MiB beyond what comes out.
//!
//! One test, because time and memory are those of the whole process.

mod make;

use std::time::Duration;

use make::{
    BODY, MIB, bzimage, elf, gzip, gzip_of_nothing, lz4, lzma, note, part, stored, xz, zstd,
};
use xenlight::domain::build::kernel::{Limits, load, module};
use xenlight_fuzz::{Cost, measured};

/// Beyond what comes out.
const LIMIT: Cost = Cost {
    time: Duration::from_secs(1),
    memory: 64 * MIB,
};
/// The longest error: a sentence, and 80 characters of the kernel's.
const LONGEST_ERROR: usize = 250;

const PT_NOTE: u32 = 4;
const SHT_SYMTAB: u32 = 2;
const SHT_STRTAB: u32 = 3;
const SHT_NOTE: u32 = 7;
const FEATURES: usize = 10;
const BSD_SYMTAB: usize = 11;

/// What is not as it should be.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    /// Loads a kernel from which `unpacked` bytes come out, and looks at what that costs.
    fn load(&mut self, what: &str, file: &[u8], unpacked: usize) -> Result<(), String> {
        let load = || load(file, Limits::default()).map(drop);
        let (loaded, cost) = measured(load);
        println!("{what}: {} bytes, {cost}", file.len());
        let limit = Cost {
            memory: LIMIT.memory + unpacked,
            ..LIMIT
        };
        if let Err(over) = cost.within(limit) {
            self.0.push(format!("{what}: {over}"));
        }
        loaded.map_err(|error| error.to_string())
    }

    fn refused(&mut self, what: &str, file: &[u8], unpacked: usize, why: &str) {
        match self.load(what, file, unpacked) {
            Err(error) if error.contains(why) && error.len() <= LONGEST_ERROR => {}
            Err(error) => {
                let start: String = error.chars().take(LONGEST_ERROR).collect();
                self.0
                    .push(format!("{what}: {} bytes of error: {start}", error.len()));
            }
            Ok(()) => self.0.push(format!("{what}: is taken")),
        }
    }

    fn taken(&mut self, what: &str, file: &[u8], unpacked: usize) {
        if let Err(error) = self.load(what, file, unpacked) {
            self.0.push(format!("{what}: {error}"));
        }
    }
}

#[test]
fn hostile_kernels_cost_neither_hours_nor_gigabytes() {
    let mut all = Findings::default();
    sections_and_notes(&mut all);
    symbol_tables(&mut all);
    quotations(&mut all);
    other_packings(&mut all);
    gzip_around(&mut all);
    xz_files(&mut all);
    assert!(all.0.is_empty(), "{:#?}", all.0);
}

fn xz_files(all: &mut Findings) {
    let kernel = elf(&[], &[7; MIB], &[], 0);
    let size = kernel.len();
    let honest = xz([stored(&kernel, 1 << 16).as_slice()]);
    all.taken("xz: an honest block", &bzimage(&honest, size), size);
    let halves = kernel.chunks(size / 2).map(|half| stored(half, 1 << 16));
    let halves: Vec<_> = halves.collect();
    let honest = xz(halves.iter().map(Vec::as_slice));
    all.taken("xz: honest blocks", &bzimage(&honest, size), size);

    let empty = xz([[].as_slice(); 200]);
    all.refused(
        "xz: empty blocks",
        &bzimage(&empty, 1 << 30),
        0,
        "cannot be",
    );
    let plausible = empty.len() * 8000;
    let file = bzimage(&empty, plausible);
    all.refused("xz: fewer bytes", &file, plausible, "a block is empty");

    let one = stored(&[7], 1);
    let file = bzimage(&xz(vec![one.as_slice(); 2000]), MIB);
    all.refused("xz: blocks of a byte", &file, MIB, "chunks");
    let file = bzimage(&xz([stored(&[7; 100_000], 1).as_slice()]), 100_000);
    all.refused("xz: chunks of a byte", &file, 100_000, "cannot be");
    let file = bzimage(&xz([stored(&[7; 100_000], 1).as_slice()]), MIB);
    all.refused("xz: many of them", &file, MIB, "chunks");
    let file = bzimage(&xz([stored(&[7; 100], 100).as_slice()]), 800_000);
    all.refused("xz: a dictionary of 4 GiB", &file, 800_000, "instead of");
}

fn other_packings(all: &mut Findings) {
    let announced = 200 * MIB;
    // The 5-byte block that gives nothing, and the smallest one that gives a byte.
    let file = bzimage(&lz4(&[0], 200_000), announced);
    all.refused("lz4: empty blocks", &file, announced, "is empty");
    let file = bzimage(&lz4(b"\x10x", 150_000), announced);
    all.refused("lz4: blocks of a byte", &file, announced, "instead of");
    all.refused(
        "lz4: a few bytes",
        &bzimage(&lz4(&[0], 4), announced),
        0,
        "cannot be",
    );

    let file = bzimage(&zstd(0, 100_000), MIB);
    all.refused("zstd: empty blocks", &file, MIB, "damaged");
    let file = bzimage(&zstd(1, 100_000), 100_000);
    all.refused("zstd: blocks of a byte", &file, 100_000, "cannot be");
    let file = bzimage(&zstd(1, 100_000), MIB);
    all.refused("zstd: many of them", &file, MIB, "blocks for");
    let (size, sum) = (128 << 10, 32 * MIB);
    let file = bzimage(&zstd(size, sum / size), sum);
    all.refused("zstd: a window of 128 MiB", &file, sum, "neither an ELF");
    let file = bzimage(&zstd(size, 4), 1 << 30);
    all.refused("zstd: a few bytes", &file, 0, "cannot be");
    let skipped = [b"\x50\x2a\x4d\x18\0\0\0\0".repeat(100_000), zstd(size, 4)].concat();
    let file = bzimage(&skipped, 4 * size);
    all.refused("zstd: skippable frames", &file, 0, "unknown way");

    all.refused(
        "lzma: a few bytes",
        &bzimage(&lzma(1000), 1 << 30),
        0,
        "cannot be",
    );
    let file = bzimage(&lzma(1000), 8_000_000);
    all.refused(
        "lzma: a dictionary of 4 GiB",
        &file,
        8_000_000,
        "unpacking lzma",
    );
}

fn gzip_around(all: &mut Findings) {
    let many = gzip_of_nothing(400_000);
    all.refused("gzip: empty blocks", &many, 0, "cannot be");
    let file = gzip_of_nothing(40_000);
    all.refused("gzip: fewer of them", &file, 1, "neither an ELF");
    let mut liar = gzip(&elf(&[], &[], &[], 0));
    let end = liar.len() - 4;
    liar[end..].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    all.refused("gzip: a few bytes", &liar, 0, "cannot be");
    let two = [
        gzip(&elf(&[], &[7; 99], &[], 0)),
        gzip(&elf(&[], &[], &[], 0)),
    ]
    .concat();
    all.refused("gzip: two files", &two, 2 * BODY, "more than");
    let ramdisk = gzip(&[7; 1000]).repeat(10_000);
    let (unpacked, cost) = measured(|| module(&ramdisk, Limits::default()).len());
    println!("gzip: a ramdisk of many files: {cost}");
    assert_eq!(unpacked, ramdisk.len());
    cost.within(LIMIT).expect("gzip: a ramdisk of many files");

    // A file of gzip that was packed from a thousand times as many bytes.
    let inside = bzimage(&lz4(&[0], 4 * MIB), 100 * MIB);
    let file = gzip(&inside);
    all.refused("gzip around lz4", &file, 2 * inside.len(), "once more");
    let inside = bzimage(&xz(vec![[].as_slice(); 200_000]), 100 * MIB);
    let file = gzip(&inside);
    all.refused("gzip around xz", &file, inside.len(), "once more");
    let kernel = elf(&[], &[7; MIB], &[], 0);
    let file = gzip(&bzimage(&gzip(&kernel), kernel.len()));
    all.taken("gzip around gzip", &file, 2 * kernel.len());
}

fn sections_and_notes(all: &mut Findings) {
    // Names that end nowhere in one text.
    let mut sections: Vec<_> = (0..65_534_usize)
        .map(|number| make::Part {
            name: number % 100,
            ..part(1, 0, 0)
        })
        .collect();
    sections[1] = part(SHT_STRTAB, BODY, MIB);
    let file = elf(&[], &[b'x'; MIB], &sections, 1);
    all.taken("ELF: many sections", &file, 0);

    let text = note(FEATURES, &[b'x'; 2 * MIB]);
    let notes = part(PT_NOTE, BODY, text.len());
    let file = elf(&vec![notes; 2000], &text, &[], 0);
    all.refused("ELF: many note segments", &file, 0, "more than 16");
    let file = elf(&[notes; 16], &text, &[], 0);
    all.refused("ELF: note segments that overlap", &file, 0, "overlap");
    let file = elf(&[notes], &text, &[], 0);
    all.refused("ELF: a long text", &file, 0, "4096 bytes of text");
    let notes = part(SHT_NOTE, BODY, text.len());
    let file = elf(&[], &text, &vec![notes; 2000], 0);
    all.refused("ELF: many note sections", &file, 0, "more than 16");
    let file = elf(&[], &text, &[notes; 2], 0);
    all.refused("ELF: note sections that overlap", &file, 0, "overlap");

    let text = note(FEATURES, &[b'|'; 4096]);
    let size = text.len();
    let many = text.repeat(1000);
    let file = elf(&[part(PT_NOTE, BODY, many.len())], &many, &[], 0);
    all.taken("ELF: long texts", &file, 0);
    let places: Vec<_> = (0..16)
        .map(|number| part(PT_NOTE, BODY + number * size, size))
        .collect();
    let file = elf(&places, &many, &[], 0);
    all.taken("ELF: some note segments", &file, 0);
}

fn symbol_tables(all: &mut Findings) {
    let wish = note(BSD_SYMTAB, b"yes\0");
    let notes = part(PT_NOTE, BODY, wish.len());
    let with = |size: usize, symbols: (usize, usize), names: (usize, usize)| {
        let mut body = wish.clone();
        body.resize(size, 7);
        let sections = [
            part(0, 0, 0),
            make::Part {
                link: 2,
                ..part(SHT_SYMTAB, BODY + symbols.0, symbols.1)
            },
            part(SHT_STRTAB, BODY + names.0, names.1),
        ];
        elf(&[notes], &body, &sections, 0)
    };
    let size = 24 * MIB;
    let file = with(size, (0, size), (0, size));
    all.refused("BSD: sections that overlap", &file, 0, "overlap");
    let packed = gzip(&with(8 * MIB, (0, 8 * MIB), (0, 8 * MIB)));
    all.refused("BSD: in a small file", &packed, 9 * MIB, "overlap");
    let half = size / 2;
    let file = with(size, (0, half), (half, half));
    all.taken("BSD: a large table", &file, 2 * file.len());
    let size = 40 * MIB;
    let file = with(size, (0, size / 2), (size / 2, size / 2));
    all.refused("BSD: a table too large", &file, 0, "is too large");

    let file = with(MIB, (0, MIB / 2), (MIB / 2, MIB / 2));
    let with_limit = |more: usize| {
        let unpacked = (file.len() + more) as u64;
        load(&file, Limits { unpacked }).is_ok()
    };
    if !with_limit(MIB + 512) || with_limit(MIB) {
        all.0
            .push("BSD: image and table are not within one limit".to_owned());
    }
}

fn quotations(all: &mut Findings) {
    let words = note(FEATURES, &[b"!".as_slice(), &[b'"'; 4000], b"\0"].concat());
    let file = elf(&[part(PT_NOTE, BODY, words.len())], &words, &[], 0);
    all.refused("a long word", &file, 0, "needs the unknown feature");
    let body = [b"__xen_guest\0VIRT_BASE=", [b'9'; 4000].as_slice(), b"\0"].concat();
    let section = part(1, BODY + 12, body.len() - 12);
    let names = part(SHT_STRTAB, BODY, body.len());
    let file = elf(&[], &body, &[section, names], 1);
    all.refused("a long number", &file, 0, "has a bad number");
}
