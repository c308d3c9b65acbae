//! The one error type: what was tried, and what came of it, in one line for the log.

use std::fmt;
use std::io;

/// A failure, worded for the person who reads the stub domain's log.
#[derive(Debug)]
pub struct Error(String);

/// With this error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// With these words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `tried` completes "cannot …".
    pub fn io(tried: impl fmt::Display, source: io::Error) -> Self {
        Self(format!("cannot {tried}: {source}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
