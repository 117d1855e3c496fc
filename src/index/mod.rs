//! The role that brings detail deltas from Kafka to the search node.
//!
//! Comes in: `error-details`, committed records only. Goes out: one scripted update per document and batch, and
//! `error-rejects` for deltas the search node will never take. What always holds: offsets are committed when every
//! delta before them has its fate, and a batch is under way only after the one before it was committed; so a delta
//! delivered again (crash, rebalance, a request cut in the middle) meets a guard that knows it, and counts are exact.
//! An absent or busy search node pauses the partitions; polling goes on and memory stays within two batches. What it
//! does not do: fold, count for Druid, or set anything up.
//!
//! ```text
//! poll ─► gather (per partition and document) ─► deliver (bulk requests, each item its own verdict) ─► commit
//!            up to an interval or a size             retry · reject · stop                 offsets, with rejects in
//!                                                                                          one transaction
//! ```
//!
//! - [`options`]: what it is told.
//! - [`role`]: the loop that owns the consumer.
//! - [`assignment`]: which partitions are ours and where each goes on.
//! - [`incarnation`]: tells a topic made anew from the one before it.
//! - [`gather`]: deltas to updates.
//! - [`deliver`], [`verdict`]: updates to the search node.
//! - [`commit`]: offsets, and rejects.
//! - [`retention`]: whole days removed.

mod assignment;
mod commit;
mod deliver;
mod gather;
mod incarnation;
pub mod options;
pub mod retention;
mod role;
mod verdict;

pub use options::{BatchLimits, IndexOptions};
pub use role::{Report, run};

use crate::source::kafka::KafkaFault;
use crate::store::elastic_druid::elastic::ElasticError;

/// Why the role ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaFault),
    /// The search node.
    #[error(transparent)]
    Elastic(#[from] ElasticError),
    /// The system gave no threads.
    #[error("could not start a runtime: {0}")]
    Runtime(std::io::Error),
    /// A bug. Nothing that was under way was committed.
    #[error("the task that sends updates ended by a bug; what was not committed is read again at the next start")]
    Panicked,
}

impl IndexError {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            IndexError::Kafka(fault) => fault.advice(),
            IndexError::Elastic(error) => error.advice(),
            IndexError::Runtime(_) => "see that the system lets this user start threads".to_owned(),
            IndexError::Panicked => "start it again, and tell us what the log says".to_owned(),
        }
    }
}
