//! Issues as they are shown, from their documents.

use super::asking::{Ask, hits};
use super::counts::Counted;
use super::names::issue;
use super::search::terms;
use crate::event::{Fingerprint, Group, IssueId, Part, Severity};
use crate::store::said::{Said, state_named};
use crate::store::window::{Window, time_text};
use crate::store::{Issue, ReadError};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What of a document is read to show an issue in a list.
pub(super) const LISTED: &[&str] = &[
    issue::ID,
    issue::FINGERPRINT,
    issue::GROUP,
    issue::JOB,
    issue::ERROR_TYPE,
    issue::CATEGORY,
    issue::SEVERITY,
    issue::PART,
    issue::RULE,
    issue::EXCEPTION,
    issue::CHAIN,
    issue::TOP_FRAME,
    issue::TEMPLATE,
    issue::EXCEPTION_TEMPLATE,
    issue::TOTAL,
    issue::FIRST,
    issue::LAST,
    issue::STATE,
    issue::SINCE,
    issue::UNTIL,
    issue::EVENTS,
    issue::MINUTES,
    issue::ASSIGNEE,
    issue::NOTE,
    issue::LATEST_JOB_ID,
    issue::LATEST_TEAM,
    issue::LATEST_CLUSTER,
    issue::LATEST_ENGINE,
];

/// The document of an issue.
#[derive(Debug, Clone)]
pub(super) struct Doc(pub(super) Value);

impl Doc {
    /// The document of a hit.
    pub(super) fn of(hit: &Value) -> Self {
        Self(hit.get("_source").cloned().unwrap_or(Value::Null))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    fn millis(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        self.text(issue::ID).unwrap_or_default()
    }

    /// What people said of it; nothing where nobody did.
    pub(super) fn said(&self) -> Option<Said> {
        let since = self.millis(issue::SINCE)?;
        Some(Said {
            state: state_named(self.text(issue::STATE).unwrap_or_default()),
            since,
            until: self.millis(issue::UNTIL),
            volume: self.0.get(issue::EVENTS).and_then(Value::as_u64),
            period: self
                .0
                .get(issue::MINUTES)
                .and_then(Value::as_u64)
                .and_then(|minutes| u32::try_from(minutes).ok()),
            assignee: self.owned(issue::ASSIGNEE),
            note: self.owned(issue::NOTE),
        })
    }

    /// As it is shown; nothing where the document is none of ours.
    pub(super) fn shown(&self, count: u64, sparkline: Vec<u64>, now: i64) -> Option<Issue> {
        let id: IssueId = self.id().parse().ok()?;
        let fingerprint: Fingerprint = self.text(issue::FINGERPRINT)?.parse().ok()?;
        let group = self.text(issue::GROUP).and_then(|group| group.parse().ok());
        let template = self.owned(issue::TEMPLATE).unwrap_or_default();
        Some(Issue {
            id,
            fingerprint,
            group: group.unwrap_or(Group(0)),
            job: self.owned(issue::JOB).unwrap_or_else(|| "-".to_owned()),
            job_id: self.owned(issue::LATEST_JOB_ID),
            team: self.owned(issue::LATEST_TEAM),
            cluster: self.owned(issue::LATEST_CLUSTER),
            engine: self.owned(issue::LATEST_ENGINE),
            error_type: self.owned(issue::ERROR_TYPE).unwrap_or_default(),
            category: self.owned(issue::CATEGORY).unwrap_or_default(),
            severity: self
                .text(issue::SEVERITY)
                .and_then(|severity| severity.parse().ok())
                .unwrap_or(Severity::Medium),
            part: self
                .text(issue::PART)
                .and_then(|part| part.parse().ok())
                .unwrap_or(Part::Root),
            rule: self.owned(issue::RULE),
            exception: self.owned(issue::EXCEPTION),
            top_frame: self.owned(issue::TOP_FRAME),
            title: self
                .owned(issue::EXCEPTION_TEMPLATE)
                .unwrap_or_else(|| template.clone()),
            template,
            count,
            total: self.number(issue::TOTAL),
            first_seen: time_text(self.number(issue::FIRST)),
            last_seen: time_text(self.number(issue::LAST)),
            state: self.said().map(|said| said.state_at(now)).unwrap_or_default(),
            sparkline,
        })
    }
}

impl Ask<'_> {
    /// Issues with their counts in the window, in the order given.
    pub(super) fn shown(
        &self,
        docs: &[Doc],
        window: Window,
        buckets: usize,
        now: i64,
    ) -> Result<Vec<Issue>, ReadError> {
        let ids: Vec<String> = docs.iter().map(|doc| doc.id().to_owned()).collect();
        let counted = self.lines(issue::ID, &ids, window, buckets, None)?;
        Ok(with_counts(docs, counted, now))
    }

    /// Documents by id, in the order of the ids. Those that are gone are left out.
    pub(super) fn documents(&self, ids: &[String]) -> Result<Vec<Doc>, ReadError> {
        let mut found: HashMap<String, Doc, foldhash::fast::FixedState> = HashMap::default();
        for ids in ids.chunks(1_000) {
            let body = json!({
                "size": ids.len(),
                "query": terms(issue::ID, ids.iter().map(String::as_str)),
                "_source": LISTED,
            });
            let answer = self.search(&self.node.issues(), body).found()?;
            for hit in hits(&answer) {
                let doc = Doc::of(hit);
                found.insert(doc.id().to_owned(), doc);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }
}

/// Documents with their counts.
pub(super) fn with_counts(docs: &[Doc], mut counted: Counted, now: i64) -> Vec<Issue> {
    docs.iter()
        .filter_map(|doc| {
            let (count, sparkline) = counted.remove(doc.id()).unwrap_or_default();
            doc.shown(count, sparkline, now)
        })
        .collect()
}
