//! The scenarios of the test bed: `scenarios/FOLDER/NAME.sh`. No two have the same name, also in different folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{At, Error, Result};

/// Where they are, below the test bed's directory.
pub(crate) const DIR: &str = "scenarios";

/// Whether a scenario can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && !name.starts_with('-') && name.chars().all(inside)
}

/// The file of a scenario, below the test bed's directory.
///
/// # Errors
/// When there is none, or there are several.
pub(crate) fn file(bed: &Path, name: &str) -> Result<PathBuf> {
    let dir = bed.join(DIR);
    if !is_name(name) {
        return Err(Error::content(&dir.join(name), "is named like no scenario"));
    }
    let file = format!("{name}.sh");
    let mut found = Vec::new();
    for folder in fs::read_dir(&dir).at(&dir)? {
        let folder = folder.at(&dir)?.file_name();
        if dir.join(&folder).join(&file).is_file() {
            found.push(Path::new(DIR).join(folder).join(&file));
        }
    }
    match (found.pop(), found.pop()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Error::content(&dir, format!("has no scenario {name}"))),
        _ => Err(Error::content(
            &dir,
            format!("has more than one scenario {name}"),
        )),
    }
}

/// Files that a scenario sources, below the test bed's directory: `. /job/scenarios/FOLDER/NAME.inc`.
pub(crate) fn included(text: &str) -> impl Iterator<Item = PathBuf> {
    text.lines().filter_map(|line| {
        let path = line.trim_start().strip_prefix(". /job/")?;
        let below = path.starts_with(DIR) && !path.contains("..");
        (below && path.ends_with(".inc")).then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    #[test]
    fn a_name_is_one_word() {
        for name in ["pv", "build-hvm", "hvm2"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", ".", "..", "/pv", "pv/", "a/b", "../pv", "-x", "Pv", "a b",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_scenario_is_found_in_any_folder_and_only_once() {
        let bed = Bed::new();
        let found = |name: &str| file(&bed.path("bed"), name);
        let pv = found("pv").expect("it is there");
        assert_eq!(pv, Path::new("scenarios/guests/pv.sh"));
        assert!(found("missing").is_err() && found("guests/pv").is_err());
        bed.append("scenarios/walk/pv.sh", "true\n");
        let error = found("pv").expect_err("two of them").to_string();
        assert!(error.contains("more than one scenario pv"), "{error}");
    }

    #[test]
    fn sourced_files() {
        let text = "# x\n. /job/scenarios/include/hvm.inc\n  . /job/scenarios/a2b.inc\n. x.inc\n. /job/scenarios/../x.inc\n. /job/scenarios/x.inc # not at the end\n";
        let found: Vec<_> = included(text).collect();
        assert_eq!(
            found,
            ["scenarios/include/hvm.inc", "scenarios/a2b.inc"].map(PathBuf::from)
        );
    }

    /// Of the test bed itself: a name stands for one scenario, and a folder can be read at a glance.
    #[test]
    fn names_are_unique_and_folders_small() {
        let bed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testbed");
        let mut scenarios = 0;
        for folder in fs::read_dir(bed.join(DIR)).expect("the scenarios") {
            let folder = folder.expect("a folder").path();
            assert!(folder.is_dir(), "{} is in no folder", folder.display());
            let mut files = 0;
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("a file").path();
                files += 1;
                if path.extension().is_some_and(|ending| ending == "sh") {
                    let name = path.file_stem().and_then(|name| name.to_str());
                    let found = file(&bed, name.expect("a name"));
                    assert!(path.ends_with(found.expect("one scenario")));
                    scenarios += 1;
                }
            }
            assert!(files <= 15, "{} has {files} files", folder.display());
        }
        assert!(scenarios > 40);
    }
}
