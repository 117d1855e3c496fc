//! What is said, before it takes a receiver's form: a title, facts, lists and links, all of it plain text.

use super::destination::{Destination, Language};
use super::fit;
use super::telling::{Telling, ends};
use super::template::Part;
use super::words::Word;
use crate::event::Severity;
use crate::store::{AlertChange, ChangeKind};
use std::collections::{BTreeMap, HashSet};

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// One line of plain text.
    pub title: String,
    /// How it is to look.
    pub tone: Tone,
    /// What is known, as label and value.
    pub facts: Vec<(&'static str, String)>,
    /// Lists below it, as heading and lines.
    pub lists: Vec<(&'static str, Vec<String>)>,
    /// Somebody's own text instead of facts and lists, in the receiver's markup already.
    pub own: Option<String>,
    /// Where to look, as label and address.
    pub links: Vec<(&'static str, String)>,
    /// In which language.
    pub language: Language,
}

/// How a message is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Somebody has to act now.
    Bad,
    /// Somebody has to look.
    Warning,
    /// Worth knowing.
    Plain,
    /// It is over.
    Good,
}

/// The longest value of a fact.
const VALUE: usize = 500;
/// The longest title.
const TITLE: usize = 240;
/// Lines of a list; what is left out is counted.
const LINES: usize = 10;

impl Message {
    /// What is said of something to a destination.
    #[must_use]
    pub fn of(destination: &Destination, telling: &Telling<'_>) -> Self {
        let message = match telling.single() {
            Some(change) => of_one(destination, change, telling),
            None => of_several(destination.language, telling),
        };
        if telling.test { marked(message) } else { message }
    }

    /// The facts as lines, and the lists with their headings: each by `shape`.
    pub(super) fn lines(&self, fact: impl Fn(&str, &str) -> String, item: impl Fn(&str) -> String) -> Vec<String> {
        if let Some(own) = &self.own {
            return own.lines().map(str::to_owned).collect();
        }
        let mut lines: Vec<String> = self.facts.iter().map(|(label, value)| fact(label, value)).collect();
        for (heading, items) in &self.lists {
            lines.push(fact(heading, ""));
            lines.extend(items.iter().map(|text| item(text)));
        }
        lines
    }
}

fn of_one(destination: &Destination, change: &AlertChange, telling: &Telling<'_>) -> Message {
    let language = destination.language;
    let own = |part| destination.templates.render(part, change, telling, language);
    let alert = &change.alert;
    let said = || format!("{}{}{}", language.change(change.change), language.colon(), alert.title);
    let title = own(Part::Title).unwrap_or_else(said);
    let mut links = Vec::new();
    if let Some(url) = telling.alert_url(change) {
        links.push((language.word(Word::OpenAlert), url));
    }
    if let Some(url) = telling.error_url(change) {
        links.push((language.word(Word::OpenError), url));
    }
    Message {
        title: fit::line(&title, TITLE),
        tone: tone(change),
        facts: facts(language, change),
        lists: followers(language, change),
        own: own(Part::Text),
        links,
        language,
    }
}

fn tone(change: &AlertChange) -> Tone {
    if ends(change.change) {
        return Tone::Good;
    }
    if matches!(change.change, ChangeKind::Acknowledged | ChangeKind::Silenced) {
        return Tone::Plain;
    }
    match change.alert.severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warning,
        Severity::Low | Severity::Info => Tone::Plain,
    }
}

fn facts(language: Language, change: &AlertChange) -> Vec<(&'static str, String)> {
    let alert = &change.alert;
    let mut facts = Vec::new();
    let mut say = |word, value: Option<String>| {
        let value = value.map(|value| fit::line(&value, VALUE));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((language.word(word), value));
        }
    };
    say(Word::Severity, Some(language.severity(alert.severity).to_owned()));
    say(Word::Job, alert.job_name.clone());
    if !alert.jobs.is_empty() {
        let named: Vec<&str> = alert.jobs.iter().take(LINES).map(String::as_str).collect();
        let more = alert.jobs.len().saturating_sub(LINES);
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        say(
            Word::Jobs,
            Some(format!("{} ({}{more})", alert.jobs.len(), named.join(", "))),
        );
    }
    say(Word::Team, alert.team.clone());
    say(Word::ErrorType, alert.error_type.clone());
    say(Word::Exception, alert.exception.clone());
    let measured = if alert.expected.is_some() || alert.reason.is_some() {
        Word::Value
    } else {
        Word::Events
    };
    say(measured, Some(number(alert.value)));
    say(Word::Expected, alert.expected.map(number));
    say(Word::Probability, alert.probability.map(|p| format!("{p:.1e}")));
    say(Word::Reason, alert.reason.clone());
    say(Word::Rule, Some(alert.rule.to_string()));
    say(Word::Started, Some(alert.started_at.clone()));
    say(Word::Ended, alert.ended_at.clone());
    say(Word::By, change.by.clone());
    say(Word::Note, change.note.clone());
    facts
}

/// Whole numbers whole, others with three digits that count.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1_000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

fn followers(language: Language, change: &AlertChange) -> Vec<(&'static str, Vec<String>)> {
    let all = &change.alert.followers;
    if all.is_empty() {
        return Vec::new();
    }
    let line = |one: &crate::alert::Follower| {
        let what = one
            .exception
            .as_deref()
            .map_or_else(String::new, |class| format!(" ({class})"));
        let why = one.why.as_deref().map_or_else(String::new, |why| format!(" — {why}"));
        fit::line(&format!("{}{what} ×{}{why}", one.error_type, one.count), VALUE)
    };
    let mut lines: Vec<String> = all.iter().take(LINES).map(line).collect();
    if all.len() > LINES {
        lines.push(language.more(all.len() - LINES));
    }
    vec![(language.word(Word::Followers), lines)]
}

/// How many alerts of which severity changed, and the worst of them by name.
fn of_several(language: Language, telling: &Telling<'_>) -> Message {
    let latest: BTreeMap<_, _> = telling.changes.iter().map(|one| (one.alert.id, *one)).collect();
    let mut seen = HashSet::new();
    let mut alerts: Vec<&AlertChange> = telling
        .changes
        .iter()
        .filter(|one| seen.insert(one.alert.id))
        .filter_map(|one| latest.get(&one.alert.id).copied())
        .collect();
    alerts.sort_by_key(|one| (ends(one.change), std::cmp::Reverse(one.alert.severity)));
    let worst_first = Severity::ALL.iter().rev();
    let by_severity: Vec<(Severity, usize)> = worst_first
        .map(|severity| {
            let of_it = alerts.iter().filter(|one| one.alert.severity == *severity);
            (*severity, of_it.count())
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    let line = |one: &&AlertChange| {
        let word = language.change(one.change);
        let severity = language.severity(one.alert.severity);
        fit::line(&format!("{word} [{severity}] {}", one.alert.title), TITLE)
    };
    let mut lines: Vec<String> = alerts.iter().take(LINES).map(line).collect();
    if alerts.len() > LINES {
        lines.push(language.more(alerts.len() - LINES));
    }
    let base = telling.base_url.map(|base| base.trim_end_matches('/'));
    let all_over = alerts.iter().all(|one| ends(one.change));
    Message {
        title: language.summed(alerts.len(), telling.changes.len(), &by_severity),
        tone: match by_severity.first() {
            Some(_) if all_over => Tone::Good,
            Some((Severity::Critical | Severity::High, _)) => Tone::Bad,
            Some((Severity::Medium, _)) => Tone::Warning,
            Some((Severity::Low | Severity::Info, _)) | None => Tone::Plain,
        },
        facts: Vec::new(),
        lists: vec![(language.word(Word::Alerts), lines)],
        own: None,
        links: base
            .map(|base| (language.word(Word::OpenAlert), format!("{base}/alerts")))
            .into_iter()
            .collect(),
        language,
    }
}

/// A test says so in its title and in its text.
fn marked(mut message: Message) -> Message {
    let language = message.language;
    message.title = fit::line(&format!("{} {}", language.word(Word::Test), message.title), TITLE);
    let note = language.word(Word::TestNote);
    message.own = message.own.map(|own| format!("{note}\n{own}"));
    message.facts.insert(0, (language.word(Word::Note), note.to_owned()));
    message
}
