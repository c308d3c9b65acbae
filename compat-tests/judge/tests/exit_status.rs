//! The program as `testbed/run` calls it: what it says, and how it ends.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Exit status and standard output of a comparison of what both libraries recorded.
fn judged(bed: &Path, c: &str, ours: &str) -> (Option<i32>, String) {
    let results = bed.join("results");
    for (library, text) in [("c", c), ("ours", ours)] {
        let record = results.join(format!("pv.{library}/record"));
        fs::create_dir_all(&record).expect("made");
        fs::write(record.join("list"), text).expect("written");
    }
    let mut judge = Command::new(env!("CARGO_BIN_EXE_judge"));
    judge
        .args(["compare", "--release", "4.17", "--bed"])
        .arg(bed)
        .arg("--records")
        .arg(bed.join("records"));
    judge.args(["--packages", "none", "--ramdisk", "none", "--strict"]);
    let output = judge.arg(&results).output().expect("it starts");
    let said = String::from_utf8(output.stdout).expect("text");
    (output.status.code(), said)
}

#[test]
fn a_difference_is_exit_status_1() {
    let bed = tempfile::tempdir().expect("a directory");
    let bed = bed.path();
    fs::create_dir(bed.join("records")).expect("made");
    fs::write(bed.join("allowed"), "# Why\n^> wanted$\n").expect("written");
    let unused = "allowed, but nothing differs so any more: ^> wanted$ (Why)\n";

    let equal = judged(bed, "box=5 \ndomid: 5\n", "box=9 \ndomid: 9\n");
    assert_eq!(equal, (Some(0), unused.to_owned()));
    let allowed = judged(bed, "\na\n", "\nwanted\na\n");
    assert_eq!(allowed, (Some(0), String::new()));
    let failures = bed.join("results/failures");
    assert!(!failures.exists());

    let wrong = "pv: differs from the C library (< C library, > ours)\n";
    let (status, said) = judged(bed, "\na\n", "\nb\n");
    assert_eq!(status, Some(1));
    assert_eq!(said, format!("FAIL {wrong}    < a\n    > b\n{unused}"));
    assert_eq!(fs::read_to_string(&failures).expect("failures"), wrong);

    // No verdict is none of either.
    fs::remove_file(bed.join("allowed")).expect("removed");
    assert_eq!(judged(bed, "\na\n", "\na\n").0, Some(2));
}
