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
        for (id, path) in (0..).zip(paths) {
            self.send(id, READ, path, b"")?;
        }
        // Every answer is taken before the first error is returned, so that none stays in the device. The number says
        // whose answer it is: they need not come in the order of the questions.
        let mut answers: Vec<Option<Result<Vec<u8>>>> = paths.iter().map(|_| None).collect();
        for path in paths {
            let (id, answer) = self.receive(READ, path)?;
            let place = usize::try_from(id).ok().and_then(|id| answers.get_mut(id));
            let place = place
                .filter(|place| place.is_none())
                .ok_or_else(|| Error::new(format!("xenstore answered request {id} unasked")))?;
            *place = Some(answer);
        }
        paths
            .iter()
            .zip(answers.into_iter().flatten())
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
        self.send(0, kind, path, value)?;
        self.receive(kind, path)?.1
    }

    fn send(&mut self, id: u32, kind: u32, path: &str, value: &[u8]) -> Result<()> {
        let payload = [path.as_bytes(), b"\0", value].concat();
        if payload.len() > PAYLOAD_MAX {
            return Err(Error::new(format!(
                "{path}: {} bytes are too many for xenstore",
                payload.len()
            )));
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut message = Vec::with_capacity(HEADER + payload.len());
        for word in [kind, id, 0, length] {
            message.extend_from_slice(&word.to_le_bytes());
        }
        message.extend_from_slice(&payload);
        self.0
            .write_all(&message)
            .map_err(|source| Error::io(format!("ask xenstore for {path}"), source))
    }

    /// The next answer, which may be a refusal, and the number of the request it is for.
    fn receive(&mut self, kind: u32, path: &str) -> Result<(u32, Result<Vec<u8>>)> {
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
        let answer = match word(0) {
            ERROR => Err(Error::new(format!(
                "{path}: {}",
                String::from_utf8_lossy(&answer).trim_end_matches('\0')
            ))),
            answered if answered == kind => Ok(answer),
            other => Err(Error::new(format!(
                "{path}: xenstore answered with message type {other}"
            ))),
        };
        Ok((word(4), answer))
    }
}

fn as_text(path: &str, value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| Error::new(format!("{path} is not UTF-8")))
}
