//! `layers`: no import in `src/` runs upwards. ARCHITECTURE.md states the order; `make check` runs this.
//!
//! A layer is a file or folder directly in `src/`. Code may use the layers below its own, neither those above nor those beside
//! it, so that no two layers use each other. What is compiled for tests alone may use all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// What begins the line of the order.
const ORDER: &str = "    fuzzing → ";

/// Files that may use a layer that is not below theirs, and why. The list may only get shorter.
const EXCEPTIONS: [(&str, &str, &str); EXCEPTIONS_LIMIT] = [(
    "error.rs",
    "types",
    "an error's code is an enumeration that is generated with the other types",
)];
const EXCEPTIONS_LIMIT: usize = 1;

/// One use of another layer: the file, its layer, the layer used.
type Use = (String, String, String);

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
    let uses = uses(&top.join("src"))?;
    let mut complaints = Vec::new();
    let mut unused: BTreeSet<_> = exceptions
        .iter()
        .map(|(file, to, _)| (*file, *to))
        .collect();
    for (file, from, to) in &uses {
        let (Some(above), Some(below)) = (ranks.get(from), ranks.get(to)) else {
            let unknown = if ranks.contains_key(from) { to } else { from };
            complaints.push(format!(
                "src/{file}: ARCHITECTURE.md does not say where {unknown:?} stands in the order of layers"
            ));
            continue;
        };
        if above > below || unused.remove(&(file.as_str(), to.as_str())) {
            continue;
        }
        complaints.push(format!(
            "src/{file}: {from} uses {to}, which is not below it (ARCHITECTURE.md has the order)"
        ));
    }
    for (file, to) in unused {
        complaints.push(format!(
            "the exception for {to} in src/{file} is not needed any more"
        ));
    }
    Ok(complaints)
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

/// The uses of other layers in the crate whose `lib.rs` is in `src`.
fn uses(src: &Path) -> Result<BTreeSet<Use>, String> {
    let mut crate_ = Crate {
        src: src.to_owned(),
        ..Crate::default()
    };
    crate_.file(&src.join("lib.rs"), src, &[])?;
    let mut uses = BTreeSet::new();
    for (file, layer, name) in crate_.found {
        // What `lib.rs` hands on belongs to the layer that it comes from; what it defines itself is below all.
        let used = crate_.names.get(&name).unwrap_or(&name);
        if crate_.layers.contains(used) && *used != layer {
            uses.insert((file, layer, used.clone()));
        }
    }
    Ok(uses)
}

#[derive(Default)]
struct Crate {
    src: PathBuf,
    layers: BTreeSet<String>,
    /// Names at the root that stand for something of a layer.
    names: BTreeMap<String, String>,
    /// File, its layer, the name at the root that it uses.
    found: BTreeSet<Use>,
}

impl Crate {
    /// Reads the file of the module `path`, whose submodules are in `folder`.
    fn file(&mut self, file: &Path, folder: &Path, path: &[String]) -> Result<(), String> {
        let syntax = syn::parse_file(&read(file)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let mut module = Module {
            path: path.to_vec(),
            depth: path.len(),
            below: Vec::new(),
            names: BTreeSet::new(),
            macros: BTreeSet::new(),
            handed_on: BTreeMap::new(),
        };
        module.visit_file(&syntax);
        let shown = file.strip_prefix(&self.src).unwrap_or(file).display();
        match path.first() {
            Some(layer) => {
                let of_layer = |name| (shown.to_string(), layer.clone(), name);
                self.found.extend(module.names.into_iter().map(of_layer));
                let macros = module.macros.into_iter();
                self.names.extend(macros.map(|name| (name, layer.clone())));
            }
            None => {
                let modules = module.below.iter().map(|(path, _)| path[0].clone());
                self.layers.extend(modules);
                self.names.extend(module.handed_on);
            }
        }
        for (path, from_here) in module.below {
            let base = folder.join(from_here.join("/"));
            let alone = base.with_extension("rs");
            match alone.exists() {
                true => self.file(&alone, &base, &path)?,
                false => self.file(&base.join("mod.rs"), &base, &path)?,
            }
        }
        Ok(())
    }
}

/// What one file says.
struct Module {
    /// Where the visitor is: the file's module, and modules inside the file.
    path: Vec<String>,
    /// How much of it is the file's.
    depth: usize,
    /// Modules in files of their own: their path, and the part of it that begins at this file.
    below: Vec<(Vec<String>, Vec<String>)>,
    /// Names at the root of the crate.
    names: BTreeSet<String>,
    macros: BTreeSet<String>,
    /// `pub use layer::name`: name to layer.
    handed_on: BTreeMap<String, String>,
}

impl Module {
    /// Notes the name at the root that a path of these segments begins with, if it begins there.
    fn note(&mut self, segments: &[String]) {
        let ups = segments.iter().take_while(|name| *name == "super").count();
        let from_root = match segments.first().map(String::as_str) {
            Some("crate") => 1,
            Some("super") if ups == self.path.len() => ups,
            Some("self") if self.path.is_empty() => 1,
            _ => return,
        };
        self.names.extend(segments.get(from_root).cloned());
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.leaf(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.leaf(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(item, before));
            }
        }
    }

    fn leaf(&mut self, segments: &[String]) {
        self.note(segments);
        if let ([layer, .., name], true) = (segments, self.path.is_empty()) {
            self.handed_on.insert(name.clone(), layer.clone());
        }
    }

    /// Paths in a macro's text.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.note(&path);
                        path.clear();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) if colons == 2 => {
                    colons = 0;
                    // A list of names, as in a `use`.
                    for token in group.stream() {
                        if let TokenTree::Ident(name) = token {
                            self.note(&[path.as_slice(), &[name.to_string()]].concat());
                        }
                    }
                    path.clear();
                }
                TokenTree::Group(group) => {
                    self.note(&path);
                    path.clear();
                    colons = 0;
                    self.tokens(group.stream());
                }
                _ => {
                    self.note(&path);
                    path.clear();
                    colons = 0;
                }
            }
        }
        self.note(&path);
    }
}

/// `#[cfg(test)]`.
fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.to_string().trim() == "test"
        }
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Macro(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Trait(item) => &item.attrs,
            syn::Item::Type(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !only_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !only_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.path.push(module.ident.to_string());
        match &module.content {
            Some((_, items)) => items.iter().for_each(|item| self.visit_item(item)),
            None => {
                let from_here = self.path[self.depth..].to_vec();
                self.below.push((self.path.clone(), from_here));
            }
        }
        self.path.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        self.note(&segments);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let exported = |attribute: &syn::Attribute| attribute.path().is_ident("macro_export");
        if let (Some(name), true) = (&item.ident, item.attrs.iter().any(exported)) {
            self.macros.insert(name.to_string());
        }
        visit::visit_item_macro(self, item);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }
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
        assert_eq!(about(&both, &[]).len(), 2);
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
