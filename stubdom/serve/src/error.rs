//! The one error type: what was tried and what came of it, for a line in the log.

use std::fmt;
use std::io;

/// A failure, in words.
#[derive(Debug)]
pub struct Error(String);

/// What may fail here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The words as they are.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `tried` completes "cannot …".
    pub fn io(tried: impl fmt::Display, source: impl Into<io::Error>) -> Self {
        Self(format!("cannot {tried}: {}", source.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
