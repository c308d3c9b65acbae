//! The differences that are wanted: lines of the file `allowed`, each a regular expression that is matched against differing
//! lines. The comment above it is its reason, the title of an entry of docs/quirks.md. What only some releases of Xen need has
//! `since 4.20` or `until 4.20` in front: from that one on, or in those before it.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use regex::bytes::Regex;
use xenlight_release::Version;

use crate::error::{At, Error, Result};
use crate::normalise::expression;

#[derive(Debug)]
struct Difference {
    reason: String,
    pattern: Regex,
    /// Whether it is for the release that was tested.
    holds: bool,
    used: Cell<bool>,
}

#[derive(Debug)]
pub(crate) struct Allowed(Vec<Difference>);

impl Allowed {
    /// As it is for one release of Xen.
    pub(crate) fn read(path: &Path, release: Version) -> Result<Self> {
        let text = fs::read_to_string(path).at(path)?;
        Self::parse(&text, release).map_err(|what| Error::content(path, what))
    }

    fn parse(text: &str, release: Version) -> std::result::Result<Self, String> {
        let (mut reason, mut differences) = ("", Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(comment) = line.strip_prefix('#') {
                reason = comment.trim();
            } else if !line.is_empty() {
                let wrong = |error: String| format!("line {number}: {error}");
                let (holds, line) = marks(line, release).map_err(wrong)?;
                let pattern = expression(line).map_err(|error| wrong(error.to_string()))?;
                if reason.is_empty() {
                    return Err(wrong("no reason stands above it".to_owned()));
                }
                if !(line.starts_with("^< ")
                    || line.starts_with("^> ")
                    || line.starts_with("^[<>] "))
                {
                    return Err(wrong(
                        "does not begin with the side, as ^< or ^>".to_owned(),
                    ));
                }
                differences.push(Difference {
                    reason: reason.to_owned(),
                    pattern,
                    holds,
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
            if difference.holds && difference.pattern.is_match(line.as_bytes()) {
                difference.used.set(true);
                any = true;
            }
        }
        any
    }

    /// Those of this release that no line has matched so far, with their reasons.
    pub(crate) fn unused(&self) -> impl Iterator<Item = (&str, &str)> {
        let unused = |difference: &&Difference| difference.holds && !difference.used.get();
        let unused = self.0.iter().filter(unused);
        unused.map(|difference| (difference.pattern.as_str(), difference.reason.as_str()))
    }
}

/// Whether the marks in front of a line hold for a release, and what stands behind them.
fn marks(line: &str, release: Version) -> std::result::Result<(bool, &str), String> {
    let (mut holds, mut line) = (true, line);
    while let Some((mark @ ("since" | "until"), rest)) = line.split_once(' ') {
        let (version, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let version: Version = version.parse()?;
        if !xenlight_release::versions().contains(&version) {
            return Err(format!("Xen {version} is not known"));
        }
        holds &= (mark == "since") == (release >= version);
        line = rest;
    }
    Ok((holds, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# What this file is\n# Why\n^< /a/<[^>]*> = \n\n^[<>] /b\n# Why else\n^> /c$\n";

    fn version(text: &str) -> Version {
        text.parse().expect("a release")
    }

    fn parse(text: &str) -> std::result::Result<Allowed, String> {
        Allowed::parse(text, version("4.17"))
    }

    fn unused(allowed: &Allowed) -> Vec<(&str, &str)> {
        allowed.unused().collect()
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let allowed = parse(TEXT).expect("a list");
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
        let allowed = parse(TEXT).expect("a list");
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
            "# Why\nsince 4.20\n",
            "# Why\nsince ^< /a\n",
            "# Why\nsince 4.99 ^< /a\n",
            "# Why\nfrom 4.20 ^< /a\n",
            "# Why\nsince 4.20 until ^< /a\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    /// A line of another release neither allows anything nor counts as unused.
    #[test]
    fn a_release_has_its_own_lines() {
        let text = "# Why\nsince 4.20 ^< /new\nuntil 4.20 ^< /old\nsince 4.18 until 4.20 ^< /between\n^< /any\n";
        let lines = ["/new", "/old", "/between", "/any"];
        for (release, here) in [
            ("4.17", &["/old", "/any"][..]),
            ("4.19", &["/old", "/between", "/any"]),
            ("4.20", &["/new", "/any"]),
            ("4.21", &["/new", "/any"]),
        ] {
            let allowed = Allowed::parse(text, version(release)).expect("a list");
            let listed: Vec<_> = unused(&allowed)
                .iter()
                .map(|(pattern, _)| &pattern[3..])
                .collect();
            assert_eq!(listed, here, "{release}");
            for line in lines {
                let allows = allowed.has(&format!("< {line}"));
                assert_eq!(allows, here.contains(&line), "{line} on {release}");
            }
            assert!(unused(&allowed).is_empty());
        }
    }

    #[test]
    fn each_reason_is_an_entry_of_the_quirks() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let allowed = Allowed::read(&top.join("compat-tests/testbed/allowed"), version("4.17"))
            .expect("the list");
        let quirks = fs::read_to_string(top.join("docs/quirks.md")).expect("the quirks");
        assert!(!allowed.0.is_empty());
        for difference in &allowed.0 {
            let title = format!("## {}", difference.reason);
            assert!(quirks.lines().any(|line| line == title), "{difference:?}");
        }
    }
}
