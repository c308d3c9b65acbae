//! A file that takes what a stub domain sends and never becomes larger than it may. All of it is opened at the start, since
//! nothing can be opened later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Copied at a time when a file is full.
const STEP: usize = 64 << 10;

/// The file, and the one that keeps what was in it.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    older: Option<File>,
    limit: u64,
}

fn open(path: &Path, truncate: bool) -> Result<File> {
    // Appended to, so that whoever truncates it finds the next bytes at its beginning.
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| {
            if truncate {
                file.set_len(0).map(|()| file)
            } else {
                Ok(file)
            }
        })
        .map_err(|error| Error::io(format!("open {}", path.display()), error))
}

impl LogFile {
    /// Opens `path`, and `PATH.1` where what does not fit is to be kept.
    pub fn open(path: &Path, truncate: bool, limit: u64, rotate: bool) -> Result<Self> {
        let mut older = path.as_os_str().to_owned();
        older.push(".1");
        Ok(Self {
            file: open(path, truncate)?,
            older: if rotate {
                Some(open(Path::new(&older), false)?)
            } else {
                None
            },
            limit,
        })
    }

    /// Takes all of `bytes`, or loses what it has no room for.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let length = self.file.metadata()?.len();
            let room = self.limit.saturating_sub(length);
            let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            if fits > 0 {
                self.file.write_all(&bytes[..fits])?;
                bytes = &bytes[fits..];
            } else if self.older.is_none() || self.limit == 0 {
                return Ok(());
            } else {
                self.rotate()?;
            }
        }
        Ok(())
    }

    /// What is in the file goes to the older one, whose contents are lost.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(older) = &mut self.older else {
            return Ok(());
        };
        older.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut step = vec![0; STEP];
        // No more than the limit, also when somebody else writes to the file.
        let mut rest = usize::try_from(self.limit).unwrap_or(usize::MAX);
        while rest > 0 {
            let most = rest.min(STEP);
            let length = self.file.read(&mut step[..most])?;
            if length == 0 {
                break;
            }
            older.write_all(&step[..length])?;
            rest -= length;
        }
        self.file.set_len(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dir: &Path, name: &str) -> String {
        std::fs::read_to_string(dir.join(name)).unwrap_or_default()
    }

    #[test]
    fn a_full_file_is_kept_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("log"), "old ").unwrap();
        let mut log = LogFile::open(&dir.path().join("log"), false, 10, true).unwrap();
        log.append(b"one ").unwrap();
        assert_eq!(read(dir.path(), "log"), "old one ");
        log.append(b"two three").unwrap();
        assert_eq!(read(dir.path(), "log.1"), "old one tw");
        assert_eq!(read(dir.path(), "log"), "o three");
        log.append(&[b'x'; 95]).unwrap();
        assert_eq!(read(dir.path(), "log.1"), "x".repeat(10));
        assert_eq!(read(dir.path(), "log"), "xx");
    }

    #[test]
    fn without_an_older_one_nothing_more_goes_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        std::fs::write(&path, "old").unwrap();
        let mut file = LogFile::open(&path, true, 10, false).unwrap();
        file.append(b"123456789012").unwrap();
        assert_eq!(read(dir.path(), "state"), "1234567890");
        // Truncated by whoever reads it.
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(0)
            .unwrap();
        file.append(b"next").unwrap();
        assert_eq!(read(dir.path(), "state"), "next");
        assert!(!dir.path().join("state.1").exists());
    }
}
