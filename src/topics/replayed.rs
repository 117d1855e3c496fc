//! Notes in `error-rejects`: which rejects were sent back.
//!
//! A note is written in the transaction that sends them back, into the partition they stand in and so always behind
//! them: who reads a partition from a reject to its end knows whether it was sent back.

use serde::{Deserialize, Serialize};

/// One note. Its key in the topic is `replayed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Offsets of rejects of this partition of `error-rejects`.
    pub replayed: Vec<i64>,
    /// When, milliseconds since the epoch.
    pub replayed_at: i64,
}

impl Replayed {
    /// Its key.
    pub const KEY: &'static str = "replayed";
}
