//! What differs from run to run gets a name: domids, uuids, pids, event channels, times. The keys of the notes contain this
//! file: a change of it outdates them all.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// Lines with the newlines that end them.
pub(crate) type Lines = Vec<Vec<u8>>;

/// More domains than any scenario has.
const MAX_NAMES: usize = 64;
const MAX_NAME: usize = 64;

/// A regular expression over bytes: what a guest printed need not be text.
pub(crate) fn expression(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).build()
}

fn fixed(pattern: &str) -> Regex {
    expression(pattern).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Where a domain's number stands. Nothing else is replaced: devices have small numbers, too.
static DOMIDS: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    [
        r#"(?<before>/local/domain/|/libxl/|device-model/|/backend/[a-z0-9_]+/|/dm-argv/002 = ")(?<domid>[0-9]+)\b"#,
        r"(?<before>[(,][nrwb])(?<domid>[0-9]+)\b",
        r"(?<before>\bvif)(?<domid>[0-9]+)(?<after>[.-])",
        r#"(?<before>(?:domid|target|frontend-id|device-model-domid)"?(?: =|:) "?)(?<domid>[0-9]+)\b"#,
        r#"(?<before>(?:qemu-save|qmp-libxl|qmp-libxenstat|qemu-resume|-xen-domid|XEN_DOMAIN_ID|^-d|[ "]-d)[-. =])(?<domid>[0-9]+)\b"#,
    ]
    .map(fixed)
});

/// What differs in every run, how often in a line (0: as often as it is there), and what stands there instead. A line has one
/// node: what its value says of others counts.
static OTHERS: LazyLock<[(Regex, usize, &[u8]); 3]> = LazyLock::new(|| {
    let nodes = [
        "port",
        "start_time",
        "device-model-pid",
        "qmp-proxy-pid",
        "physical-device",
        "tty",
        "event-channel[^ ]*",
        "[a-z-]*ring-ref[^ ]*",
    ];
    let values = format!(r#"(?<before>/(?:{}) = ")[^"]*"#, nodes.join("|"));
    [
        (
            fixed("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
            0,
            b"<uuid>",
        ),
        (fixed(&values), 1, b"${before}*"),
        (fixed("/dev/(?<what>pts/|loop)[0-9]+"), 0, b"/dev/${what}*"),
    ]
});

/// Names and numbers of the domains that a scenario had when it recorded.
struct Names<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Names<'a> {
    /// From the record's first line, "name=number ...".
    fn parse(line: &'a [u8]) -> Result<Self, String> {
        let mut names = Vec::new();
        for entry in line
            .split(|&byte| byte == b' ')
            .filter(|entry| !entry.is_empty())
        {
            let parts = entry.iter().rposition(|&byte| byte == b'=');
            let (name, number) = match parts {
                Some(at) => (&entry[..at], &entry[at + 1..]),
                None => (entry, &entry[..0]),
            };
            let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            if !(1..=MAX_NAME).contains(&name.len())
                || !name.iter().all(named)
                || !(1..=5).contains(&number.len())
                || !number.iter().all(u8::is_ascii_digit)
            {
                return Err("the first line does not name the domains".to_owned());
            }
            names.push((name, number));
            if names.len() > MAX_NAMES {
                return Err(format!("more than {MAX_NAMES} domains"));
            }
        }
        Ok(Self(names))
    }

    fn of(&self, number: &[u8]) -> Option<&'a [u8]> {
        let known = self.0.iter().find(|(_, domid)| *domid == number);
        known.map(|(name, _)| *name)
    }

    fn put_in(&self, line: &[u8]) -> Vec<u8> {
        let mut line = line.to_owned();
        for place in &*DOMIDS {
            let replaced = place.replace_all(&line, |found: &Captures<'_>| {
                let Some(name) = self.of(&found["domid"]) else {
                    return found[0].to_owned();
                };
                let after = found
                    .name("after")
                    .map_or(&b""[..], |after| after.as_bytes());
                [&found["before"], b"<", name, b">", after].concat()
            });
            line = replaced.into_owned();
        }
        line
    }
}

/// A line with its newline, which no expression sees: `[^"]*` would run across it.
fn normalise_line(names: &Names<'_>, line: &[u8]) -> Vec<u8> {
    let (text, end) = match line.strip_suffix(b"\n") {
        Some(text) => (text, &b"\n"[..]),
        None => (line, &b""[..]),
    };
    let mut text = names.put_in(text);
    for (differing, often, instead) in &*OTHERS {
        text = differing.replacen(&text, *often, *instead).into_owned();
    }
    text.extend_from_slice(end);
    text
}

fn split_record(record: &[u8]) -> Result<(Names<'_>, &[u8]), String> {
    let end = record.iter().position(|&byte| byte == b'\n');
    let end = end.ok_or("there is no first line that names the domains")?;
    Ok((Names::parse(&record[..end])?, &record[end + 1..]))
}

/// What a command printed.
pub(crate) fn output(record: &[u8]) -> Result<Lines, String> {
    let (names, text) = split_record(record)?;
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    Ok(lines.map(|line| normalise_line(&names, line)).collect())
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// The nodes of xenstore, sorted, without those that were there `before` the scenario.
pub(crate) fn tree(record: &[u8], before: &[u8]) -> Result<Lines, String> {
    let before: HashSet<&[u8]> = lines_of(before).collect();
    let (names, text) = split_record(record)?;
    let added = lines_of(text).filter(|line| !before.contains(line));
    let mut lines: Lines = added
        .map(|line| normalise_line(&names, &[line, b"\n"].concat()))
        .collect();
    lines.sort_unstable();
    Ok(lines)
}

#[cfg(test)]
mod tests;
