//! DingTalk, custom robot: Markdown, signed in the address.
//!
//! `sign` is the HMAC-SHA256 of `MILLIS\nSECRET` under the secret, base64, beside `timestamp` ("Custom robot security
//! settings"). A message has at most 20,000 bytes; a robot may send 20 a minute and is shut out for ten minutes after
//! more. A no comes as a 200 with `errcode`.

use super::super::destination::Destination;
use super::super::fit;
use super::super::message::Message;
use super::super::source::Reach;
use super::super::telling::Telling;
use super::{Call, sign, tamed};
use serde_json::json;
use std::time::Duration;

/// Bytes of the text: escaped in JSON with the rest of the message they stay below 20,000.
const TEXT: usize = 12_000;
const TITLE: usize = 100;

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let message = Message::of(destination, telling);
    let colon = message.language.colon();
    let fact = |label: &str, value: &str| format!("- **{label}**{colon}{}", tamed(value));
    let mut lines = vec![format!("### {}", tamed(&message.title)), String::new()];
    lines.extend(message.lines(fact, |item| format!("  - {}", tamed(item))));
    let links: Vec<String> = message
        .links
        .iter()
        .map(|(label, url)| format!("[{label}]({url})"))
        .collect();
    let last = if links.is_empty() {
        String::new()
    } else {
        format!("\n{}", links.join(" · "))
    };
    let text = fit::lines(&lines, &last, TEXT, |count| message.language.more(count));
    let body = json!({
        "msgtype": "markdown",
        "markdown": {"title": fit::chars(&message.title, TITLE), "text": text},
    });
    let mut url = reach.url.clone();
    if let Some(secret) = &reach.secret {
        let at = telling.now.to_string();
        let signed = sign::base64(
            secret.expose().as_bytes(),
            format!("{at}\n{}", secret.expose()).as_bytes(),
        );
        url.query_pairs_mut()
            .append_pair("timestamp", &at)
            .append_pair("sign", &signed);
    }
    Call::new(url, &body)
}

/// Codes that pass: busy, and too often, which shuts it out for ten minutes.
pub(super) fn passes(code: i64) -> Option<Duration> {
    match code {
        -1 => Some(Duration::from_secs(5)),
        130_101 | 410_100 => Some(Duration::from_secs(600)),
        _ => None,
    }
}
