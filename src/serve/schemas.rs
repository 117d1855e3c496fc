//! JSON Schemas of everything the API answers. A test holds them against real answers, both ways.

use super::api::ACTIONS;
use crate::event::{Part, Reason, Severity};
use serde_json::{Map, Value, json};

/// A field: name, schema, whether it is always there, what it is.
type Field = (&'static str, Value, bool, &'static str);

const ALWAYS: bool = true;
const MAYBE: bool = false;

fn object(doc: &str, fields: Vec<Field>) -> Value {
    let required: Vec<&str> = fields.iter().filter(|f| f.2).map(|f| f.0).collect();
    let mut properties = Map::new();
    for (name, mut schema, _, doc) in fields {
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), Value::from(doc));
        }
        properties.insert(name.to_owned(), schema);
    }
    json!({ "type": "object", "description": doc, "required": required, "properties": properties })
}

fn text() -> Value {
    json!({ "type": "string" })
}
fn hex() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
}
fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}
fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}
fn flag() -> Value {
    json!({ "type": "boolean" })
}
fn one_of(names: Vec<&str>) -> Value {
    json!({ "type": "string", "enum": names })
}
fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}
fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
fn state() -> Value {
    one_of(vec!["open", "resolved", "muted", "regressed"])
}

fn issue() -> Vec<Field> {
    let severities = Severity::ALL.iter().rev().map(|s| s.as_str()).collect();
    let parts = Part::ALL.iter().map(|p| p.as_str()).collect();
    vec![
        ("id", hex(), ALWAYS, "Of this error: (job, fingerprint)."),
        (
            "fingerprint",
            hex(),
            ALWAYS,
            "Stable identity over jobs, hosts and runs.",
        ),
        (
            "group",
            hex(),
            ALWAYS,
            "Coarse identity: telling cause and owner frame.",
        ),
        (
            "job",
            text(),
            ALWAYS,
            "Job key: its name, else its id, else its cluster, else `-`.",
        ),
        ("job_id", text(), MAYBE, "Last known id of the job."),
        ("team", text(), MAYBE, "Team or owner."),
        ("cluster", text(), MAYBE, "Cluster."),
        ("engine", text(), MAYBE, "Engine."),
        (
            "error_type",
            text(),
            ALWAYS,
            "Type; `unclassified` when no rule matched.",
        ),
        ("category", text(), ALWAYS, "Category of the type."),
        ("severity", one_of(severities), ALWAYS, "How bad, as the rule says."),
        ("part", one_of(parts), ALWAYS, "Part it plays in a failure."),
        ("rule", text(), MAYBE, "The rule that spoke."),
        ("exception", text(), MAYBE, "Class of the telling cause."),
        ("top_frame", text(), MAYBE, "Owner frame."),
        ("template", text(), ALWAYS, "Message with its variable parts masked."),
        ("title", text(), ALWAYS, "What a person reads."),
        ("count", count(), ALWAYS, "Events in the window asked for."),
        ("total", count(), ALWAYS, "Events over all time."),
        ("first_seen", time(), ALWAYS, "First event over all time."),
        ("last_seen", time(), ALWAYS, "Last event over all time."),
        ("state", state(), ALWAYS, "What people said."),
        (
            "sparkline",
            list(count()),
            MAYBE,
            "Counts over the window, oldest first.",
        ),
    ]
}

fn job() -> Vec<Field> {
    let health = json!({ "type": "integer", "minimum": 0, "maximum": 100 });
    vec![
        ("job", text(), ALWAYS, "Job key."),
        ("team", text(), MAYBE, "Team or owner."),
        ("cluster", text(), MAYBE, "Cluster."),
        ("engine", text(), MAYBE, "Engine."),
        ("count", count(), ALWAYS, "Events in the window, noise left out."),
        (
            "issues",
            count(),
            ALWAYS,
            "Distinct errors in the window, noise left out.",
        ),
        ("new_issues", count(), ALWAYS, "Errors first seen in the window."),
        ("restarts", count(), ALWAYS, "Restarts told by the logs."),
        ("health", health, ALWAYS, "0 (bad) to 100 (nothing to see)."),
        ("health_parts", list(text()), ALWAYS, "Why: one sentence per loss."),
        ("last_seen", time(), ALWAYS, "Last event."),
        (
            "sparkline",
            list(count()),
            MAYBE,
            "Counts over the window, oldest first.",
        ),
    ]
}

fn sample() -> Vec<Field> {
    let dimensions = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    vec![
        ("minute", time(), ALWAYS, "Start of its minute."),
        ("count", count(), ALWAYS, "Events of that minute."),
        ("event_time", time(), ALWAYS, "When it happened."),
        ("level", text(), MAYBE, "As logged."),
        ("logger", text(), MAYBE, "Logger."),
        ("thread", text(), MAYBE, "Thread."),
        ("message", text(), ALWAYS, "Message, secrets redacted."),
        ("stack", text(), MAYBE, "The whole stack, secrets redacted."),
        ("dimensions", dimensions, ALWAYS, "Where it happened."),
        ("layout", text(), ALWAYS, "Which shape it was read as."),
        ("truncated", flag(), MAYBE, "Text was cut."),
        (
            "stack_bytes",
            count(),
            MAYBE,
            "Length of the stack before it was cut here.",
        ),
        ("redactions", count(), MAYBE, "How many secrets were redacted."),
    ]
}

fn ledger() -> Vec<Field> {
    vec![
        ("records", count(), ALWAYS, "Records read."),
        ("extra", count(), ALWAYS, "Events beyond the first of their record."),
        ("folded", count(), ALWAYS, "Events folded."),
        ("rejected", count(), ALWAYS, "Records rejected."),
    ]
}

fn pair(first: Value, second: Value) -> Value {
    json!({ "type": "array", "prefixItems": [first, second], "minItems": 2, "maxItems": 2 })
}

/// All schemas by name.
pub(crate) fn all() -> Value {
    let mut detail = issue();
    detail.extend([
        (
            "exception_chain",
            list(text()),
            ALWAYS,
            "Classes of the cause chain, outermost first.",
        ),
        (
            "minutes",
            list(pair(time(), count())),
            ALWAYS,
            "(minute, count), only minutes with events.",
        ),
        ("hosts", list(text()), ALWAYS, "Hosts it was seen on (bounded)."),
        ("roles", list(text()), ALWAYS, "Roles it was seen on (bounded)."),
        ("tasks", list(text()), ALWAYS, "Tasks it was seen on (bounded)."),
        (
            "sample",
            json!({ "anyOf": [named("Sample"), { "type": "null" }] }),
            ALWAYS,
            "The latest sample.",
        ),
        (
            "same_fingerprint",
            list(named("Issue")),
            ALWAYS,
            "The same fingerprint in other jobs.",
        ),
        (
            "same_group",
            list(named("Issue")),
            ALWAYS,
            "Other fingerprints of the same group.",
        ),
        ("people", named("IssueNotes"), ALWAYS, "What people said of it."),
        ("words", named("RuleWords"), MAYBE, "What the rule says."),
    ]);
    let mut job_detail = job();
    job_detail.push((
        "top_errors",
        list(named("Issue")),
        ALWAYS,
        "Errors with most events in the window.",
    ));
    let reasons = Reason::ALL.iter().map(|r| r.as_str()).collect();
    let explained = one_of(vec!["rules", "stored"]);
    json!({
        "Issue": object("An error: one (job, fingerprint).", issue()),
        "IssueDetail": object("An error in full.", detail),
        "Sample": object("One event in full.", sample()),
        "IssueNotes": object("What people said of an error.", vec![
            ("state", state(), ALWAYS, "open, resolved, muted or regressed."),
            ("since", time(), MAYBE, "When it came into that state."),
            ("until", time(), MAYBE, "When a mute ends."),
            ("events", count(), MAYBE, "A mute ends when so many events come …"),
            ("minutes", count(), MAYBE, "… in so many minutes."),
            ("assignee", text(), MAYBE, "Who looks after it."),
            ("note", text(), MAYBE, "A note."),
        ]),
        "Change": object("What a person does to an error.", vec![
            ("do", one_of(ACTIONS.to_vec()), ALWAYS, "What to do."),
            ("until", text(), MAYBE, "Of mute: a time, or a duration from now. With nothing: until reopened."),
            ("events", count(), MAYBE, "Of mute: until so many events come …"),
            ("minutes", count(), MAYBE, "… in so many minutes."),
            ("to", text(), MAYBE, "Of assign: who; left out: nobody."),
            ("text", text(), MAYBE, "Of note: the words; left out: none."),
        ]),
        "RuleWords": object("What a rule says to a person.", vec![
            ("id", text(), ALWAYS, "Id of the rule."),
            ("title", text(), ALWAYS, "Short name."),
            ("cause", text(), MAYBE, "What is going on."),
            ("advice", text(), MAYBE, "What to do about it."),
        ]),
        "Explanation": object("Why an event became this error.", vec![
            ("id", hex(), ALWAYS, "The error."),
            ("from", explained, ALWAYS, "rules: the present rules run over the latest sample; stored: as decided then."),
            ("recipe", count(), ALWAYS, "Version of the recipe."),
            ("findings", list(named("Finding")), ALWAYS, "Decisions in order."),
        ]),
        "Finding": object("One decision.", vec![
            ("step", text(), ALWAYS, "Which."),
            ("value", text(), ALWAYS, "What was decided."),
            ("why", text(), MAYBE, "Why."),
        ]),
        "Trends": object("Counts over time, zero-filled.", vec![
            ("by", text(), ALWAYS, "The dimension."),
            ("from", time(), ALWAYS, "Start of the first bucket."),
            ("to", time(), ALWAYS, "End of the last bucket."),
            ("step_seconds", count(), ALWAYS, "Width of a bucket."),
            ("times", list(json!({ "type": "integer" })), ALWAYS, "Starts of the buckets, seconds since 1970."),
            ("series", list(named("Series")), ALWAYS, "One per value, largest first."),
            ("other", list(count()), ALWAYS, "All that is in no series."),
            ("total", list(count()), ALWAYS, "Everything that matches."),
        ]),
        "Series": object("Counts of one value.", vec![
            ("value", text(), ALWAYS, "The value; `-` where it is unknown."),
            ("count", count(), ALWAYS, "Sum over the window."),
            ("counts", list(count()), ALWAYS, "One per bucket."),
        ]),
        "Job": object("A job with its health.", job()),
        "JobDetail": object("A job with its top errors.", job_detail),
        "Marker": object("An event shown on every chart.", vec![
            ("id", count(), ALWAYS, "Number."),
            ("at", time(), ALWAYS, "When."),
            ("until", time(), MAYBE, "Its end, where it lasted."),
            ("title", text(), ALWAYS, "What happened, in one line."),
            ("text", text(), MAYBE, "More."),
            ("job", text(), MAYBE, "The job it belongs to; absent: all."),
            ("kind", text(), ALWAYS, "deployment, maintenance, … as its sender calls it."),
        ]),
        "NewMarker": object("A marker to be added.", vec![
            ("at", text(), MAYBE, "When, as a time of this API; left out: now."),
            ("until", text(), MAYBE, "Its end, where it lasted."),
            ("title", text(), ALWAYS, "What happened, in one line."),
            ("text", text(), MAYBE, "More."),
            ("job", text(), MAYBE, "The job it belongs to; left out: all."),
            ("kind", text(), MAYBE, "deployment (when left out), maintenance, …"),
        ]),
        "IngestAnswer": object("What became of a push.", vec![
            ("records", count(), ALWAYS, "Records in it."),
            ("folded", count(), ALWAYS, "Records folded."),
            ("rejected", count(), ALWAYS, "Records rejected."),
            ("items", list(named("RecordOutcome")), ALWAYS, "One per record, in order."),
        ]),
        "RecordOutcome": object("What became of one record.", vec![
            ("outcome", one_of(vec!["folded", "rejected"]), ALWAYS, "Its fate."),
            ("events", count(), ALWAYS, "Events in it."),
            ("issue", hex(), MAYBE, "The error it was folded into."),
            ("reason", one_of(reasons), MAYBE, "Why it was rejected."),
            ("detail", text(), MAYBE, "For a person."),
        ]),
        "Reject": object("A record that could not become an event.", vec![
            ("id", count(), ALWAYS, "Number."),
            ("source", text(), ALWAYS, "Source."),
            ("offset", count(), ALWAYS, "Where in the source."),
            ("reason", text(), ALWAYS, "Name of the closed set."),
            ("detail", text(), ALWAYS, "For a person."),
            ("length", count(), ALWAYS, "Length of the record, in bytes."),
            ("bytes", text(), ALWAYS, "Its beginning, invalid UTF-8 replaced."),
            ("rejected_at", time(), ALWAYS, "When."),
            ("bytes_left_out", count(), ALWAYS, "Bytes that are not shown."),
        ]),
        "Totals": object("What is in the store.", vec![
            ("ledger", named("Ledger"), ALWAYS, "Over all sources."),
            ("sources", list(pair(text(), named("Ledger"))), ALWAYS, "By source."),
            ("issues", count(), ALWAYS, "Errors."),
            ("fingerprints", count(), ALWAYS, "Distinct fingerprints."),
            ("details", count(), ALWAYS, "Detail rows."),
            ("bytes", count(), ALWAYS, "Bytes on disk."),
            ("first_seen", json!({ "type": ["string", "null"] }), ALWAYS, "Earliest event."),
            ("last_seen", json!({ "type": ["string", "null"] }), ALWAYS, "Latest event."),
        ]),
        "Ledger": object("records + extra = folded + rejected, always.", ledger()),
        "Value": object("A value of a field.", vec![
            ("value", text(), ALWAYS, "The value."),
            ("count", count(), ALWAYS, "How often."),
        ]),
        "Problem": object("What went wrong (RFC 9457).", vec![
            ("type", text(), ALWAYS, "Stable name."),
            ("title", text(), ALWAYS, "The kind, for a person."),
            ("status", count(), ALWAYS, "HTTP status."),
            ("detail", text(), ALWAYS, "What exactly, and what to do."),
            ("parameter", text(), MAYBE, "The parameter that is wrong."),
            ("position", count(), MAYBE, "Where in it, in characters from 0."),
            ("length", count(), MAYBE, "How many characters of it."),
            ("suggestion", text(), MAYBE, "The nearest that would be right."),
        ]),
    })
}
