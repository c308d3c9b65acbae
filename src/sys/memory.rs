//! Giving memory back: a process that waits for months need not keep what a creation went through.

use std::fs;
use std::ops::Range;

/// Gives back the free pages of the heap, and those of this library's code and constants, which come back from the page cache
/// when they are needed again. A mapping in which a debugger has written is left alone.
pub fn give_back() {
    // SAFETY: changes nothing that is allocated.
    unsafe { libc::malloc_trim(0) };
    let Ok(smaps) = fs::read_to_string("/proc/self/smaps") else {
        return;
    };
    let here = give_back as fn() as usize;
    for range in unwritten(&smaps, here) {
        // SAFETY: the kernel just listed the range as a private mapping of a file, not writable and without a page of its
        // own, so that every page is read from the file again when it is touched. Such a mapping of the library that
        // runs this very code stays until the process ends: nothing unloads it from under us.
        let _ = unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut(range.start),
                range.len(),
                libc::MADV_DONTNEED,
            )
        };
    }
}

/// The unwritable mappings of the file that holds the address `here` of which no page was written.
fn unwritten(smaps: &str, here: usize) -> Vec<Range<usize>> {
    let ours = mappings(smaps).find(|mapping| mapping.range.contains(&here));
    let Some(file) = ours
        .map(|mapping| mapping.file)
        .filter(|file| file.starts_with('/'))
    else {
        return Vec::new();
    };
    let readable = mappings(smaps).filter(|mapping| {
        mapping.file == file && mapping.perms.ends_with("p") && !mapping.perms.contains('w')
    });
    readable
        .filter(|mapping| mapping.anonymous == Some(0))
        .map(|mapping| mapping.range)
        .collect()
}

struct Mapping<'a> {
    range: Range<usize>,
    perms: &'a str,
    file: &'a str,
    /// KiB that are the process's own; nothing when the kernel does not say.
    anonymous: Option<u64>,
}

/// Entries of proc(5)'s smaps: a line of the mapping, and lines "Name: value" about it.
fn mappings(smaps: &str) -> impl Iterator<Item = Mapping<'_>> {
    let mut lines = smaps.lines().peekable();
    std::iter::from_fn(move || {
        let mut mapping = loop {
            if let Some(mapping) = head(lines.next()?) {
                break mapping;
            }
        };
        while let Some(line) = lines.next_if(|line| head(line).is_none()) {
            if let Some(value) = line.strip_prefix("Anonymous:") {
                let number = value.trim().strip_suffix(" kB");
                mapping.anonymous = number.and_then(|number| number.parse().ok());
            }
        }
        Some(mapping)
    })
}

/// "START-END PERMS OFFSET DEVICE INODE   FILE"
fn head(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(Mapping {
        range: address(start)?..address(end)?,
        perms: words.next()?,
        file: words.nth(3).unwrap_or("").trim_start(),
        anonymous: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
7f0000000000-7f0000010000 r--p 00000000 fd:00 77                         /usr/lib/libx.so
Rss:                  64 kB
Anonymous:             0 kB
7f0000010000-7f0000090000 r-xp 00010000 fd:00 77                         /usr/lib/libx.so
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
7f0000090000-7f00000a0000 r--p 00090000 fd:00 77                         /usr/lib/libx.so
Anonymous:            64 kB
7f00000a0000-7f00000a1000 rw-p 000a0000 fd:00 77                         /usr/lib/libx.so
Anonymous:             0 kB
7f00000b0000-7f00000b1000 r-xp 00000000 fd:00 78                         /usr/lib/liby.so
Anonymous:             0 kB
7f00000c0000-7f00000c1000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
";

    #[test]
    fn only_what_comes_back_from_our_file_is_given_back() {
        let given = unwritten(SMAPS, 0x7f00_0001_0004);
        assert_eq!(
            given,
            [
                0x7f00_0000_0000..0x7f00_0001_0000,
                0x7f00_0001_0000..0x7f00_0009_0000,
            ]
        );
        assert!(unwritten(SMAPS, 0x7f00_000c_0000).is_empty());
        assert!(unwritten(SMAPS, 0x10).is_empty());
    }

    #[test]
    fn a_mapping_with_a_page_of_its_own_is_left_alone() {
        let patched = SMAPS.replacen(
            "Anonymous:             0 kB\nVmFlags",
            "Anonymous:             4 kB\nVmFlags",
            1,
        );
        assert_eq!(unwritten(&patched, 0x7f00_0001_0004).len(), 1);
        let silent = SMAPS.replace("Anonymous", "Another");
        assert!(unwritten(&silent, 0x7f00_0001_0004).is_empty());
    }

    #[test]
    fn code_goes_on_without_its_pages() {
        let resident = || {
            let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
            assert!(!unwritten(&smaps, give_back as fn() as usize).is_empty());
            let here = give_back as fn() as usize;
            let at = smaps
                .lines()
                .position(|line| head(line).is_some_and(|it| it.range.contains(&here)));
            let rss = smaps
                .lines()
                .skip(at.unwrap())
                .find_map(|line| line.strip_prefix("Rss:"));
            rss.unwrap()
                .trim()
                .trim_end_matches(" kB")
                .parse::<u64>()
                .unwrap()
        };
        let before = resident();
        give_back();
        assert!(resident() < before, "{before} KiB are still mapped");
    }
}
