//! The generic webhook: the change as JSON, signed.
//!
//! `Idempotency-Key` is the same for every try of one message. `X-Seismolog-Signature: t=SECONDS,v1=HEX` is the
//! HMAC-SHA256 of `SECONDS.BODY` under the secret: check it over the bytes as received, and refuse an old `t`.

use super::super::destination::Destination;
use super::super::fit;
use super::super::source::Reach;
use super::super::telling::Telling;
use super::{Call, sign};
use crate::store::AlertChange;
use serde_json::{Value, json};

/// Characters of a text and entries of a list in a change; what is longer is cut, and `cut` says so.
const WHOLE: (usize, usize) = (4_000, 100);
/// The same in a summary, which has as many entries as it sums up.
const SHORT: (usize, usize) = (240, usize::MAX);

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let (mut body, (longest, most)) = match telling.single() {
        Some(change) => (whole(change, telling), WHOLE),
        None => (summary(telling), SHORT),
    };
    let cut = fit::json(&mut body, longest, most);
    if let Some(body) = body.as_object_mut() {
        body.insert("key".to_owned(), telling.key.into());
        body.insert("destination".to_owned(), destination.name.as_str().into());
        body.insert("test".to_owned(), telling.test.into());
        body.insert("cut".to_owned(), cut.into());
    }
    let mut call = Call::new(reach.url.clone(), &body);
    call.headers.push(("Idempotency-Key", telling.key.to_owned()));
    if let Some(secret) = &reach.secret {
        let at = telling.now.div_euclid(1_000);
        let signed = sign::hex(secret.expose().as_bytes(), format!("{at}.{}", call.body).as_bytes());
        call.headers
            .push(("X-Seismolog-Signature", format!("t={at},v1={signed}")));
    }
    call
}

/// The change with its alert, as the API and the topic have them, and where to look.
fn whole(change: &AlertChange, telling: &Telling<'_>) -> Value {
    let mut body = serde_json::to_value(change).unwrap_or_default();
    if let Some(alert) = body.get_mut("alert").and_then(Value::as_object_mut)
        && let Some(url) = telling.alert_url(change)
    {
        alert.insert("url".to_owned(), url.into());
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("type".to_owned(), "change".into());
        if let Some(url) = telling.error_url(change) {
            body.insert("error_url".to_owned(), url.into());
        }
    }
    body
}

/// Every change in short: a receiver that wants more asks the API.
fn summary(telling: &Telling<'_>) -> Value {
    let short = |change: &&AlertChange| {
        let alert = &change.alert;
        json!({
            "seq": change.seq, "at": change.at, "change": change.change,
            "alert": {
                "id": alert.id, "rule": alert.rule, "level": alert.level, "state": alert.state,
                "severity": alert.severity, "title": alert.title, "job_name": alert.job_name, "team": alert.team,
                "error_type": alert.error_type, "started_at": alert.started_at, "ended_at": alert.ended_at,
                "url": telling.alert_url(change),
            },
        })
    };
    json!({
        "type": "summary",
        "count": telling.changes.len(),
        "changes": telling.changes.iter().map(short).collect::<Vec<Value>>(),
    })
}
