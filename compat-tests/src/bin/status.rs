//! Prints which exports are real and which answer ERROR_NI, by area and for each release, from the code of capi/ and the built
//! library.
//!
//! An export is real when it is not in a table of `not_built!`, and the library, if it is that release's, defines its symbol.
//! `--check README.md` fails when the table between the `status` markers of that file is not this one.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSymbol};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::Visit;
use xenlight_compat_tests as compat;
use xenlight_idl::abi::{self, Export};

const BOUNDARY: &str = "capi/src";

fn main() -> Result<(), Box<dyn Error>> {
    let library = compat::build().join("lib").join(compat::file_name());
    let defined = defined_symbols(&library)?;
    let pending = pending_functions(Path::new(BOUNDARY))?;
    let built = compat::release().version;
    let mut releases = Vec::new();
    for release in xenlight_release::built() {
        let exports = abi::exports_of(&compat::top(), release.version)?;
        let is_real = |export: &Export| {
            let there = release.version != built || defined.contains(&export.name);
            there && !pending.contains(&export.name)
        };
        releases.push((release.version.to_string(), count(&exports, &is_real)));
    }
    let table = table(&releases);

    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("--check") => {
            let file = arguments.next().ok_or("--check needs a file")?;
            check(&file, &table)
        }
        Some("--list") => {
            pending.iter().for_each(|name| println!("{name}"));
            Ok(())
        }
        Some(other) => Err(format!("unknown argument {other}").into()),
        None => {
            print!("{table}");
            Ok(())
        }
    }
}

/// The dynamic symbols that the library itself defines.
fn defined_symbols(library: &Path) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let bytes = fs::read(library)
        .map_err(|error| format!("{}: {error}; run make first", library.display()))?;
    let file = object::File::parse(&*bytes)?;
    Ok(file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition())
        .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
        .collect())
}

/// The functions below `folder` that stand in a table of `not_built!`.
fn pending_functions(folder: &Path) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut found = Pending::default();
    for file in rust_files(folder)? {
        let text = fs::read_to_string(&file)?;
        let syntax =
            syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        found.visit_file(&syntax);
    }
    Ok(found.names)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[derive(Default)]
struct Pending {
    names: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Pending {
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        if called.path.is_ident("not_built") {
            self.read_tables(called.tokens.clone());
        }
    }
}

impl Pending {
    /// A function's name has its arguments behind it; the functions of a table are in braces.
    fn read_tables(&mut self, tables: TokenStream) {
        let mut last = None;
        for token in tables {
            match (&token, last) {
                (TokenTree::Group(group), Some(TokenTree::Ident(name)))
                    if group.delimiter() == Delimiter::Parenthesis =>
                {
                    self.names.insert(name.to_string());
                }
                (TokenTree::Group(group), _) if group.delimiter() == Delimiter::Brace => {
                    self.read_tables(group.stream());
                }
                _ => {}
            }
            last = Some(token);
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Area {
    real: usize,
    pending: usize,
}

/// A release's public symbols, sorted into areas.
type Areas = BTreeMap<String, Area>;

fn count(exports: &[Export], is_real: &dyn Fn(&Export) -> bool) -> Areas {
    let mut areas = Areas::new();
    for export in exports {
        let area = areas.entry(export.area.clone()).or_default();
        match is_real(export) {
            true => area.real += 1,
            false => area.pending += 1,
        }
    }
    areas
}

/// A row for each area, two columns for each release.
fn table(releases: &[(String, Areas)]) -> String {
    let mut text = String::from("| area |");
    let mut line = String::from("|---|");
    for (release, _) in releases {
        let _ = write!(text, " {release}: real | not yet |");
        line.push_str("---:|---:|");
    }
    let _ = writeln!(text, "\n{line}");
    let names: BTreeSet<_> = releases
        .iter()
        .flat_map(|(_, areas)| areas.keys())
        .collect();
    let mut row = |name: &str, counts: &dyn Fn(&Areas) -> Area| {
        let _ = write!(text, "| {name} |");
        for (_, areas) in releases {
            let Area { real, pending } = counts(areas);
            let _ = write!(text, " {real} | {pending} |");
        }
        text.push('\n');
    };
    for name in names {
        row(name, &|areas| areas.get(name).copied().unwrap_or_default());
    }
    row("**all**", &|areas| {
        areas.values().fold(Area::default(), |sum, area| Area {
            real: sum.real + area.real,
            pending: sum.pending + area.pending,
        })
    });
    text
}

fn check(file: &str, table: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let held = text
        .split_once("<!-- status -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- /status -->"))
        .map(|(held, _)| held)
        .ok_or_else(|| format!("{file}: no status markers"))?;
    if held.trim() == table.trim() {
        println!("{file}: the status table is current");
        return Ok(());
    }
    print!("{table}");
    Err(format!("{file}: the status table is stale; put the one above between its markers").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_tables_are_pending() {
        let file = syn::parse_file(
            r#"
            not_built! {
                "what to do" { a(ctx, *mut T) -> c_int; b(u32) -> *mut T; }
                "what else to do" { c() -> (); }
            }
            export! { fn d(this) { not_yet(this) } }
            fn e() -> c_int { other() }
            "#,
        )
        .unwrap();
        let mut found = Pending::default();
        found.visit_file(&file);
        let names: Vec<_> = found.names.iter().map(String::as_str).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
