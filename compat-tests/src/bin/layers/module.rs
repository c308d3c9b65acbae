//! What a source file says of others: the modules below it, the paths that it uses, the names that it hands on.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path from the root of the crate, as far as it is written out.
pub type Names = Vec<String>;

pub struct Module {
    /// Where the visitor is: the file's module, and modules inside the file.
    at: Names,
    /// How much of it is the file's.
    depth: usize,
    /// Modules in files of their own: their path, and the part of it that begins at this file.
    pub below: Vec<(Names, Names)>,
    /// Modules inside the file.
    pub inside: Vec<Names>,
    /// What is used of the crate.
    pub uses: BTreeSet<Names>,
    /// By the module and the name that it hands on: what that is. It is no use of it.
    pub handed_on: BTreeMap<(Names, String), Names>,
    /// Macros with a name at the root.
    pub macros: BTreeSet<String>,
}

impl Module {
    /// Reads the file of the module `path`.
    pub fn read(text: &str, path: &[String]) -> syn::Result<Self> {
        let mut module = Self {
            at: path.to_vec(),
            depth: path.len(),
            below: Vec::new(),
            inside: Vec::new(),
            uses: BTreeSet::new(),
            handed_on: BTreeMap::new(),
            macros: BTreeSet::new(),
        };
        module.visit_file(&syn::parse_file(text)?);
        Ok(module)
    }

    /// The path from the root that these segments are, if they say where they begin.
    fn rooted(&self, segments: &[String]) -> Option<Names> {
        let ups = segments.iter().take_while(|name| *name == "super").count();
        let (base, own) = match segments.first().map(String::as_str)? {
            "crate" => (&[][..], 1),
            "super" => (self.at.get(..self.at.len().checked_sub(ups)?)?, ups),
            "self" => (&self.at[..], 1),
            _ => return None,
        };
        Some([base, &segments[own..]].concat())
    }

    fn note(&mut self, segments: &[String]) {
        self.uses.extend(self.rooted(segments));
    }

    /// What a `use` names, which may begin at a module of this one. Foreign crates are sorted out later: they lead nowhere.
    fn imported(&self, segments: &[String]) -> Names {
        self.rooted(segments)
            .unwrap_or_else(|| [&self.at, segments].concat())
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String], private: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident), private),
            syn::UseTree::Name(name) => self.leaf(&with(&name.ident), &name.ident, private),
            syn::UseTree::Rename(name) => self.leaf(&with(&name.ident), &name.rename, private),
            syn::UseTree::Glob(_) => {
                let path = self.imported(before);
                if private || !path.starts_with(&self.at) {
                    self.uses.insert(path);
                }
            }
            syn::UseTree::Group(group) => {
                let items = group.items.iter();
                items.for_each(|item| self.tree(item, before, private));
            }
        }
    }

    fn leaf(&mut self, segments: &[String], name: &syn::Ident, private: bool) {
        let mut path = self.imported(segments);
        path.pop_if(|last| last == "self");
        if !private {
            self.handed_on
                .insert((self.at.clone(), name.to_string()), path.clone());
            // A module hands on what is in those below it.
            if path.starts_with(&self.at) {
                return;
            }
        }
        self.uses.insert(path);
    }

    /// Paths in a macro's text.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Names = Vec::new();
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
        self.at.push(module.ident.to_string());
        match &module.content {
            Some((_, items)) => {
                self.inside.push(self.at.clone());
                items.iter().for_each(|item| self.visit_item(item));
            }
            None => {
                let from_here = self.at[self.depth..].to_vec();
                self.below.push((self.at.clone(), from_here));
            }
        }
        self.at.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let private = matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &[], private);
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
