//! Reads `routes` and `default`.

use super::super::matching::Matching;
use super::super::routes::{Categories, Route, TELLABLE, Target, USUAL};
use super::MOST;
use crate::alert::Level;
use crate::rules::nearest;
use crate::rules::yaml::{Reading, kind as kind_of};
use crate::store::ChangeKind;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_yaml_ng::{Mapping, Value};
use std::collections::HashSet;

const MATCHES: [&str; 7] = ["level", "severity", "team", "job", "rule", "error_type", "category"];

pub(super) fn each(
    reading: &mut Reading<'_>,
    text: &str,
    file: &Mapping,
    named: &HashSet<String>,
    categories: &Categories<'_>,
) -> Vec<Route> {
    let items = match file.get("routes") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Sequence(items)) if items.len() <= MOST => items,
        Some(other) => {
            let what = format!("`routes` is {} (at most {MOST})", kind_of(other));
            reading.fault(what, "begin each route with `- `");
            return Vec::new();
        }
    };
    let lines = lines_of_routes(text);
    let mut routes = Vec::new();
    for (at, item) in items.iter().enumerate() {
        reading.enter_at(&format!("route {}", at + 1), lines.get(at).copied());
        match item {
            Value::Mapping(written) => {
                let keys: Vec<&str> = MATCHES.into_iter().chain(["to", "changes", "continue"]).collect();
                reading.known_keys(written, &keys);
                routes.push(Route {
                    matching: matching(reading, written, categories),
                    target: target(reading, written, named),
                    goes_on: reading.flag(written, "continue"),
                });
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Tagged(_)) => {
                reading.fault(
                    format!("it is {}", kind_of(other)),
                    "write `to: [NAME]` and what it matches",
                );
            }
        }
        reading.leave();
    }
    routes
}

pub(super) fn otherwise(reading: &mut Reading<'_>, text: &str, file: &Mapping, named: &HashSet<String>) -> Target {
    let line = text
        .lines()
        .position(|line| line.starts_with("default:"))
        .map(|at| at + 1);
    match file.get("default") {
        None | Some(Value::Null) => Target::default(),
        Some(Value::Mapping(written)) => {
            reading.enter_at("default", line);
            reading.known_keys(written, &["to", "changes"]);
            let target = target(reading, written, named);
            reading.leave();
            target
        }
        Some(_) => {
            reading.enter_at("default", line);
            let to = reading.texts(file, "default");
            let to = known_names(reading, "default", to, named);
            reading.leave();
            Target {
                to,
                ..Target::default()
            }
        }
    }
}

fn target(reading: &mut Reading<'_>, written: &Mapping, named: &HashSet<String>) -> Target {
    if !written.contains_key("to") {
        reading.fault("`to` is missing", "add `to: [NAME]`; `to: []` tells nobody");
    }
    let to = reading.texts(written, "to");
    let to = known_names(reading, "to", to, named);
    let changes = reading.texts(written, "changes");
    let mut told = HashSet::new();
    for word in &changes {
        match TELLABLE.iter().find(|kind| kind.as_str() == word) {
            Some(kind) => {
                told.insert(*kind);
            }
            None if word == ChangeKind::Pending.as_str() => {
                let what = "nobody is told of what is pending";
                reading.fault_at("changes", what, "it may yet turn out to be nothing; take it out");
            }
            None => {
                let words: Vec<&str> = TELLABLE.iter().map(|kind| kind.as_str()).collect();
                let advice = match nearest(word, words.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write some of {}", words.join(", ")),
                };
                reading.fault_at("changes", format!("{word:?} is nothing that happens to alerts"), advice);
            }
        }
    }
    if changes.is_empty() {
        told.extend(USUAL);
    }
    Target { to, changes: told }
}

fn known_names(reading: &mut Reading<'_>, key: &str, to: Vec<String>, named: &HashSet<String>) -> Vec<String> {
    for name in to.iter().filter(|name| !named.contains(*name)) {
        let advice = match nearest(name, named.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name one of `destinations`".to_owned(),
        };
        reading.fault_at(key, format!("{name:?} is no destination"), advice);
    }
    to
}

fn matching(reading: &mut Reading<'_>, written: &Mapping, categories: &Categories<'_>) -> Matching {
    let mut levels = Vec::new();
    for word in reading.texts(written, "level") {
        match [Level::Basic, Level::Custom, Level::Platform]
            .into_iter()
            .find(|level| level.as_str() == word)
        {
            Some(level) => levels.push(level),
            None => reading.fault_at(
                "level",
                format!("{word:?} is no level"),
                "write basic, custom or platform",
            ),
        }
    }
    let severity = reading.text(written, "severity").and_then(|word| {
        let read = word.parse().ok();
        if read.is_none() {
            let advice = "write critical, high, medium, low or info: the least that matches";
            reading.fault_at("severity", format!("{word:?} is no severity"), advice);
        }
        read
    });
    let mut exact = HashSet::new();
    for word in reading.texts(written, "category") {
        match categories.get(word.as_str()) {
            Some(types) => exact.extend(types.iter().map(|name| (*name).to_owned())),
            None => {
                let advice = match nearest(&word, categories.keys().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name one of errors/*.yaml".to_owned(),
                };
                reading.fault_at("category", format!("{word:?} is no category"), advice);
            }
        }
    }
    let types = globs(reading, written, "error_type");
    Matching {
        levels: written.contains_key("level").then_some(levels),
        severity,
        teams: globs(reading, written, "team"),
        jobs: globs(reading, written, "job"),
        rules: globs(reading, written, "rule"),
        types: match types {
            None if exact.is_empty() => None,
            types => Some((types.unwrap_or_default(), exact)),
        },
    }
}

/// Names with `*`: one, or a list.
fn globs(reading: &mut Reading<'_>, written: &Mapping, key: &str) -> Option<GlobSet> {
    let wanted = reading.texts(written, key);
    if !written.contains_key(key) {
        return None;
    }
    let mut set = GlobSetBuilder::new();
    for text in &wanted {
        match GlobBuilder::new(text).literal_separator(false).build() {
            Ok(glob) => {
                set.add(glob);
            }
            Err(error) => reading.fault_at(key, error.to_string(), "write a name, with `*` for any text"),
        }
    }
    Some(set.build().unwrap_or_default())
}

/// The lines at which routes begin.
fn lines_of_routes(text: &str) -> Vec<usize> {
    let below = text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("routes:"))
        .skip(1);
    let inside = |line: &str| line.is_empty() || line.starts_with([' ', '-', '#']);
    let items: Vec<(usize, usize)> = below
        .take_while(|(_, line)| inside(line))
        .filter(|(_, line)| line.trim_start().starts_with("- "))
        .map(|(at, line)| (at + 1, line.len() - line.trim_start().len()))
        .collect();
    let least = items.iter().map(|(_, indent)| *indent).min();
    let outer = items.into_iter().filter(|(_, indent)| Some(*indent) == least);
    outer.map(|(at, _)| at).collect()
}
