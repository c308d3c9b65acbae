//! What `make install` puts in place: a C program finds it with pkg-config, compiles without a warning and runs on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use xenlight_compat_tests as compat;

/// The staging directory that `make test` installs into.
fn stage() -> PathBuf {
    let stage = compat::build().join("stage");
    assert!(
        stage.is_dir(),
        "{} is missing: run make stage",
        stage.display()
    );
    stage.canonicalize().expect("the staging directory exists")
}

fn run(command: &mut Command) -> String {
    println!("{command:?}");
    let output = command.output().expect("the command starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}: {text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn a_c_program_builds_and_runs_on_what_is_installed() {
    let stage = stage();
    let libraries = stage.join("usr/lib");
    let flags = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "xenlight"])
        .env("PKG_CONFIG_PATH", libraries.join("pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", &stage)
        // Otherwise the flags of a path that compilers search anyway are dropped.
        .env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1")
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1"));
    let search = format!("-L{}", libraries.display());
    assert!(flags.contains(&search), "{flags}");

    let program = stage.join("installed");
    run(Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/installed.c"))
        .args(flags.split_whitespace()));

    let maps = run(Command::new(&program).env("LD_LIBRARY_PATH", &libraries));
    print!("{maps}");
    let ours = libraries.join(compat::file_name());
    assert!(
        maps.lines()
            .all(|line| line.ends_with(&*ours.to_string_lossy())),
        "ran on another library:\n{maps}"
    );
    assert!(!maps.is_empty(), "ran on no libxenlight at all");
}

#[test]
fn the_links_lead_to_the_library() {
    let libraries = stage().join("usr/lib");
    for (link, target) in [
        ("libxenlight.so", compat::soname()),
        (&compat::soname(), compat::file_name()),
    ] {
        let found = libraries.join(link).read_link().expect("it is a link");
        println!("{link} -> {}", found.display());
        assert_eq!(found, Path::new(&target));
    }
}

#[test]
fn the_man_page_says_how_xenlight_inspect_is_called() {
    let stage = stage();
    let page = stage.join("usr/share/man/man8/xenlight-inspect.8");
    let page = std::fs::read_to_string(page).expect("the page is installed");
    let program = stage.join("usr/sbin/xenlight-inspect");
    let usage = run(Command::new(&program).arg("--help"));
    println!("{usage}");
    assert_eq!(usage, run(Command::new(&program).arg("-h")));
    assert!(page.contains("\n.It Fl h , Fl Fl help\n"), "the options");

    // "usage: xenlight-inspect ARGUMENT... (what they are)"
    let call = usage.trim().strip_prefix("usage: xenlight-inspect ");
    let (arguments, meaning) = call
        .and_then(|call| call.strip_suffix(')')?.split_once(" ("))
        .expect("arguments, and what they are");
    let synopsis = page
        .split("\n.Sh ")
        .find(|part| part.starts_with("SYNOPSIS\n"));
    let synopsis: Vec<&str> = synopsis
        .expect("a synopsis")
        .lines()
        .filter_map(|line| line.strip_prefix(".Ar "))
        .collect();
    assert_eq!(synopsis.join(" "), arguments);
    let words = page.replace('\n', " ");
    assert!(words.contains(&format!(".Ar {arguments} is {meaning}.")));
}
