//! The embedded store and the reading side.
//!
//! Comes in: a [`crate::fold::Flush`] on the writing side, a question on the reading side. Goes out: answers. What
//! always holds: a flush is one transaction; a question never waits for a flush.

mod alerts;
mod answers;
mod cursor;
mod editor;
pub mod elastic_druid;
mod health;
mod said;
mod sqlite;
mod values;
pub(crate) mod wanted;
mod window;
pub(crate) mod words;

pub use alerts::*;
pub use answers::*;
pub use editor::{EditError, Editor, IssueNotes, Marker, NewMarker, StateChange};
pub(crate) use sqlite::ALERTS_TOPIC;
pub use sqlite::{
    Durability, LearnedName, OpenError, Retained, Retention, Routing, Store, StoreOptions, WriteError, WriteErrorKind,
    Writer,
};

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such issue, job or sample.
    #[error("{0} is not known")]
    NotFound(String),
    /// A cursor or an argument that cannot be used.
    #[error("{0}")]
    BadRequest(String),
    /// The store could not be read.
    #[error("could not read the store: {0}")]
    Store(String),
    /// It took longer than the limit.
    #[error("the question took longer than {0} ms and was stopped; ask for less time or fewer words")]
    TimedOut(u64),
}

/// The reading side: what pages, API and CLI ask. Implemented by the embedded store. Calls block;
/// async callers use `spawn_blocking`. Times are milliseconds since the epoch, `from` inclusive, `to` exclusive.
pub trait Reader: Send + Sync {
    /// Issues that match.
    fn errors(&self, ask: &ErrorsAsk) -> Result<Page<Issue>, ReadError>;
    /// One issue with its counts by minute and its kin.
    fn error(&self, ask: &ErrorAsk) -> Result<IssueDetail, ReadError>;
    /// Samples of one issue, newest first.
    fn samples(
        &self,
        issue: crate::event::IssueId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StoredSample>, ReadError>;
    /// Counts over time by a dimension.
    fn trends(&self, ask: &TrendsAsk) -> Result<Trends, ReadError>;
    /// Jobs with their health.
    fn jobs(&self, ask: &JobsAsk) -> Result<Page<Job>, ReadError>;
    /// One job.
    fn job(&self, job: &str, from: i64, to: i64) -> Result<JobDetail, ReadError>;
    /// Rejects, newest first.
    fn rejects(&self, limit: usize, after: Option<&str>) -> Result<Page<StoredReject>, ReadError>;
    /// Totals: the ledger over all sources, how much is stored, since when.
    fn totals(&self) -> Result<Totals, ReadError>;
    /// What people said of an issue.
    fn notes(&self, issue: crate::event::IssueId) -> Result<IssueNotes, ReadError> {
        Err(ReadError::NotFound(issue.to_string()))
    }
    /// Markers that touch `from..to`, of a job (and those of all jobs) or of every job, oldest first.
    fn markers(&self, from: i64, to: i64, job: Option<&str>) -> Result<Vec<Marker>, ReadError> {
        let _ = (from, to, job);
        Ok(Vec::new())
    }
    /// Values of a field with their counts, most frequent first, for suggestions and filters.
    fn values(&self, field: &str, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, ReadError>;
}
