//! What the receiving side of a flush must be able to do.

use crate::fold::{Flush, SourcePosition};

/// Job id and job name, as learned from log lines.
pub type LearnedNames = Vec<(Box<str>, Box<str>)>;

/// Takes flushes: the embedded store, or a table in memory in tests.
pub trait Sink: Send {
    /// Makes all of a flush durable, or none of it.
    ///
    /// # Errors
    /// When it could not; nothing of the flush was stored then.
    fn apply(&mut self, flush: &Flush) -> Result<(), SinkError>;

    /// Called about twice a second while there is nothing to apply: what is due by time alone has its turn.
    ///
    /// # Errors
    /// When it could not be made durable; it is tried again.
    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// The positions stored.
    ///
    /// # Errors
    /// When they cannot be read.
    fn positions(&self) -> Result<Vec<SourcePosition>, SinkError>;

    /// Names learned in an earlier life: job id to job name.
    ///
    /// # Errors
    /// When they cannot be read.
    fn learned(&self) -> Result<LearnedNames, SinkError>;
}

/// Why a flush could not be made durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// No room: may pass.
    #[error("the disk is full: {0}; make room, nothing was lost and nothing counted twice")]
    Full(String),
    /// Held by another process or not reachable for now: may pass.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// Will not pass by waiting: read-only, damaged, of another version.
    #[error("the store cannot be written: {0}")]
    Broken(String),
}

impl SinkError {
    /// Whether waiting may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            SinkError::Full(_) | SinkError::Busy(_) => true,
            SinkError::Broken(_) => false,
        }
    }
}
