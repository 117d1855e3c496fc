//! Rejects, from the end of their topic: they are written there with the counts, and need no second home.

use crate::config::servers::KafkaConfig;
use crate::event::EventTime;
use crate::source::kafka::tail::tail;
use crate::store::cursor;
use crate::store::{Page, ReadError, StoredReject};
use crate::topics::reject::RejectRecord;

/// Rejects of one page at most: each may hold a megabyte.
const PAGE: usize = 50;
/// How far back pages go; `seismolog dlq list` goes further.
const DEEPEST: usize = 500;

/// Where rejects are.
#[derive(Debug, Clone)]
pub struct RejectTopic {
    /// How the brokers are reached.
    pub kafka: KafkaConfig,
    /// The topic.
    pub topic: String,
}

/// One page, newest first. A cursor is the number of rejects before it, so that pages move on when rejects come in.
pub(super) fn page(
    topic: Option<&RejectTopic>,
    limit: usize,
    after: Option<&str>,
) -> Result<Page<StoredReject>, ReadError> {
    let before: usize = match after {
        None => 0,
        Some(cursor) => cursor::number(cursor, "rejects")?,
    };
    let limit = limit.clamp(1, PAGE);
    let nothing = Page {
        items: Vec::new(),
        next: None,
    };
    let Some(topic) = topic.filter(|_| before < DEEPEST) else {
        return Ok(nothing);
    };
    let wanted = before + limit + 1;
    let mut found: Vec<StoredReject> = Vec::new();
    let read = tail(&topic.kafka, &topic.topic, wanted, &mut |record| {
        if let Ok(reject) = serde_json::from_slice::<RejectRecord>(&record.payload) {
            found.push(stored(reject, record.partition, record.offset));
        }
    });
    read.map_err(|fault| ReadError::Store(fault.to_string()))?;
    found.sort_by(|a, b| (&b.rejected_at, b.id).cmp(&(&a.rejected_at, a.id)));
    let more = found.len() > before + limit && before + limit < DEEPEST;
    Ok(Page {
        items: found.into_iter().skip(before).take(limit).collect(),
        next: more.then(|| (before + limit).to_string()),
    })
}

fn stored(reject: RejectRecord, partition: i32, offset: i64) -> StoredReject {
    /// Bits for the partition in a number that JSON's readers keep whole (53 bits).
    const PARTITIONS: i64 = 1 << 12;
    let bytes = reject.decoded().unwrap_or_default();
    StoredReject {
        id: offset.saturating_mul(PARTITIONS).saturating_add(i64::from(partition)),
        source: format!("{}/{}", reject.topic, reject.partition),
        offset: u64::try_from(reject.offset).unwrap_or(0),
        reason: reject.reason,
        detail: reject.detail,
        length: reject.length,
        bytes: String::from_utf8_lossy(&bytes).into_owned(),
        rejected_at: EventTime::from_millis(reject.rejected_at).rfc3339(),
    }
}
