//! Small questions: rejects, totals.

use super::super::druid::DruidReader;
use super::asking::{Ask, buckets, hits, whole};
use super::issues::Doc;
use super::names::issue;
use crate::event::EventTime;
use crate::fold::Ledger;
use crate::store::elastic_druid::elastic::Method;
use crate::store::window::time_text;
use crate::store::{Page, ReadError, StoredReject, Totals};
use crate::topics::reject::RejectRecord;
use serde_json::{Value, json};

/// Fingerprints counted one by one; beyond, their number is estimated.
const COUNTED: usize = 50_000;

/// When a reject was made, and its number.
const AT: &str = "rejected_at";
const NUMBER: &str = "number";

/// Id, number and document of a reject for `PREFIX-rejects`, as [`Ask::rejects`] reads them. The number is made of
/// the id, small enough for JSON's readers.
#[must_use]
pub fn reject_document(record: &RejectRecord) -> (String, Value) {
    let id = format!("{}/{}/{}", record.topic, record.partition, record.offset);
    let number = xxhash_rust::xxh3::xxh3_64(id.as_bytes()) >> 11;
    let mut document = serde_json::to_value(record).unwrap_or_default();
    if let Some(document) = document.as_object_mut() {
        document.insert(NUMBER.to_owned(), json!(number));
        document.insert("@timestamp".to_owned(), json!(record.rejected_at));
    }
    (id, document)
}

impl Ask<'_> {
    /// Rejects, where the index role keeps them in the search node; none where it does not.
    pub(super) fn rejects(&self, limit: usize, after: Option<&str>) -> Result<Page<StoredReject>, ReadError> {
        let limit = limit.clamp(1, 500);
        let mut body = json!({
            "size": limit + 1,
            "sort": [{AT: {"order": "desc", "unmapped_type": "long"}}, {NUMBER: {"order": "desc", "unmapped_type": "long"}}],
        });
        if let Some(cursor) = after {
            let place = cursor
                .split_once('.')
                .and_then(|(at, number)| Some((at.parse::<i64>().ok()?, number.parse::<i64>().ok()?)));
            let (at, number) = place.ok_or_else(|| {
                let shown: String = cursor.chars().take(64).collect();
                ReadError::BadRequest(format!("after={shown:?} is not a cursor of rejects; begin without one"))
            })?;
            if let Some(body) = body.as_object_mut() {
                body.insert("search_after".to_owned(), json!([at, number]));
            }
        }
        let answer = self.search(&self.node.rejects(), body).found()?;
        let found = hits(&answer);
        let mut items: Vec<(String, StoredReject)> = found.iter().filter_map(reject_of).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
        Ok(Page {
            items: items.into_iter().map(|(_, reject)| reject).collect(),
            next,
        })
    }

    /// What is stored. The ledger is what Druid's heartbeats told; without Druid, the events that are in issues.
    pub(super) fn totals(&self, druid: Option<&DruidReader>) -> Result<Totals, ReadError> {
        let (issues, details) = (self.node.issues(), self.node.all_details());
        let edge = |name: &str, order: &str| {
            self.search(
                &issues,
                json!({"size": 1, "_source": [name], "sort": [{name: {"order": order, "unmapped_type": "long"}}]}),
            )
        };
        let (first, last) = (edge(issue::FIRST, "asc"), edge(issue::LAST, "desc"));
        let of_issues = self.search(
            &issues,
            json!({"size": 0, "track_total_hits": true, "aggs": {
                "by": {"terms": {"field": issue::FINGERPRINT, "size": COUNTED}},
                "about": {"cardinality": {"field": issue::FINGERPRINT, "precision_threshold": 40_000}},
                "events": {"sum": {"field": issue::TOTAL}},
            }}),
        );
        let of_details = self.search(&details, json!({"size": 0, "track_total_hits": true}));
        let stats = self.send(
            Method::Get,
            format!("{issues},{details}/_stats/store"),
            &[("ignore_unavailable", "true".to_owned())],
            None,
        );
        let sums = druid.map(|druid| druid.client().sums()).transpose();
        let sums = sums.map_err(|error| ReadError::Store(error.to_string()))?;
        let of_issues = of_issues.found()?;
        let one_by_one = buckets(&of_issues, "/aggregations/by").len();
        let fingerprints = if one_by_one < COUNTED {
            u64::try_from(one_by_one).unwrap_or(0)
        } else {
            whole(of_issues.pointer("/aggregations/about/value"))
        };
        let sources: Vec<(String, Ledger)> = match sums {
            Some(sums) => {
                let inputs = sums.inputs.into_iter();
                inputs
                    .map(|((topic, partition), told)| {
                        (
                            format!("{topic}/{partition}"),
                            ledger(told.records, told.folded, told.rejected),
                        )
                    })
                    .collect()
            }
            None => {
                let events = whole(of_issues.pointer("/aggregations/events/value"));
                vec![("search node".to_owned(), ledger(events, events, 0))]
            }
        };
        let mut all = Ledger::default();
        sources.iter().for_each(|(_, of_source)| all.add(of_source));
        let time = |answer: &Value, name: &str| hits(answer).first().map(|hit| time_text(Doc::of(hit).number(name)));
        Ok(Totals {
            ledger: all,
            sources,
            issues: whole(of_issues.pointer("/hits/total/value")),
            fingerprints,
            details: whole(of_details.found()?.pointer("/hits/total/value")),
            bytes: whole(stats.found()?.pointer("/_all/total/store/size_in_bytes")),
            first_seen: time(&first.found()?, issue::FIRST),
            last_seen: time(&last.found()?, issue::LAST),
        })
    }
}

/// A ledger of what was counted: what is more than records came out of records that held several events.
fn ledger(records: u64, folded: u64, rejected: u64) -> Ledger {
    Ledger {
        records,
        extra: folded.saturating_add(rejected).saturating_sub(records),
        folded,
        rejected,
    }
}

fn reject_of(hit: &Value) -> Option<(String, StoredReject)> {
    let source = hit.get("_source")?;
    let number = source.get(NUMBER).and_then(Value::as_i64)?;
    let record: RejectRecord = serde_json::from_value(source.clone()).ok()?;
    let bytes = record.decoded().unwrap_or_default();
    let cursor = format!("{}.{number}", record.rejected_at);
    Some((
        cursor,
        StoredReject {
            id: number,
            source: format!("{}/{}", record.topic, record.partition),
            offset: u64::try_from(record.offset).unwrap_or(0),
            reason: record.reason,
            detail: record.detail,
            length: record.length,
            bytes: String::from_utf8_lossy(&bytes).into_owned(),
            rejected_at: EventTime::from_millis(record.rejected_at).rfc3339(),
        },
    ))
}
