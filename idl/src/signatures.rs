//! The signatures of the exported functions, read from Rust source.

use std::path::Path;

use quote::ToTokens;
use xenlight_release::{Version, holds};

/// A function as C sees it, its types in Rust's words.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The symbol.
    pub name: String,
    /// The parameters, as in `a: T, b: U`.
    pub parameters: String,
    /// ` -> T`, or nothing.
    pub returns: String,
}

impl Signature {
    /// The types alone: parameters may have other names elsewhere.
    pub fn types(&self) -> (Vec<String>, String) {
        let parameters = self.parameters.split(", ");
        let types = parameters.filter_map(|parameter| parameter.split_once(": "));
        let plain = |ty: &str| {
            ty.replace("std :: ffi :: ", "")
                .replace("libc :: ", "")
                // Named in C, where Rust has an int or a function pointer.
                .replace("xentoollog_level", "c_int")
                .replace("yajl_gen_status", "c_int")
                .replace("ssize_t", "isize")
                .replace("libxl_ev_user", "u64")
                .replace("* mut libxl_event_predicate", "libxl_event_predicate")
        };
        (
            types.map(|(_, ty)| plain(ty)).collect(),
            plain(&self.returns),
        )
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// All `extern "C"` functions that are defined below a folder for `release`; those that macros define cannot be seen.
pub fn defined(folder: &Path, release: Version) -> Result<Vec<Signature>> {
    let mut signatures = Vec::new();
    visit(folder, release, &mut signatures)?;
    Ok(signatures)
}

/// The functions that a file declares in `extern` blocks for `release`.
pub fn declared(path: &Path, release: Version) -> Result<Vec<Signature>> {
    let mut signatures = Vec::new();
    for item in parse(path)?.items {
        let syn::Item::ForeignMod(block) = item else {
            continue;
        };
        signatures.extend(block.items.iter().filter_map(|item| match item {
            syn::ForeignItem::Fn(function) if compiled(&function.attrs, release) => {
                Some(signature(&function.sig))
            }
            _ => None,
        }));
    }
    Ok(signatures)
}

/// Whether the attributes of an item let rustc compile it for `release`.
fn compiled(attributes: &[syn::Attribute], release: Version) -> bool {
    attributes.iter().all(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string().replace(' ', "");
            holds(&condition, release)
        }
        _ => true,
    })
}

fn visit(folder: &Path, release: Version, signatures: &mut Vec<Signature>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            visit(&path, release, signatures)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let items = parse(&path)?.items;
            signatures.extend(items.iter().filter_map(|item| match item {
                syn::Item::Fn(function) if compiled(&function.attrs, release) => {
                    exported(&function.sig)
                }
                _ => None,
            }));
        }
    }
    Ok(())
}

fn parse(path: &Path) -> Result<syn::File> {
    let text = std::fs::read_to_string(path)?;
    syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn exported(sig: &syn::Signature) -> Option<Signature> {
    let abi = sig.abi.as_ref()?.name.as_ref()?;
    (abi.value() == "C").then(|| signature(sig))
}

fn signature(sig: &syn::Signature) -> Signature {
    let parameters = sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(input) => {
            let name = input.pat.to_token_stream().to_string();
            let name = name.trim_start_matches("mut ").trim_start_matches('_');
            Some(format!("{name}: {}", input.ty.to_token_stream()))
        }
        syn::FnArg::Receiver(_) => None,
    });
    Signature {
        name: sig.ident.to_string(),
        parameters: parameters.collect::<Vec<_>>().join(", "),
        returns: match &sig.output {
            syn::ReturnType::Default => String::new(),
            syn::ReturnType::Type(_, ty) => format!(" -> {}", ty.to_token_stream()),
        },
    }
}
