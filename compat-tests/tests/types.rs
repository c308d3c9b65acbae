//! libxl's types on Debian's library and on ours: layouts, names, JSON byte for byte, wrong text, leaks.
//!
//! One C program (`types/driver.c` and what the description generates) is compiled against Debian's headers and run on
//! each library. What it prints must be the same.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use xenlight_compat_tests as compat;

/// The driver, compiled against the headers in `include`, or Debian's own.
fn compile(name: &str, include: Option<&Path>) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the driver");
    let text = std::fs::read_to_string(here.join("../idl/libxl.idl")).expect("the description");
    let idl = xenlight_idl::parse::parse(&text, &xenlight_release::versions());
    let idl = idl
        .expect("the description is valid")
        .cut(compat::release().version);
    std::fs::write(folder.join("types.inc"), xenlight_idl::driver::source(&idl))
        .expect("the generated part");

    let driver = folder.join("driver");
    let mut cc = Command::new("cc");
    cc.args(["-g", "-std=gnu11", "-Wall", "-Werror", "-rdynamic"]);
    cc.arg("-DHAVE_YAJL_YAJL_VERSION_H");
    if let Some(include) = include {
        cc.arg("-I").arg(include);
    }
    cc.arg("-I").arg(&folder).args(compat::compiler_flags());
    cc.arg(here.join("types/driver.c")).arg("-o").arg(&driver);
    cc.args(["-lxenlight", "-lxentoollog", "-lyajl", "-ldl"]);
    let output = cc.output().expect("cc runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    driver
}

fn driver() -> &'static Path {
    static DRIVER: OnceLock<PathBuf> = OnceLock::new();
    DRIVER.get_or_init(|| compile("debian-headers", None))
}

fn our_library() -> PathBuf {
    let folder = compat::build().join("lib");
    let file = folder.join(compat::file_name());
    assert!(file.exists(), "run make first: no {}", file.display());
    folder.canonicalize().expect("the folder of the library")
}

/// What a run prints, after a check that it ran on the library that was asked for.
fn run(mut command: Command, ours: bool) -> Output {
    let folder = our_library();
    let output = command.output().expect("the driver runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    let library = errors
        .lines()
        .find_map(|line| line.strip_prefix("library "))
        .unwrap_or_else(|| panic!("the driver does not name its library: {errors}"));
    let library = Path::new(library).canonicalize().expect("the library");
    assert_eq!(library.starts_with(&folder), ours, "{}", library.display());
    assert!(!errors.contains("no context"), "{errors}");
    output
}

fn on_library(driver: &Path, ours: bool) -> Command {
    let folder = our_library();
    compat::on_library(driver, ours.then_some(&*folder))
}

fn text(arguments: &[&str], ours: bool) -> String {
    let mut command = on_library(driver(), ours);
    command.args(arguments);
    let output = run(command, ours);
    assert!(
        output.status.success(),
        "driver {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the driver prints UTF-8")
}

fn same_on_both(mode: &str, at_least: usize) {
    assert_same(&text(&[mode], false), &text(&[mode], true), at_least);
}

fn assert_same(theirs: &str, ours: &str, at_least: usize) {
    let count = theirs.lines().count();
    assert!(count >= at_least, "only {count} lines to compare");
    for (number, (theirs, ours)) in theirs.lines().zip(ours.lines()).enumerate() {
        assert_eq!(theirs, ours, "line {}", number + 1);
    }
    assert_eq!(count, ours.lines().count(), "as many lines");
}

/// The same program, compiled against our headers and run on our library.
#[test]
fn our_headers_say_the_same() {
    let ours = compile("our-headers", Some(&compat::include()));
    for (mode, at_least) in [("layout", 900), ("helpers", 500)] {
        let mut command = on_library(&ours, true);
        command.arg(mode);
        let output = run(command, true);
        let ours = String::from_utf8(output.stdout).expect("the driver prints UTF-8");
        assert_same(&text(&[mode], false), &ours, at_least);
    }
}

/// Every struct, filled six ways with every arm of its union; written, read back, copied. Every enumeration and table.
#[test]
fn json_is_the_same_byte_for_byte() {
    same_on_both("values", 100_000);
}

#[test]
fn helpers_answer_alike() {
    same_on_both("helpers", 500);
}

#[test]
fn wrong_text_is_refused() {
    let output = text(&["reject"], true);
    let last = output.lines().last().unwrap_or_default();
    let (refused, tried) = last.split_once(" of ").expect("a count of refusals");
    let tried = tried.trim_end_matches(" refused");
    assert_eq!(refused, tried, "{output}");
    assert!(tried.parse::<u32>().expect("a number") > 9000, "{last}");
}

#[test]
fn quirks_are_as_documented() {
    let expected = "\
plain: written
unknown enumerator: refused
unknown key: refused
not UTF-8: refused
0 that is no enumerator: written
count without array: refused
negative count: refused
size without map: refused
creation: -6 1
key set twice: hvm
above the signed range: 0 9223372036854775809
unset defbool: 0
NULL: 1 -6 -6 3 -6
no context: -3
";
    assert_same(expected, &text(&["quirks"], true), 14);
}

/// Runs a mode under valgrind on our library; says whether it found an error or a leak.
fn valgrind_complains(arguments: &[&str]) -> bool {
    let mut command = Command::new("valgrind");
    command.args(["-q", "--leak-check=full", "--error-exitcode=99"]);
    command.arg(driver()).args(arguments);
    command
        .env("LD_LIBRARY_PATH", our_library())
        .env_remove("LD_PRELOAD");
    let output = run(command, true);
    let errors = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => false,
        Some(99) => {
            println!("{errors}");
            true
        }
        _ => panic!("driver {arguments:?}: {}\n{errors}", output.status),
    }
}

#[test]
fn nothing_leaks() {
    if compat::foreign_prefix().is_some() {
        println!("skipped: valgrind knows this host's libc only");
        return;
    }
    assert!(valgrind_complains(&["leak"]), "a leak is noticed at all");
    for arguments in [&["values"][..], &["helpers"], &["quirks"], &["reject", "5"]] {
        assert!(!valgrind_complains(arguments), "{arguments:?}");
    }
}
