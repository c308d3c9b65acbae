//! Locks between processes, the same files as the C library's, so both can run side by side: flock(2), then check that the
//! name still leads to the locked file. Most are removed when the lock is given back. The reaper's stays: there the C library
//! does not check.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::op::Op;
use crate::sys::fork::SensitiveFd;
use crate::{Code, Error, Result};

/// flock(2) cannot be waited for by poll(2), so it is tried again and again: soon at first, then at this pace.
const SLOWEST: Duration = Duration::from_millis(50);
const FASTEST: Duration = Duration::from_millis(1);

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub struct FileLock {
    /// The file to remove with it.
    path: Option<PathBuf>,
    // Closed in a forked child, which would hold the lock otherwise.
    file: SensitiveFd,
    pid: u32,
}

impl FileLock {
    /// Waits for the lock on `path`, making the file (mode 0600) if needed. It is removed with the lock.
    pub async fn acquire(op: &Op, path: impl AsRef<Path>) -> Result<Self> {
        Self::wait(op, path.as_ref(), true).await
    }

    /// As [`FileLock::acquire`]; the file stays. For a lock that others take without looking whether the file still has
    /// its name.
    pub async fn acquire_lasting(op: &Op, path: impl AsRef<Path>) -> Result<Self> {
        Self::wait(op, path.as_ref(), false).await
    }

    async fn wait(op: &Op, path: &Path, removed: bool) -> Result<Self> {
        let mut pause = FASTEST;
        loop {
            if let Some(lock) = Self::try_acquire_as(path, removed)? {
                return Ok(lock);
            }
            op.sleep(pause).await?;
            pause = (pause * 2).min(SLOWEST);
        }
    }

    /// Takes the lock if nobody has it.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>> {
        Self::try_acquire_as(path, true)
    }

    /// Makes it the lock of all who get a copy of the descriptor; the file stays.
    pub fn into_fd(mut self) -> io::Result<OwnedFd> {
        self.path = None;
        let fd = self.file.get().ok_or(io::ErrorKind::NotFound)?;
        fd.try_clone_to_owned()
    }

    pub(super) fn try_acquire_as(path: &Path, removed: bool) -> Result<Option<Self>> {
        let failed = |error: &io::Error| {
            Error::io(format!("locking {}", path.display()), error).code_as(Code::LockFail)
        };
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)
                .map_err(|error| failed(&error))?;
            match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(failed(&errno.into())),
            }
            // Whoever had it before removed the file; then this lock is on a file that nobody finds any more.
            if is_current(&file, path).map_err(|error| failed(&error))? {
                return Ok(Some(Self {
                    path: removed.then(|| path.to_owned()),
                    file: SensitiveFd::new(file.into()),
                    pid: std::process::id(),
                }));
            }
        }
    }
}

fn is_current(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        let Some(path) = self
            .path
            .as_ref()
            .filter(|_| self.pid == std::process::id())
        else {
            return;
        };
        // First the name, then the lock, so that nobody takes a lock on a file that is about to go. A name that is gone
        // already, with the directory for instance, is fine.
        let _ = std::fs::remove_file(path);
    }
}
