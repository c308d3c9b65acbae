//! Judges whether both libraries did the same on the test bed: what a scenario recorded on ours is compared with what it
//! recorded on the C library, in the same run or in the notes that are kept of an earlier one.
//!
//!     judge compare PLACES [--strict] RESULTS   exit status 1 if a scenario differs
//!     judge outdated PLACES NAME...             prints those of which the notes are outdated
//!     judge note PLACES LAST                    keeps what the C library recorded as notes
//!
//! PLACES are `--release XEN --bed DIR --records DIR --packages FILE --ramdisk FILE`: the release of Xen that ran, the test bed's own
//! files, the notes, the list of dom0's Debian packages, and the ramdisk of Linux guests. What speaks against the judge itself (a missing file, a wrong argument) is exit status 2.

mod allowed;
mod compare;
mod difference;
mod error;
mod normalise;
mod notes;
mod records;
mod scenarios;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use crate::error::{Error, Result};
use crate::notes::Notes;

const USAGE: &str = "usage: judge compare|outdated|note --release XEN --bed DIR --records DIR --packages FILE --ramdisk FILE [--strict] RESULTS|NAME...|LAST";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
struct Task {
    command: String,
    notes: Notes,
    strict: bool,
    operands: Vec<String>,
}

fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Task> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().ok_or(Error::Usage)?;
    let (mut release, mut bed, mut records, mut packages, mut ramdisk) =
        (None, None, None, None, None);
    let (mut strict, mut operands) = (false, Vec::new());
    while let Some(argument) = arguments.next() {
        let place = match argument.as_str() {
            "--release" => &mut release,
            "--bed" => &mut bed,
            "--records" => &mut records,
            "--packages" => &mut packages,
            "--ramdisk" => &mut ramdisk,
            "--strict" => {
                strict = true;
                continue;
            }
            option if option.starts_with('-') => return Err(Error::Usage),
            _ => {
                operands.push(argument);
                continue;
            }
        };
        *place = Some(arguments.next().ok_or(Error::Usage)?);
    }
    let (Some(release), Some(bed), Some(records), Some(packages), Some(ramdisk)) =
        (release, bed, records, packages, ramdisk)
    else {
        return Err(Error::Usage);
    };
    let notes = Notes {
        release: release.parse().map_err(|_| Error::Usage)?,
        bed: bed.into(),
        records: records.into(),
        packages: packages.into(),
        ramdisk: ramdisk.into(),
    };
    let task = Task {
        command,
        notes,
        strict,
        operands,
    };
    match (task.command.as_str(), task.operands.len()) {
        ("compare", 1) => Ok(task),
        ("note", 1) | ("outdated", _) if !task.strict => Ok(task),
        _ => Err(Error::Usage),
    }
}

/// True if nothing differs.
fn run(task: &Task) -> Result<bool> {
    match (task.command.as_str(), &task.operands[..]) {
        ("compare", [results]) => compare::run(&task.notes, results.as_ref(), task.strict),
        ("note", [last]) => task.notes.keep(last.as_ref()).map(|()| true),
        (_, names) => {
            for name in names {
                if task.notes.outdated(name)? {
                    println!("{name}");
                }
            }
            Ok(true)
        }
    }
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|task| run(&task)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Error::Usage) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("judge: error: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    const PLACES: &str = "--release 4.20 --bed b --records n --packages p --ramdisk r";

    #[test]
    fn a_command_line_is_taken_whole_or_refused() {
        let task = parsed(&format!("compare {PLACES} --strict results")).expect("a task");
        assert!(task.strict);
        assert_eq!(task.operands, ["results"]);
        assert_eq!(task.notes.ramdisk, PathBuf::from("r"));
        assert_eq!(task.notes.release.to_string(), "4.20");
        assert!(parsed(&format!("outdated {PLACES}")).is_ok());
        for wrong in [
            String::new(),
            format!("judge {PLACES} x"),
            format!("compare {PLACES}"),
            format!("compare {PLACES} a b"),
            format!("compare {PLACES} --lenient a"),
            format!("note {PLACES} --strict a"),
            "compare --release 4.20 --bed b --records n --packages p a".to_owned(),
            "compare a --release four --bed b --records n --packages p --ramdisk r".to_owned(),
            "compare a --release 4.20 --bed b --records n --packages p --ramdisk".to_owned(),
        ] {
            assert!(matches!(parsed(&wrong), Err(Error::Usage)), "{wrong}");
        }
    }
}
