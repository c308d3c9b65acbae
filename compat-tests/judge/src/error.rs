//! What keeps the judge from a verdict.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub(crate) enum Error {
    Usage,
    /// A file that should be there cannot be read or written.
    File(PathBuf, io::Error),
    /// What a file or directory contains is not what it should be.
    Content(PathBuf, String),
}

impl Error {
    pub(crate) fn content(path: &Path, what: impl Into<String>) -> Self {
        Self::Content(path.to_owned(), what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage => write!(to, "wrong arguments"),
            Self::File(path, error) => write!(to, "{}: {error}", path.display()),
            Self::Content(path, what) => write!(to, "{}: {what}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

/// Names the file in an error of the system.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|error| Error::File(path.to_owned(), error))
    }
}
