//! A small blocking xenstore client over the kernel's device.
//! Message layout as in Xen's public header io/xs_wire.h.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use crate::error::{Error, Result};

const DEVICE: &str = "/dev/xen/xenbus";
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 11;
const ERROR: u32 = 16;
/// Largest payload that the protocol allows.
const PAYLOAD_MAX: usize = 4096;
const HEADER: usize = 16;

pub(crate) struct Store(File);

impl Store {
    pub(crate) fn open() -> Result<Self> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(DEVICE)
            .map(Self)
            .map_err(|source| Error::io(format!("open {DEVICE} (is this a Xen domain?)"), source))
    }

    /// The value at `path` as text.
    pub(crate) fn read(&mut self, path: &str) -> Result<String> {
        let value = self.request(READ, path, b"")?;
        as_text(path, value)
    }

    /// The values at `paths`, all asked for before the first answer is awaited: a round trip to the
    /// store's domain costs more than everything else about a read.
    pub(crate) fn read_all(&mut self, paths: &[String]) -> Result<Vec<String>> {
        for path in paths {
            self.send(READ, path, b"")?;
        }
        // Every answer is taken before the first error is returned, so that none stays in the device.
        let answers: Vec<_> = paths
            .iter()
            .map(|path| (path, self.receive(READ, path)))
            .collect();
        answers
            .into_iter()
            .map(|(path, answer)| as_text(path, answer?))
            .collect()
    }

    /// The names below `path`, sorted.
    pub(crate) fn list(&mut self, path: &str) -> Result<Vec<String>> {
        let names = self.request(DIRECTORY, path, b"")?;
        let mut names: Vec<String> = names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    pub(crate) fn write(&mut self, path: &str, value: &[u8]) -> Result<()> {
        self.request(WRITE, path, value).map(drop)
    }

    fn request(&mut self, kind: u32, path: &str, value: &[u8]) -> Result<Vec<u8>> {
        self.send(kind, path, value)?;
        self.receive(kind, path)
    }

    fn send(&mut self, kind: u32, path: &str, value: &[u8]) -> Result<()> {
        let payload = [path.as_bytes(), b"\0", value].concat();
        if payload.len() > PAYLOAD_MAX {
            return Err(Error::new(format!(
                "{path}: {} bytes are too many for xenstore",
                payload.len()
            )));
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut message = Vec::with_capacity(HEADER + payload.len());
        for word in [kind, 0, 0, length] {
            message.extend_from_slice(&word.to_le_bytes());
        }
        message.extend_from_slice(&payload);
        self.0
            .write_all(&message)
            .map_err(|source| Error::io(format!("ask xenstore for {path}"), source))
    }

    fn receive(&mut self, kind: u32, path: &str) -> Result<Vec<u8>> {
        let failed = |source| Error::io(format!("read xenstore's answer about {path}"), source);
        let mut header = [0; HEADER];
        self.0.read_exact(&mut header).map_err(failed)?;
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
        self.0.read_exact(&mut answer).map_err(failed)?;
        match word(0) {
            ERROR => Err(Error::new(format!(
                "{path}: {}",
                String::from_utf8_lossy(&answer).trim_end_matches('\0')
            ))),
            answered if answered == kind => Ok(answer),
            other => Err(Error::new(format!(
                "{path}: xenstore answered with message type {other}"
            ))),
        }
    }
}

fn as_text(path: &str, value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| Error::new(format!("{path} is not UTF-8")))
}
