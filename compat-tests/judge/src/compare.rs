//! The comparison of a run: ours with the C library, in the same run or in its notes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::allowed::Allowed;
use crate::difference;
use crate::error::{At, Result};
use crate::notes::Notes;
use crate::records::{self, Records};

/// As many lines of a scenario are shown; a guest may have written all of them.
const MAX_SHOWN: usize = 200;

/// What became of a scenario that ran on ours.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// There is nothing to compare.
    Silent,
    Same,
    /// Lines that differ and are not allowed.
    Differs(Vec<String>),
    /// The notes are missing or outdated.
    NothingToCompareWith,
    /// The C library has recorded something, ours has not.
    NothingRecorded,
    /// A record that is none.
    Unreadable(String),
}

/// Compares all scenarios of a run. Writes `NAME.difference`, `compared/` and `failures` to its results, and reports to
/// standard output. True if nothing is wrong; `strict`: a scenario without anything to compare with is.
pub(crate) fn run(notes: &Notes, results: &Path, strict: bool) -> Result<bool> {
    let allowed = Allowed::read(&notes.bed.join("allowed"), notes.release)?;
    let (mut failures, mut compared) = (String::new(), BTreeSet::new());
    for name in records::of_library(results, "ours")? {
        let verdict = judge(notes, &allowed, results, &name)?;
        let wrong = match &verdict {
            Verdict::Silent | Verdict::Same => String::new(),
            Verdict::NothingRecorded => "has recorded nothing, unlike on the C library".to_owned(),
            Verdict::Differs(_) => "differs from the C library (< C library, > ours)".to_owned(),
            Verdict::Unreadable(what) => format!("not compared: {what}"),
            Verdict::NothingToCompareWith => format!(
                "not compared: records/{name} is missing or outdated; run --lib c --note {name} makes it"
            ),
        };
        if let Verdict::Same | Verdict::Differs(_) = verdict {
            compared.insert(name.clone());
        }
        if verdict == Verdict::NothingToCompareWith && !strict {
            eprintln!("testbed: {name}: {wrong}");
        } else if !wrong.is_empty() {
            println!("FAIL {name}: {wrong}");
            let _ = writeln!(failures, "{name}: {wrong}");
        }
        if let Verdict::Differs(lines) = verdict {
            print!("{}", shown(&lines, &name));
        }
    }
    for (pattern, reason) in no_longer_used(&allowed, &notes.names()?, &compared) {
        println!("allowed, but nothing differs so any more: {pattern} ({reason})");
    }
    if failures.is_empty() {
        return Ok(true);
    }
    let path = results.join("failures");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(failures.as_bytes()))
        .at(&path)?;
    Ok(false)
}

/// The lines that differ, and where the rest of them is.
fn shown(lines: &[String], name: &str) -> String {
    let mut text = String::new();
    for line in lines.iter().take(MAX_SHOWN) {
        let _ = writeln!(text, "    {line}");
    }
    if let Some(more) = lines.len().checked_sub(MAX_SHOWN).filter(|&more| more > 0) {
        let _ = writeln!(text, "    and {more} more in {name}.difference");
    }
    text
}

/// What is allowed and matched nothing. Known only once all that has notes was compared.
fn no_longer_used<'a>(
    allowed: &'a Allowed,
    noted: &BTreeSet<String>,
    compared: &BTreeSet<String>,
) -> Vec<(&'a str, &'a str)> {
    match noted.is_subset(compared) {
        true => allowed.unused().collect(),
        false => Vec::new(),
    }
}

fn judge(notes: &Notes, allowed: &Allowed, results: &Path, name: &str) -> Result<Verdict> {
    let shown = results.join("compared");
    let of_run = |library: &str| -> Result<std::result::Result<Records, Verdict>> {
        let side = format!("{name}.{library}");
        match records::of_run(&results.join(&side)) {
            Ok(records) => records::write(&records, &shown.join(&side)).map(|()| Ok(records)),
            Err(error) => Ok(Err(Verdict::Unreadable(
                difference::printable(&error.to_string()).into_owned(),
            ))),
        }
    };
    let in_this_run = records::are_in(&results.join(format!("{name}.c")));
    let ours = results.join(format!("{name}.ours"));
    if !records::are_in(&ours) {
        let expected = (in_this_run || notes.current(name)?) && !ours.join("skipped").exists();
        return Ok(if expected {
            Verdict::NothingRecorded
        } else {
            Verdict::Silent
        });
    }
    let ours = match of_run("ours")? {
        Ok(records) => records,
        Err(verdict) => return Ok(verdict),
    };
    let c = if in_this_run {
        match of_run("c")? {
            Ok(records) => records,
            Err(verdict) => return Ok(verdict),
        }
    } else if notes.current(name)? {
        notes.records(name)?
    } else {
        return Ok(Verdict::NothingToCompareWith);
    };
    let mut lines = differences(&c, &ours);
    lines.retain(|line| !allowed.has(line));
    let path = results.join(format!("{name}.difference"));
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    fs::write(&path, text).at(&path)?;
    Ok(match lines.is_empty() {
        true => Verdict::Same,
        false => Verdict::Differs(lines),
    })
}

/// Records that one library lacks, and lines that differ.
fn differences(c: &Records, ours: &Records) -> Vec<String> {
    let names: BTreeSet<_> = c.keys().chain(ours.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        match (c.get(name), ours.get(name)) {
            (Some(c), Some(ours)) => found.extend(difference::lines(c, ours)),
            (here, _) => {
                let side = if here.is_some() {
                    "the C library"
                } else {
                    "ours"
                };
                found.push(format!("Only in {side}: {}", difference::printable(name)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
