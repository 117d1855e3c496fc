//! Totals.

use super::super::druid::DruidReader;
use super::asking::{Ask, buckets, hits, whole};
use super::issues::Doc;
use super::names::issue;
use crate::fold::Ledger;
use crate::store::elastic_druid::elastic::Method;
use crate::store::window::time_text;
use crate::store::{ReadError, Totals};
use serde_json::{Value, json};

/// Fingerprints counted one by one; beyond, their number is estimated.
const COUNTED: usize = 50_000;

impl Ask<'_> {
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
