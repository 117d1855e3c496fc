//! Slack, incoming webhook: blocks, with the title as text where blocks are not shown.
//!
//! Limits: a header 150 characters, the text of a section 3,000, ten fields of 2,000 each (Block Kit reference).

use super::super::destination::Destination;
use super::super::fit;
use super::super::message::{Message, Tone};
use super::super::source::Reach;
use super::super::telling::Telling;
use super::Call;
use serde_json::{Value, json};

const HEADER: usize = 150;
/// Bytes, which are at least as many as characters.
const SECTION: usize = 2_900;
/// The longest address of a link.
const LINK: usize = 2_000;

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let message = Message::of(destination, telling);
    let sign = match message.tone {
        Tone::Bad => "🔴",
        Tone::Warning => "🟠",
        Tone::Plain => "🔵",
        Tone::Good => "🟢",
    };
    let title = fit::chars(&format!("{sign} {}", message.title), HEADER);
    let mut blocks = vec![json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": true}})];
    let colon = message.language.colon();
    let fact = |label: &str, value: &str| format!("*{}*{colon}{}", escaped(label), escaped(value));
    let lines = message.lines(fact, |item| format!("• {}", escaped(item)));
    let text = fit::lines(&lines, "", SECTION, |count| message.language.more(count));
    if !text.is_empty() {
        blocks.push(section(&text));
    }
    let links: Vec<String> = message
        .links
        .iter()
        .filter(|(_, url)| url.len() <= LINK)
        .map(|(label, url)| format!("<{}|{}>", escaped(url).replace('|', "%7C"), escaped(label)))
        .collect();
    if !links.is_empty() {
        blocks.push(section(&links.join("  ·  ")));
    }
    let body = json!({"text": escaped(&title), "blocks": blocks});
    Call::new(reach.url.clone(), &body)
}

fn section(text: &str) -> Value {
    // Verbatim: names of channels and people in a log line call nobody.
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// The three characters Slack gives a meaning to ("Formatting text": escaping).
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
