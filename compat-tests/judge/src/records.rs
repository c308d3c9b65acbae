//! Reads what a scenario recorded. Guests wrote parts of it: sizes and numbers are bounded.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{At, Error, Result};
use crate::normalise::{self, Lines};

/// Twenty times what the largest is.
const MAX_FILE: u64 = 1 << 20;
const MAX_FILES: usize = 256;
/// All records of a scenario.
const MAX_TOTAL: u64 = 16 << 20;

/// Lines by the record's name.
pub(crate) type Records = BTreeMap<String, Lines>;

/// Where a scenario's notes keep the key (see notes.rs).
pub(crate) const KEY: &str = "key";

/// The record is one of xenstore's nodes (`record_tree` of dom0/scenario.sh).
fn is_tree(name: &str) -> bool {
    name.ends_with(".store")
}

/// A whole file, unless it is too long.
pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let file = File::open(path).at(path)?;
    file.take(max + 1).read_to_end(&mut content).at(path)?;
    match content.len() as u64 > max {
        true => Err(Error::content(path, format!("longer than {max} bytes"))),
        false => Ok(content),
    }
}

/// The files of a directory that has nothing else, in their bounds.
fn files(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let (mut files, mut total) = (BTreeMap::new(), 0);
    for entry in fs::read_dir(dir).at(dir)? {
        let entry = entry.at(dir)?;
        let path = entry.path();
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| Error::content(&path, "its name is not text"))?;
        if !entry.file_type().at(&path)?.is_file() {
            return Err(Error::content(&path, "is no file"));
        }
        let content = read(&path, MAX_FILE)?;
        total += content.len() as u64;
        files.insert(name, content);
        if files.len() > MAX_FILES || total > MAX_TOTAL {
            return Err(Error::content(dir, "has too much in it"));
        }
    }
    Ok(files)
}

/// What a scenario recorded in this run: `record/` of its results, normalised. Of a tree what it added to `before`.
pub(crate) fn of_run(results: &Path) -> Result<Records> {
    let dir = results.join("record");
    let (mut records, mut before) = (Records::new(), None);
    for (name, content) in files(&dir)? {
        let lines = if is_tree(&name) {
            let before = match &before {
                Some(before) => before,
                None => before.insert(read(&results.join("before"), MAX_FILE)?),
            };
            normalise::tree(&content, before)
        } else {
            normalise::output(&content)
        };
        let lines = lines.map_err(|what| Error::content(&dir.join(&name), what))?;
        records.insert(name, lines);
    }
    Ok(records)
}

/// What was kept of an earlier run.
pub(crate) fn of_notes(dir: &Path) -> Result<Records> {
    let mut files = files(dir)?;
    files.remove(KEY);
    let split = |content: Vec<u8>| -> Lines {
        let lines = content.split_inclusive(|&byte| byte == b'\n');
        lines.map(<[u8]>::to_owned).collect()
    };
    let records = files.into_iter();
    Ok(records
        .map(|(name, content)| (name, split(content)))
        .collect())
}

/// Writes normalised records, as `of_notes` reads them.
pub(crate) fn write(records: &Records, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).at(dir)?;
    for (name, lines) in records {
        let path = dir.join(name);
        fs::write(&path, lines.concat()).at(&path)?;
    }
    Ok(())
}

/// A scenario's name: the path of its file below scenarios/, without the ending.
pub(crate) fn is_scenario(name: &str) -> bool {
    let word = |word: &str| {
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !word.is_empty() && !word.starts_with('-') && word.chars().all(inside)
    };
    match name.split_once('/') {
        Some((dir, name)) => word(dir) && word(name),
        None => word(name),
    }
}

/// Whether a scenario has recorded anything.
pub(crate) fn are_in(results: &Path) -> bool {
    results.join("record").is_dir()
}

/// Names of the scenarios that ran on `library`, as `results/NAME.library` tells; those of subdirectories last.
pub(crate) fn of_library(results: &Path, library: &str) -> Result<Vec<String>> {
    let suffix = format!(".{library}");
    let names = |dir: &Path, prefix: &str| -> Result<(Vec<String>, Vec<String>)> {
        let (mut ran, mut dirs) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(dir).at(dir)? {
            let entry = entry.at(dir)?;
            let Ok(file) = entry.file_name().into_string() else {
                continue;
            };
            if !entry.file_type().at(&entry.path())?.is_dir() {
                continue;
            }
            let Some(name) = file.strip_suffix(&suffix) else {
                dirs.push(file);
                continue;
            };
            let name = format!("{prefix}{name}");
            if !is_scenario(&name) {
                return Err(Error::content(&entry.path(), "is named like no scenario"));
            }
            ran.push(name);
        }
        ran.sort_unstable();
        dirs.sort_unstable();
        Ok((ran, dirs))
    };
    let (mut ran, dirs) = names(results, "")?;
    for dir in dirs {
        ran.extend(names(&results.join(&dir), &format!("{dir}/"))?.0);
    }
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    #[test]
    fn records_are_normalised_and_kept_as_they_are() {
        let bed = Bed::new();
        let c = bed.records(
            "pv.c",
            "box=5 ",
            &[("list", "domid: 5\nlast"), ("box.store", "/b\n/a\n/old\n")],
        );
        fs::write(c.join("before"), "/old\n").expect("written");
        let records = of_run(&c).expect("records");
        assert_eq!(records["list"].concat(), b"domid: <box>\nlast");
        assert_eq!(records["box.store"].concat(), b"/a\n/b\n");
        let notes = bed.path("kept");
        write(&records, &notes).expect("written");
        fs::write(notes.join(KEY), "key").expect("written");
        assert_eq!(of_notes(&notes).expect("notes"), records);
    }

    #[test]
    fn a_tree_needs_what_was_before() {
        let bed = Bed::new();
        let c = bed.records("pv.c", "", &[("box.store", "/a\n")]);
        fs::remove_file(c.join("before")).expect("removed");
        assert!(matches!(of_run(&c), Err(Error::File(..))));
    }

    #[test]
    fn sizes_and_kinds_are_bounded() {
        let long = "x".repeat(usize::try_from(MAX_FILE).expect("small"));
        let refused = |records: &[(&str, &str)]| {
            let bed = Bed::new();
            let dir = bed.records("pv.ours", "", records);
            of_run(&dir).expect_err("too much").to_string()
        };
        assert!(refused(&[("a", &long)]).contains("longer than"));
        let names: Vec<_> = (0..=MAX_FILES).map(|n| n.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert!(refused(&many).contains("too much"));
        let most: Vec<_> = many[..17]
            .iter()
            .map(|(name, _)| (*name, &long[1..]))
            .collect();
        assert!(refused(&most).contains("too much"));

        let bed = Bed::new();
        let dir = bed.records("pv.ours", "", &[("a", "")]);
        std::os::unix::fs::symlink("/etc/passwd", dir.join("record/b")).expect("a link");
        assert!(
            of_run(&dir)
                .expect_err("a link")
                .to_string()
                .contains("no file")
        );
    }

    #[test]
    fn scenarios_are_found_by_their_results() {
        let bed = Bed::new();
        for name in ["pv.ours", "argv.ours", "pvh.c", "walk/dump.ours"] {
            bed.records(name, "", &[("a", "")]);
        }
        fs::create_dir(bed.results().join("quiet.ours")).expect("made");
        fs::create_dir_all(bed.results().join("log-xen/deep/er.ours/record")).expect("made");
        let found = |library| of_library(&bed.results(), library).expect("names");
        assert_eq!(found("ours"), ["argv", "pv", "quiet", "walk/dump"]);
        assert_eq!(found("c"), ["pvh"]);
        assert!(are_in(&bed.results().join("pvh.c")) && !are_in(&bed.results().join("quiet.ours")));
        bed.records("a b.ours", "", &[("a", "")]);
        assert!(of_library(&bed.results(), "ours").is_err());
    }

    #[test]
    fn names_stay_below_their_directory() {
        for name in ["pv", "build-hvm", "walk/hvm2"] {
            assert!(is_scenario(name), "{name}");
        }
        for name in [
            "", ".", "..", "/pv", "pv/", "a/b/c", "../pv", "-x", "a/-b", "Pv", "a b",
        ] {
            assert!(!is_scenario(name), "{name}");
        }
    }
}
