//! Prints all nodes of xenstore, sorted, a line for each: `/path = "value"   (n0,r5)`. The test bed compares both libraries by
//! it, so it reads with a client that is neither Xen's nor this project's: the crate xenstore-rs.
//!
//! That crate reads no permissions, and no value that is not text, and it cuts a NUL at a value's end. What it cannot tell comes
//! from standard input, where `look nodes` (testbed/dom0/look.c) has a line `/path LENGTH (n0,r5)` for each node.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use xenstore_rs::Xs;
use xenstore_rs::unix::XsUnix;

/// A tree is read in less than a second. xenstored may be stopped.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What is made once and stays; and of dom0's memory, which changes by itself.
const LEFT_OUT: [&str; 3] = ["/", "/libxl", "/vm"];
const LEFT_OUT_BELOW: &str = "/local/domain/0/memory";

#[derive(Debug)]
enum Error {
    /// What was tried.
    Io(String, io::Error),
    /// A line of standard input.
    Told(String),
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, error) => write!(to, "{what}: {error}"),
            Self::Told(line) => write!(
                to,
                "standard input: not \"PATH LENGTH (PERMISSIONS)\": {line}"
            ),
        }
    }
}

/// What another reader has seen of a node.
struct Node<'a> {
    /// Of its value, in bytes.
    length: usize,
    permissions: &'a str,
}

fn parse(told: &str) -> Result<HashMap<&str, Node<'_>>, Error> {
    let node = |line| {
        let mut words = str::split(line, ' ');
        let (path, length, permissions) = (words.next()?, words.next()?, words.next()?);
        let length = length.parse().ok()?;
        let whole =
            words.next().is_none() && permissions.starts_with('(') && permissions.ends_with(')');
        whole.then_some((
            path,
            Node {
                length,
                permissions,
            },
        ))
    };
    let lines = told.lines();
    lines
        .map(|line| node(line).ok_or_else(|| Error::Told(line.to_owned())))
        .collect()
}

/// `None` when the node has gone meanwhile.
fn there<T>(result: io::Result<T>, what: &str, path: &str) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Io(format!("{what} {path}"), error)),
    }
}

/// A line for each node, sorted.
fn tree(store: &impl Xs, told: &HashMap<&str, Node<'_>>) -> Result<Vec<String>, Error> {
    let (mut lines, mut paths) = (Vec::new(), vec!["/".to_owned()]);
    while let Some(path) = paths.pop() {
        let node = told.get(path.as_str());
        let shown = match store.read(&path) {
            // It is no text: that is all that can be said.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                "bytes that are no text".to_owned()
            }
            read => match there(read, "read", &path)? {
                Some(value) => quoted(&value, node),
                None => continue,
            },
        };
        if !LEFT_OUT.contains(&path.as_str()) && !path.starts_with(LEFT_OUT_BELOW) {
            // Without permissions: it has come since the other reader was here.
            let permissions = node.map_or("(?)", |node| node.permissions);
            lines.push(format!("{path} = {shown}   {permissions}"));
        }
        let children = there(store.directory(&path), "list", &path)?;
        let parent = path.strip_suffix('/').unwrap_or(&path);
        paths.extend(
            children
                .unwrap_or_default()
                .iter()
                .map(|name| format!("{parent}/{name}")),
        );
    }
    lines.sort_unstable();
    Ok(lines)
}

/// A value with escapes for what is not printed.
fn quoted(value: &str, node: Option<&Node<'_>>) -> String {
    let mut text = String::from("\"");
    for byte in value.bytes() {
        match byte {
            b'\\' => text.push_str("\\134"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    if node.is_some_and(|node| node.length == value.len() + 1) {
        text.push_str("\\000");
    }
    text.push('"');
    text
}

fn run() -> Result<(), Error> {
    let mut told = String::new();
    let read = io::stdin().read_to_string(&mut told);
    read.map_err(|error| Error::Io("standard input".to_owned(), error))?;
    let store =
        XsUnix::new().map_err(|error| Error::Io("connect to xenstored".to_owned(), error))?;
    let mut text = tree(&store, &parse(&told)?)?.join("\n");
    text.push('\n');
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Error::Io("standard output".to_owned(), error))
}

fn main() -> ExitCode {
    thread::spawn(|| {
        thread::sleep(TIME_LIMIT);
        eprintln!(
            "store-reader: error: not done after {} s",
            TIME_LIMIT.as_secs()
        );
        process::exit(1);
    });
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store-reader: error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests;
