//! Undo: what a step made visible is taken back when a later step fails.

use std::future::Future;

use super::op::Op;
use crate::Result;

/// The undos of one operation, or of one part of it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Rollback {}

impl Rollback {
    /// Remembers how to take back the step just made; `what` completes "failed to ..." in the log.
    /// The undo gets an operation that cannot be aborted.
    pub fn push<F, Fut>(&self, _what: impl Into<String>, _undo: F)
    where
        F: FnOnce(Op) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
    }
}
