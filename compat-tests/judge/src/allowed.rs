//! The differences that are wanted: lines of the file `allowed`, each a regular expression that is matched against differing
//! lines. The comment above it is its reason, the title of an entry of docs/quirks.md.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use regex::bytes::Regex;

use crate::error::{At, Error, Result};
use crate::normalise::expression;

#[derive(Debug)]
struct Difference {
    reason: String,
    pattern: Regex,
    used: Cell<bool>,
}

#[derive(Debug)]
pub(crate) struct Allowed(Vec<Difference>);

impl Allowed {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).at(path)?;
        Self::parse(&text).map_err(|what| Error::content(path, what))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let (mut reason, mut differences) = ("", Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(comment) = line.strip_prefix('#') {
                reason = comment.trim();
            } else if !line.is_empty() {
                let pattern =
                    expression(line).map_err(|error| format!("line {number}: {error}"))?;
                if reason.is_empty() {
                    return Err(format!("line {number}: no reason stands above it"));
                }
                if !(line.starts_with("^< ")
                    || line.starts_with("^> ")
                    || line.starts_with("^[<>] "))
                {
                    return Err(format!(
                        "line {number}: does not begin with the side, as ^< or ^>"
                    ));
                }
                differences.push(Difference {
                    reason: reason.to_owned(),
                    pattern,
                    used: Cell::new(false),
                });
            }
        }
        Ok(Self(differences))
    }

    /// Whether a differing line is one that is wanted.
    pub(crate) fn has(&self, line: &str) -> bool {
        let mut any = false;
        for difference in &self.0 {
            if difference.pattern.is_match(line.as_bytes()) {
                difference.used.set(true);
                any = true;
            }
        }
        any
    }

    /// Those that no line has matched so far, with their reasons.
    pub(crate) fn unused(&self) -> impl Iterator<Item = (&str, &str)> {
        let unused = self.0.iter().filter(|difference| !difference.used.get());
        unused.map(|difference| (difference.pattern.as_str(), difference.reason.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# What this file is\n# Why\n^< /a/<[^>]*> = \n\n^[<>] /b\n# Why else\n^> /c$\n";

    fn unused(allowed: &Allowed) -> Vec<(&str, &str)> {
        allowed.unused().collect()
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let allowed = Allowed::parse(TEXT).expect("a list");
        for line in ["< /a/<box> = \"1\"", "< /b", "> /b", "> /c"] {
            assert!(allowed.has(line), "{line}");
        }
        for line in [
            "> /a/<box> = \"1\"",
            "< /a/5 = \"1\"",
            "< /c",
            "> /cd",
            "x > /c",
            "< Why",
        ] {
            assert!(!allowed.has(line), "{line}");
        }
    }

    #[test]
    fn unused_ones_are_known_with_their_reasons() {
        let allowed = Allowed::parse(TEXT).expect("a list");
        assert_eq!(unused(&allowed).len(), 3);
        assert!(!allowed.has("< /d") && allowed.has("> /b"));
        assert_eq!(
            unused(&allowed),
            [("^< /a/<[^>]*> = ", "Why"), ("^> /c$", "Why else")]
        );
        assert!(allowed.has("> /c") && allowed.has("< /a/<x> = "));
        assert!(unused(&allowed).is_empty());
    }

    /// A line that matches all would end the comparison.
    #[test]
    fn a_list_is_strict() {
        for wrong in [
            "^< /a\n",
            "#\n^< /a\n",
            "# Why\n^< (\n",
            "# Why\n.*\n",
            "# Why\n \n",
            "# Why\n^\n",
        ] {
            assert!(Allowed::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_reason_is_an_entry_of_the_quirks() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let allowed = Allowed::read(&top.join("compat-tests/testbed/allowed")).expect("the list");
        let quirks = fs::read_to_string(top.join("docs/quirks.md")).expect("the quirks");
        assert!(!allowed.0.is_empty());
        for (pattern, reason) in allowed.unused() {
            let title = format!("## {reason}");
            assert!(
                quirks.lines().any(|line| line == title),
                "{pattern}: {reason}"
            );
        }
    }
}
