//! Events of a window, by issue: sums over the detail documents, exact.

use super::asking::{Ask, buckets, hits, whole};
use super::names::{detail, issue};
use super::search::{Counts, all, terms};
use crate::store::ReadError;
use crate::store::window::Window;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Buckets of one page of a walk over all issues. A node gives up to 65,535 buckets at once.
const PAGE: usize = 10_000;

/// Issues counted in one answer; below the 65,535 buckets a node gives as it comes.
const AT_ONCE: usize = 50_000;

/// Most buckets asked for at once where sparklines are.
const MOST_BUCKETS: usize = 20_000;

/// Longest window whose sparkline is read minute by minute; beyond, hours fall whole into the bucket they begin in,
/// as in the embedded store.
const BY_MINUTE: u32 = 48 * 60;

/// Sum and counts by bucket, by key.
pub(super) type Counted = HashMap<String, (u64, Vec<u64>), foldhash::fast::FixedState>;

/// Documents of the minutes of a window.
pub(super) fn inside(window: Window) -> Value {
    let millis = |minute: u32| i64::from(minute).saturating_mul(60_000);
    json!({"range": {detail::MINUTE: {
        "gte": millis(window.from), "lt": millis(window.to), "format": "epoch_millis"
    }}})
}

impl Ask<'_> {
    /// The events of every issue in a window; of these only, where there are few.
    ///
    /// Exact: a list of the largest would be put together from the largest of each shard, so all are asked for, and
    /// where there are more than fit in one answer, page by page.
    pub(super) fn counts(&self, window: Window, only: Option<&[String]>) -> Result<Counts, ReadError> {
        if only.is_some_and(<[String]>::is_empty) || window.from >= window.to {
            return Ok(Counts::default());
        }
        match only.filter(|ids| ids.len() <= PAGE) {
            Some(ids) => {
                let query = all(vec![inside(window), terms(issue::ID, ids.iter().map(String::as_str))]);
                self.counts_of(&query, window)
            }
            None => self.counts_of(&inside(window), window),
        }
    }

    /// The events of every issue, of the details that match.
    pub(super) fn counts_of(&self, query: &Value, window: Window) -> Result<Counts, ReadError> {
        let body = json!({
            "size": 0,
            "query": query,
            "aggs": {"by": {"terms": {"field": issue::ID, "size": AT_ONCE}, "aggs": sum_of_counts()}}
        });
        let answer = self.search(&self.node.details(window), body).found()?;
        let left_out = whole(answer.pointer("/aggregations/by/sum_other_doc_count"));
        if left_out > 0 {
            return self.counts_by_page(window, query);
        }
        let page = buckets(&answer, "/aggregations/by").iter();
        Ok(page.filter_map(|bucket| counted(bucket, "/key")).collect())
    }

    fn counts_by_page(&self, window: Window, query: &Value) -> Result<Counts, ReadError> {
        let mut counts = Counts::default();
        let mut after: Option<Value> = None;
        loop {
            let mut pages = json!({"size": PAGE, "sources": [{"issue": {"terms": {"field": issue::ID}}}]});
            if let (Some(after), Some(pages)) = (&after, pages.as_object_mut()) {
                pages.insert("after".to_owned(), after.clone());
            }
            let body = json!({
                "size": 0,
                "query": query,
                "aggs": {"by": {"composite": pages, "aggs": sum_of_counts()}}
            });
            let answer = self.search(&self.node.details(window), body).found()?;
            let page = buckets(&answer, "/aggregations/by");
            counts.extend(page.iter().filter_map(|bucket| counted(bucket, "/key/issue")));
            after = answer.pointer("/aggregations/by/after_key").cloned();
            if after.is_none() || page.len() < PAGE {
                return Ok(counts);
            }
        }
    }

    /// Sum and counts by bucket of some values of a keyword field over a window.
    pub(super) fn lines(
        &self,
        field: &str,
        keys: &[String],
        window: Window,
        in_all: usize,
        but: Option<&Value>,
    ) -> Result<Counted, ReadError> {
        let in_all = in_all.min(1_000);
        let mut counted: Counted = keys.iter().map(|key| (key.clone(), (0, vec![0; in_all]))).collect();
        if keys.is_empty() || window.from >= window.to {
            return Ok(counted);
        }
        let bounds = bounds(window, in_all);
        let at_once = (MOST_BUCKETS / in_all.max(1)).max(1);
        let mut pending = Vec::new();
        for keys in keys.chunks(at_once) {
            let mut query = vec![inside(window), terms(field, keys.iter().map(String::as_str))];
            query.extend(but.map(|but| super::search::not(but.clone())));
            let mut inner = json!({"count": {"sum": {"field": detail::COUNT}}});
            if in_all > 0
                && let Some(inner) = inner.as_object_mut()
            {
                let ranges: Vec<Value> = bounds
                    .windows(2)
                    .map(|pair| match pair {
                        [from, to] => json!({"from": millis(*from), "to": millis(*to)}),
                        _ => Value::Null,
                    })
                    .collect();
                inner.insert(
                    "line".to_owned(),
                    json!({
                        "date_range": {"field": detail::MINUTE, "format": "epoch_millis", "ranges": ranges},
                        "aggs": {"count": {"sum": {"field": detail::COUNT}}}
                    }),
                );
            }
            let body = json!({
                "size": 0,
                "query": all(query),
                "aggs": {"by": {"terms": {"field": field, "size": keys.len(), "include": keys}, "aggs": inner}}
            });
            pending.push(self.search(&self.node.details(window), body));
        }
        for pending in pending {
            let answer = pending.found()?;
            for bucket in buckets(&answer, "/aggregations/by") {
                let Some(key) = bucket.get("key").and_then(Value::as_str) else {
                    continue;
                };
                if let Some((sum, line)) = counted.get_mut(key) {
                    *sum = whole(bucket.pointer("/count/value"));
                    // Ranges come back in the order of where they begin, empty ones (from = to) among them.
                    for part in buckets(bucket, "/line") {
                        let at = part.get("from").and_then(Value::as_f64);
                        let slot =
                            at.and_then(|at| bounds.iter().rposition(|bound| (millis_float(*bound) - at).abs() < 1.0));
                        if let Some(count) = slot.and_then(|slot| line.get_mut(slot)) {
                            *count = count.saturating_add(whole(part.pointer("/count/value")));
                        }
                    }
                }
            }
        }
        Ok(counted)
    }

    /// The ids of the issues that match.
    pub(super) fn ids(&self, query: &Value) -> Result<Vec<String>, ReadError> {
        let mut ids = Vec::new();
        let mut after: Option<Value> = None;
        loop {
            let mut body = json!({
                "size": PAGE,
                "query": query,
                // Stored fields would be unpacked for every hit: with them this takes ten times as long.
                "stored_fields": "_none_",
                "_source": false,
                "sort": [{issue::ID: "asc"}],
            });
            if let (Some(after), Some(body)) = (&after, body.as_object_mut()) {
                body.insert("search_after".to_owned(), json!([after]));
            }
            let answer = self.search(&self.node.issues(), body).found()?;
            let page = hits(&answer);
            after = page.last().and_then(|hit| hit.pointer("/sort/0")).cloned();
            ids.extend(
                page.iter()
                    .filter_map(|hit| hit.pointer("/sort/0").and_then(Value::as_str).map(str::to_owned)),
            );
            if after.is_none() || page.len() < PAGE {
                return Ok(ids);
            }
        }
    }

    /// The minutes of one issue with their counts, ascending.
    pub(super) fn minutes(&self, id: &str, window: Window) -> Result<Vec<(u32, u64)>, ReadError> {
        let mut minutes = Vec::new();
        let mut from = window.from;
        while from < window.to {
            let rest = Window { from, to: window.to };
            let body = json!({
                "size": PAGE,
                "query": all(vec![super::search::term(issue::ID, id), inside(rest)]),
                "_source": [detail::COUNT],
                "sort": [{detail::MINUTE: "asc"}],
            });
            let answer = self.search(&self.node.details(rest), body).found()?;
            let page = hits(&answer);
            for hit in page {
                let minute = minute_of(hit.pointer("/sort/0"));
                minutes.push((
                    minute,
                    whole(hit.pointer("/_source").and_then(|doc| doc.get(detail::COUNT))),
                ));
                from = minute.saturating_add(1);
            }
            if page.len() < PAGE {
                break;
            }
        }
        Ok(minutes)
    }
}

fn sum_of_counts() -> Value {
    json!({"count": {"sum": {"field": detail::COUNT}}})
}

fn counted(bucket: &Value, key: &str) -> Option<(String, u64)> {
    let id = bucket.pointer(key)?.as_str()?;
    Some((id.to_owned(), whole(bucket.pointer("/count/value"))))
}

/// The minute of a time in milliseconds.
pub(super) fn minute_of(millis: Option<&Value>) -> u32 {
    let millis = millis.and_then(Value::as_i64).unwrap_or(0);
    u32::try_from(millis.max(0) / 60_000).unwrap_or(u32::MAX)
}

fn millis(minute: u32) -> i64 {
    i64::from(minute).saturating_mul(60_000)
}

fn millis_float(minute: u32) -> f64 {
    f64::from(minute) * 60_000.0
}

/// Where the buckets of a sparkline begin, in minutes, and where the last one ends. A minute falls into the bucket
/// that its share of the window says; in long windows the minutes of a whole hour fall where the hour begins.
pub(super) fn bounds(window: Window, in_all: usize) -> Vec<u32> {
    let width = u64::from(window.to.saturating_sub(window.from)).max(1);
    let whole_hours = (window.from.div_ceil(60), window.to / 60);
    let by_hour = width > u64::from(BY_MINUTE) && whole_hours.0 < whole_hours.1;
    let count = u64::try_from(in_all).unwrap_or(0);
    let mut bounds: Vec<u32> = (0..count)
        .map(|at| {
            // The first minute whose share reaches this bucket.
            let offset = (at * width).div_ceil(count);
            let minute = window.from.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            let hour = minute.div_ceil(60);
            let inside = minute > whole_hours.0 * 60 && minute <= whole_hours.1 * 60;
            if by_hour && inside { hour * 60 } else { minute }
        })
        .collect();
    bounds.push(window.to);
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the embedded store finds the bucket of a minute.
    fn expected(window: Window, in_all: usize, minute: u32) -> usize {
        let width = u64::from(window.to - window.from).max(1);
        let (first, last) = (window.from.div_ceil(60), window.to / 60);
        let by_hour = width > u64::from(BY_MINUTE) && first < last && (first * 60..last * 60).contains(&minute);
        let slot = if by_hour { minute / 60 * 60 } else { minute };
        usize::try_from(u64::from(slot - window.from) * in_all as u64 / width).unwrap()
    }

    #[test]
    fn buckets_of_a_sparkline_begin_where_the_embedded_store_has_them() {
        for (from, to) in [
            (0, 60),
            (7, 8),
            (30, 1470),
            (30, 3000),
            (59, 10_000),
            (60, 43_260),
            (61, 2_999),
        ] {
            let window = Window { from, to };
            for in_all in [1, 5, 24, 60, 100] {
                let bounds = bounds(window, in_all);
                assert_eq!(bounds.len(), in_all + 1);
                assert!(bounds.windows(2).all(|pair| pair[0] <= pair[1]), "{bounds:?}");
                for minute in from..to {
                    let at = bounds[..in_all].iter().rposition(|bound| *bound <= minute).unwrap();
                    assert_eq!(at, expected(window, in_all, minute), "{from}..{to} {in_all} {minute}");
                }
            }
        }
    }
}
