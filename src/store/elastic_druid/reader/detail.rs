//! One issue in full, and its samples.

use super::asking::{Ask, Pending, buckets, hits, whole};
use super::counts::{inside, minute_of};
use super::issues::{Doc, LISTED};
use super::names::{detail, issue};
use super::search::{all, not, term};
use crate::event::IssueId;
use crate::store::cursor;
use crate::store::elastic_druid::elastic::documents::read_sample;
use crate::store::window::{Window, minute_text};
use crate::store::{ErrorAsk, Issue, IssueDetail, Page, ReadError, StoredSample};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most hosts, roles and tasks of an issue that are named.
const MOST_NAMES: usize = 100;

/// Detail documents looked at for tasks: the latest of the window.
const ROWS_FOR_TASKS: usize = 200;

impl Ask<'_> {
    /// The document of an issue that is known.
    pub(super) fn issue(&self, id: IssueId, fields: &[&str]) -> Result<Doc, ReadError> {
        let answer = self.get(&self.node.issues(), &id.to_string(), fields).found()?;
        match answer.get("_source") {
            Some(source) if answer.get("found").and_then(Value::as_bool) == Some(true) => Ok(Doc(source.clone())),
            Some(_) | None => Err(ReadError::NotFound(format!("issue {id}"))),
        }
    }

    pub(super) fn error(&self, ask: &ErrorAsk) -> Result<IssueDetail, ReadError> {
        let window = Window::of_millis(ask.from, ask.to);
        let id = ask.id.to_string();
        // All that needs nothing but the id is on its way at once.
        let tasks = self.search(
            &self.node.details(window),
            json!({
                "size": ROWS_FOR_TASKS,
                "query": all(vec![term(issue::ID, id.as_str()), inside(window)]),
                "_source": [issue::TASK],
                "sort": [latest_minute()],
            }),
        );
        let places = self.search(
            &self.node.all_details(),
            json!({
                "size": 0,
                "query": all(vec![term(issue::ID, id.as_str())]),
                "aggs": {"hosts": names(issue::HOST), "roles": names(issue::ROLE)},
            }),
        );
        let latest = self.samples_before(&id, u32::MAX, 1);
        let doc = self.issue(ask.id, LISTED)?;
        let same = |name: &str| term(name, doc.text(name).unwrap_or_default());
        let of_fingerprint = self.kin(&id, vec![same(issue::FINGERPRINT)], ask.kin);
        let of_group = self.kin(&id, vec![same(issue::GROUP), not(same(issue::FINGERPRINT))], ask.kin);
        let minutes = self.minutes(&id, window)?;
        let tasks: BTreeSet<String> = hits(&tasks.found()?)
            .iter()
            .flat_map(|hit| Doc::of(hit).texts(issue::TASK))
            .collect();
        let places = places.found()?;
        let named = |path: &str| -> Vec<String> {
            let keys = buckets(&places, path).iter();
            keys.filter_map(|bucket| bucket.get("key").and_then(Value::as_str).map(str::to_owned))
                .collect()
        };
        let sample = hits(&latest.found()?).first().map(sample_of).transpose()?.flatten();
        let (of_fingerprint, of_group) = (docs(&of_fingerprint.found()?), docs(&of_group.found()?));
        let count = minutes.iter().map(|(_, count)| count).sum();
        let issue = doc.shown(count, Vec::new(), ask.to);
        Ok(IssueDetail {
            issue: issue.ok_or_else(|| ReadError::NotFound(format!("issue {}", ask.id)))?,
            exception_chain: doc.texts(issue::CHAIN),
            minutes: minutes
                .iter()
                .map(|(minute, count)| (minute_text(*minute), *count))
                .collect(),
            hosts: named("/aggregations/hosts"),
            roles: named("/aggregations/roles"),
            tasks: tasks.into_iter().take(MOST_NAMES).collect(),
            sample,
            same_fingerprint: self.related(&of_fingerprint, window, ask.to)?,
            same_group: self.related(&of_group, window, ask.to)?,
        })
    }

    fn related(&self, docs: &[Doc], window: Window, now: i64) -> Result<Vec<Issue>, ReadError> {
        self.shown(docs, window, 0, now)
    }

    /// The latest issues that match, without `but`.
    fn kin(&self, but: &str, mut matching: Vec<Value>, most: usize) -> Pending {
        matching.push(not(term(issue::ID, but)));
        self.search(
            &self.node.issues(),
            json!({
                "size": most.min(500),
                "query": all(matching),
                "_source": LISTED,
                "sort": [{issue::LAST: "desc"}, {issue::ID: "desc"}],
            }),
        )
    }

    /// The latest samples of an issue of minutes before this one.
    fn samples_before(&self, id: &str, before: u32, size: usize) -> Pending {
        self.search(
            &self.node.all_details(),
            json!({
                "size": size,
                "query": all(vec![term(issue::ID, id), inside(Window { from: 0, to: before })]),
                "_source": [detail::COUNT, detail::SAMPLE, detail::MESSAGE, detail::STACK],
                "sort": [latest_minute()],
            }),
        )
    }

    pub(super) fn samples(
        &self,
        issue: IssueId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StoredSample>, ReadError> {
        let limit = limit.clamp(1, 200);
        let before = match after {
            None => u32::MAX,
            Some(cursor) => cursor::number(cursor, "samples")?,
        };
        let found = self.samples_before(&issue.to_string(), before, limit + 1);
        self.issue(issue, &[issue::ID])?;
        let found = found.found()?;
        let page = hits(&found).get(..limit).unwrap_or_else(|| hits(&found));
        let more = hits(&found).len() > limit;
        let mut items = Vec::with_capacity(page.len());
        for hit in page {
            items.extend(sample_of(hit)?);
        }
        let oldest = page.last().map(|hit| minute_of(hit.pointer("/sort/0")).to_string());
        Ok(Page {
            items,
            next: oldest.filter(|_| more),
        })
    }
}

fn docs(answer: &Value) -> Vec<Doc> {
    hits(answer).iter().map(Doc::of).collect()
}

fn latest_minute() -> Value {
    json!({detail::MINUTE: {"order": "desc", "unmapped_type": "date"}})
}

/// The first names in alphabetical order.
fn names(field: &str) -> Value {
    json!({"terms": {"field": field, "size": MOST_NAMES, "order": {"_key": "asc"}}})
}

/// The sample of a detail document; nothing where the first delta of its minute has not arrived yet.
fn sample_of(hit: &Value) -> Result<Option<StoredSample>, ReadError> {
    let minute = minute_text(minute_of(hit.pointer("/sort/0")));
    let Some(source) = hit.get("_source").and_then(Value::as_object) else {
        return Ok(None);
    };
    if !source.contains_key(detail::SAMPLE) {
        return Ok(None);
    }
    let sample = read_sample(source).ok_or_else(|| {
        ReadError::Store(format!(
            "the sample of {minute} cannot be read; was the document changed by hand?"
        ))
    })?;
    Ok(Some(StoredSample {
        minute,
        count: whole(source.get(detail::COUNT)),
        sample,
    }))
}
