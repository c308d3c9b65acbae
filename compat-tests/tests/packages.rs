//! What debian/ says: licences of all crates that are linked, and maintainer scripts that give back what they took.

use std::path::{Path, PathBuf};
use std::process::Command;

fn debian() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../debian")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(debian().join(name)).expect("a file of debian/")
}

/// What `debian/check-copyright` complains of in a file with this text; none when it is content.
fn complaint(copyright: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copyright");
    std::fs::write(&file, copyright).expect("the file");
    let mut check = Command::new(debian().join("check-copyright"));
    let output = check.arg(&file).output().expect("the check starts");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(words)
}

#[test]
fn a_crate_without_its_licence_is_named() {
    let whole = read("copyright");
    assert_eq!(complaint(&whole), None);
    let cases = [
        ("Files: vendor/zmij/*\n", "Files: zmij/*\n", "< zmij Expat"),
        (
            "Files: vendor/zmij/*\n",
            "Files: vendor/zmij/* vendor/gone/*\n",
            "> gone Expat",
        ),
        (
            "License: Expat or Zlib or Apache-2.0\n",
            "License: Zlib\n",
            "> miniz_oxide Zlib",
        ),
        ("\nLicense: Zlib\n", "\nComment:\n", "< Zlib"),
    ];
    for (old, new, expected) in cases {
        assert_eq!(whole.matches(old).count(), 1, "{old}");
        let words = complaint(&whole.replace(old, new)).expect("a complaint");
        assert!(words.lines().any(|line| line == expected), "{old}: {words}");
    }
}

#[test]
fn scripts_take_back_the_diversions_that_they_add() {
    for package in ["libxenlightRELEASE", "libxenlightRELEASE-dev"] {
        let diversion = |script: &str, option: &str| {
            let text = read(&format!("templates/{package}.{script}")).replace("\\\n", " ");
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let begin = words.iter().position(|word| word == "dpkg-divert");
            let call = &words[begin.expect("a diversion")..];
            let action = call.iter().position(|word| word == option);
            let action = action.expect("what is done with it");
            assert_eq!(call[2..4], ["--package", package]);
            [&call[..action], &call[action + 1..=action + 1]].concat()
        };
        assert_eq!(
            diversion("preinst", "--add"),
            diversion("postrm", "--remove")
        );
    }
}
