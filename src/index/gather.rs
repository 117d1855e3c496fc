//! Deltas to updates: what is gathered between two batches.
//!
//! Kept per partition, so that what was gathered of a partition that moved to another process can be let go of. A
//! (job, fingerprint) lives in one partition, so this costs no merging.

use crate::store::elastic_druid::elastic::update::{Document, Origin, Update};
use crate::topics::detail::Detail;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A delta as read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// When it was written to Kafka, milliseconds since the epoch.
    pub(super) written_at: Option<i64>,
    pub(super) payload: &'a [u8],
}

/// A delta that is not to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Closed set, or what the search node called it.
    pub(super) reason: String,
    pub(super) detail: String,
}

/// How far a partition has been gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// The offset to go on at.
    pub(super) next: i64,
    /// When the last record was written, to know it again.
    pub(super) written_at: Option<i64>,
}

/// What was gathered of one partition.
#[derive(Debug, Default)]
pub(super) struct OfPartition {
    pub(super) updates: HashMap<Document, Update, foldhash::fast::FixedState>,
    pub(super) refused: Vec<Refused>,
    /// The deltas as read, by offset: what is refused goes on with its bytes.
    pub(super) payloads: BTreeMap<i64, Box<[u8]>>,
    pub(super) reached: Option<Reached>,
    pub(super) bytes: usize,
    pub(super) deltas: u64,
    /// When its oldest record was written.
    pub(super) oldest: Option<i64>,
}

/// All that a record of any version has.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u64,
}

/// What was gathered.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) partitions: BTreeMap<i32, OfPartition>,
}

/// What a delta costs beside its bytes: its offset in updates, and its share of tables.
const DELTA_BYTES: usize = 192;

/// What an update costs beside the delta it holds: fields that are written twice, sets, tables.
const UPDATE_BYTES: usize = 2_048;

impl Batch {
    /// Takes a record in. `part` names its partition for the guard.
    pub(super) fn add(&mut self, part: &Arc<str>, read: Read<'_>) {
        let of = self.partitions.entry(read.partition).or_default();
        of.reached = Some(Reached {
            next: read.offset.saturating_add(1),
            written_at: read.written_at,
        });
        of.deltas += 1;
        of.oldest = match (of.oldest, read.written_at) {
            (Some(oldest), Some(at)) => Some(oldest.min(at)),
            (oldest, at) => oldest.or(at),
        };
        let refuse = |reason: &str, detail: String| Refused {
            partition: read.partition,
            offset: read.offset,
            reason: reason.to_owned(),
            detail,
        };
        of.payloads.insert(read.offset, read.payload.into());
        of.bytes += read.payload.len() + DELTA_BYTES;
        let version = serde_json::from_slice::<Versioned>(read.payload).map_or(0, |told| told.version);
        if version > u64::from(Detail::VERSION) {
            let told = format!("version {version}, this program reads up to {}", Detail::VERSION);
            of.refused.push(refuse("newer_version", told));
            return;
        }
        let detail: Detail = match serde_json::from_slice(read.payload) {
            Ok(detail) => detail,
            Err(error) => {
                // What serde says may quote the text: only the place is passed on.
                let place = format!("not a detail delta: line {}, column {}", error.line(), error.column());
                of.refused.push(refuse("invalid_detail", place));
                return;
            }
        };
        let minute = detail.minute.div_euclid(60_000);
        let detail = Arc::new(detail);
        let origin = Origin {
            part: Arc::clone(part),
            offset: read.offset,
        };
        for document in [Document::Minute(detail.issue, minute), Document::Issue(detail.issue)] {
            match of.updates.get_mut(&document) {
                Some(update) => update.add(&detail, &origin),
                None => {
                    of.updates.insert(document, Update::new(document, &detail, &origin));
                    of.bytes += UPDATE_BYTES;
                }
            }
        }
        // Updates hold on to the deltas whose sample or name they go by.
        if Arc::strong_count(&detail) > 1 {
            of.bytes += read.payload.len();
        }
    }

    /// Lets go of partitions that are not ours any more.
    pub(super) fn drop_partitions(&mut self, gone: &[i32]) {
        self.partitions.retain(|partition, _| !gone.contains(partition));
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.partitions.values().map(|of| of.bytes).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_delta_is_refused_and_its_offset_still_reached() {
        let mut batch = Batch::default();
        let part: Arc<str> = "t/0".into();
        for (offset, payload) in [(4, "{}"), (5, "\u{0}"), (6, r#"{"version":2}"#)] {
            batch.add(
                &part,
                Read {
                    partition: 0,
                    offset,
                    written_at: Some(7),
                    payload: payload.as_bytes(),
                },
            );
        }
        let of = &batch.partitions[&0];
        assert_eq!(of.reached.unwrap().next, 7);
        assert_eq!(of.refused.len(), 3);
        let reasons: Vec<&str> = of.refused.iter().map(|refused| refused.reason.as_str()).collect();
        assert_eq!(reasons, ["invalid_detail", "invalid_detail", "newer_version"]);
        batch.drop_partitions(&[0]);
        assert!(batch.is_empty());
    }
}
