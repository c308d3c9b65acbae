//! Notes: what the C library recorded, kept in the test bed's records/RELEASE/NAME with a key that tells what they are of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use xenlight_release::Version;

use crate::error::{At, Error, Result};
use crate::records::{self, KEY, Records};
use crate::scenarios;

/// How records are made comparable is part of every key.
const RULES: &str = include_str!("normalise.rs");
/// A scenario's file, a ramdisk, the words of a job: none comes near.
const MAX_FILE: u64 = 1 << 30;

/// Where the notes are, and of what besides the scenario they are.
#[derive(Debug, PartialEq)]
pub(crate) struct Notes {
    /// The release of Xen that ran.
    pub(crate) release: Version,
    /// The test bed's directory.
    pub(crate) bed: PathBuf,
    /// Where the notes are, those of one release of Xen.
    pub(crate) records: PathBuf,
    /// The Debian packages of dom0.
    pub(crate) packages: PathBuf,
    /// Of the guests that run Linux.
    pub(crate) ramdisk: PathBuf,
}

/// FNV-1a with 64 bits.
struct Hash(u64);

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for part in [&bytes.len().to_le_bytes()[..], bytes] {
            for &byte in part {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
}

impl Notes {
    /// Where a scenario's are.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.records.join(name)
    }

    /// Changes whenever what the scenario does might, and with Debian's packages; for those that keep what guests have in
    /// memory, with the ramdisk.
    pub(crate) fn key(&self, name: &str) -> Result<String> {
        self.key_with(RULES, name)
    }

    fn key_with(&self, rules: &str, name: &str) -> Result<String> {
        let mut hash = Hash(0xcbf2_9ce4_8422_2325);
        hash.add(rules.as_bytes());
        for file in self.files(name)? {
            hash.add(file.as_os_str().as_encoded_bytes());
            let path = self.bed.join(&file);
            hash.add(&records::read(&path, MAX_FILE)?);
        }
        hash.add(&records::read(&self.packages, MAX_FILE)?);
        if name.starts_with("build-") {
            hash.add(&records::read(&self.ramdisk, MAX_FILE)?);
        }
        Ok(format!("{:016x}", hash.0))
    }

    /// The test bed's files that have a part in what a scenario does.
    fn files(&self, name: &str) -> Result<BTreeSet<PathBuf>> {
        let own = scenarios::file(&self.bed, name)?;
        let mut files: BTreeSet<_> = [
            "dom0/scenario.sh",
            "dom0/look.c",
            "lib/build-guests.sh",
            "../store-reader/src/main.rs",
        ]
        .map(PathBuf::from)
        .into();
        self.add_dir(Path::new("guests"), &mut files)?;
        let beside = own.with_extension("");
        if self.bed.join(&beside).is_dir() {
            self.add_dir(&beside, &mut files)?;
        }
        let mut sourced = vec![own];
        while let Some(file) = sourced.pop() {
            let path = self.bed.join(&file);
            let text = records::read(&path, MAX_FILE)?;
            if files.insert(file) {
                let text = String::from_utf8_lossy(&text);
                sourced.extend(scenarios::included(&text));
            }
        }
        Ok(files)
    }

    fn add_dir(&self, dir: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
        let path = self.bed.join(dir);
        for entry in fs::read_dir(&path).at(&path)? {
            let entry = entry.at(&path)?;
            let file = dir.join(entry.file_name());
            let kind = entry.file_type().at(&entry.path())?;
            if kind.is_dir() {
                self.add_dir(&file, files)?;
            } else if kind.is_file() {
                files.insert(file);
            }
        }
        Ok(())
    }

    /// Whether there are notes of the scenario as it is now.
    pub(crate) fn current(&self, name: &str) -> Result<bool> {
        let path = self.dir(name).join(KEY);
        match fs::read_to_string(&path) {
            Ok(key) => Ok(key.trim_end() == self.key(name)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::File(path, error)),
        }
    }

    /// Whether a scenario's notes are of another one or of other packages.
    pub(crate) fn outdated(&self, name: &str) -> Result<bool> {
        Ok(self.dir(name).is_dir() && !self.current(name)?)
    }

    /// What was noted.
    pub(crate) fn records(&self, name: &str) -> Result<Records> {
        records::of_notes(&self.dir(name))
    }

    /// Names of the scenarios that have notes.
    pub(crate) fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        if !self.records.exists() {
            // A release of which nothing has been noted yet.
            return Ok(names);
        }
        for entry in fs::read_dir(&self.records).at(&self.records)? {
            let entry = entry.at(&self.records)?;
            if entry.path().join(KEY).is_file() {
                names.insert(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    /// Keeps what the C library recorded in scenarios that it has passed, of the run whose directory is `last`.
    pub(crate) fn keep(&self, last: &Path) -> Result<()> {
        let (results, job) = (last.join("results"), last.join("job.log"));
        let job = records::read(&job, MAX_FILE)?;
        for name in records::of_library(&results, "c")? {
            let from = results.join(format!("{name}.c"));
            let pass = format!("PASS {name} on c ");
            let line = |line: &[u8]| line.starts_with(pass.as_bytes());
            if !records::are_in(&from) || !job.split(|&byte| byte == b'\n').any(line) {
                continue;
            }
            let records = records::of_run(&from)?;
            let (dir, key) = (self.dir(&name), self.key(&name)?);
            if dir.exists() {
                fs::remove_dir_all(&dir).at(&dir)?;
            }
            records::write(&records, &dir)?;
            // Last: without it there are no notes.
            fs::write(dir.join(KEY), key + "\n").at(&dir)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    #[test]
    fn a_key_is_of_all_that_a_scenario_depends_on() {
        let bed = Bed::new();
        let notes = bed.notes();
        let key = |name: &str| notes.key(name).expect("a key");
        for (file, scenarios) in [
            ("scenarios/guests/pv.sh", &["pv"][..]),
            ("scenarios/include/linux.inc", &["pv", "build-pv"]),
            ("scenarios/include/deep.inc", &["pv", "build-pv"]),
            ("scenarios/guests/pv/more/file", &["pv"]),
            ("dom0/scenario.sh", &["pv", "build-pv"]),
            ("dom0/look.c", &["pv", "build-pv"]),
            ("../store-reader/src/main.rs", &["pv", "build-pv"]),
            ("guests/pv.S", &["pv", "build-pv"]),
            ("lib/build-guests.sh", &["pv", "build-pv"]),
            ("../packages", &["pv", "build-pv"]),
            ("../ramdisk", &["build-pv"]),
            ("scenarios/guests/other.sh", &[]),
            ("dom0/job", &[]),
        ] {
            let old = ["pv", "build-pv"].map(key);
            bed.append(file, "# changed\n");
            let changed: Vec<_> = ["pv", "build-pv"]
                .into_iter()
                .zip(&old)
                .filter(|(name, old)| key(name) != **old)
                .map(|(name, _)| name)
                .collect();
            assert_eq!(changed, scenarios, "{file}");
        }
        assert_eq!(key("pv").len(), 16);
        let other = notes.key_with(&format!("{RULES} "), "pv").expect("a key");
        assert_ne!(key("pv"), other);
        // A file's end moved into the next one is another key, and so is a new file.
        let old = key("pv");
        bed.append("guests/new.S", "");
        assert_ne!(key("pv"), old);
    }

    #[test]
    fn no_key_without_the_files() {
        let bed = Bed::new();
        assert!(bed.notes().key("missing").is_err());
        assert!(bed.notes().key("../pv").is_err());
        fs::remove_file(bed.path("packages")).expect("removed");
        assert!(bed.notes().key("pv").is_err());
    }

    #[test]
    fn notes_grow_old() {
        let bed = Bed::new();
        let notes = bed.notes();
        assert!(!notes.outdated("pv").expect("known") && !notes.current("pv").expect("known"));
        bed.note("pv", &[("a", "1\n")]);
        assert!(!notes.outdated("pv").expect("known") && notes.current("pv").expect("known"));
        bed.append("scenarios/guests/pv.sh", "true\n");
        assert!(notes.outdated("pv").expect("known") && !notes.current("pv").expect("known"));
        // Without a key it is unknown of what they are.
        fs::remove_file(notes.dir("pv").join(KEY)).expect("removed");
        assert!(notes.outdated("pv").expect("known"));
    }

    #[test]
    fn only_what_passed_on_the_c_library_is_kept() {
        let bed = Bed::new();
        let notes = bed.notes();
        for name in ["pv.c", "build-pv.c", "other.c", "dump.c", "dump.ours"] {
            bed.records(name, "box=5 ", &[("new", "domid: 5\n")]);
        }
        bed.note("pv", &[("old", "")]);
        bed.note("build-pv", &[("old", "")]);
        let log = "\rPASS pv on c (1.2 s)\nPASS pv on c (1.2 s)\nFAIL build-pv on c (1 s)\nPASS build-pv on ours (1 s)\n PASS other on c (1 s)\nPASS dump on c (3 s)\n";
        fs::write(bed.path("job.log"), log).expect("written");
        notes.keep(&bed.path("")).expect("kept");
        let kept = |name: &str| notes.records(name).expect("notes");
        assert_eq!(kept("pv")["new"].concat(), b"domid: <box>\n");
        assert_eq!(kept("pv").len(), 1);
        assert!(kept("build-pv").contains_key("old"));
        assert!(notes.current("dump").expect("known") && notes.current("pv").expect("known"));
        assert!(!notes.dir("other").exists());
        let names: Vec<_> = notes.names().expect("names").into_iter().collect();
        assert_eq!(names, ["build-pv", "dump", "pv"]);
    }
}
