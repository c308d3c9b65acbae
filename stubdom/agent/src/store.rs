//! A small blocking xenstore client over the kernel's device.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use store_wire::{HEADER, Header, Kind, Perms};

use crate::error::{Error, Result};

const DEVICE: &str = "/dev/xen/xenbus";

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
        let value = self.request(Kind::Read, path, b"")?;
        as_text(path, value)
    }

    /// The values at `paths`, several asked for before the first answer is awaited: a round trip to the
    /// store's domain costs more than everything else about a read.
    pub(crate) fn read_all(&mut self, paths: &[String]) -> Result<Vec<String>> {
        while self.lanes.len() < LANES.min(paths.len()) {
            self.lanes.push(open_lane()?);
        }
        let mut values = Vec::with_capacity(paths.len());
        for paths in paths.chunks(LANES) {
            for (lane, path) in self.lanes.iter_mut().zip(paths) {
                send(lane, 0, Kind::Read, path, b"")?;
            }
            // Every answer is taken before the first error is returned, so that none stays in its handle.
            let answers: Vec<_> = self
                .lanes
                .iter_mut()
                .zip(paths)
                .map(|(lane, path)| receive(lane, Kind::Read, path))
                .collect();
            for (path, answer) in paths.iter().zip(answers) {
                values.push(as_text(path, answer?)?);
            }
        }
        Ok(values)
    }

    /// The names below `path`, sorted.
    pub fn list(&mut self, path: &str) -> Result<Vec<String>> {
        let names = self.request(Kind::Directory, path, b"")?;
        let mut names = store_wire::names(&names)
            .ok_or_else(|| Error::new(format!("xenstore lists an impossible name below {path}")))?;
        names.sort();
        Ok(names)
    }

    /// Sets a node's value.
    pub fn write(&mut self, path: &str, value: &[u8]) -> Result<()> {
        self.request(Kind::Write, path, value).map(drop)
    }

    /// Removes a node and all below.
    pub fn remove(&mut self, path: &str) -> Result<()> {
        self.request(Kind::Rm, path, b"").map(drop)
    }

    /// Writes nodes that this domain owns and, besides it, only domain `reader` may read. They appear at once.
    pub fn publish(&mut self, nodes: &[(String, String)], reader: u16) -> Result<()> {
        let own = self.read("domid")?;
        let permissions = permissions(&own, reader)?;
        for _ in 0..TRIES {
            let number = self.request(Kind::TransactionStart, "", b"")?;
            let number = store_wire::transaction(&number)
                .ok_or_else(|| Error::new("xenstore began a transaction without a number"))?;
            let written = nodes.iter().try_for_each(|(path, value)| {
                self.request_within(number, Kind::Write, path, value.as_bytes())?;
                self.request_within(number, Kind::SetPerms, path, &permissions)
                    .map(drop)
            });
            let verdict = if written.is_ok() { "T" } else { "F" };
            let ended = self.request_within(number, Kind::TransactionEnd, verdict, b"");
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

    fn request(&mut self, kind: Kind, path: &str, value: &[u8]) -> Result<Vec<u8>> {
        self.request_within(0, kind, path, value)
    }

    fn request_within(
        &mut self,
        transaction: u32,
        kind: Kind,
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
fn send(lane: &mut File, transaction: u32, kind: Kind, path: &str, value: &[u8]) -> Result<()> {
    let message = store_wire::encode(kind, 0, transaction, &[path.as_bytes(), b"\0", value])
        .ok_or_else(|| {
            Error::new(format!(
                "{path}: {} bytes are too many for xenstore",
                path.len() + 1 + value.len()
            ))
        })?;
    lane.write_all(&message)
        .map_err(|source| Error::io(format!("ask xenstore for {path}"), source))
}

/// The answer to what was sent last on this handle, which may be a refusal.
fn receive(lane: &mut File, kind: Kind, path: &str) -> Result<Vec<u8>> {
    let failed = |source| Error::io(format!("read xenstore's answer about {path}"), source);
    let mut header = [0; HEADER];
    lane.read_exact(&mut header).map_err(failed)?;
    let header = Header::parse(&header)
        .map_err(|error| Error::new(format!("{path}: xenstore answered with {error}")))?;
    let mut answer = vec![0; header.length];
    lane.read_exact(&mut answer).map_err(failed)?;
    if header.is(Kind::Error) {
        Err(Error::new(format!(
            "xenstore refuses {path}: {}",
            String::from_utf8_lossy(&answer).trim_end_matches('\0')
        )))
    } else if header.is(kind) {
        Ok(answer)
    } else {
        Err(Error::new(format!(
            "{path}: xenstore answered with message type {}",
            header.kind
        )))
    }
}

fn as_text(path: &str, value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| Error::new(format!("{path} is not UTF-8")))
}

/// Nobody but the owner and `reader`, as Kind::SetPerms takes it.
fn permissions(owner: &str, reader: u16) -> Result<Vec<u8>> {
    let owner: u16 = owner
        .parse()
        .map_err(|_| Error::new(format!("node 'domid' holds '{owner}', not a domain id")))?;
    Ok(Perms::owner_read(owner.into(), reader.into()).to_wire())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_the_owners_and_one_readers() {
        assert_eq!(permissions("17", 0).unwrap(), b"n17\0r0\0");
        assert!(permissions("x", 0).is_err());
    }
}
