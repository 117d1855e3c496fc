//! Alert rules as they are written: read, every fault noted.

use super::counted::Dimension;
use super::filter::{Filter, Refused};
use super::rule::{AlertRule, Condition, Fresh, RunsFor};
use super::title::{Says, Title};
use crate::alert::Level;
use crate::alert::judge::{Direction, Settings};
use crate::config::units::duration;
use crate::event::Severity;
use crate::rules::yaml::{Reading, kind};
use crate::rules::{Fault, nearest};
use globset::{GlobBuilder, GlobSetBuilder};
use serde_yaml_ng::{Mapping, Value};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const RULE_KEYS: &[&str] = &[
    "id",
    "level",
    "severity",
    "title",
    "about",
    "where",
    "by",
    "for",
    "keep",
    "enabled",
    "folds_into_failure",
    "tells",
    "runs_for",
    "threshold",
    "spike",
    "new",
    "regression",
    "absence",
    "share",
    "composite",
];
const CONDITIONS: &[&str] = &[
    "threshold",
    "spike",
    "new",
    "regression",
    "absence",
    "share",
    "composite",
];

/// Windows hold counts by the minute; a longer one is a question for trends.
const LONGEST_WINDOW: i64 = 7 * 1_440;
/// Known errors are remembered to ten minutes; a shorter quiet is none.
const SHORTEST_QUIET: i64 = 60;
/// What a key is made of at most: each further dimension multiplies the series.
const LONGEST_KEY: usize = 4;

/// The rules of one file and what is wrong with it.
pub(super) fn read(file: &str, text: &str) -> (Vec<AlertRule>, Vec<Fault>) {
    let mut reading = Reading::new(file, text);
    let mut rules = Vec::new();
    if let Some(document) = reading.document(text) {
        for entry in reading.entries(&document) {
            rules.extend(rule(&mut reading, entry, file));
            reading.leave();
        }
    }
    (rules, reading.into_faults())
}

fn rule(reading: &mut Reading<'_>, entry: &Mapping, file: &str) -> Option<AlertRule> {
    let id = reading.wanted_text(entry, "id")?;
    reading.enter(&id);
    if !id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        || id.len() > 100
    {
        let advice = "use lower-case letters, digits and `_`, at most 100";
        reading.fault_at("id", format!("the id `{id}` is not in snake_case"), advice);
    }
    reading.known_keys(entry, RULE_KEYS);
    let levels = [Level::Basic, Level::Custom, Level::Platform].map(|level| (level.as_str(), level));
    let level = name_of(reading, entry, "level", &levels).unwrap_or(Level::Custom);
    let severities: Vec<_> = Severity::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    let severity = name_of(reading, entry, "severity", &severities).unwrap_or_else(|| {
        if entry.get("severity").is_none() {
            reading.fault("`severity` is missing", "add critical, high, medium, low or info");
        }
        Severity::Medium
    });
    let by = by(reading, entry);
    let given = reading.text(entry, "where").unwrap_or_default();
    let filter = refused(reading, "where", Filter::read(&given)).unwrap_or_default();
    let (name, condition) = condition(reading, entry, &by)?;
    if let Condition::Composite { .. } = condition
        && !given.is_empty()
    {
        reading.fault_at("where", "a composite has no search", "its rules have their own");
    }
    let says = Says {
        expected: matches!(condition, Condition::Spike(_)),
        limit: matches!(condition, Condition::Threshold { .. } | Condition::Share { .. }),
        within: !matches!(condition, Condition::Composite { .. }),
    };
    let title = reading.wanted_text(entry, "title");
    let title = title.and_then(|title| refused(reading, "title", Title::read(&title, &by, says)));
    let pending = minutes(reading, entry, "for", 0, 0).unwrap_or(0);
    let keep = minutes(reading, entry, "keep", 0, 0).unwrap_or(match condition {
        // A spike holds by itself.
        Condition::Spike(_) | Condition::Absence { .. } => 0,
        Condition::Threshold { .. } | Condition::Share { .. } | Condition::Composite { .. } => 10,
        Condition::New(_) | Condition::Regression { .. } => 30,
    });
    let runs_for = runs_for(reading, entry);
    let judged: Vec<&Value> = ["where", "by", "for", "keep", "runs_for", name]
        .iter()
        .filter_map(|key| entry.get(*key))
        .collect();
    let recipe = format!("{name} {judged:?} {condition:?}");
    Some(AlertRule {
        id: Arc::from(id),
        level,
        severity,
        about: reading.text(entry, "about").unwrap_or_default(),
        enabled: flag(reading, entry, "enabled"),
        folds_into_failure: reading.flag(entry, "folds_into_failure"),
        tells: flag(reading, entry, "tells"),
        place: (file.to_owned(), reading.line()),
        kind: name,
        title: title?,
        filter,
        by,
        condition,
        pending,
        keep,
        runs_for,
        recipe: xxh3_64(recipe.as_bytes()),
    })
}

/// A flag that is on unless it is turned off.
fn flag(reading: &mut Reading<'_>, entry: &Mapping, key: &str) -> bool {
    !entry.contains_key(key) || reading.flag(entry, key)
}

fn refused<T>(reading: &mut Reading<'_>, key: &str, read: Result<T, Refused>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(refused) => {
            reading.fault_at(key, refused.what, refused.advice);
            None
        }
    }
}

/// A value out of a closed set.
fn name_of<T: Copy>(reading: &mut Reading<'_>, entry: &Mapping, key: &str, all: &[(&str, T)]) -> Option<T> {
    let given = reading.text(entry, key)?;
    if let Some((_, value)) = all.iter().find(|(name, _)| *name == given) {
        return Some(*value);
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let advice = match nearest(&given, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of {}", names.join(", ")),
    };
    reading.fault_at(key, format!("{given:?} is no {key}"), advice);
    None
}

fn dimension(reading: &mut Reading<'_>, key: &str, name: &str) -> Option<Dimension> {
    let found = Dimension::named(name);
    if found.is_none() {
        let names = || Dimension::ALL.iter().map(|one| one.name());
        let advice = match nearest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("counts are kept by {}", names().collect::<Vec<_>>().join(", ")),
        };
        reading.fault_at(key, format!("{name:?} is no dimension of counts"), advice);
    }
    found
}

fn by(reading: &mut Reading<'_>, entry: &Mapping) -> Vec<Dimension> {
    let mut by = Vec::new();
    for name in reading.texts(entry, "by") {
        let Some(one) = dimension(reading, "by", &name) else {
            continue;
        };
        if by.contains(&one) {
            reading.fault_at("by", format!("`{name}` stands twice"), "name each dimension once");
        } else {
            by.push(one);
        }
    }
    if by.len() > LONGEST_KEY {
        let advice = format!("at most {LONGEST_KEY}: each one multiplies the series");
        reading.fault_at("by", format!("a key of {} dimensions", by.len()), advice);
    }
    by
}

fn condition(reading: &mut Reading<'_>, entry: &Mapping, by: &[Dimension]) -> Option<(&'static str, Condition)> {
    let given: Vec<&'static str> = CONDITIONS
        .iter()
        .copied()
        .filter(|name| entry.contains_key(*name))
        .collect();
    let [name] = given.as_slice() else {
        let what = match given.as_slice() {
            [] => "no condition".to_owned(),
            several => format!("several conditions: {}", several.join(", ")),
        };
        reading.fault(what, format!("write one of {}", CONDITIONS.join(", ")));
        return None;
    };
    let empty = Mapping::new();
    let settings = match entry.get(*name) {
        Some(Value::Mapping(settings)) => settings,
        None | Some(Value::Null) => &empty,
        Some(
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Tagged(_)),
        ) => {
            let what = format!("`{name}` is {}, not a mapping", kind(other));
            reading.fault_at(name, what, format!("write `{name}: {{…}}`"));
            return None;
        }
    };
    let condition = match *name {
        "threshold" => threshold(reading, settings),
        "spike" => Some(spike(reading, settings)),
        "new" => {
            reading.known_keys(settings, &["learning", "usual", "at_least", "within"]);
            Some(Condition::New(fresh(reading, settings)))
        }
        "regression" => {
            reading.known_keys(settings, &["after_quiet", "learning", "usual", "at_least", "within"]);
            let fresh = fresh(reading, settings);
            let after_quiet = minutes(reading, settings, "after_quiet", SHORTEST_QUIET, 365 * 1_440);
            wanted(reading, settings, "after_quiet", after_quiet)
                .map(|after_quiet| Condition::Regression { fresh, after_quiet })
        }
        "absence" => {
            reading.known_keys(settings, &["for", "came"]);
            let came = number(reading, settings, "came", 1.0).unwrap_or(10.0);
            let quiet = minutes(reading, settings, "for", 1, LONGEST_WINDOW);
            wanted(reading, settings, "for", quiet).map(|quiet| Condition::Absence {
                quiet,
                came: u32::try_from(whole(came)).unwrap_or(u32::MAX),
            })
        }
        "share" => share(reading, settings, by),
        _ => composite(reading, settings),
    };
    condition.map(|condition| (*name, condition))
}

/// A value that must be there; one that is there and wrong has its fault already.
fn wanted<T>(reading: &mut Reading<'_>, settings: &Mapping, key: &str, value: Option<T>) -> Option<T> {
    if value.is_none() && !settings.contains_key(key) {
        reading.fault(format!("`{key}` is missing"), format!("add `{key}: …`"));
    }
    value
}

fn threshold(reading: &mut Reading<'_>, settings: &Mapping) -> Option<Condition> {
    reading.known_keys(settings, &["above", "back_below", "within"]);
    let above = number(reading, settings, "above", 0.0);
    let within = minutes(reading, settings, "within", 1, LONGEST_WINDOW);
    let above = wanted(reading, settings, "above", above)?;
    let within = wanted(reading, settings, "within", within)?;
    let back_below = number(reading, settings, "back_below", 0.0).unwrap_or(above);
    if back_below > above {
        let what = format!("`back_below` ({back_below}) is more than `above` ({above})");
        reading.fault_at("back_below", what, "it is where the alert ends: at most `above`");
    }
    Some(Condition::Threshold {
        above: whole(above),
        back_below: whole(back_below),
        within,
    })
}

fn spike(reading: &mut Reading<'_>, settings: &Mapping) -> Condition {
    reading.known_keys(settings, &["one_in", "minimum", "hold", "direction"]);
    let fleet = Settings::fleet(60);
    let directions = [("up", Direction::Up), ("both", Direction::Both)];
    let hold = minutes(reading, settings, "hold", 1, LONGEST_WINDOW).unwrap_or(30);
    Condition::Spike(Settings {
        one_in: number(reading, settings, "one_in", 2.0).unwrap_or(fleet.one_in),
        minimum: number(reading, settings, "minimum", 0.0).unwrap_or(fleet.minimum),
        hold: u32::try_from(hold).unwrap_or(u32::MAX),
        direction: name_of(reading, settings, "direction", &directions).unwrap_or(Direction::Up),
        ..fleet
    })
}

fn fresh(reading: &mut Reading<'_>, settings: &Mapping) -> Fresh {
    let usual = number(reading, settings, "usual", 0.0).unwrap_or(3.0);
    Fresh {
        learning: minutes(reading, settings, "learning", 0, 90 * 1_440).unwrap_or(36 * 60),
        usual: usize::try_from(whole(usual)).unwrap_or(usize::MAX),
        at_least: whole(number(reading, settings, "at_least", 1.0).unwrap_or(1.0)),
        within: minutes(reading, settings, "within", 1, 1_440).unwrap_or(60),
    }
}

fn share(reading: &mut Reading<'_>, settings: &Mapping, by: &[Dimension]) -> Option<Condition> {
    reading.known_keys(settings, &["of", "each", "above", "share", "within"]);
    let of = reading
        .wanted_text(settings, "of")
        .and_then(|name| dimension(reading, "of", &name));
    let within = minutes(reading, settings, "within", 1, LONGEST_WINDOW);
    let within = wanted(reading, settings, "within", within);
    let above = number(reading, settings, "above", 0.0);
    let share = number(reading, settings, "share", 0.0);
    if above.is_none() && share.is_none() {
        let advice = "add `above: 5` (so many), `share: 0.2` (of all that are known), or both";
        reading.fault("neither `above` nor `share`", advice);
    }
    if share.is_some_and(|share| share > 1.0) {
        reading.fault_at("share", "`share` is more than 1", "write .2 for a fifth");
    }
    let of = of?;
    if by.contains(&of) {
        let what = format!("`{of}` is in `by` too, so that there is only one of it");
        reading.fault_at("of", what, "count another dimension, or take it out of `by`");
    }
    Some(Condition::Share {
        of,
        each: whole(number(reading, settings, "each", 1.0).unwrap_or(1.0)),
        above: whole(above.unwrap_or(0.0)),
        share,
        within: within?,
    })
}

fn composite(reading: &mut Reading<'_>, settings: &Mapping) -> Option<Condition> {
    reading.known_keys(settings, &["all", "any"]);
    let all = settings.contains_key("all");
    if all == settings.contains_key("any") {
        reading.fault_at(
            "composite",
            "`all` and `any` together, or neither",
            "write one: `all: [rule, rule]`",
        );
        return None;
    }
    let of = reading.texts(settings, if all { "all" } else { "any" });
    if of.len() < 2 {
        reading.fault_at(
            "composite",
            format!("made of {} rules", of.len()),
            "name two rules or more",
        );
    }
    let of = of.into_iter().map(Arc::from).collect();
    Some(Condition::Composite { all, of })
}

fn runs_for(reading: &mut Reading<'_>, entry: &Mapping) -> RunsFor {
    let mut runs_for = RunsFor::default();
    let settings = match entry.get("runs_for") {
        None => return runs_for,
        Some(Value::Mapping(settings)) => settings,
        Some(other) => {
            let advice = "write `runs_for: {jobs: ['dws-*'], teams: [warehouse], tiers: [1]}`";
            reading.fault_at("runs_for", format!("`runs_for` is {}", kind(other)), advice);
            return runs_for;
        }
    };
    reading.known_keys(settings, &["jobs", "teams", "tiers"]);
    let mut jobs = GlobSetBuilder::new();
    let given = reading.texts(settings, "jobs");
    for job in &given {
        match GlobBuilder::new(job).literal_separator(false).build() {
            Ok(glob) => {
                jobs.add(glob);
            }
            Err(error) => reading.fault_at("jobs", error.to_string(), "write names of jobs with `*` for any text"),
        }
    }
    if !given.is_empty() {
        runs_for.jobs = jobs.build().ok();
    }
    runs_for.teams = reading.texts(settings, "teams");
    for tier in reading.texts(settings, "tiers") {
        match tier.parse() {
            Ok(tier) => runs_for.tiers.push(tier),
            Err(_) => reading.fault_at(
                "tiers",
                format!("{tier:?} is no tier"),
                "tiers are numbers, as in jobs.yaml",
            ),
        }
    }
    runs_for
}

/// A number that is not below `least`.
fn number(reading: &mut Reading<'_>, settings: &Mapping, key: &str, least: f64) -> Option<f64> {
    let text = reading.text(settings, key)?;
    let number: Option<f64> = text.replace('_', "").parse().ok();
    let fits = number.filter(|number| number.is_finite() && *number >= least);
    if fits.is_none() {
        reading.fault_at(
            key,
            format!("`{key}: {text}` is no number from {least}"),
            "write a number",
        );
    }
    fits
}

/// Minutes of a duration; `most` 0 stands for a day.
fn minutes(reading: &mut Reading<'_>, settings: &Mapping, key: &str, least: i64, most: i64) -> Option<i64> {
    let text = reading.text(settings, key)?;
    let most = if most == 0 { 1_440 } else { most };
    let shown = |minutes: i64| match minutes {
        0 => "0s".to_owned(),
        _ if minutes % 1_440 == 0 => format!("{}d", minutes / 1_440),
        _ => format!("{minutes}m"),
    };
    let Some(read) = duration(&text) else {
        let advice = "write a number with a unit: 5m, 2h, 1d";
        reading.fault_at(key, format!("`{key}: {text}` is no duration"), advice);
        return None;
    };
    if read.subsec_nanos() > 0 || read.as_secs() % 60 > 0 {
        let advice = "counts are kept by the minute: write whole minutes";
        reading.fault_at(key, format!("`{key}: {text}` is no whole number of minutes"), advice);
        return None;
    }
    let minutes = i64::try_from(Duration::as_secs(&read) / 60).unwrap_or(i64::MAX);
    if !(least..=most).contains(&minutes) {
        let advice = format!("write something from {} to {}", shown(least), shown(most));
        reading.fault_at(key, format!("`{key}: {text}` is out of bounds"), advice);
        return None;
    }
    Some(minutes)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number read as not below zero; what is too large is as large as can be"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
