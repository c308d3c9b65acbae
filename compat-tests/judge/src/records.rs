//! Reads what a scenario recorded. Guests wrote parts of it: sizes and numbers are bounded.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{At, Error, Result};
use crate::normalise::{self, Lines};
use crate::scenarios;

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

/// Whether a scenario has recorded anything.
pub(crate) fn are_in(results: &Path) -> bool {
    results.join("record").is_dir()
}

/// Names of the scenarios that ran on `library`, as `results/NAME.library` tells.
pub(crate) fn of_library(results: &Path, library: &str) -> Result<Vec<String>> {
    let suffix = format!(".{library}");
    let mut ran = Vec::new();
    for entry in fs::read_dir(results).at(results)? {
        let entry = entry.at(results)?;
        let file = entry.file_name();
        let Some(name) = file.to_str().and_then(|file| file.strip_suffix(&suffix)) else {
            continue;
        };
        if !entry.file_type().at(&entry.path())?.is_dir() {
            continue;
        }
        if !scenarios::is_name(name) {
            return Err(Error::content(&entry.path(), "is named like no scenario"));
        }
        ran.push(name.to_owned());
    }
    ran.sort_unstable();
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
        for name in ["pv.ours", "argv.ours", "pvh.c", "dump.ours"] {
            bed.records(name, "", &[("a", "")]);
        }
        fs::create_dir(bed.results().join("quiet.ours")).expect("made");
        fs::create_dir_all(bed.results().join("log-xen/deep/er.ours/record")).expect("made");
        let found = |library| of_library(&bed.results(), library).expect("names");
        assert_eq!(found("ours"), ["argv", "dump", "pv", "quiet"]);
        assert_eq!(found("c"), ["pvh"]);
        assert!(are_in(&bed.results().join("pvh.c")) && !are_in(&bed.results().join("quiet.ours")));
        bed.records("a b.ours", "", &[("a", "")]);
        assert!(of_library(&bed.results(), "ours").is_err());
    }
}
