//! Every decision made on one event, in the order it was made: for `explain` in the terminal and on the pages.
//!
//! Nothing here decides: the same functions are called as on the way of every record, and what they say is kept.

use super::work_out::{Known, ask_with_throwables, known_headers, work_out};
use super::{Engine, Redactor};
use crate::dimensions::{DimensionRules, Found, JobCatalogue, LearnedNames, Source};
use crate::event::{ErrorEvent, EventTime, Fingerprint, Group, Layout, Part, Rejection, Severity, Text, Thrown};
use crate::fold::Sample;
use crate::identity::skeleton::without_ids;
use crate::identity::{self, Piece, RECIPE_VERSION, Told};
use crate::rules::{Considered, Place, RuleSet, ToldError};
use serde::Serialize;
use std::sync::Arc;

/// One event explained.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// Which shape it was read as.
    pub layout: &'static str,
    /// When, RFC 3339.
    pub event_time: String,
    /// As logged.
    pub level: Option<String>,
    /// Logger.
    pub logger: Option<String>,
    /// Thread.
    pub thread: Option<String>,
    /// Message, redacted.
    pub message: String,
    /// Secrets taken out.
    pub redactions: u32,
    /// Whether text was cut by the writer.
    pub truncated: bool,
    /// Dimensions and where they came from.
    pub dimensions: Vec<Source>,
    /// Chain, owner frames, templates and why.
    pub told: Told,
    /// Rules that matched, the answer first.
    pub rules: Vec<Matched>,
    /// Type.
    pub error_type: String,
    /// Category.
    pub category: String,
    /// Severity.
    pub severity: Severity,
    /// Part.
    pub part: Part,
    /// What went into the fingerprint.
    pub pieces: Vec<Piece>,
    /// Version of the recipe.
    pub recipe: u16,
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// The group.
    pub group: Group,
}

/// A rule that matched.
#[derive(Debug, Serialize)]
pub struct Matched {
    /// Its id.
    pub rule: String,
    /// Where it matched.
    pub on: String,
    /// The class or expression that matched.
    pub by: String,
    /// Why it stands where it stands.
    pub why: String,
    /// Whether it is the answer.
    pub won: bool,
    /// Why such errors happen.
    pub cause: String,
    /// What to do.
    pub advice: String,
}

impl Engine {
    /// Explains each event of a record.
    pub fn explain(&mut self, bytes: &[u8], out: &mut dyn FnMut(Result<Explained, Rejection>)) {
        let identifier = &self.identifier;
        self.decoder.decode(bytes, &mut |decoded| {
            out(decoded.map(|event| {
                explain(
                    &event,
                    &identifier.rules,
                    &identifier.redactor,
                    identifier.places.names(),
                )
            }));
        });
    }
}

/// Explains a stored sample under the present rules.
#[must_use]
pub fn explain_sample(sample: &Sample, rules: &RuleSet) -> Explained {
    let text = |text: &Option<String>| text.clone().map(Text::Owned);
    let fields = sample.dimensions.iter().map(|(name, value)| crate::event::Field {
        path: Text::Owned(name.clone()),
        value: Text::Owned(value.clone()),
    });
    let event = ErrorEvent {
        layout: Layout::named(&sample.layout).unwrap_or(Layout::GenericJson),
        time: sample
            .event_time
            .parse::<jiff::Timestamp>()
            .map_or(EventTime::from_millis(0), |t| {
                EventTime::new(i64::try_from(t.as_nanosecond()).unwrap_or_default(), 3)
            }),
        level: text(&sample.level),
        logger: text(&sample.logger),
        thread: text(&sample.thread),
        message: Text::Owned(sample.message.clone()),
        thrown: sample
            .stack
            .clone()
            .map_or(Thrown::Absent, |stack| Thrown::Text(Text::Owned(stack))),
        root_class: None,
        root_message: None,
        fields: fields.collect(),
        truncated: sample.truncated,
    };
    explain(&event, rules, &Redactor::built_in(), &LearnedNames::default())
}

fn explain(event: &ErrorEvent<'_>, rules: &RuleSet, redactor: &Redactor, names: &LearnedNames) -> Explained {
    let dimensions = rules.dimensions().explain(event, names, rules.catalogue());
    let known = known_dimensions(event, rules.dimensions(), names, rules.catalogue());
    let headers = Arc::new(known_headers(&event.thrown, event, rules, redactor));
    let worked = work_out(event, &known, &headers, Known::default(), rules, redactor);
    let decoded = event.message.decoded();
    let (message, redactions) = redactor.redact(&decoded);
    let message = message.into_owned();
    let owned = |text: &Option<Text<'_>>| text.as_ref().map(|t| t.decoded().into_owned());
    let (level, logger) = (owned(&event.level), owned(&event.logger));
    let without_ids = without_ids(&message);
    let matched = ask_with_throwables(headers.told.trace.as_ref(), |chain, suppressed| {
        let told = ToldError {
            message: &without_ids,
            logger: logger.as_deref(),
            level: level.as_deref(),
            chain,
            suppressed,
        };
        let considered = rules.errors().explain(&told);
        considered.iter().map(matched).collect::<Vec<_>>()
    });
    let identity = worked.remembered.identity;
    Explained {
        layout: event.layout.as_str(),
        event_time: event.time.rfc3339(),
        level,
        logger,
        thread: owned(&event.thread),
        redactions,
        truncated: event.truncated,
        dimensions,
        rules: matched,
        error_type: identity.error_type.to_string(),
        category: identity.category.to_string(),
        severity: identity.severity,
        part: identity.part,
        pieces: identity::pieces(&worked.told, &worked.classified).into_owned(),
        recipe: RECIPE_VERSION,
        fingerprint: identity.fingerprint,
        group: identity.group,
        message,
        told: worked.told,
    }
}

fn matched(one: &Considered<'_>) -> Matched {
    Matched {
        rule: one.rule.id.to_string(),
        on: match one.place {
            Place::Throwable(index) => format!("throwable {index} of the chain"),
            Place::Line => "the log line".to_owned(),
            Place::Suppressed(index) => format!("suppressed throwable {index}"),
        },
        by: one.by.clone(),
        why: one.why.clone(),
        won: one.won,
        cause: one.rule.cause.clone(),
        advice: one.rule.advice.clone(),
    }
}

fn known_dimensions(
    event: &ErrorEvent<'_>,
    looks: &DimensionRules,
    names: &LearnedNames,
    catalogue: &JobCatalogue,
) -> crate::event::Dimensions {
    let found: Found<'_> = event
        .fields
        .iter()
        .filter_map(|f| Some((looks.field(&f.path.decoded())?, &f.value)))
        .collect();
    let around = looks.from_surroundings(event, &found);
    let message = event.message.decoded();
    let told = looks
        .from_message(&message, || message.clone().into_owned(), &around)
        .map_or(around, |(more, _)| more);
    DimensionRules::from_tables(&told, names, catalogue).unwrap_or(told)
}

/// The explanation as lines for a person.
#[must_use]
pub fn lines(explained: &Explained) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut say = |step: &str, text: String| out.push((step.to_owned(), text));
    say("layout", explained.layout.to_owned());
    say("time", explained.event_time.clone());
    for (name, value) in [
        ("level", &explained.level),
        ("logger", &explained.logger),
        ("thread", &explained.thread),
    ] {
        if let Some(value) = value {
            say(name, value.clone());
        }
    }
    say("message", explained.message.clone());
    if explained.redactions > 0 {
        say("redacted", format!("{} secrets taken out", explained.redactions));
    }
    if explained.truncated {
        say("truncated", "the writer cut text".to_owned());
    }
    for source in &explained.dimensions {
        say(source.dimension, format!("{}  ({})", source.value, source.from));
    }
    say("template", explained.told.template.clone());
    for (index, link) in explained.told.thrown.headers.chain.iter().enumerate() {
        let mark = if explained.told.thrown.headers.telling == Some(index) {
            "tells"
        } else {
            link.verdict.as_str()
        };
        say(&format!("chain {index}"), format!("[{mark}] {}", link.class));
    }
    if let Some(template) = &explained.told.thrown.headers.exception_template {
        say("telling message", template.clone());
    }
    for frame in &explained.told.thrown.owners {
        say("owner frame", format!("{}  ({})", frame.symbol, frame.layer.as_str()));
    }
    for note in explained.told.notes() {
        say("because", note.to_owned());
    }
    for rule in &explained.rules {
        let mark = if rule.won { "answer" } else { "also" };
        say(
            &format!("rule ({mark})"),
            format!("{} on {} by {}: {}", rule.rule, rule.on, rule.by, rule.why),
        );
    }
    if explained.rules.is_empty() {
        say("rule", "none matched".to_owned());
    }
    let kind = (
        &explained.error_type,
        &explained.category,
        explained.severity,
        explained.part,
    );
    say(
        "error type",
        format!("{} (category {}, severity {}, part {})", kind.0, kind.1, kind.2, kind.3),
    );
    if let Some(rule) = explained.rules.iter().find(|r| r.won) {
        say("cause", rule.cause.clone());
        say("advice", rule.advice.clone());
    }
    for piece in &explained.pieces {
        say("fingerprint of", format!("{} = {}", piece.name, piece.value));
    }
    say(
        "fingerprint",
        format!("{} (recipe {})", explained.fingerprint, explained.recipe),
    );
    for piece in &explained.told.group_pieces {
        say("group of", format!("{} = {}", piece.name, piece.value));
    }
    say("group", explained.group.to_string());
    out
}
