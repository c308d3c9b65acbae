//! The tables of the ABI in `capi/abi`: what is exported, and as what.

use std::path::Path;

use xenlight_release::Version;

use crate::model::Span;
use crate::signatures::{Signature, declared};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// An exported symbol.
#[derive(Clone, Debug)]
pub struct Export {
    /// The symbol.
    pub name: String,
    /// Its size in bytes, if it is data.
    pub size: Option<u64>,
    /// What it belongs to.
    pub area: String,
    /// The releases that have it.
    pub span: Span,
}

impl Export {
    /// Whether the description of the types says that it exists.
    pub fn is_generated(&self) -> bool {
        ["generated types", "string tables"].contains(&self.area.as_str())
    }
}

/// All symbols of all releases.
///
/// # Errors
/// When the file cannot be read or a line is not as its first one says.
pub fn exports(path: &Path) -> Result<Vec<Export>> {
    read(&std::fs::read_to_string(path)?)
}

/// What `release` exports, from the file in `top`, the checkout.
///
/// # Errors
/// As [`exports`].
pub fn exports_of(top: &Path, release: Version) -> Result<Vec<Export>> {
    let mut exports = exports(&top.join("capi/abi/exports.tsv"))?;
    exports.retain(|export| export.span.has(release));
    Ok(exports)
}

/// The prototypes of `release` that are written by hand, from the file in `top`, the checkout.
///
/// # Errors
/// When the file cannot be read or is not Rust.
pub fn prototypes_of(top: &Path, release: Version) -> Result<Vec<Signature>> {
    declared(&top.join("capi/abi/prototypes.rs"), release)
}

pub(crate) fn read(text: &str) -> Result<Vec<Export>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| export(line).map_err(|error| format!("{line:?}: {error}").into()))
        .collect()
}

fn export(line: &str) -> Result<Export> {
    let columns: Vec<&str> = line.split('\t').collect();
    let (name, kind, size, area, releases) = match *columns.as_slice() {
        [name, kind, size, area] => (name, kind, size, area, ""),
        [name, kind, size, area, releases] => (name, kind, size, area, releases),
        _ => return Err("neither four nor five columns".into()),
    };
    let size = match (kind, size) {
        ("function", "-") => None,
        ("data", size) => Some(size.parse()?),
        _ => return Err("neither a function nor data of some size".into()),
    };
    let mut span = Span::default();
    let mut words = releases.split_whitespace();
    while let Some(bound) = words.next() {
        let version = words.next().ok_or("a bound without a release")?.parse()?;
        match bound {
            "since" => span.since = Some(version),
            "until" => span.until = Some(version),
            _ => return Err(format!("unknown bound {bound}").into()),
        }
    }
    Ok(Export {
        name: name.to_owned(),
        size,
        area: area.to_owned(),
        span,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_releases_have_a_symbol() {
        let text =
            "# words\na\tfunction\t-\tx\nb\tdata\t48\tstring tables\tsince 4.18 until 4.20\n";
        let exports = read(text).unwrap();
        let has = |number: &str| -> Vec<bool> {
            let release = number.parse().unwrap();
            exports
                .iter()
                .map(|export| export.span.has(release))
                .collect()
        };
        assert_eq!(has("4.17"), [true, false]);
        assert_eq!(has("4.19"), [true, true]);
        assert_eq!(has("4.20"), [true, false]);
        assert_eq!((exports[0].size, exports[1].size), (None, Some(48)));
        assert!(!exports[0].is_generated() && exports[1].is_generated());
    }

    #[test]
    fn a_line_that_says_something_else_is_refused() {
        for line in [
            "a\tfunction\t-",
            "a\tfunction\t8\tx",
            "a\tdata\t-\tx",
            "a\tdata\t8\tx\tsince",
            "a\tdata\t8\tx\tsince now",
            "a\tdata\t8\tx\tfrom 4.18",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
