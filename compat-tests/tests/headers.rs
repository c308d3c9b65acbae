//! The headers in include/ beside Debian's: what they declare for each interface that a program can ask for, and the members
//! of all types. A Go program compiles against them as well, since cgo is pickier than C.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use xenlight_compat_tests::{self as compat, include, release};

/// The values of LIBXL_API_VERSION; "" leaves it undefined.
const INTERFACES: &[&str] = &[
    "", "0x040200", "0x040300", "0x040400", "0x040500", "0x040700", "0x040800", "0x041300",
    "0x041400", "0x041800",
];

/// Those that the release knows.
fn interfaces() -> impl Iterator<Item = &'static str> {
    let newest = release().version >= "4.18".parse().expect("a release");
    INTERFACES
        .iter()
        .copied()
        .filter(move |&interface| newest || interface != "0x041800")
}

const HEADERS: &str = "#include <libxl.h>\n#include <libxl_event.h>\n#include <libxl_json.h>\n#include <libxl_utils.h>\n\
    #include <libxl_uuid.h>\n";

/// An empty folder for the files of one test.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// What a command prints; it must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// A C compiler for `source`, told which interface and whose headers.
fn cc(source: &Path, interface: &str, ours: bool) -> Command {
    let mut cc = Command::new("gcc");
    cc.arg("-DHAVE_YAJL_YAJL_VERSION_H");
    if !interface.is_empty() {
        cc.arg(format!("-DLIBXL_API_VERSION={interface}"));
    }
    if ours {
        cc.arg("-I").arg(include());
    }
    cc.args(compat::compiler_flags());
    cc.arg(source);
    cc
}

/// Name and prototype of every function that the headers declare, and of every macro in a function's place.
fn declarations(folder: &Path, interface: &str, ours: bool) -> BTreeMap<String, String> {
    let source = folder.join("headers.c");
    std::fs::write(&source, HEADERS).expect("the source");
    let list = folder.join("prototypes");
    let mut prototypes = cc(&source, interface, ours);
    run(prototypes.arg("-fsyntax-only").arg("-aux-info").arg(&list));
    let prototypes = std::fs::read_to_string(&list).expect("gcc's list of prototypes");
    let macros = run(cc(&source, interface, ours).args(["-dM", "-E"]));

    let mut found = BTreeMap::new();
    for line in prototypes.lines() {
        // A comment says where each stands.
        let prototype = line.split_once("*/").map_or(line, |(_, rest)| rest);
        let before = prototype.split(" (").find(|part| part.contains("libxl_"));
        let name = before.and_then(|text| text.rsplit([' ', '*']).next());
        if let Some(name) = name.filter(|name| name.starts_with("libxl_")) {
            found.insert(name.to_owned(), prototype.trim().to_owned());
        }
    }
    for line in macros.lines() {
        if let Some(definition) = line.strip_prefix("#define libxl_") {
            let name = definition.split([' ', '(']).next().unwrap_or_default();
            found.insert(format!("the macro libxl_{name}"), definition.to_owned());
        }
    }
    found
}

#[test]
fn every_interface_declares_what_debian_declares() {
    let folder = scratch("interfaces");
    for interface in interfaces() {
        let theirs = declarations(&folder, interface, false);
        let ours = declarations(&folder, interface, true);
        assert!(theirs.len() > 850, "only {} functions found", theirs.len());
        for name in theirs.keys().chain(ours.keys()) {
            assert_eq!(
                theirs.get(name),
                ours.get(name),
                "{name} of interface {interface:?}"
            );
        }
    }
}

/// How often a header declares a member, by type and name; prototypes and definitions are left out.
fn members(header: &Path) -> BTreeMap<String, u32> {
    let text = std::fs::read_to_string(header).expect("the header");
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(' ')) {
        let member = line.trim().replace("* ", "*");
        if member.ends_with(';') && !member.contains(['(', ')', '}', '=']) {
            *found.entry(member).or_default() += 1;
        }
    }
    found
}

#[test]
fn members_have_debians_types() {
    let theirs = members(&compat::debian_include().join("_libxl_types.h"));
    let ours = members(&include().join("_libxl_types.h"));
    assert!(theirs.len() > 300, "only {} members found", theirs.len());
    for (member, times) in &theirs {
        assert_eq!(ours.get(member), Some(times), "{member}");
    }
    // Debian's nested structs and unions have no name.
    let own = ours.keys().filter(|member| !theirs.contains_key(*member));
    let named: Vec<_> = own.filter(|member| !member.starts_with("libxl_")).collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn nothing_is_defined_twice() {
    let folder = scratch("twice");
    let source = folder.join("headers.c");
    std::fs::write(&source, HEADERS).expect("the source");
    let text = run(cc(&source, "", true).args(["-E", "-P"]));
    let mut seen = BTreeMap::new();
    for line in text
        .lines()
        .filter(|line| line.starts_with("typedef ") && line.ends_with(';'))
    {
        if line.contains("libxl_") {
            *seen.entry(line).or_insert(0) += 1;
        }
    }
    assert!(seen.len() > 10, "only {seen:?}");
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A program in Go, first with Debian's headers and library, then with ours.
#[test]
fn a_go_program_builds_and_runs() {
    if Command::new("go").arg("version").output().is_err() {
        println!("skipped: there is no Go here; make prerequisites installs it");
        return;
    }
    if compat::foreign_prefix().is_some() {
        println!("skipped: Go links with this host's libc only");
        return;
    }
    let folder = scratch("go");
    let libraries = compat::build().join("lib");
    let build_and_run = |ours: bool| {
        let program = folder.join(if ours { "ours" } else { "debian" });
        let mut go = Command::new("go");
        go.args(["build", "-o"]).arg(&program);
        go.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("go/convert.go"));
        go.env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go-cache"))
            .env("GOFLAGS", "-mod=mod")
            .env("CGO_ENABLED", "1");
        let mut command = Command::new(&program);
        command.env_remove("LD_LIBRARY_PATH");
        if ours {
            go.env("CGO_CFLAGS", format!("-I{}", include().display()));
            go.env("CGO_LDFLAGS", format!("-L{}", libraries.display()));
            command.env("LD_LIBRARY_PATH", &libraries);
        }
        run(&mut go);
        let mut ldd = Command::new("ldd");
        ldd.arg(&program).env_remove("LD_LIBRARY_PATH");
        if ours {
            ldd.env("LD_LIBRARY_PATH", &libraries);
        }
        let runs_on_ours = run(&mut ldd).contains(&*libraries.to_string_lossy());
        assert_eq!(runs_on_ours, ours, "which library the program runs on");
        run(&mut command)
    };
    let theirs = build_and_run(false);
    assert!(theirs.lines().count() > 100, "{theirs}");
    assert_eq!(theirs, build_and_run(true));
}

/// Programs written for any interface since 4.2 compile against our headers without a warning, as C and as C++.
#[test]
fn programs_compile_against_our_headers() {
    let folder = scratch("programs");
    let source = folder.join("program.c");
    let program = "#include <libxl_event.h>\n#include <libxl_json.h>\n#include <libxl_utils.h>\n#include <libxlutil.h>\n\
        int main(void) { libxl_bitmap map; libxl_bitmap_init(&map); return libxl_bitmap_cpu_valid(&map, 0); }\n";
    std::fs::write(&source, program).expect("the program");
    for (compiler, standard) in [("cc", "gnu99"), ("cc", "gnu17"), ("c++", "gnu++17")] {
        for interface in interfaces() {
            let mut cc = Command::new(compiler);
            cc.args(["-x", if compiler == "cc" { "c" } else { "c++" }]);
            cc.arg(format!("-std={standard}"));
            cc.args([
                "-Wall",
                "-Wextra",
                "-Wno-unused-parameter",
                "-Werror",
                "-fsyntax-only",
            ]);
            if !interface.is_empty() {
                cc.arg(format!("-DLIBXL_API_VERSION={interface}"));
            }
            run(cc
                .arg("-I")
                .arg(include())
                .args(compat::compiler_flags())
                .arg(&source));
        }
    }
}
