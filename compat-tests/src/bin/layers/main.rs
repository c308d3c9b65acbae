//! `layers`: no import in `src/` runs upwards, and no two files use each other. ARCHITECTURE.md states the order; `make check`
//! runs this.
//!
//! A layer is a file or folder directly in `src/`. Code may use the layers below its own, neither those above nor those beside
//! it. A name that a module hands on belongs to the file that has it. What is compiled for tests alone may use all.

mod module;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use tree::{Tree, Use};

/// What begins the line of the order.
const ORDER: &str = "    fuzzing → ";

/// Files that may use a layer that is not below theirs, and why. The list may only get shorter.
const EXCEPTIONS: [(&str, &str, &str); EXCEPTIONS_LIMIT] = [(
    "error.rs",
    "types",
    "an error's code is an enumeration that is generated with the other types",
)];
const EXCEPTIONS_LIMIT: usize = 1;

/// The layer that a file below `src` belongs to; `None` for the root, which is above all and defines what is below all.
fn layer(file: &str) -> Option<&str> {
    let top = file.split('/').next()?;
    let top = top.strip_suffix(".rs").unwrap_or(top);
    (top != "lib").then_some(top)
}

fn main() -> ExitCode {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match complaints(&top, &EXCEPTIONS) {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            complaints.iter().for_each(|line| eprintln!("{line}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with the tree at `top`, a line each.
fn complaints(top: &Path, exceptions: &[(&str, &str, &str)]) -> Result<Vec<String>, String> {
    let ranks = ranks(&read(&top.join("ARCHITECTURE.md"))?)?;
    let tree = Tree::read(&top.join("src"))?;
    let uses = tree.uses();
    let mut complaints = Vec::new();
    let mut unused: BTreeSet<_> = exceptions
        .iter()
        .map(|(file, to, _)| (*file, *to))
        .collect();
    for layer in tree
        .layers()
        .iter()
        .filter(|layer| !ranks.contains_key(*layer))
    {
        complaints.push(format!(
            "ARCHITECTURE.md does not say where {layer:?} stands in the order of layers"
        ));
    }
    let mut upwards = BTreeSet::new();
    for Use { from: file, to } in &uses {
        let (Some(from), Some(to)) = (layer(file), layer(to)) else {
            continue;
        };
        let allowed = match (ranks.get(from), ranks.get(to)) {
            (Some(above), Some(below)) => from == to || above > below,
            _ => true,
        };
        if !allowed && !unused.remove(&(file.as_str(), to)) && !is_excepted(exceptions, file, to) {
            upwards.insert(format!(
                "src/{file}: {from} uses {to}, which is not below it (ARCHITECTURE.md has the order)"
            ));
        }
    }
    complaints.extend(upwards);
    for Use { from, to } in &uses {
        let back = Use {
            from: to.clone(),
            to: from.clone(),
        };
        if from < to && uses.contains(&back) {
            complaints.push(format!("src/{from} and src/{to} use each other"));
        }
    }
    for (file, to) in unused {
        complaints.push(format!(
            "the exception for {to} in src/{file} is not needed any more"
        ));
    }
    Ok(complaints)
}

fn is_excepted(exceptions: &[(&str, &str, &str)], file: &str, to: &str) -> bool {
    exceptions
        .iter()
        .any(|(of, layer, _)| *of == file && *layer == to)
}

/// How high each layer stands; those that share a place have the same number.
fn ranks(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let mut lines = text.lines().filter(|line| line.starts_with(ORDER));
    let (Some(order), None) = (lines.next(), lines.next()) else {
        return Err("ARCHITECTURE.md has not one line with the order of layers".to_owned());
    };
    let mut ranks = BTreeMap::new();
    for (rank, place) in order.split('→').rev().enumerate() {
        for layer in place.split(',') {
            if ranks.insert(layer.trim().to_owned(), rank).is_some() {
                return Err(format!("ARCHITECTURE.md names {layer:?} twice"));
            }
        }
    }
    Ok(ranks)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "Words.\n\n    fuzzing → high → left, right → low\n";
    const LIB: &str = "pub mod high; pub mod left; pub mod right; pub mod low;\n\
        pub use low::Thing; pub type Number = u32;";

    /// What is said about a tree in which these files are added to empty layers.
    fn about(files: &[(&str, &str)], exceptions: &[(&str, &str, &str)]) -> Vec<String> {
        let top = tempfile::tempdir().unwrap();
        let empty = ["high.rs", "left.rs", "right.rs", "low.rs"].map(|name| (name, ""));
        for (name, text) in [("lib.rs", LIB)].iter().chain(&empty).chain(files) {
            let path = top.path().join("src").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(top.path().join("ARCHITECTURE.md"), ORDER).unwrap();
        complaints(top.path(), exceptions).unwrap()
    }

    fn is_refused(name: &str, text: &str) {
        let said = about(&[(name, text)], &[]);
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(said[0].starts_with(&format!("src/{name}: ")), "{said:?}");
    }

    fn is_fine(name: &str, text: &str) {
        assert_eq!(about(&[(name, text)], &[]), [""; 0], "{text}");
    }

    #[test]
    fn imports_run_downwards() {
        is_fine("high.rs", "use crate::{left::a, low};");
        is_fine("left.rs", "use crate::Thing; use crate::low::*;");
        is_fine(
            "low.rs",
            "use crate::Number; mod inner { use super::super::low; }",
        );
        is_refused("low.rs", "use crate::high;");
        is_refused("low.rs", "use crate::{Number, left as other};");
        is_refused("low.rs", "use super::right::*;");
        is_refused("low.rs", "mod inner { fn f() { super::super::high::f() } }");
        is_refused("low.rs", "fn f(x: crate::high::Type) {}");
        is_refused("low.rs", "fn f() { println!(\"{}\", [crate::high::f()]); }");
        is_refused("low.rs", "macro_rules! m { () => { use $crate::{high}; } }");
        is_refused("left.rs", "use crate::right;");
    }

    #[test]
    fn what_the_root_hands_on_belongs_to_its_layer() {
        let lib = "pub mod high; pub mod left; pub mod right; pub mod low; pub use high::Thing;";
        let said = about(&[("lib.rs", lib), ("low.rs", "use crate::Thing;")], &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        let exported = ("high.rs", "#[macro_export] macro_rules! cry { () => {} }");
        let said = about(&[exported, ("low.rs", "fn f() { crate::cry!() }")], &[]);
        assert_eq!(said.len(), 1, "{said:?}");
    }

    #[test]
    fn two_layers_that_import_each_other_are_told() {
        let both = [
            ("left.rs", "use crate::right;"),
            ("right.rs", "use crate::left;"),
        ];
        assert_eq!(about(&both, &[]).len(), 3);
    }

    #[test]
    fn two_files_that_import_each_other_are_told() {
        let folder = |mod_: &'static str, one: &'static str, other: &'static str| {
            let files = [
                ("low.rs", mod_),
                ("low/one.rs", one),
                ("low/other.rs", other),
            ];
            about(&files, &[])
        };
        let modules = "mod one; mod other; pub use one::One;";
        let fine = folder(modules, "pub struct One;", "use super::One;");
        assert_eq!(fine, [""; 0], "the file that hands on is not used");
        for (mod_, one, other) in [
            (
                modules,
                "use super::other::f; pub struct One;",
                "use super::One;",
            ),
            (
                "mod one; mod other;",
                "use super::other;",
                "fn f() { super::one::g() }",
            ),
            (
                "mod one; mod other; use one::One; struct Own;",
                "use super::Own;",
                "",
            ),
            (
                "mod one; mod other; use one::*; struct Own;",
                "use super::*;",
                "",
            ),
        ] {
            let said = folder(mod_, one, other);
            assert_eq!(said.len(), 1, "{mod_} {one} {other}: {said:?}");
            assert!(said[0].contains("use each other"), "{said:?}");
        }
        let tests = "#[cfg(test)] mod tests { use super::super::other; }";
        assert_eq!(
            folder("mod one; mod other;", tests, "use super::one;"),
            [""; 0]
        );
    }

    #[test]
    fn files_below_a_layer_belong_to_it() {
        let inner = ("low/inner.rs", "use super::super::high;");
        let said = about(&[("low.rs", "mod inner;"), inner], &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("src/low/inner.rs: low uses high"),
            "{said:?}"
        );
    }

    #[test]
    fn tests_may_use_all() {
        is_fine("low.rs", "#[cfg(test)] mod tests { use crate::high; }");
        is_refused(
            "low.rs",
            "#[cfg(any(test, unix))] mod tests { use crate::high; }",
        );
    }

    #[test]
    fn an_exception_must_be_needed() {
        let upwards = [("low.rs", "use crate::high;")];
        let excepted = [("low.rs", "high", "a reason")];
        assert_eq!(about(&upwards, &excepted), [""; 0]);
        assert_eq!(about(&[], &excepted).len(), 1);
        let other = [("left.rs", "use crate::high;"), upwards[0]];
        assert_eq!(about(&other, &excepted).len(), 1, "for one file alone");
    }

    #[test]
    fn every_layer_has_its_place() {
        let lib = "pub mod high; pub mod left; pub mod right; pub mod low; pub mod new;";
        let said = about(&[("lib.rs", lib), ("new.rs", "use crate::low;")], &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("\"new\""), "{said:?}");
    }
}
