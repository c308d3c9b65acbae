//! A test bed on paper: scenarios, results and notes in a scratch directory.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::notes::Notes;
use crate::records::KEY;

pub(crate) struct Bed(TempDir);

impl Bed {
    pub(crate) fn new() -> Self {
        let bed = Self(tempfile::tempdir().expect("a directory"));
        for (file, text) in [
            (
                "scenarios/guests/pv.sh",
                "# A guest.\n. /job/scenarios/include/linux.inc\n",
            ),
            (
                "scenarios/guests/build-pv.sh",
                ". /job/scenarios/include/linux.inc\n",
            ),
            ("scenarios/guests/other.sh", "true\n"),
            ("scenarios/walk/dump.sh", "true\n"),
            (
                "scenarios/include/linux.inc",
                ". /job/scenarios/include/deep.inc\n",
            ),
            ("scenarios/include/deep.inc", "true\n"),
            ("scenarios/guests/pv/more/file", ""),
            ("dom0/scenario.sh", ""),
            ("dom0/look.c", ""),
            ("dom0/job", ""),
            ("guests/pv.S", ""),
            ("lib/build-guests.sh", ""),
            ("records/README", ""),
            ("allowed", "# Why\n^< /libxl/<box>/wanted\n"),
            ("../store-reader/src/main.rs", ""),
            ("../packages", "xen 4.17\n"),
            ("../ramdisk", ""),
        ] {
            bed.append(file, text);
        }
        fs::create_dir(bed.results()).expect("made");
        bed
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub(crate) fn results(&self) -> PathBuf {
        self.path("results")
    }

    pub(crate) fn notes(&self) -> Notes {
        Notes {
            release: "4.17".parse().expect("a release"),
            bed: self.path("bed"),
            records: self.path("bed/records"),
            packages: self.path("packages"),
            ramdisk: self.path("ramdisk"),
        }
    }

    /// Adds text to one of the bed's files.
    pub(crate) fn append(&self, file: &str, text: &str) {
        let path = self.path("bed").join(file);
        make_parent(&path);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("written");
    }

    /// What a run recorded, `scenario` being "NAME.LIBRARY", with the line of the domains' numbers.
    pub(crate) fn records(&self, scenario: &str, names: &str, records: &[(&str, &str)]) -> PathBuf {
        let dir = self.results().join(scenario);
        for (name, text) in records {
            let path = dir.join("record").join(name);
            make_parent(&path);
            fs::write(&path, format!("{names}\n{text}")).expect("written");
        }
        fs::write(dir.join("before"), "").expect("written");
        dir
    }

    /// Notes of a scenario as it is now.
    pub(crate) fn note(&self, name: &str, records: &[(&str, &str)]) {
        let notes = self.notes();
        let dir = notes.dir(name);
        for (name, text) in records {
            let path = dir.join(name);
            make_parent(&path);
            fs::write(&path, text).expect("written");
        }
        fs::write(dir.join(KEY), notes.key(name).expect("a key")).expect("written");
    }
}

fn make_parent(path: &Path) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("made");
}
