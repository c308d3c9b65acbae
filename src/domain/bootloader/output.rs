//! What a bootloader says that it found. It made that out of the guest's disk, so nobody trusts it.

use std::fmt::Write;

use crate::{Error, Result};

/// The C library passes over longer records, too.
const LONGEST_RECORD: usize = 8191;
/// The largest file that is read; a kernel, a ramdisk and arguments need less than half of it.
pub(super) const LARGEST: usize = 64 * 1024;
/// So many records without sense are quoted.
const QUOTED: usize = 5;
/// So much of each.
const QUOTED_BYTES: usize = 150;

/// What the guest shall boot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// A file with the kernel.
    pub(super) kernel: Option<String>,
    /// A file with the ramdisk.
    pub(super) ramdisk: Option<String>,
    /// The kernel's command line.
    pub(super) args: Option<String>,
    /// Files that a later record took the place of. They are the bootloader's all the same, and to be removed.
    pub(super) superseded: Vec<String>,
    /// What was odd about it, for the log.
    pub(super) oddities: Vec<String>,
}

/// Reads what a bootloader wrote for `--output-format=simple0`: records that end with a NUL, each a word, blanks and the rest.
/// The last record of a kind counts.
pub(super) fn parse(bytes: &[u8]) -> Result<Found> {
    if bytes.len() > LARGEST {
        let what = format!("the bootloader's result has more than {LARGEST} bytes");
        return Err(Error::fail(what));
    }
    let mut found = Found::default();
    let mut odd = 0_usize;
    for record in bytes.split(|byte| *byte == 0) {
        if record.is_empty() {
            continue;
        }
        if let Err(why) = found.take(record)? {
            odd += 1;
            if odd <= QUOTED {
                found.oddities.push(format!("{why}: {}", quoted(record)));
            }
        }
    }
    if odd > QUOTED {
        let more = format!("{} more records without sense", odd - QUOTED);
        found.oddities.push(more);
    }
    Ok(found)
}

impl Found {
    /// Takes a record; gives what is odd about one that says nothing.
    fn take(&mut self, record: &[u8]) -> Result<Result<(), &'static str>> {
        if record.len() > LONGEST_RECORD {
            return Ok(Err("a record that is too long"));
        }
        let Some((word, rest)) = split(record) else {
            return Ok(Err("unexpected words"));
        };
        let place = match word {
            b"kernel" => &mut self.kernel,
            b"ramdisk" => &mut self.ramdisk,
            b"args" => &mut self.args,
            _ => return Ok(Err("unexpected words")),
        };
        let text = std::str::from_utf8(rest).map_err(|_| {
            Error::fail(format!(
                "the bootloader's result is no UTF-8: {}",
                quoted(record)
            ))
        })?;
        let is_file = word != b"args";
        if is_file && text.is_empty() {
            return Ok(Err("a file without a name"));
        }
        let former = place.replace(text.to_owned());
        self.superseded.extend(former.filter(|_| is_file));
        Ok(Ok(()))
    }
}

/// The word at the beginning, and what follows the blanks behind it.
fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    // As C's isspace.
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let end = record.iter().position(blank)?;
    let (word, rest) = record.split_at(end);
    let begin = rest.iter().position(|byte| !blank(byte));
    Some((word, &rest[begin.unwrap_or(rest.len())..]))
}

/// The beginning of a record, as one readable line.
fn quoted(record: &[u8]) -> String {
    let cut = &record[..record.len().min(QUOTED_BYTES)];
    let mut text = format!("\"{}\"", cut.escape_ascii());
    if cut.len() < record.len() {
        // Writing to a string does not fail.
        let _ = write!(text, " and {} bytes more", record.len() - cut.len());
    }
    text
}

/// For fuzzing: what is taken from any output is bounded and has no NUL.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzing_output(data: &[u8]) {
    let Ok(found) = parse(data) else { return };
    assert!(found.oddities.len() <= QUOTED + 1);
    for line in &found.oddities {
        assert!(line.len() <= 5 * QUOTED_BYTES && line.is_ascii());
    }
    let texts = [&found.kernel, &found.ramdisk, &found.args];
    for text in texts.into_iter().flatten().chain(&found.superseded) {
        assert!(text.len() <= LONGEST_RECORD && !text.contains('\0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn what_pygrub_says() {
        let said =
            b"kernel /d/boot_kernel.x\0ramdisk /d/boot_ramdisk.y\0args root=/dev/xvda1 ro\0\0";
        let found = parse(said).unwrap();
        let expected = Found {
            kernel: text("/d/boot_kernel.x"),
            ramdisk: text("/d/boot_ramdisk.y"),
            args: text("root=/dev/xvda1 ro"),
            ..Found::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn blanks_the_last_record_and_empty_ones() {
        let found = parse(b"\0\0kernel \t\n\x0b\x0c\r /k 1 \0args\t").unwrap();
        assert_eq!(found.kernel, text("/k 1 "));
        assert_eq!(found.args, text(""));
        assert_eq!(found.oddities, [""; 0]);
        assert_eq!(parse(b"").unwrap(), Found::default());
    }

    #[test]
    fn later_records_win_and_no_file_is_forgotten() {
        let found = parse(b"kernel /a\0kernel /b\0args x\0args y\0ramdisk /c\0kernel /d").unwrap();
        assert_eq!(found.kernel, text("/d"));
        assert_eq!(found.args, text("y"));
        assert_eq!(found.superseded, ["/a", "/b"]);
    }

    #[test]
    fn words_without_sense_are_passed_over_and_counted() {
        let found =
            parse(b"kernel\0kernels /k\0 kernel /k\0Kernel /k\0ramdisk  \0\xff\x1b[2J\0a\0b");
        let found = found.unwrap();
        assert_eq!((&found.kernel, &found.ramdisk), (&None, &None));
        assert_eq!(found.oddities.len(), QUOTED + 1);
        assert_eq!(found.oddities[0], "unexpected words: \"kernel\"");
        assert_eq!(found.oddities[4], "a file without a name: \"ramdisk  \"");
        assert_eq!(found.oddities[5], "3 more records without sense");
        let found = parse(b"\xff\x1b[2J").unwrap();
        assert_eq!(found.oddities, ["unexpected words: \"\\xff\\x1b[2J\""]);
    }

    #[test]
    fn records_and_files_are_bounded() {
        let record = |length: usize| {
            let mut record = b"kernel /".to_vec();
            record.resize(length, b'x');
            record
        };
        let longest = parse(&record(LONGEST_RECORD)).unwrap();
        assert_eq!(
            longest.kernel.map(|path| path.len()),
            Some(LONGEST_RECORD - 7)
        );
        let longer = parse(&record(LONGEST_RECORD + 1)).unwrap();
        assert_eq!(longer.kernel, None);
        assert!(longer.oddities[0].starts_with("a record that is too long: \"kernel /x"));
        assert!(longer.oddities[0].ends_with(" and 8042 bytes more"));
        assert!(parse(&vec![0; LARGEST]).is_ok());
        assert!(parse(&vec![0; LARGEST + 1]).is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        let error = parse(b"args caf\xe9").unwrap_err();
        assert!(error.to_string().contains("args caf\\xe9"), "{error}");
    }
}
