//! JSON Schemas of everything the API answers. A test holds them against real answers, both ways.

use super::api::{ACTIONS, LEVELS, STATES};
use crate::event::{Part, Reason, Severity};
use crate::store::{ChangeKind, DeliveryOutcome};
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
fn measure() -> Value {
    json!({ "type": "number" })
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
        ("severity", severity(), ALWAYS, "How bad, as the rule says."),
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

fn severity() -> Value {
    one_of(Severity::ALL.iter().rev().map(|s| s.as_str()).collect())
}

/// An alert as everybody gets it.
fn alert() -> Vec<Field> {
    vec![
        ("id", hex(), ALWAYS, "Of this alert."),
        ("rule", text(), ALWAYS, "The rule that judged."),
        ("level", one_of(LEVELS.to_vec()), ALWAYS, "Whose rule it is."),
        ("state", one_of(STATES.to_vec()), ALWAYS, "Where it stands."),
        ("severity", severity(), ALWAYS, "The worst of what was seen."),
        ("title", text(), ALWAYS, "The job and what happened, for a person."),
        ("job_name", text(), MAYBE, "Job key."),
        ("job_id", text(), MAYBE, "Id of the job."),
        ("jobs", list(text()), MAYBE, "The jobs of an alert over several."),
        ("team", text(), MAYBE, "Whose job it is."),
        ("error_type", text(), MAYBE, "Type of the root."),
        ("exception", text(), MAYBE, "Exception of the root."),
        (
            "exception_chain",
            list(text()),
            ALWAYS,
            "Exceptions around the root, outermost first.",
        ),
        ("fingerprint", hex(), MAYBE, "Fingerprint of the root."),
        (
            "followers",
            list(named("Follower")),
            ALWAYS,
            "What came with it, in the order it was first seen.",
        ),
        ("started_at", time(), ALWAYS, "First event of it."),
        ("ended_at", time(), MAYBE, "Last event of it, once it is over."),
        ("value", measure(), ALWAYS, "What was measured."),
        ("expected", measure(), MAYBE, "What was expected, in the same unit."),
        (
            "probability",
            measure(),
            MAYBE,
            "How probable a value as strange was, by chance.",
        ),
        ("reason", text(), MAYBE, "What was compared with what, in a sentence."),
        ("url", text(), MAYBE, "Where to look at it."),
    ]
}

/// An alert with what people said of it.
fn stored_alert() -> Vec<Field> {
    let mut fields = alert();
    fields.extend([
        ("updated_at", time(), ALWAYS, "When it changed last."),
        ("acknowledged", named("Acknowledged"), MAYBE, "Who looks after it."),
        ("silenced_until", time(), MAYBE, "Nobody is told of it before this."),
        ("inhibited_by", hex(), MAYBE, "The alert that tells of it already."),
        (
            "past",
            flag(),
            MAYBE,
            "It was over long before it was known: nobody was told.",
        ),
    ]);
    fields
}

fn alert_change() -> Vec<Field> {
    let kinds = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
    vec![
        ("seq", count(), ALWAYS, "Number of the change; numbers only grow."),
        ("at", time(), ALWAYS, "When."),
        ("change", one_of(kinds), ALWAYS, "What happened."),
        ("by", text(), MAYBE, "Who did it, where somebody did."),
        ("note", text(), MAYBE, "What they said."),
        ("alert", named("BareAlert"), ALWAYS, "The alert as it stood after it."),
    ]
}

fn said() -> Vec<Field> {
    vec![
        ("by", text(), MAYBE, "Who says it."),
        ("note", text(), MAYBE, "At most 10,000 characters."),
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
    let mut alert_detail = stored_alert();
    alert_detail.extend([
        (
            "history",
            list(named("AlertChange")),
            ALWAYS,
            "How it came there, oldest first.",
        ),
        (
            "deliveries",
            list(named("Delivery")),
            ALWAYS,
            "Who was told, newest first.",
        ),
    ]);
    let mut silence = said();
    silence.extend([
        (
            "until",
            text(),
            MAYBE,
            "Its end: a time of this API. Either this or `for`.",
        ),
        ("for", text(), MAYBE, "How long it lasts: 4h."),
    ]);
    let outcomes = DeliveryOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
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
        "Alert": object("An alert as it stands, with what people said of it.", stored_alert()),
        "BareAlert": object("An alert as everybody gets it.", alert()),
        "AlertDetail": object("One alert with all that is known of it.", alert_detail),
        "AlertChange": object("One change of one alert.", alert_change()),
        "AlertSaid": object("What somebody says of an alert.", said()),
        "AlertSilence": object("For how long nobody is to be told of an alert.", silence),
        "Follower": object("An error that came with the root.", vec![
            ("type", text(), ALWAYS, "Its type."),
            ("exception", text(), MAYBE, "Its exception."),
            ("count", count(), ALWAYS, "Events."),
            ("first_seen", time(), ALWAYS, "First event."),
            ("why", text(), MAYBE, "Why it is a consequence, where the rules say."),
        ]),
        "Acknowledged": object("Who has seen an alert.", vec![
            ("by", text(), MAYBE, "Who, as they call themselves."),
            ("at", time(), ALWAYS, "When."),
            ("note", text(), MAYBE, "What they say."),
        ]),
        "Delivery": object("One try to tell somebody.", vec![
            ("destination", text(), ALWAYS, "Name of the destination."),
            ("seq", count(), ALWAYS, "Number of the change that was told."),
            ("at", time(), ALWAYS, "When."),
            ("outcome", one_of(outcomes), ALWAYS, "What came of it."),
            ("attempt", count(), ALWAYS, "Which try it was, from 1."),
            ("detail", text(), MAYBE, "What the receiver answered, or why it was not reached."),
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
