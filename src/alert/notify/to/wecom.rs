//! WeCom, group robot: Markdown of at most 4,096 bytes. A no comes as a 200 with `errcode`.

use super::super::destination::Destination;
use super::super::fit;
use super::super::message::{Message, Tone};
use super::super::source::Reach;
use super::super::telling::Telling;
use super::{Call, tamed};
use serde_json::json;
use std::time::Duration;

/// Bytes of the content ("Group robot configuration": markdown).
const CONTENT: usize = 4_096;

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let message = Message::of(destination, telling);
    // The three colours it knows.
    let colour = match message.tone {
        Tone::Bad | Tone::Warning => "warning",
        Tone::Plain => "comment",
        Tone::Good => "info",
    };
    let colon = message.language.colon();
    let fact = |label: &str, value: &str| format!("> **{label}**{colon}{}", tamed(value));
    let mut lines = vec![format!("<font color=\"{colour}\">{}</font>", tamed(&message.title))];
    lines.extend(message.lines(fact, |item| format!("> {}", tamed(item))));
    let links: Vec<String> = message
        .links
        .iter()
        .map(|(label, url)| format!("[{label}]({url})"))
        .collect();
    let content = fit::lines(&lines, &links.join(" · "), CONTENT, |count| {
        message.language.more(count)
    });
    let body = json!({"msgtype": "markdown", "markdown": {"content": content}});
    Call::new(reach.url.clone(), &body)
}

/// Codes that pass: busy, and too often (20 a minute).
pub(super) fn passes(code: i64) -> Option<Duration> {
    match code {
        -1 => Some(Duration::from_secs(5)),
        45_009 => Some(Duration::from_secs(60)),
        _ => None,
    }
}
