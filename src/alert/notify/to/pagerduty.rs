//! PagerDuty, Events API v2: the id of the alert is the key under which it folds repeats, acknowledges and resolves.
//!
//! Limits: a summary of 1,024 characters, an event of 512 KB (Events API v2, "Send an alert event").

use super::super::destination::Destination;
use super::super::fit;
use super::super::message::Message;
use super::super::source::Reach;
use super::super::telling::{Telling, ends};
use super::Call;
use crate::event::Severity;
use crate::store::{AlertChange, ChangeKind};
use serde_json::{Map, Value, json};

const SUMMARY: usize = 1_024;
const DETAIL: usize = 2_000;
const SOURCE: usize = 255;

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let routing_key = reach.secret.as_ref().map_or("", |secret| secret.expose());
    // PagerDuty has no cap of ours, so it is always one; the last says how it stands.
    let body = telling
        .changes
        .last()
        .map_or(Value::Null, |change| event(destination, routing_key, change, telling));
    Call::new(reach.url.clone(), &body)
}

fn event(destination: &Destination, routing_key: &str, change: &AlertChange, telling: &Telling<'_>) -> Value {
    let alert = &change.alert;
    let action = match change.change {
        change if ends(change) => "resolve",
        ChangeKind::Acknowledged | ChangeKind::Silenced => "acknowledge",
        ChangeKind::Pending
        | ChangeKind::Fired
        | ChangeKind::Updated
        | ChangeKind::Reminded
        | ChangeKind::NoData
        | ChangeKind::Resolved
        | ChangeKind::Closed => "trigger",
    };
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": alert.id,
    });
    if action != "trigger" {
        return event;
    }
    let message = Message::of(
        destination,
        &Telling {
            changes: &[change],
            ..*telling
        },
    );
    let mut details: Map<String, Value> = message
        .facts
        .iter()
        .map(|(label, value)| ((*label).to_owned(), fit::chars(value, DETAIL).into()))
        .collect();
    for (heading, lines) in &message.lists {
        details.insert((*heading).to_owned(), lines.clone().into());
    }
    if let Some(own) = &message.own {
        details.insert("text".to_owned(), fit::chars(own, DETAIL * 4).into());
    }
    let source = alert
        .job_name
        .as_deref()
        .filter(|job| !job.is_empty())
        .unwrap_or("seismolog");
    let mut payload = json!({
        "summary": fit::chars(&message.title, SUMMARY),
        "source": fit::line(source, SOURCE),
        "severity": severity(alert.severity),
        "timestamp": alert.started_at,
        "class": alert.rule,
        "custom_details": details,
    });
    if let Some(payload) = payload.as_object_mut() {
        if let Some(component) = &alert.error_type {
            payload.insert("component".to_owned(), component.as_str().into());
        }
        if let Some(group) = &alert.team {
            payload.insert("group".to_owned(), group.as_str().into());
        }
    }
    if let Some(event) = event.as_object_mut() {
        event.insert("payload".to_owned(), payload);
        event.insert("client".to_owned(), "seismolog".into());
        if let Some(url) = telling.alert_url(change) {
            event.insert("client_url".to_owned(), url.into());
        }
        let link = |(label, url): &(&str, String)| json!({"href": url, "text": label});
        event.insert("links".to_owned(), message.links.iter().map(link).collect());
    }
    event
}

/// PagerDuty knows four.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}
