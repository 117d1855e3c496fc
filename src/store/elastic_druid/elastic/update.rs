//! Many deltas of one document merged to one scripted update.
//!
//! The list of (offset, count) goes along whole, so that the script can leave out what was applied before; all else is
//! merged here in the way the script merges: minima, maxima, sorted sets, the earliest sample. Two samples of the same
//! instant are told apart by [`Sample::cmp_content`]; the script compares message and stack in that order and the rest
//! by one text, and texts by UTF-16 units where we compare bytes (they differ for characters beyond U+FFFF only).

use super::documents::{
    DIMENSIONS, EXCEPTION, FINGERPRINT, GROUP, HOSTS, ISSUE, JOB, MESSAGE, PLACES, PLACES_EVER, ROLES, SAMPLE, STACK,
    TASKS, TIMESTAMP, details_id, details_index, issues_index, sample_rest,
};
use super::setup::{details_script, issues_script};
use crate::event::{EventTime, IssueId};
use crate::fold::Sample;
use crate::store::words::{Parts, cut};
use crate::topics::detail::Detail;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// Of an issue in a minute (number since the epoch).
    Minute(IssueId, i64),
    /// Of an issue.
    Issue(IssueId),
}

/// Where a delta was read: the partition (named so that one of a re-created topic is another) and the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `incarnation/partition`.
    pub part: Arc<str>,
    /// Offset.
    pub offset: i64,
}

/// A sample with its time.
#[derive(Debug, Clone)]
struct Told {
    at: i64,
    detail: Arc<Detail>,
}

impl Told {
    fn of(detail: &Arc<Detail>) -> Option<Self> {
        let sample = detail.sample.as_ref()?;
        let parsed: Option<jiff::Timestamp> = sample.event_time.parse().ok();
        let at = parsed.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        Some(Self {
            at: at.unwrap_or(detail.first_seen),
            detail: Arc::clone(detail),
        })
    }

    fn sample(&self) -> Option<&Sample> {
        self.detail.sample.as_ref()
    }

    fn order(&self, other: &Self) -> Ordering {
        self.at
            .cmp(&other.at)
            .then_with(|| match (self.sample(), other.sample()) {
                (Some(left), Some(right)) => left.cmp_content(right),
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
            })
    }
}

/// An applied delta: offset, events, number of the minute.
type Applied = (i64, u64, i64);

/// One update of one document.
#[derive(Debug)]
pub struct Update {
    document: Document,
    parts: BTreeMap<Arc<str>, Vec<Applied>>,
    first_seen: i64,
    last_seen: i64,
    /// The delta with the latest event: what the error is called.
    called: Arc<Detail>,
    more: bool,
    /// Field to values.
    sets: BTreeMap<&'static str, BTreeSet<String>>,
    earliest: Option<Told>,
    latest: Option<Told>,
}

impl Update {
    /// The update of a document by one delta.
    #[must_use]
    pub fn new(document: Document, detail: &Arc<Detail>, origin: &Origin) -> Self {
        let mut update = Self {
            document,
            parts: BTreeMap::new(),
            first_seen: detail.first_seen,
            last_seen: detail.last_seen,
            called: Arc::clone(detail),
            more: false,
            sets: BTreeMap::new(),
            earliest: None,
            latest: None,
        };
        update.add(detail, origin);
        update
    }

    /// Which document.
    #[must_use]
    pub fn document(&self) -> Document {
        self.document
    }

    /// How many deltas it holds.
    #[must_use]
    pub fn deltas(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }

    /// The deltas by partition, each (offset, events, minute), in the order they were added.
    pub fn origins(&self) -> impl Iterator<Item = (&str, i64)> {
        let parts = self.parts.iter();
        parts.flat_map(|(part, applied)| applied.iter().map(|(offset, _, _)| (part.as_ref(), *offset)))
    }

    /// Adds a delta of the same document. Of one partition, offsets must ascend.
    pub fn add(&mut self, detail: &Arc<Detail>, origin: &Origin) {
        let minute = detail.minute.div_euclid(60_000);
        let applied = self.parts.entry(Arc::clone(&origin.part)).or_default();
        applied.push((origin.offset, detail.count, minute));
        self.first_seen = self.first_seen.min(detail.first_seen);
        self.last_seen = self.last_seen.max(detail.last_seen);
        if !Arc::ptr_eq(&self.called, detail) {
            let newer = detail.last_seen.cmp(&self.called.last_seen);
            if newer.then_with(|| name_tie(&self.called).cmp(&name_tie(detail))) == Ordering::Greater {
                self.called = Arc::clone(detail);
            }
        }
        self.more |= detail.more;
        self.gather(HOSTS, detail.hosts.iter());
        self.gather(ROLES, detail.roles.iter());
        self.gather(TASKS, detail.tasks.iter());
        let Some(told) = Told::of(detail) else { return };
        if let (Document::Issue(_), Some(sample)) = (self.document, told.sample()) {
            for (field, value) in values_of(sample) {
                self.gather(field, std::iter::once(&value));
            }
            if self.latest.as_ref().is_none_or(|kept| told.order(kept).is_gt()) {
                self.latest = Some(told.clone());
            }
        }
        if self.earliest.as_ref().is_none_or(|kept| told.order(kept).is_lt()) {
            self.earliest = Some(told);
        }
    }

    fn limit(&self) -> usize {
        match self.document {
            Document::Minute(..) => PLACES,
            Document::Issue(_) => PLACES_EVER,
        }
    }

    fn gather<'a>(&mut self, field: &'static str, values: impl Iterator<Item = &'a String>) {
        let limit = self.limit();
        let mut values = values.peekable();
        if values.peek().is_none() {
            return;
        }
        let set = self.sets.entry(field).or_default();
        set.extend(values.cloned());
        while set.len() > limit {
            set.pop_last();
            self.more = true;
        }
    }

    /// About how many bytes [`Update::write`] makes of it.
    #[must_use]
    pub fn about_bytes(&self) -> usize {
        let texts = |sample: &Sample| sample.message.len() + sample.stack.as_ref().map_or(0, String::len) + 1_024;
        let sample = self.earliest.as_ref().and_then(Told::sample).map_or(0, texts);
        // On issues the words of a text stand beside it.
        let times = match self.document {
            Document::Minute(..) => 1,
            Document::Issue(_) => 2,
        };
        let named = self.called.template.len() * (times + 1) + 1_024;
        let sets: usize = self.sets.values().flatten().map(|value| value.len() + 4).sum();
        sample * times + named + sets + self.deltas() * 32 + 512
    }

    /// The two lines of the bulk request.
    pub fn write(&self, prefix: &str, out: &mut Vec<u8>) {
        let (index, id, script) = match self.document {
            Document::Minute(issue, minute) => {
                let millis = minute.saturating_mul(60_000);
                (
                    details_index(prefix, millis),
                    details_id(issue, millis),
                    details_script(prefix),
                )
            }
            Document::Issue(issue) => (issues_index(prefix), issue.to_string(), issues_script(prefix)),
        };
        line(
            out,
            &json!({"update": {"_index": index, "_id": id, "retry_on_conflict": 3}}),
        );
        line(
            out,
            &json!({"scripted_upsert": true, "upsert": {}, "script": {"id": script, "params": self.params()}}),
        );
    }

    fn params(&self) -> Value {
        let mut fixed = Map::new();
        fixed.insert(ISSUE.into(), self.called.issue.to_string().into());
        fixed.insert(FINGERPRINT.into(), self.called.fingerprint.to_string().into());
        fixed.insert(JOB.into(), self.called.job.as_str().into());
        if let Document::Minute(_, minute) = self.document {
            fixed.insert(TIMESTAMP.into(), millis_text(minute.saturating_mul(60_000)).into());
        }
        let parts: Map<String, Value> = self
            .parts
            .iter()
            .map(|(part, applied)| (part.to_string(), json!(applied)))
            .collect();
        let mut params = json!({
            "parts": parts,
            "fixed": fixed,
            "first": {"nanos": self.first_seen, "text": nanos_text(self.first_seen)},
            "last": {"nanos": self.last_seen, "text": nanos_text(self.last_seen)},
            "identity": {
                "at": self.called.last_seen,
                "tie": name_tie(&self.called),
                "fields": self.named(),
            },
            "more": self.more,
            "sets": self.sets,
            "limit": self.limit(),
        });
        if let Value::Object(params) = &mut params {
            params.insert(
                "sample".into(),
                self.earliest.as_ref().map_or(Value::Null, |told| self.sample(told)),
            );
            if matches!(self.document, Document::Issue(_)) {
                params.insert("latest".into(), self.latest.as_ref().map_or(Value::Null, latest));
            }
        }
        params
    }

    /// What the error is called.
    fn named(&self) -> Value {
        let called = &self.called;
        let title = called.exception_template.as_ref().unwrap_or(&called.template);
        let mut fields = json!({
            EXCEPTION: called.exception,
            GROUP: called.group.to_string(),
            "seismolog.recipe": called.recipe,
            "seismolog.error_type": called.error_type,
            "seismolog.category": called.category,
            "seismolog.severity": called.severity,
            "seismolog.part": called.part,
            "seismolog.rule": called.rule,
            "seismolog.title": title,
            "seismolog.template": called.template,
            "seismolog.exception_template": called.exception_template,
            "seismolog.exception_chain": called.exception_chain,
            "seismolog.top_frame": called.top_frame,
        });
        if let (Document::Issue(_), Value::Object(fields)) = (self.document, &mut fields) {
            let mut parts = Parts::default();
            let mut template = cut(&called.template, &mut parts);
            if let Some(cause) = &called.exception_template {
                template.push_str(&cut(cause, &mut parts));
            }
            let mut names = called.exception.clone().unwrap_or_default();
            for name in called.exception_chain.iter().chain(&called.top_frame) {
                names.push('\n');
                names.push_str(name);
            }
            let names = cut(&names, &mut parts);
            fields.insert("seismolog.words.template".into(), template.into());
            fields.insert("seismolog.words.exception".into(), names.into());
            fields.insert("seismolog.words.parts".into(), parts.text.into());
        }
        fields
    }

    fn sample(&self, told: &Told) -> Value {
        let Some(sample) = told.sample() else {
            return Value::Null;
        };
        let mut fields = json!({
            MESSAGE: sample.message,
            STACK: sample.stack,
            SAMPLE: sample_rest(sample),
            "labels": null,
        });
        if let Value::Object(fields) = &mut fields {
            let labels: Map<String, Value> = sample
                .dimensions
                .iter()
                .filter(|(name, _)| !DIMENSIONS.iter().any(|(known, _)| known == name))
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            if !labels.is_empty() {
                fields.insert("labels".into(), labels.into());
            }
            match self.document {
                Document::Minute(..) => {
                    // Fields the sample before had and this one has not go away with it.
                    for field in SAMPLE_FIELDS {
                        fields.insert((*field).into(), Value::Null);
                    }
                    for (field, value) in values_of(sample) {
                        // Places are kept as sets of every event.
                        if ![HOSTS, ROLES, TASKS].contains(&field) {
                            fields.insert(field.into(), value.into());
                        }
                    }
                }
                Document::Issue(_) => {
                    let mut parts = Parts::default();
                    let message = cut(&sample.message, &mut parts);
                    let stack = sample.stack.as_ref().map(|stack| cut(stack, &mut parts));
                    fields.insert("seismolog.words.message".into(), message.into());
                    fields.insert("seismolog.words.stack".into(), stack.into());
                    fields.insert("seismolog.words.sample_parts".into(), parts.text.into());
                }
            }
        }
        json!({"at": told.at, "tie": sample_tie(sample), "fields": fields})
    }
}

/// Fields of a minute's document that come from its sample.
const SAMPLE_FIELDS: &[&str] = &[
    "log.level",
    "log.logger",
    "process.thread.name",
    "orchestrator.cluster.name",
    "orchestrator.namespace",
    "container.id",
    "seismolog.job_id",
    "seismolog.job_name",
    "seismolog.subtask",
    "seismolog.pod",
    "seismolog.engine",
    "seismolog.engine_version",
    "seismolog.team",
    "seismolog.layout",
    "seismolog.truncated",
    "seismolog.redactions",
    "seismolog.has_stack",
];

/// The values of a sample by field, as text: sets are sorted as text.
fn values_of(sample: &Sample) -> Vec<(&'static str, String)> {
    let mut values = vec![
        ("seismolog.layout", sample.layout.clone()),
        ("seismolog.truncated", sample.truncated.to_string()),
        ("seismolog.redactions", sample.redactions.to_string()),
        ("seismolog.has_stack", sample.stack.is_some().to_string()),
    ];
    let optional = [
        ("log.level", &sample.level),
        ("log.logger", &sample.logger),
        ("process.thread.name", &sample.thread),
    ];
    values.extend(
        optional
            .iter()
            .filter_map(|(field, value)| Some((*field, (*value).clone()?))),
    );
    for (name, field) in DIMENSIONS {
        if let Some(value) = sample.dimensions.get(*name) {
            values.push((field, value.clone()));
        }
    }
    values
}

fn latest(told: &Told) -> Value {
    let Some(sample) = told.sample() else {
        return Value::Null;
    };
    let dimension = |name: &str| sample.dimensions.get(name);
    json!({
        "at": told.at,
        "tie": sample_tie(sample),
        "fields": {
            "seismolog.latest.job_id": dimension("job_id"),
            "seismolog.latest.team": dimension("team"),
            "seismolog.latest.cluster": dimension("cluster"),
            "seismolog.latest.engine": dimension("engine"),
        },
    })
}

/// Tells samples of the same instant, message and stack apart; absent comes first, as in [`Sample::cmp_content`].
fn sample_tie(sample: &Sample) -> String {
    let mut tie = String::new();
    for name in [&sample.level, &sample.logger, &sample.thread] {
        if let Some(name) = name {
            tie.push('\u{1}');
            tie.push_str(name);
        }
        tie.push('\0');
    }
    for (name, value) in &sample.dimensions {
        tie.push_str(name);
        tie.push('\u{1}');
        tie.push_str(value);
        tie.push('\u{1}');
    }
    tie.push('\0');
    for text in [&sample.layout, &sample.event_time] {
        tie.push_str(text);
        tie.push('\0');
    }
    tie.push_str(&format!(
        "{}{:020}{:010}",
        u8::from(sample.truncated),
        sample.stack_bytes.map_or(0, |bytes| bytes.saturating_add(1)),
        sample.redactions
    ));
    tie
}

/// Tells what an error is called apart where two deltas end with the same instant.
fn name_tie(detail: &Detail) -> String {
    let mut bytes = Vec::with_capacity(256);
    let texts = [
        Some(detail.error_type.as_str()),
        Some(detail.category.as_str()),
        Some(detail.severity.as_str()),
        Some(detail.part.as_str()),
        detail.rule.as_deref(),
        Some(detail.template.as_str()),
        detail.exception_template.as_deref(),
        detail.exception.as_deref(),
        detail.top_frame.as_deref(),
    ];
    let chain = detail.exception_chain.iter().map(|class| Some(class.as_str()));
    for text in texts.into_iter().chain(chain) {
        let text = text.unwrap_or("\u{1}");
        bytes.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&detail.recipe.to_le_bytes());
    bytes.extend_from_slice(&detail.group.to_bytes());
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes))
}

fn nanos_text(nanos: i64) -> String {
    EventTime::new(nanos, 3).rfc3339()
}

fn millis_text(millis: i64) -> String {
    EventTime::from_millis(millis).rfc3339()
}

fn line(out: &mut Vec<u8>, value: &Value) {
    // Writing JSON values to memory cannot fail.
    let _written = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}
