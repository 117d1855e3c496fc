//! What stands in the documents: names of indices, ids, and which field answers which key of the search language.
//!
//! Keys of `_source` are flat (`"seismolog.count": 3`), which the node reads as the same fields as nested objects; so
//! the scripts and the reading side name a field in one way. Fields of the Elastic Common Schema where one exists,
//! the rest below `seismolog`.
//!
//! | on | field | holds |
//! |---|---|---|
//! | both | `service.name`, `seismolog.issue`, `.fingerprint` | job, id of the issue, fingerprint |
//! | both | `seismolog.{group,recipe,error_type,category,severity,part,rule,title,template,exception_template,exception_chain,top_frame}`, `error.type` | what the error is, as its latest event was told; `title` is what `Issue::title` wants |
//! | both | `seismolog.{first_seen,last_seen}` (dates), `…_nanos` (numbers) | of the minute, or over all time |
//! | both | `host.name`, `seismolog.{role,task}`, `seismolog.more` | where events were seen: sorted sets, at most [`PLACES`] in a minute and [`PLACES_EVER`] of an issue |
//! | both | `error.message`, `error.stack_trace`, `seismolog.sample` | the earliest sample: texts, and the rest of it ([`read_sample`]) |
//! | details | `@timestamp`, `seismolog.count` | start of the minute, events in it |
//! | details | `log.level`, `log.logger`, `process.thread.name`, `orchestrator.*`, `container.id`, `seismolog.{job_name,job_id,…}` | of the sample |
//! | issues | the same | of every sample it ever had |
//! | issues | `@timestamp`, `seismolog.total` | last seen, events over all time |
//! | issues | `seismolog.latest.{job_id,team,cluster,engine}` | of the latest sample, for listings |
//! | issues | `seismolog.words.{message,template,exception,stack,parts,sample_parts}` | words as [`crate::store::words`] cuts them, parted by spaces |
//! | issues | `seismolog.{state,state_since,state_until,state_events,state_minutes,assignee,note,has_note}` | what people said; absent while nobody did. The script turns `resolved` to `regressed` and ends mutes by volume; a mute whose `state_until` has passed is over whatever `state` says |
//! | markers | `@timestamp`, `seismolog.{id,at,until,title,text,job,kind}` | a marker |

use crate::event::{EventTime, IssueId};
use crate::fold::{Sample, SeenOn};
use crate::query::Field;
use serde_json::{Map, Value};

/// Most hosts, roles and tasks a minute's document keeps of each.
pub const PLACES: usize = SeenOn::LIMIT;

/// Most values of each kind an issue's document keeps: what a person scrolls through, small enough to be rewritten
/// with every update.
pub const PLACES_EVER: usize = 256;

/// Start of the minute on details, last seen on issues.
pub const TIMESTAMP: &str = "@timestamp";
/// The job key.
pub const JOB: &str = "service.name";
/// Id of the issue.
pub const ISSUE: &str = "seismolog.issue";
/// Fingerprint.
pub const FINGERPRINT: &str = "seismolog.fingerprint";
/// Group.
pub const GROUP: &str = "seismolog.group";
/// Root-cause class.
pub const EXCEPTION: &str = "error.type";
/// Message of the earliest sample.
pub const MESSAGE: &str = "error.message";
/// Stack of the earliest sample.
pub const STACK: &str = "error.stack_trace";
/// Events of a minute.
pub const COUNT: &str = "seismolog.count";
/// Events over all time.
pub const TOTAL: &str = "seismolog.total";
/// First event, nanoseconds since the epoch.
pub const FIRST_NANOS: &str = "seismolog.first_seen_nanos";
/// Last event, nanoseconds since the epoch.
pub const LAST_NANOS: &str = "seismolog.last_seen_nanos";
/// Hosts.
pub const HOSTS: &str = "host.name";
/// Roles.
pub const ROLES: &str = "seismolog.role";
/// Tasks.
pub const TASKS: &str = "seismolog.task";
/// What is left of the earliest sample beside its texts.
pub const SAMPLE: &str = "seismolog.sample";
/// The last offset applied of each source partition.
pub const GUARD: &str = "seismolog.guard";
/// What people said: resolved, muted, regressed or open; absent is open.
pub const STATE: &str = "seismolog.state";
/// Since when, milliseconds since the epoch.
pub const STATE_SINCE: &str = "seismolog.state_since";
/// Muted until, milliseconds since the epoch.
pub const STATE_UNTIL: &str = "seismolog.state_until";
/// Muted until so many events …
pub const STATE_EVENTS: &str = "seismolog.state_events";
/// … in so many minutes.
pub const STATE_MINUTES: &str = "seismolog.state_minutes";
/// Counts by minute while muted by volume; the script keeps it, whoever sets a state removes it.
pub const STATE_RECENT: &str = "seismolog.state_recent";
/// Who looks after it.
pub const ASSIGNEE: &str = "seismolog.assignee";
/// A note.
pub const NOTE: &str = "seismolog.note";
/// Whether there is one.
pub const HAS_NOTE: &str = "seismolog.has_note";

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Words in `seismolog.words.*`: phrases.
    Words,
    /// A value, compared whole, any case (`case_insensitive`), `*` stands for anything.
    Keyword,
    /// As a keyword; also found by its last dotted parts (`*.NAME`).
    Dotted,
    /// A number.
    Number,
    /// Nanoseconds since the epoch as a number.
    Nanos,
    /// `true` or `false`.
    Bool,
    /// Not a field: the reading side works it out.
    Computed,
}

/// Where the answer to a key stands on the documents of issues.
#[derive(Debug, Clone, Copy)]
pub struct DocField {
    /// The key of the search language.
    pub key: Field,
    /// The field; empty for [`Match::Computed`].
    pub name: &'static str,
    /// How it is compared.
    pub how: Match,
}

macro_rules! fields {
    ($($key:ident => $name:literal $how:ident),+ $(,)?) => {
        /// Every key of the search language with its field on the documents of issues.
        pub const FIELDS: &[DocField] = &[$(DocField { key: Field::$key, name: $name, how: Match::$how }),+];

        /// The field of a key.
        #[must_use]
        pub fn field(key: Field) -> DocField {
            match key { $(Field::$key => DocField { key, name: $name, how: Match::$how }),+ }
        }
    };
}

fields!(
    ErrorType => "seismolog.error_type" Keyword,
    Category => "seismolog.category" Keyword,
    Severity => "seismolog.severity" Keyword,
    Part => "seismolog.part" Keyword,
    Rule => "seismolog.rule" Keyword,
    Exception => "error.type" Dotted,
    ExceptionChain => "seismolog.exception_chain" Dotted,
    TopFrame => "seismolog.top_frame" Dotted,
    Fingerprint => "seismolog.fingerprint" Keyword,
    Group => "seismolog.group" Keyword,
    Id => "seismolog.issue" Keyword,
    Job => "service.name" Keyword,
    JobName => "seismolog.job_name" Keyword,
    JobId => "seismolog.job_id" Keyword,
    Cluster => "orchestrator.cluster.name" Keyword,
    Namespace => "orchestrator.namespace" Keyword,
    Team => "seismolog.team" Keyword,
    Engine => "seismolog.engine" Keyword,
    EngineVersion => "seismolog.engine_version" Keyword,
    Role => "seismolog.role" Keyword,
    Host => "host.name" Keyword,
    Pod => "seismolog.pod" Keyword,
    Container => "container.id" Keyword,
    Task => "seismolog.task" Keyword,
    Subtask => "seismolog.subtask" Number,
    Level => "log.level" Keyword,
    Logger => "log.logger" Dotted,
    Thread => "process.thread.name" Keyword,
    Layout => "seismolog.layout" Keyword,
    Message => "seismolog.words.message" Words,
    Template => "seismolog.words.template" Words,
    Stack => "seismolog.words.stack" Words,
    State => "seismolog.state" Computed,
    Assignee => "seismolog.assignee" Keyword,
    Count => "" Computed,
    Total => "seismolog.total" Number,
    FirstSeen => "seismolog.first_seen_nanos" Nanos,
    LastSeen => "seismolog.last_seen_nanos" Nanos,
    EventTime => "" Computed,
    Truncated => "seismolog.truncated" Bool,
    Redactions => "seismolog.redactions" Number,
    Recipe => "seismolog.recipe" Number,
);

/// The fields free text looks into: phrases in the first four; single words also in the last two.
pub const WORD_FIELDS: [&str; 4] = [
    "seismolog.words.message",
    "seismolog.words.template",
    "seismolog.words.exception",
    "seismolog.words.stack",
];

/// Parts of names in camel case: for searches of a single word.
pub const PART_FIELDS: [&str; 2] = ["seismolog.words.parts", "seismolog.words.sample_parts"];

/// Dimensions of a sample with their field; what is not here stands below `labels`.
pub(crate) const DIMENSIONS: &[(&str, &str)] = &[
    ("cluster", "orchestrator.cluster.name"),
    ("namespace", "orchestrator.namespace"),
    ("job_id", "seismolog.job_id"),
    ("job_name", "seismolog.job_name"),
    ("task", TASKS),
    ("subtask", "seismolog.subtask"),
    ("role", ROLES),
    ("host", HOSTS),
    ("pod", "seismolog.pod"),
    ("container", "container.id"),
    ("engine", "seismolog.engine"),
    ("engine_version", "seismolog.engine_version"),
    ("team", "seismolog.team"),
];

/// The index of a minute's details: one per UTC day of the minute, never of the present, so that a minute always
/// stands in the same index.
#[must_use]
pub fn details_index(prefix: &str, minute_millis: i64) -> String {
    let day = EventTime::from_millis(minute_millis).rfc3339();
    let day = day.get(..10).unwrap_or("1970-01-01").replace('-', ".");
    format!("{prefix}-details-{day}")
}

/// All details.
#[must_use]
pub fn details_pattern(prefix: &str) -> String {
    format!("{prefix}-details-*")
}

/// The index of issues.
#[must_use]
pub fn issues_index(prefix: &str) -> String {
    format!("{prefix}-issues")
}

/// The index of markers.
#[must_use]
pub fn markers_index(prefix: &str) -> String {
    format!("{prefix}-markers")
}

/// The index of the partitions details were read from.
#[must_use]
pub fn sources_index(prefix: &str) -> String {
    format!("{prefix}-sources")
}

/// Id of a minute's document: the issue and the number of the minute since the epoch.
#[must_use]
pub fn details_id(issue: IssueId, minute_millis: i64) -> String {
    format!("{issue}-{}", minute_millis.div_euclid(60_000))
}

/// What of a sample is stored beside its texts.
pub(crate) fn sample_rest(sample: &Sample) -> Value {
    let mut rest = serde_json::to_value(sample).unwrap_or_default();
    if let Value::Object(map) = &mut rest {
        map.remove("message");
        map.remove("stack");
    }
    rest
}

/// The sample of a document, from its `_source`; nothing where it has none.
#[must_use]
pub fn read_sample(source: &Map<String, Value>) -> Option<Sample> {
    let Value::Object(mut rest) = source.get(SAMPLE)?.clone() else {
        return None;
    };
    rest.insert("message".to_owned(), source.get(MESSAGE)?.clone());
    if let Some(stack) = source.get(STACK) {
        rest.insert("stack".to_owned(), stack.clone());
    }
    serde_json::from_value(Value::Object(rest)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query;
    use std::collections::BTreeMap;

    #[test]
    fn every_key_of_the_search_has_its_place() {
        for known in query::FIELDS {
            assert!(FIELDS.iter().any(|field| field.key == known.field), "{}", known.name);
        }
        let mapped: Value = serde_json::from_str(super::super::setup::ISSUES_TEMPLATE).unwrap();
        for field in FIELDS.iter().filter(|field| !field.name.is_empty()) {
            let pointer = format!(
                "/template/mappings/properties/{}",
                field.name.replace('.', "/properties/")
            );
            assert!(mapped.pointer(&pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_minute_stands_in_the_index_of_its_day() {
        assert_eq!(details_index("s", 1_795_219_140_000), "s-details-2026.11.20");
        assert_eq!(details_index("s", 1_795_219_200_000), "s-details-2026.11.21");
        assert_eq!(details_index("s", -60_000), "s-details-1969.12.31");
        for odd in [i64::MIN, i64::MAX] {
            assert_eq!(details_index("s", odd).len(), "s-details-2026.11.20".len());
        }
        assert_eq!(details_id(IssueId(10), 120_000), "0000000000000000000000000000000a-2");
    }

    #[test]
    fn a_sample_is_read_back_as_it_was() {
        let sample = Sample {
            event_time: "2026-11-21T00:53:04.300Z".into(),
            level: Some("ERROR".into()),
            logger: None,
            thread: Some("main".into()),
            message: "m".into(),
            stack: Some("s".into()),
            dimensions: BTreeMap::from([("host".into(), "h".into()), ("own".into(), "x".into())]),
            layout: "text".into(),
            truncated: true,
            stack_bytes: Some(7),
            redactions: 2,
        };
        let mut source = Map::new();
        source.insert(MESSAGE.into(), "m".into());
        source.insert(STACK.into(), "s".into());
        source.insert(SAMPLE.into(), sample_rest(&sample));
        assert_eq!(read_sample(&source), Some(sample));
        assert_eq!(read_sample(&Map::new()), None);
    }
}
