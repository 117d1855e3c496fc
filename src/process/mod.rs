//! Drives sources through the engine into flushes.
//!
//! Comes in: readers of files and streams, pushes, the engine. Goes out: flushes, applied to a [`Sink`] by one writer
//! thread. What always holds: a flush carries the positions of exactly the records in it; positions move only with
//! the flush that holds their records; a full fold is flushed early, a full channel holds reading back, nothing is
//! dropped. What it does not do: decode, fold or store.
//!
//! ```text
//! files ─┐                                          one at a time
//! stdin ─┼─► pipeline thread: engine + fold ──────────────────────► writer thread: grouping + Sink::apply
//! push  ─┘        ▲                                                     │
//!                 └──────────── a push is answered when its flush is durable
//! ```
//!
//! - [`pipeline`]: one record to its fate.
//! - [`flush`]: what the receiving side must be able to do.
//! - [`writer`]: applies flushes, waits for a full disk or gives up.
//! - [`ingest`]: files once, to their end.
//! - [`embedded`]: the service: follows, takes pushes, until told to stop.
//! - [`kafka`]: the role: from Kafka to Kafka.
//! - [`push`]: the handle for HTTP.
//! - [`store_sink`]: the embedded store as a sink.
//! - [`sample`]: the sample logs, moved in time so that they end now.

pub mod embedded;
pub mod flush;
pub mod ingest;
pub mod kafka;
mod pipeline;
pub mod push;
pub mod sample;
pub mod stop;
mod store_sink;
mod writer;

pub use flush::{LearnedNames, Sink, SinkError};
pub use pipeline::Reads;
pub use writer::{OnFailure, Totals, WriteReport};

use crate::fold::LedgerBroken;
use crate::source::SourceError;

/// Why processing stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A source could not be found or opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store refused a flush or a question.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A bug in the accounting; nothing of the flush was stored.
    #[error(transparent)]
    Ledger(#[from] LedgerBroken),
    /// A thread ended by a panic: a bug. Nothing of the flush in hand was stored.
    #[error("the {0} thread ended by a bug; what was not flushed is read again at the next start")]
    Panicked(&'static str),
    /// A thread could not be started.
    #[error("could not start a thread: {0}")]
    Thread(std::io::Error),
}

#[cfg(test)]
mod tests;
