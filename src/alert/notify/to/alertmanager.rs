//! Alertmanager, API v2: `POST /api/v2/alerts` with a list.
//!
//! Alertmanager forgets what is not said again within its `resolve_timeout` (5 minutes unless changed), so what goes on
//! is said again every minute, with an end four minutes ahead, as Prometheus does. If we stop, it lets go by itself.
//! Source: its OpenAPI (`postableAlert`) and "Sending alerts" of its docs.

use super::super::destination::Destination;
use super::super::fit;
use super::super::source::Reach;
use super::super::telling::{Telling, ends};
use super::super::words::Word;
use super::Call;
use crate::store::AlertChange;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// How long an alert is to stand without hearing of it again.
const STANDS_MILLIS: i64 = 240_000;
/// The longest value of a label.
const LABEL: usize = 200;
/// The longest annotation.
const ANNOTATION: usize = 4_000;

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let alerts: Vec<Value> = telling
        .changes
        .iter()
        .map(|change| alert(destination, change, telling))
        .collect();
    let mut call = Call::new(endpoint(reach), &alerts.into());
    if let Some(secret) = &reach.secret {
        let allowed = match &reach.username {
            Some(name) => format!("Basic {}", STANDARD.encode(format!("{name}:{}", secret.expose()))),
            None => format!("Bearer {}", secret.expose()),
        };
        call.headers.push(("Authorization", allowed));
    }
    call
}

/// The address may be of Alertmanager itself, below a prefix as its `web.external-url`, or of the call.
fn endpoint(reach: &Reach) -> reqwest::Url {
    let mut url = reach.url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/api/v2/alerts") {
        url.set_path(&format!("{path}/api/v2/alerts"));
    }
    url
}

/// Labels tell alerts apart, so they hold what stays; annotations what may change.
fn alert(destination: &Destination, change: &AlertChange, telling: &Telling<'_>) -> Value {
    let alert = &change.alert;
    let mut labels = Map::new();
    let mut label = |name: &str, value: Option<&str>| {
        let value = value
            .map(|value| fit::line(value, LABEL))
            .filter(|value| !value.is_empty());
        if let Some(value) = value {
            labels.insert(name.to_owned(), value.into());
        }
    };
    label("alertname", Some(&alert.rule));
    label("alert_id", Some(&alert.id.to_string()));
    label("severity", Some(alert.severity.as_str()));
    label("level", Some(alert.level.as_str()));
    label("job", alert.job_name.as_deref());
    label("team", alert.team.as_deref());
    label("error_type", alert.error_type.as_deref());
    label("source", Some("seismolog"));
    if telling.test {
        label("test", Some("true"));
    }
    let message = super::super::message::Message::of(
        destination,
        &Telling {
            changes: &[change],
            ..*telling
        },
    );
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), fit::chars(&message.title, ANNOTATION).into());
    let colon = message.language.colon();
    let lines = message.lines(
        |label, value| format!("{label}{colon}{value}"),
        |item| format!("- {item}"),
    );
    let text = fit::lines(&lines, "", ANNOTATION, |count| message.language.more(count));
    annotations.insert("description".to_owned(), text.into());
    if let Some(url) = telling.error_url(change) {
        annotations.insert("error_url".to_owned(), url.into());
    }
    if telling.test {
        let note = message.language.word(Word::TestNote);
        annotations.insert("test".to_owned(), note.into());
    }
    let ends_at = if ends(change.change) {
        alert.ended_at.clone().unwrap_or_else(|| change.at.clone())
    } else {
        telling.at(STANDS_MILLIS)
    };
    let mut told = json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.started_at,
        "endsAt": ends_at,
    });
    if let (Some(url), Some(told)) = (telling.alert_url(change), told.as_object_mut()) {
        told.insert("generatorURL".to_owned(), url.into());
    }
    told
}
