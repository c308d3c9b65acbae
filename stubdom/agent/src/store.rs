//! A small blocking xenstore client over the kernel's device.
//! Message layout as in Xen's public header io/xs_wire.h.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use crate::error::{Error, Result};

const DEVICE: &str = "/dev/xen/xenbus";
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const TRANSACTION_START: u32 = 6;
const TRANSACTION_END: u32 = 7;
const WRITE: u32 = 11;
const RM: u32 = 13;
const SET_PERMS: u32 = 14;
const ERROR: u32 = 16;
/// Largest payload that the protocol allows.
const PAYLOAD_MAX: usize = 4096;
const HEADER: usize = 16;

/// How a refusal ends that means that a transaction is to be done again.
const AGAIN: &str = ": EAGAIN";
/// How often it is done at most.
const TRIES: u32 = 20;

/// How many requests may be under way at once.
const LANES: usize = 8;

/// One handle for each request under way: the kernel keeps a request in its handle's buffer until the answer comes, so
/// that a second one on the same handle would overwrite the first.
#[derive(Debug)]
pub struct Store {
    lanes: Vec<File>,
}

impl Store {
    /// Opens the device.
    pub fn open() -> Result<Self> {
        let lanes = vec![open_lane()?];
        Ok(Self { lanes })
    }

    /// The value at `path` as text.
    pub fn read(&mut self, path: &str) -> Result<String> {
        let value = self.request(READ, path, b"")?;
        as_text(path, value)
    }

    /// The values at `paths`, several asked for before the first answer is awaited: a round trip to the
    /// store's domain costs more than everything else about a read.
    pub fn read_all(&mut self, paths: &[String]) -> Result<Vec<String>> {
        while self.lanes.len() < LANES.min(paths.len()) {
            self.lanes.push(open_lane()?);
        }
        let mut values = Vec::with_capacity(paths.len());
        for paths in paths.chunks(LANES) {
            for (lane, path) in self.lanes.iter_mut().zip(paths) {
                send(lane, 0, READ, path, b"")?;
            }
            // Every answer is taken before the first error is returned, so that none stays in its handle.
            let answers: Vec<_> = self
                .lanes
                .iter_mut()
                .zip(paths)
                .map(|(lane, path)| receive(lane, READ, path))
                .collect();
            for (path, answer) in paths.iter().zip(answers) {
                values.push(as_text(path, answer?)?);
            }
        }
        Ok(values)
    }

    /// The names below `path`, sorted.
    pub fn list(&mut self, path: &str) -> Result<Vec<String>> {
        let names = self.request(DIRECTORY, path, b"")?;
        let mut names: Vec<String> = names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Sets a node's value.
    pub fn write(&mut self, path: &str, value: &[u8]) -> Result<()> {
        self.request(WRITE, path, value).map(drop)
    }

    /// Removes a node and all below.
    pub fn remove(&mut self, path: &str) -> Result<()> {
        self.request(RM, path, b"").map(drop)
    }

    /// Writes nodes that this domain owns and, besides it, only domain `reader` may read. They appear at once.
    pub fn publish(&mut self, nodes: &[(String, String)], reader: u16) -> Result<()> {
        let own = self.read("domid")?;
        let permissions = permissions(&own, reader)?;
        for _ in 0..TRIES {
            let number = self.request(TRANSACTION_START, "", b"")?;
            let number = transaction_number(&number)?;
            let written = nodes.iter().try_for_each(|(path, value)| {
                self.request_within(number, WRITE, path, value.as_bytes())?;
                self.request_within(number, SET_PERMS, path, &permissions)
                    .map(drop)
            });
            let verdict = if written.is_ok() { "T" } else { "F" };
            let ended = self.request_within(number, TRANSACTION_END, verdict, b"");
            written?;
            match ended {
                // Somebody else wrote meanwhile.
                Err(error) if error.to_string().ends_with(AGAIN) => {}
                ended => return ended.map(drop),
            }
        }
        Err(Error::new(format!(
            "xenstore refused to end a transaction {TRIES} times"
        )))
    }

    fn request(&mut self, kind: u32, path: &str, value: &[u8]) -> Result<Vec<u8>> {
        self.request_within(0, kind, path, value)
    }

    fn request_within(
        &mut self,
        transaction: u32,
        kind: u32,
        path: &str,
        value: &[u8],
    ) -> Result<Vec<u8>> {
        send(&mut self.lanes[0], transaction, kind, path, value)?;
        receive(&mut self.lanes[0], kind, path)
    }
}

fn open_lane() -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(DEVICE)
        .map_err(|source| Error::io(format!("open {DEVICE} (is this a Xen domain?)"), source))
}

/// Within a transaction, or 0 for none.
fn send(lane: &mut File, transaction: u32, kind: u32, path: &str, value: &[u8]) -> Result<()> {
    let payload = [path.as_bytes(), b"\0", value].concat();
    if payload.len() > PAYLOAD_MAX {
        return Err(Error::new(format!(
            "{path}: {} bytes are too many for xenstore",
            payload.len()
        )));
    }
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER + payload.len());
    for word in [kind, 0, transaction, length] {
        message.extend_from_slice(&word.to_le_bytes());
    }
    message.extend_from_slice(&payload);
    lane.write_all(&message)
        .map_err(|source| Error::io(format!("ask xenstore for {path}"), source))
}

/// The answer to what was sent last on this handle, which may be a refusal.
fn receive(lane: &mut File, kind: u32, path: &str) -> Result<Vec<u8>> {
    let failed = |source| Error::io(format!("read xenstore's answer about {path}"), source);
    let mut header = [0; HEADER];
    lane.read_exact(&mut header).map_err(failed)?;
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let length = usize::try_from(word(12)).unwrap_or(usize::MAX);
    if length > PAYLOAD_MAX {
        return Err(Error::new(format!(
            "{path}: xenstore answered with {length} bytes"
        )));
    }
    let mut answer = vec![0; length];
    lane.read_exact(&mut answer).map_err(failed)?;
    match word(0) {
        ERROR => Err(Error::new(format!(
            "xenstore refuses {path}: {}",
            String::from_utf8_lossy(&answer).trim_end_matches('\0')
        ))),
        answered if answered == kind => Ok(answer),
        other => Err(Error::new(format!(
            "{path}: xenstore answered with message type {other}"
        ))),
    }
}

fn as_text(path: &str, value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| Error::new(format!("{path} is not UTF-8")))
}

/// Nobody but the owner and `reader`, as SET_PERMS takes it.
fn permissions(owner: &str, reader: u16) -> Result<Vec<u8>> {
    let owner: u16 = owner
        .parse()
        .map_err(|_| Error::new(format!("node 'domid' holds '{owner}', not a domain id")))?;
    Ok(format!("n{owner}\0r{reader}\0").into_bytes())
}

fn transaction_number(answer: &[u8]) -> Result<u32> {
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_end_matches('\0');
    text.parse()
        .map_err(|_| Error::new(format!("xenstore began a transaction '{text}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_the_owners_and_one_readers() {
        assert_eq!(permissions("17", 0).unwrap(), b"n17\0r0\0");
        assert!(permissions("x", 0).is_err());
    }

    #[test]
    fn a_transaction_has_a_number() {
        assert_eq!(transaction_number(b"4711\0").unwrap(), 4711);
        assert!(transaction_number(b"\0").is_err());
    }
}
