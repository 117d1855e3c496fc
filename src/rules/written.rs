//! A rule of an error type as it is written: read and compiled, every fault noted, nothing decided yet.

use super::class_name;
use super::example::Example;
use super::fault::Fault;
use super::pattern::Pattern;
use super::yaml::{Reading, kind, nearest};
use crate::event::{Part, Severity};
use serde_yaml_ng::{Mapping, Value};
use std::sync::Arc;

const RULE_KEYS: &[&str] = &[
    "id", "severity", "part", "match", "over", "last", "cause", "advice", "matches", "leaves",
];
const MATCH_KEYS: &[&str] = &["class", "message", "log", "logger", "level", "within"];
const WITHIN_KEYS: &[&str] = &["class", "message"];

/// Which rules a rule beats wherever both match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Over {
    /// None but by rank.
    Nobody,
    /// Every rule that does not say so itself.
    All,
    /// These.
    Rules(Vec<String>),
}

/// A type of error: what it is, how bad, why and what to do.
#[derive(Debug)]
pub struct ErrorRule {
    /// Its name, the `error_type` of outputs.
    pub id: Arc<str>,
    /// The category: the name of the file it stands in.
    pub category: Arc<str>,
    /// How bad, whatever the log level said.
    pub severity: Severity,
    /// Root, symptom or noise.
    pub part: Part,
    /// Why it happens, for a person.
    pub cause: String,
    /// What to do about it.
    pub advice: String,
    /// The file it stands in and the line it begins at.
    pub place: (String, Option<usize>),
    pub(crate) over: Over,
    /// Asked after all others.
    pub(crate) last: bool,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) matches: Vec<Example>,
    pub(crate) leaves: Vec<Example>,
}

/// One way to match: every key given must hold, of the values of a key any one.
#[derive(Debug, Default)]
pub(crate) struct Alternative {
    pub(crate) classes: Vec<String>,
    pub(crate) messages: Vec<Pattern>,
    pub(crate) log: Vec<Pattern>,
    pub(crate) loggers: Vec<String>,
    pub(crate) levels: Vec<String>,
    pub(crate) within_classes: Vec<String>,
    pub(crate) within_messages: Vec<Pattern>,
}

impl Alternative {
    /// Whether it speaks of a throwable (and not of the log line alone).
    pub(crate) fn of_throwable(&self) -> bool {
        !self.classes.is_empty() || !self.messages.is_empty()
    }
}

/// When expressions are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compile {
    /// At once, so that one that cannot be is a fault.
    Now,
    /// When first asked: a test of the build compiled them all.
    WhenNeeded,
}

/// The rules of one file and what is wrong with it.
pub(crate) fn read(file: &str, text: &str, compile: Compile) -> (Vec<ErrorRule>, Vec<Fault>) {
    let mut reading = Reading::new(file, text);
    reading.compile = compile;
    let name = file.rsplit('/').next().unwrap_or(file);
    let category: Arc<str> = Arc::from(name.strip_suffix(".yaml").unwrap_or(name));
    if !is_snake_case(&category) {
        reading.fault(
            format!("the file name `{category}` is the category and not in snake_case"),
            "use lower-case letters, digits and `_`",
        );
    }
    let mut rules = Vec::new();
    if let Some(document) = reading.document(text) {
        for entry in reading.entries(&document) {
            if let Some(rule) = read_rule(&mut reading, entry, file, &category) {
                rules.push(rule);
            }
            reading.leave();
        }
    }
    (rules, reading.into_faults())
}

fn read_rule(reading: &mut Reading<'_>, entry: &Mapping, file: &str, category: &Arc<str>) -> Option<ErrorRule> {
    let id = reading.wanted_text(entry, "id")?;
    reading.enter(&id);
    if !is_snake_case(&id) {
        reading.fault_at(
            "id",
            format!("the id `{id}` is not in snake_case"),
            "use lower-case letters, digits and `_`",
        );
    }
    if id == "unclassified" {
        reading.fault_at(
            "id",
            "the id `unclassified` is taken",
            "it is the type of errors no rule matched",
        );
    }
    reading.known_keys(entry, RULE_KEYS);
    let severity = name_of(reading, entry, "severity", Severity::ALL).unwrap_or_else(|| {
        if entry.get("severity").is_none() {
            reading.fault("`severity` is missing", "add critical, high, medium, low or info");
        }
        Severity::Medium
    });
    let part = name_of(reading, entry, "part", Part::ALL).unwrap_or(Part::Root);
    let over = read_over(reading, entry);
    let last = reading.flag(entry, "last");
    let cause = reading.wanted_text(entry, "cause").unwrap_or_default();
    let advice = reading.wanted_text(entry, "advice").unwrap_or_default();
    let alternatives = read_alternatives(reading, entry);
    let matches = read_examples(reading, entry, "matches");
    let leaves = read_examples(reading, entry, "leaves");
    Some(ErrorRule {
        place: (file.to_owned(), reading.line()),
        id: Arc::from(id),
        category: Arc::clone(category),
        severity,
        part,
        cause,
        advice,
        over,
        last,
        alternatives,
        matches,
        leaves,
    })
}

/// A value out of a closed set.
fn name_of<T>(reading: &mut Reading<'_>, entry: &Mapping, key: &str, all: &[T]) -> Option<T>
where
    T: Copy + std::fmt::Display,
{
    let given = reading.text(entry, key)?;
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    if let Some(at) = names.iter().position(|name| *name == given) {
        return all.get(at).copied();
    }
    let advice = match nearest(&given, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of {}", names.join(", ")),
    };
    reading.fault_at(key, format!("`{key}` is `{given}`"), advice);
    None
}

fn read_over(reading: &mut Reading<'_>, entry: &Mapping) -> Over {
    match entry.get("over") {
        None => Over::Nobody,
        Some(Value::String(all)) if all == "all" => Over::All,
        Some(_) => Over::Rules(reading.texts(entry, "over")),
    }
}

fn read_alternatives(reading: &mut Reading<'_>, entry: &Mapping) -> Vec<Alternative> {
    let items: Vec<&Value> = match entry.get("match") {
        Some(Value::Sequence(items)) => items.iter().collect(),
        Some(one @ Value::Mapping(_)) => vec![one],
        _ => Vec::new(),
    };
    if items.is_empty() {
        reading.fault(
            "`match` is missing or empty",
            "add at least one `- message: '…'`, `- class: …` or `- log: '…'`",
        );
    }
    let mut alternatives = Vec::with_capacity(items.len());
    for item in items {
        let Value::Mapping(mapping) = item else {
            reading.fault_at(
                "match",
                format!("an entry of `match` is {}", kind(item)),
                "write `- message: '…'`, `- class: …` or `- log: '…'`",
            );
            continue;
        };
        reading.known_keys(mapping, MATCH_KEYS);
        let mut alternative = Alternative {
            classes: classes(reading, mapping, "class"),
            messages: patterns(reading, mapping, "message"),
            log: patterns(reading, mapping, "log"),
            loggers: classes(reading, mapping, "logger"),
            levels: reading.texts(mapping, "level"),
            ..Alternative::default()
        };
        match mapping.get("within") {
            None => {}
            Some(Value::Mapping(within)) => {
                reading.known_keys(within, WITHIN_KEYS);
                alternative.within_classes = classes(reading, within, "class");
                alternative.within_messages = patterns(reading, within, "message");
            }
            Some(other) => reading.fault_at(
                "within",
                format!("`within` is {}", kind(other)),
                "write `within: {class: …, message: '…'}`",
            ),
        }
        let bare_level = !alternative.of_throwable() && alternative.log.is_empty() && alternative.loggers.is_empty();
        if bare_level {
            reading.fault_at(
                "match",
                "an entry of `match` has no class, message, log or logger",
                "add one, or it would match everything",
            );
            continue;
        }
        alternatives.push(alternative);
    }
    alternatives
}

/// Names of classes (or loggers), `$` turned into `.`.
fn classes(reading: &mut Reading<'_>, mapping: &Mapping, key: &str) -> Vec<String> {
    let mut classes = Vec::new();
    for class in reading.texts(mapping, key) {
        let odd = class.is_empty() || class.contains(|c: char| c.is_whitespace() || "()[]{}*+?^|\\:".contains(c));
        if odd || class_name::simple(&class).is_empty() {
            reading.fault_at(
                key,
                format!("`{class}` is no name for `{key}`"),
                "write the simple or the qualified name; expressions belong under `message` or `log`",
            );
        } else {
            classes.push(class.replace('$', "."));
        }
    }
    classes
}

fn patterns(reading: &mut Reading<'_>, mapping: &Mapping, key: &str) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for source in reading.texts(mapping, key) {
        let read = Pattern::new(&source).and_then(|pattern| {
            let compiled = if reading.compile == Compile::Now {
                pattern.compile()
            } else {
                Ok(())
            };
            compiled.map(|()| pattern)
        });
        match read {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => reading.fault_at(
                key,
                format!("the expression `{source}` does not compile: {error}"),
                "no look-around and no back-references; `\\(` for a bracket",
            ),
        }
    }
    patterns
}

fn read_examples(reading: &mut Reading<'_>, entry: &Mapping, key: &str) -> Vec<Example> {
    let items: Vec<&Value> = match entry.get(key) {
        Some(Value::Sequence(items)) => items.iter().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    };
    if items.is_empty() {
        reading.fault(
            format!("`{key}` has no example"),
            "every rule shows what it matches and what it leaves, at least one of each",
        );
    }
    items
        .into_iter()
        .filter_map(|item| Example::read(reading, item, key))
        .collect()
}

pub(crate) fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
