//! The releases of Xen that are known: `releases.tsv` is the one place that lists them.
//!
//! Build scripts ask here which one to build for, and tell rustc by options such as `since_4_20`.

use std::fmt;
use std::str::FromStr;

const TABLE: &str = include_str!("../releases.tsv");

/// The environment variable that chooses the release to build for.
pub const VARIABLE: &str = "XENLIGHT_XEN";

/// The number of a release, such as 4.17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not a release of Xen");
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            major: major.parse().map_err(|_| wrong())?,
            minor: minor.parse().map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// The configuration option of rustc that is set when this release or a later one is built: `since_4_20`.
    pub fn cfg(self) -> String {
        format!("since_{}_{}", self.major, self.minor)
    }
}

/// Whether rustc compiles for `release` what has the condition `text`: `since_4_18`, and those in `not(…)` and `all(…, …)`.
/// What is no condition on releases holds.
pub fn holds(text: &str, release: Version) -> bool {
    let text = text.trim();
    let inner = |name: &str| text.strip_prefix(name)?.strip_suffix(')');
    if let Some(inner) = inner("not(") {
        return !holds(inner, release);
    }
    if let Some(inner) = inner("all(") {
        return parts(inner).into_iter().all(|part| holds(part, release));
    }
    let known = versions().into_iter().find(|known| known.cfg() == text);
    known.is_none_or(|since| since <= release)
}

/// What commas separate that are in no parentheses.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[from..]);
    found
}

/// What the tree can do for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is built unless another one is chosen.
    Default,
    /// It can be built; its headers are in `include/`.
    Built,
    /// Its types are described; `idlgen` writes its headers on demand.
    Described,
}

/// A release.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its number.
    pub version: Version,
    /// The version node of the library's symbols.
    pub node: String,
    /// What the tree can do for it.
    pub support: Support,
    /// The releases of Debian that ship it.
    pub codenames: Vec<String>,
}

/// All known releases, oldest first.
///
/// # Panics
/// When `releases.tsv` is not as its first line says.
pub fn known() -> Vec<Release> {
    read(TABLE).unwrap_or_else(|error| panic!("releases.tsv: {error}"))
}

/// The numbers of all known releases, oldest first.
pub fn versions() -> Vec<Version> {
    known().iter().map(|release| release.version).collect()
}

/// Those that can be built, oldest first.
pub fn built() -> Vec<Release> {
    let mut releases = known();
    releases.retain(|release| release.support != Support::Described);
    releases
}

fn read(table: &str) -> Result<Vec<Release>, String> {
    let mut releases: Vec<Release> = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[version, node, support, codenames] = columns.as_slice() else {
            return Err(format!("not four columns: {line}"));
        };
        let release = Release {
            version: version.parse()?,
            node: node.to_owned(),
            support: match support {
                "default" => Support::Default,
                "built" => Support::Built,
                "described" => Support::Described,
                _ => return Err(format!("{version} is neither default, built nor described")),
            },
            codenames: codenames.split(',').map(str::to_owned).collect(),
        };
        if releases
            .last()
            .is_some_and(|last| last.version >= release.version)
        {
            return Err(format!("{version} is out of order"));
        }
        releases.push(release);
    }
    let defaults = releases
        .iter()
        .filter(|release| release.support == Support::Default);
    if defaults.count() != 1 {
        return Err("one release must be the default".to_owned());
    }
    Ok(releases)
}

/// The release that the environment variable `XENLIGHT_XEN` asks for; when it is not set, the one that this host's Debian ships;
/// elsewhere the default one.
///
/// # Errors
/// When that release is not known or only described, a text for who runs the build.
pub fn chosen() -> Result<Release, String> {
    let asked = std::env::var(VARIABLE).ok();
    choose(asked.as_deref(), host_codename().as_deref(), known())
}

/// The codename of this host's Debian.
fn host_codename() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    line.map(|name| name.trim_matches('"').to_owned())
}

fn choose(asked: Option<&str>, host: Option<&str>, known: Vec<Release>) -> Result<Release, String> {
    let can_be_built = known
        .iter()
        .filter(|release| release.support != Support::Described);
    let names: Vec<String> = can_be_built
        .map(|release| release.version.to_string())
        .collect();
    let shipped = |release: &Release| {
        release
            .codenames
            .iter()
            .any(|name| Some(name.as_str()) == host)
    };
    let found = match asked.filter(|asked| !asked.is_empty()) {
        Some(asked) => known
            .iter()
            .find(|release| release.version.to_string() == asked),
        None => {
            let default = known
                .iter()
                .find(|release| release.support == Support::Default);
            known.iter().find(|release| shipped(release)).or(default)
        }
    };
    let built = found.filter(|release| release.support != Support::Described);
    built.cloned().ok_or_else(|| {
        let asked = asked.unwrap_or_default();
        format!(
            "{VARIABLE}={asked}: this can be built for Xen {}",
            names.join(" or ")
        )
    })
}

/// Tells cargo, from a build script, what to compile for the chosen release, whose number the compiled code finds in
/// `XENLIGHT_RELEASE`; ends the build when that cannot be built.
pub fn tell_cargo() -> Release {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let chosen = chosen().unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1);
    });
    for release in known() {
        let cfg = release.version.cfg();
        println!("cargo:rustc-check-cfg=cfg({cfg})");
        if release.version <= chosen.version {
            println!("cargo:rustc-cfg={cfg}");
        }
    }
    println!("cargo:rustc-env=XENLIGHT_RELEASE={}", chosen.version);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "# words\n4.8\tA\tdescribed\t-\n4.17\tB\tdefault\tbo,bu\n4.100\tC\tbuilt\ttrixie\n";

    #[test]
    fn what_is_built_can_be_chosen() {
        let choose =
            |asked, host| choose(asked, host, read(TABLE).unwrap()).map(|release| release.node);
        assert_eq!(choose(None, None).unwrap(), "B");
        assert_eq!(choose(Some(""), Some("bu")).unwrap(), "B");
        assert_eq!(choose(None, Some("trixie")).unwrap(), "C");
        assert_eq!(choose(None, Some("bionic")).unwrap(), "B");
        assert_eq!(choose(Some("4.100"), Some("bo")).unwrap(), "C");
        for wrong in ["4.8", "4.99", "x"] {
            let error = choose(Some(wrong), Some("bo")).unwrap_err();
            assert!(error.ends_with("for Xen 4.17 or 4.100"), "{error}");
        }
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused() {
        for wrong in [
            "4.17\tA\tdefault\t-\n4.8\tB\tbuilt\t-",
            "4.17\tA\tdefault\t-\n4.17\tA\tbuilt\t-",
            "4.17\tA\tbuilt\t-",
            "4.17\tA\tdefault\t-\n4.18\tA\tdefault\t-",
            "4.17\tA\tdefault",
            "4.17\tA\tsome day\t-",
            "4\tA\tdefault\t-",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn conditions_hold_as_for_rustc() {
        let at = |release: &str, text: &str| holds(text, release.parse().unwrap());
        assert!(at("4.18", "since_4_18") && !at("4.17", "since_4_18"));
        assert!(!at("4.18", "not(since_4_18)") && at("4.17", "not(since_4_18)"));
        let both = "all(since_4_18, not(all(since_4_18, since_4_20)))";
        assert!(!at("4.17", both) && at("4.19", both) && !at("4.20", both));
        assert!(at("4.17", "test"));
    }

    #[test]
    fn releases_are_ordered_by_number() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("4.8") < version("4.17") && version("4.99") < version("5.0"));
        assert_eq!(version("4.20").cfg(), "since_4_20");
    }
}
