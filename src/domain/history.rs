//! Which domain numbers were in use a moment ago, so that a new guest does not inherit a dead guest's number while
//! somebody still acts on it. The file is shared with every other toolstack process on the host:
//! `RUN/domid-history`, one line `SECONDS DOMID` per destroyed domain, seconds on the monotonic clock.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::engine::{FileLock, Op};
use crate::paths::XEN_RUNDIR;
use crate::{Domid, Error, Result};

/// How long a number rests, unless `LIBXL_DOMID_REUSE_TIMEOUT` (seconds) says otherwise.
const REUSE_SECONDS: u64 = 60;

/// The most that is read of the history; a line has at most 32 bytes and a domain lives longer than a millisecond.
const MAX_BYTES: u64 = 4 << 20;

/// The history file of this host.
pub struct History {
    path: PathBuf,
    timeout: u64,
}

impl History {
    /// The file every libxl on the host uses, with the timeout from the environment.
    pub fn of_host() -> Self {
        let timeout = std::env::var("LIBXL_DOMID_REUSE_TIMEOUT").ok();
        Self {
            path: Path::new(XEN_RUNDIR).join("domid-history"),
            timeout: timeout.map_or(REUSE_SECONDS, |text| parse_timeout(&text)),
        }
    }

    /// Whether `domid` was destroyed less than the timeout ago; `now` is the monotonic clock in seconds.
    pub fn is_recent(&self, domid: Domid, now: u64) -> Result<bool> {
        Ok(self.recent(now)?.iter().any(|&(_, old)| old == domid))
    }

    /// Notes that `domid` ends now, and forgets what has rested long enough.
    pub async fn mark(&self, op: &Op, domid: Domid, now: u64) -> Result<()> {
        let _lock = FileLock::acquire(op, self.with_suffix(".lock")).await?;
        self.record(domid, now)
    }

    fn record(&self, domid: Domid, now: u64) -> Result<()> {
        let mut entries = self.recent(now)?;
        entries.push((now, domid));
        self.replace(&entries)
            .map_err(|e| Error::io(format!("cannot update {}", self.path.display()), &e))
    }

    /// Forgets everything (`libxl_clear_domid_history`, called once at boot).
    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(
                format!("cannot remove {}", self.path.display()),
                &e,
            )),
            _ => Ok(()),
        }
    }

    fn recent(&self, now: u64) -> Result<Vec<(u64, Domid)>> {
        match read_bounded(&self.path) {
            Ok(text) => Ok(parse(&text, now, self.timeout)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Error::io(
                format!("cannot read {}", self.path.display()),
                &e,
            )),
        }
    }

    fn replace(&self, entries: &[(u64, Domid)]) -> io::Result<()> {
        let new = self.with_suffix(".new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&new)?;
        let text: String = entries
            .iter()
            .map(|(seconds, domid)| format!("{seconds} {domid}\n"))
            .collect();
        file.write_all(text.as_bytes())?;
        drop(file);
        fs::rename(&new, &self.path)
    }

    fn with_suffix(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    use io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Entries younger than `timeout`; lines that are no entry are passed over.
fn parse(text: &str, now: u64, timeout: u64) -> Vec<(u64, Domid)> {
    text.lines()
        .filter_map(|line| {
            let (seconds, domid) = line.split_once(' ')?;
            Some((seconds.parse().ok()?, domid.trim().parse().ok()?))
        })
        .filter(|&(seconds, domid)| {
            super::query::is_guest_domid(domid) && now.saturating_sub(seconds) <= timeout
        })
        .collect()
}

/// Seconds in decimal, `0x` hexadecimal or leading-zero octal, as C's strtol with base 0; 0 when it is no number.
fn parse_timeout(text: &str) -> u64 {
    let text = text.trim();
    let parsed = if let Some(hex) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        u64::from_str_radix(hex, 16)
    } else if text.len() > 1 && text.starts_with('0') {
        u64::from_str_radix(&text[1..], 8)
    } else {
        text.parse()
    };
    parsed.unwrap_or(0)
}

#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzing_history(text: &str) {
    parse(text, 1000, 60);
    parse_timeout(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_rests_for_the_timeout() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let history = History {
            path: scratch.path().join("domid-history"),
            timeout: 60,
        };
        assert!(!history.is_recent(5, 1000).expect("no file is no history"));
        history.record(5, 1000).expect("mark");
        history.record(6, 1030).expect("mark");
        assert!(history.is_recent(5, 1060).expect("read"));
        assert!(!history.is_recent(5, 1061).expect("read"));
        assert!(history.is_recent(6, 1061).expect("read"));
        history.record(7, 1061).expect("mark");
        let text = fs::read_to_string(&history.path).expect("the file");
        assert_eq!(text, "1030 6\n1061 7\n");
        history.clear().expect("clear");
        history.clear().expect("clear what is not there");
        assert!(!history.is_recent(6, 1061).expect("read"));
    }

    #[test]
    fn foreign_lines_are_passed_over() {
        let text = "rubbish\n1000 5\n1000\n1000 99999\n-3 6\n1001 0\n1002 7";
        assert_eq!(parse(text, 1010, 60), vec![(1000, 5), (1002, 7)]);
    }

    #[test]
    fn the_timeout_reads_like_strtol() {
        assert_eq!(parse_timeout("90"), 90);
        assert_eq!(parse_timeout("0x10"), 16);
        assert_eq!(parse_timeout("010"), 8);
        assert_eq!(parse_timeout("0"), 0);
        assert_eq!(parse_timeout("soon"), 0);
    }
}
