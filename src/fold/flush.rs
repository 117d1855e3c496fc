//! What is handed over at once: deltas, counts, rejects, and how far the sources were read.

use super::{DetailDelta, Ledger, StatRow};
use crate::event::Reason;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything one transaction makes durable. Either all of it or none.
#[derive(Debug, Clone, Default)]
pub struct Flush {
    /// One per (job, fingerprint, minute) met since the last flush.
    pub details: Vec<DetailDelta>,
    /// One per (minute, error type and the dimensions counts are kept by).
    pub stats: Vec<StatRow>,
    /// Records that could not become events.
    pub rejects: Vec<Reject>,
    /// Where to go on: the next position of every source that moved.
    pub positions: Vec<SourcePosition>,
    /// Names learned since the last flush: job id to job name.
    pub learned: Vec<(Box<str>, Box<str>)>,
    /// What was consumed and what became of it, per source.
    pub ledger: BTreeMap<Arc<str>, Ledger>,
}

/// A record that could not become an event.
#[derive(Debug, Clone)]
pub struct Reject {
    /// Name of the source (file path, topic/partition, push).
    pub source: Arc<str>,
    /// Byte offset or record offset.
    pub offset: u64,
    /// Why.
    pub reason: Reason,
    /// For a person.
    pub detail: String,
    /// How long the record was.
    pub length: u64,
    /// Its first bytes, up to [`Reject::KEPT_BYTES`].
    pub bytes: Vec<u8>,
    /// Fingerprint-like key of nothing: milliseconds since the epoch at which it was rejected, as told by the caller.
    pub rejected_at: i64,
}

impl Reject {
    /// How many bytes of a rejected record are kept: enough for the largest Kafka record of a default broker (1 MB).
    pub const KEPT_BYTES: usize = 1_048_576;
}

/// Where a source goes on after what this flush covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePosition {
    /// Name of the source.
    pub source: Arc<str>,
    /// Next byte offset (in the decompressed stream for .gz and .zst).
    pub next: u64,
    /// What identifies the file beside its name, as the source wrote it (JSON).
    pub identity: String,
}
