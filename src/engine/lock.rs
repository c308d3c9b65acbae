//! Locks between processes: a locked file that is removed when the lock is given back.

use std::path::Path;

use super::op::Op;
use crate::{Code, Error, Result};

/// A held lock; dropping it removes the file and gives it back.
#[derive(Debug)]
pub struct FileLock {}

impl FileLock {
    /// Waits for the lock on `path`, making the file if needed.
    pub async fn acquire(_op: &Op, _path: impl AsRef<Path>) -> Result<Self> {
        Err(Error::new(Code::Ni, "the engine is not wired up"))
    }
}
