//! What a packager tells `make`, and what the project says it needs from Debian.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

fn top() -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    top.canonicalize().expect("the project's directory exists")
}

/// Runs `make` as from a shell, also when a `make` runs this test.
fn make(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new("make");
    command.arg("--no-print-directory").args(arguments);
    command.current_dir(top());
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        let told = ["MAKE", "MFLAGS", "XEN", "CARGO_TARGET", "CARGO_BUILD"];
        if told.iter().any(|prefix| name_text.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.envs(environment.iter().copied());
    succeeds(&command.output().expect("make starts"))
}

fn succeeds(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Name and path of each place in `src/paths.rs`, for the release that make builds where nobody names one: the host's own.
fn places() -> Vec<(String, String)> {
    let default = make(&["--eval", "show: ; @echo $(XEN)", "show"], &[]);
    let default = default.trim();
    let table = fs::read_to_string(top().join("src/paths.rs")).expect("src/paths.rs is there");
    let table = table.replace("\" RELEASE \"", default);
    let entries = table.lines().filter_map(|line| line.split_once(" = \"/"));
    entries
        .map(|(name, rest)| {
            let path = rest.split('"').next().unwrap_or_default();
            (name.trim().to_owned(), format!("/{path}"))
        })
        .collect()
}

#[test]
fn make_hands_places_on() {
    let places = places();
    assert!(places.len() > 5, "{places:?}");
    for (name, _) in places {
        let recipe = format!("show: ; @echo told $$XENLIGHT_{name}.");
        let plain = make(&["--eval", &recipe, "show"], &[]);
        assert_eq!(
            plain, "told .\n",
            "{name}: Debian's place is left to src/paths.rs"
        );
        let other = make(&["--eval", &recipe, "show", &format!("{name}=/opt/x")], &[]);
        assert_eq!(other, "told /opt/x.\n", "{name}");
    }
}

#[test]
fn the_stub_domain_goes_where_the_library_looks() {
    let goes_to = |argument: &str, environment: &[(&str, &str)]| {
        let told = ["--dry-run", "install-stubdom", "DESTDIR=/d", argument];
        make(&told, environment)
    };
    let places = places();
    let debian = places.iter().find(|(name, _)| name == "XEN_BOOTDIR");
    let debian = format!("install -d /d{}\n", debian.expect("it is there").1);
    assert!(goes_to("PREFIX=/usr/local", &[]).contains(&debian));
    let other = "install -d /d/opt/boot\n";
    assert!(goes_to("XEN_BOOTDIR=/opt/boot", &[]).contains(other));
    assert!(goes_to("X=", &[("XENLIGHT_XEN_BOOTDIR", "/opt/boot")]).contains(other));
}

#[test]
fn make_finds_what_cargo_built_elsewhere() {
    let library = |environment: &[(&str, &str)]| {
        make(
            &["--eval", "show: ; @echo $(STATICLIB)", "show"],
            environment,
        )
    };
    let elsewhere = "/elsewhere/release/libxenlight_capi.a\n";
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
        assert_eq!(library(&[(name, "/elsewhere")]), elsewhere, "{name}");
    }
}

/// Otherwise make closes the pipe that it has told cargo of, and each cargo warns.
#[test]
fn whatever_runs_cargo_shares_the_jobs() {
    let makefile = fs::read_to_string(top().join("Makefile")).expect("the Makefile is there");
    let joined = makefile.replace("\\\n", " ");
    let runs = |line: &&str| {
        let programs = ["$(CARGO) ", "stubdom/build ", "hostile/build "];
        line.starts_with('\t') && programs.iter().any(|program| line.contains(program))
    };
    let lines: Vec<&str> = joined.lines().filter(runs).collect();
    assert!(lines.len() > 5, "{lines:?}");
    for line in lines {
        let recipe = line.trim_start_matches(['\t', '@']);
        assert!(recipe.starts_with("$(SHARING)"), "{recipe}");
    }
}

/// The packages that `compat-tests/prerequisites` lists.
fn packages() -> BTreeSet<String> {
    let script = fs::read_to_string(top().join("compat-tests/prerequisites")).expect("it is there");
    let table = script.split("TABLE").nth(1).expect("a table");
    let package = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    table.lines().filter_map(package).collect()
}

#[test]
fn what_is_missing_is_named_in_one_line() {
    let bare = tempfile::tempdir().expect("a directory");
    let path = env::var("PATH").expect("PATH");
    for program in ["cat", "dirname", "sed"] {
        let found = env::split_paths(&path)
            .map(|directory| directory.join(program))
            .find(|place| place.exists());
        let found = found.expect("a program of every system");
        std::os::unix::fs::symlink(found, bare.path().join(program)).expect("a link");
    }
    let output = Command::new("/bin/bash")
        .arg(top().join("compat-tests/prerequisites"))
        .arg("build")
        .env("PATH", bare.path())
        .output()
        .expect("bash starts");
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(words.lines().count(), 1, "{words}");
    assert!(words.contains("apt-get install"), "{words}");
    assert!(
        words.contains(" gcc ") && words.contains(" rustc-web"),
        "{words}"
    );
}

/// A machine that happens to have a package does not hide that nobody asks for it.
#[test]
fn headers_come_from_packages_that_are_named() {
    let directories = ["include", "compat-tests", "src"].map(|directory| top().join(directory));
    let headers: BTreeSet<String> = directories.iter().flat_map(|d| includes(d)).collect();
    assert!(headers.contains("xenctrl.h"), "{headers:?}");
    // What the compiler and the C library bring, under whichever name the package has.
    let dependencies = ["libc6-dev", "linux-libc-dev"].map(str::to_owned);
    let named: BTreeSet<String> = packages().into_iter().chain(dependencies).collect();
    // Headers that are in neither are the compiler's own or in include/.
    let places = headers.iter().flat_map(|header| {
        let directories = ["/usr/include", "/usr/include/x86_64-linux-gnu"];
        directories.map(|directory| Path::new(directory).join(header))
    });
    let mut search = Command::new("dpkg-query");
    search
        .arg("--search")
        .args(places.filter(|place| place.exists()));
    for line in succeeds(&search.output().expect("dpkg-query starts")).lines() {
        println!("{line}");
        let owner = line.split([':', ',']).next().unwrap_or_default();
        assert!(
            named.contains(owner),
            "compat-tests/prerequisites does not name what is needed here: {line}"
        );
    }
}

/// Otherwise a host that has them elsewhere gets half of what it asks for. Tests may name Debian's.
#[test]
fn places_stand_in_one_file() {
    let places = places();
    let sources = ["src", "capi/src"].map(|directory| texts_below(&top().join(directory)));
    let sources: Vec<(PathBuf, String)> = sources.into_iter().flatten().collect();
    assert!(sources.len() > 50);
    for (file, text) in sources {
        let name = file.strip_prefix(top()).expect("a file of the project");
        let of_tests = ["paths.rs", "tests.rs", "tests", "captured"];
        if of_tests
            .iter()
            .any(|part| name.iter().any(|here| here == *part))
        {
            continue;
        }
        for (place, path) in &places {
            let literals = [format!("\"{path}\""), format!("\"{path}/")];
            let names_it = |line: &&str| literals.iter().any(|literal| line.contains(literal));
            let found = text.lines().find(names_it);
            assert_eq!(found, None, "{}: paths::{place} is meant", name.display());
        }
    }
}

/// What the C files below `directory` include with angle brackets.
fn includes(directory: &Path) -> BTreeSet<String> {
    let header = |line: &str| {
        let (name, _) = line
            .trim_start()
            .strip_prefix("#include <")?
            .split_once('>')?;
        Some(name.to_owned())
    };
    let texts = texts_below(directory);
    let lines = texts.iter().flat_map(|(_, text)| text.lines());
    lines.filter_map(header).collect()
}

/// The text files below `directory`, with what is in them.
fn texts_below(directory: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                return texts_below(&path);
            }
            let text = fs::read_to_string(&path);
            text.map(|text| (path, text)).into_iter().collect()
        })
        .collect()
}
