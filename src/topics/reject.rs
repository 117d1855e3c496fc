//! `error-rejects`: records that could not become events, and deltas the search node refused, with their bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// One reject. Its key in the topic is `topic/partition/offset` of the record it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectRecord {
    /// Which role refused it: `process` (a record) or `index` (a detail delta).
    pub stage: Stage,
    /// Topic it was read from.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Closed set, `snake_case`: a reason of decoding, or what the search node called it.
    pub reason: String,
    /// For a person.
    pub detail: String,
    /// Length of the record in bytes.
    pub length: u64,
    /// Its bytes, up to [`crate::fold::Reject::KEPT_BYTES`], as base64.
    pub bytes: String,
    /// When, milliseconds since the epoch.
    pub rejected_at: i64,
}

/// Who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It could not become an event.
    Process,
    /// The search node would not take it.
    Index,
}

impl RejectRecord {
    /// Bytes as they stand in the record.
    #[must_use]
    pub fn encode(bytes: &[u8]) -> String {
        STANDARD.encode(bytes)
    }

    /// The bytes.
    ///
    /// # Errors
    /// When somebody wrote the record by hand and what stands there is no base64.
    pub fn decoded(&self) -> Result<Vec<u8>, base64::DecodeError> {
        STANDARD.decode(&self.bytes)
    }
}
