//! Whether an operation may go on.

use crate::Result;

/// Asked before each step of an operation that was aborted perhaps.
pub trait Gate: Send + Sync {
    /// An error when nothing new may be begun.
    fn check(&self) -> Result<()>;
}
