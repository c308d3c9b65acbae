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

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The `extern "C"` functions that are written out in a folder of sources, and not by a macro.
pub fn bare(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(bare(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(bare_in(&parse(&path)?));
        }
    }
    Ok(names)
}

fn bare_in(file: &syn::File) -> Vec<String> {
    let names = file.items.iter().filter_map(|item| match item {
        syn::Item::Fn(function) => {
            let abi = function.sig.abi.as_ref()?.name.as_ref();
            abi.is_none_or(|name| name.value() == "C")
                .then(|| function.sig.ident.to_string())
        }
        _ => None,
    });
    names.collect()
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

fn parse(path: &Path) -> Result<syn::File> {
    let text = std::fs::read_to_string(path)?;
    syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()).into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_without_a_macro_is_found() {
        let file = syn::parse_file(
            r#"
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn bare(ctx: *mut libxl_ctx) {}
            export! { fn made(this) { Ok(()) } }
            fn ours() {}
            "#,
        )
        .unwrap();
        assert_eq!(bare_in(&file), ["bare"]);
    }
}
