//! Many events to few deltas.
//!
//! Comes in: identified events and rejections, each with the source position it was read at. Goes out: a [`Flush`].
//! What always holds: the order of arrival changes nothing; nothing is dropped (a full fold asks to be flushed
//! early); the ledger of a flush adds up.

use crate::event::{Dimensions, EventTime, Fingerprint, IssueId, Minute, Reason};
use crate::identity::Identity;
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

/// What is known of one (job, fingerprint, minute) since the last flush.
#[derive(Debug, Clone)]
pub struct DetailDelta {
    /// The issue: (job, fingerprint).
    pub issue: IssueId,
    /// The job key (`Dimensions::job`).
    pub job: Box<str>,
    /// The minute.
    pub minute: Minute,
    /// What error it is.
    pub identity: Arc<Identity>,
    /// Events.
    pub count: u64,
    /// Earliest event.
    pub first_seen: EventTime,
    /// Latest event.
    pub last_seen: EventTime,
    /// Bounded sets of where it was seen.
    pub seen_on: SeenOn,
    /// One event in full: the earliest of the minute in this fold (ties: the smallest by content), so that order of arrival does not matter.
    pub sample: Arc<Sample>,
}

/// Where an error was seen; sorted, at most [`SeenOn::LIMIT`] of each, the rest counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenOn {
    /// Hosts.
    pub hosts: Vec<Box<str>>,
    /// Roles.
    pub roles: Vec<Box<str>>,
    /// Tasks.
    pub tasks: Vec<Box<str>>,
    /// Whether a set was full and something was left out.
    pub more: bool,
}

impl SeenOn {
    /// How many values of each a delta keeps (the smallest by text win, so that order does not matter).
    pub const LIMIT: usize = 32;
}

/// One event in full.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// RFC 3339.
    pub event_time: String,
    /// As logged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
    /// Logger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub logger: Option<String>,
    /// Thread.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thread: Option<String>,
    /// Message, redacted.
    pub message: String,
    /// The whole stack as text, redacted; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stack: Option<String>,
    /// The dimensions by name.
    pub dimensions: BTreeMap<String, String>,
    /// Which shape it was read as.
    pub layout: String,
    /// Whether text was cut by the writer or here.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub truncated: bool,
    /// Bytes of the stack before it was cut here, when it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stack_bytes: Option<u64>,
    /// How many secrets were redacted.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub redactions: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A count for one (minute, error type, dimensions).
#[derive(Debug, Clone)]
pub struct StatRow {
    /// The minute.
    pub minute: Minute,
    /// Error type, category, severity, part, exception, fingerprint, group.
    pub identity: Arc<Identity>,
    /// cluster, namespace, job, team, engine, role, host (the finer ones are not part of the key).
    pub dimensions: Arc<Dimensions>,
    /// Events.
    pub count: u64,
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

/// Records consumed and what became of them: `records + extra == folded + rejected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    /// Records read.
    pub records: u64,
    /// Events beyond the first of their record (an OTLP record holds many).
    pub extra: u64,
    /// Events folded.
    pub folded: u64,
    /// Rejects.
    pub rejected: u64,
}

impl Ledger {
    /// Whether it adds up.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.records + self.extra == self.folded + self.rejected
    }

    /// Adds another.
    pub fn add(&mut self, other: &Ledger) {
        self.records += other.records;
        self.extra += other.extra;
        self.folded += other.folded;
        self.rejected += other.rejected;
    }
}

/// Which fingerprint a delta belongs to.
impl DetailDelta {
    /// The fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }
}
