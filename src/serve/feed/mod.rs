//! Feeds of alerts: one entry per alert, updated in place as it goes on.
//!
//! Comes in: alerts as they stand. Goes out: Atom (`atom`, RFC 4287) or JSON Feed 1.1 (`json`), both with the same
//! entries. What always holds: an entry keeps its id over servers and addresses; while nothing changes the same bytes
//! go out, so that readers can be told so; nothing a log line says is markup, and nothing XML forbids goes out.

mod atom;
mod json;

pub(crate) use atom::{KIND as ATOM_KIND, atom};
pub(crate) use json::{KIND as JSON_KIND, json};

use crate::alert::{Follower, State};
use crate::serve::time;
use crate::store::StoredAlert;
use maud::{Markup, html};

/// Whose alerts a feed holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    Everybody,
    Job(String),
    Team(String),
}

impl Whose {
    fn title(&self) -> String {
        match self {
            Whose::Everybody => "Alerts".to_owned(),
            Whose::Job(job) => format!("Alerts of {job}"),
            Whose::Team(team) => format!("Alerts of team {team}"),
        }
    }

    /// Of this feed wherever it is served: a tag URI (RFC 4151).
    fn id(&self) -> String {
        let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, TAGGED).to_string();
        match self {
            Whose::Everybody => format!("{TAG}:alerts"),
            Whose::Job(job) => format!("{TAG}:alerts:job:{}", encoded(job)),
            Whose::Team(team) => format!("{TAG}:alerts:team:{}", encoded(team)),
        }
    }
}

/// Who gives out the ids: no address, since the same alert is told of at many.
const TAG: &str = "tag:seismolog,2026";
/// What has to be encoded inside a tag.
const TAGGED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// Where a feed stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Where links begin: `http://HOST:PORT`.
    pub(crate) base: String,
    /// Path and question of the feed itself.
    pub(crate) own: String,
}

/// A feed, ready to be written.
#[derive(Debug)]
pub(crate) struct Feed {
    title: String,
    id: String,
    /// The page for people.
    home: String,
    own: String,
    /// When an entry changed last, RFC 3339.
    pub(crate) updated: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: String,
    title: String,
    url: String,
    published: String,
    updated: String,
    /// In a line.
    summary: String,
    content: Markup,
    /// (what it tells, value).
    tags: Vec<(&'static str, String)>,
    alert: StoredAlert,
}

/// When a feed without entries was updated: its bytes must not change by themselves.
const NEVER: &str = "1970-01-01T00:00:00Z";

impl Feed {
    pub(crate) fn of(whose: &Whose, place: &Place, alerts: Vec<StoredAlert>) -> Self {
        // By time and not by text: one has milliseconds where another has none.
        let updated = alerts
            .iter()
            .map(|alert| alert.updated_at.as_str())
            .max_by_key(|at| time::millis(at))
            .unwrap_or(NEVER)
            .to_owned();
        let home = match whose {
            Whose::Everybody => format!("{}/alerts", place.base),
            Whose::Job(job) => with_value(&format!("{}/alerts?job=", place.base), job),
            Whose::Team(team) => with_value(&format!("{}/alerts?team=", place.base), team),
        };
        Self {
            title: clean(&whose.title()),
            id: whose.id(),
            home,
            own: clean(&format!("{}{}", place.base, place.own)),
            updated,
            entries: alerts.into_iter().map(|alert| entry(alert, &place.base)).collect(),
        }
    }
}

fn with_value(start: &str, value: &str) -> String {
    format!(
        "{start}{}",
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
    )
}

fn entry(stored: StoredAlert, base: &str) -> Entry {
    let alert = &stored.alert;
    let web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let url = alert
        .url
        .as_deref()
        .filter(web)
        .map_or_else(|| format!("{base}/alerts/{}", alert.id), clean);
    let title = match alert.state {
        State::Pending => format!("Pending: {}", alert.title),
        State::Firing => alert.title.clone(),
        State::NoData => format!("No data: {}", alert.title),
        State::Resolved => format!("Resolved: {}", alert.title),
    };
    let mut tags = vec![
        ("state", alert.state.as_str().to_owned()),
        ("severity", alert.severity.as_str().to_owned()),
        ("rule", alert.rule.to_string()),
        ("level", alert.level.as_str().to_owned()),
    ];
    let known = [
        ("error_type", &alert.error_type),
        ("job", &alert.job_name),
        ("team", &alert.team),
    ];
    tags.extend(
        known
            .map(|(name, value)| value.as_deref().map(|value| (name, clean(value))))
            .into_iter()
            .flatten(),
    );
    Entry {
        id: format!("{TAG}:alert:{}", alert.id),
        title: clean(&title),
        url,
        published: alert.started_at.clone(),
        updated: stored.updated_at.clone(),
        summary: clean(&summary(&stored)),
        content: content(&stored),
        tags,
        alert: stored,
    }
}

/// What happened, in a line: `critical, firing since 2026-11-21 08:00:00 UTC: 12 errors came where 2 were expected`.
fn summary(stored: &StoredAlert) -> String {
    let alert = &stored.alert;
    let mut said = format!("{}, ", alert.severity.as_str());
    match (&alert.ended_at, alert.state) {
        (Some(ended), _) => said.push_str(&format!("from {} to {ended}", alert.started_at)),
        (None, state) => said.push_str(&format!(
            "{} since {}",
            state.as_str().replace('_', " "),
            alert.started_at
        )),
    }
    if let Some(reason) = &alert.reason {
        said.push_str(&format!(": {reason}"));
    } else if let Some(exception) = &alert.exception {
        said.push_str(&format!(": {exception}"));
    }
    said
}

/// Followers told in an entry; the page tells all.
const MOST_FOLLOWERS: usize = 20;

/// What a reader shows: markup of ours, with whatever the logs said as text in it.
fn content(stored: &StoredAlert) -> Markup {
    let alert = &stored.alert;
    let facts = [
        ("Root", alert.exception.as_ref().or(alert.error_type.as_ref())),
        ("Type", alert.error_type.as_ref()),
        ("Job", alert.job_name.as_ref()),
        ("Team", alert.team.as_ref()),
        ("Why", alert.reason.as_ref()),
    ];
    let chain = |one: &Follower| clean(one.exception.as_deref().unwrap_or(&one.error_type));
    html! {
        p { (clean(&summary(stored))) }
        ul {
            @for (name, value) in facts {
                @if let Some(value) = value { li { b { (name) ":" } " " (clean(value)) } }
            }
            @if !alert.jobs.is_empty() {
                li { b { "Jobs:" } " " (clean(&alert.jobs.join(", "))) }
            }
        }
        @if !alert.followers.is_empty() {
            p { "What came with it:" }
            ol {
                @for one in alert.followers.iter().take(MOST_FOLLOWERS) {
                    li {
                        (chain(one)) " (" (one.count) ", from " (one.first_seen) ")"
                        @if let Some(why) = &one.why { ": " (clean(why)) }
                    }
                }
            }
        }
    }
}

/// The text without what XML 1.0 forbids (its rule `Char`), not even as a reference: each such character is replaced.
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    text.chars()
        .map(|c| if allowed(c) { c } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_of_feeds_are_the_same_wherever_they_are_served_and_differ_by_whose_they_are() {
        let ids = [
            Whose::Everybody.id(),
            Whose::Job("a b".to_owned()).id(),
            Whose::Job("a%20b".to_owned()).id(),
            Whose::Team("a b".to_owned()).id(),
        ];
        assert_eq!(ids.first().map(String::as_str), Some("tag:seismolog,2026:alerts"));
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    proptest! {
        #[test]
        fn whatever_text_is_cleaned_stands_in_a_document(text in any::<String>()) {
            let document = html! { a b=(clean(&text)) { (clean(&text)) } }.into_string();
            let read = roxmltree::Document::parse(&document).unwrap();
            // XML makes line breaks one of a kind; nothing else is changed.
            let want = clean(&text).replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read.root_element().text().unwrap_or(""), want);
        }
    }
}
