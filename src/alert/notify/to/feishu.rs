//! Feishu and Lark, custom bot: an interactive card, signed.
//!
//! The signature is the HMAC-SHA256 of nothing under the key `SECONDS\nSECRET`, base64, beside the `timestamp` in the
//! body ("Custom bot usage guide": signature verification). A body has at most 20 KB, and a no comes as a 200 with a code.

use super::super::destination::Destination;
use super::super::fit;
use super::super::message::{Message, Tone};
use super::super::source::Reach;
use super::super::telling::Telling;
use super::{Call, sign};
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of the text: escaped in JSON with the rest of the card they stay below 20 KB.
const TEXT: usize = 8_000;
const TITLE: usize = 200;

pub(super) fn call(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Call {
    let message = Message::of(destination, telling);
    let mut body = json!({"msg_type": "interactive", "card": card(&message)});
    if let (Some(secret), Some(body)) = (&reach.secret, body.as_object_mut()) {
        let at = telling.now.div_euclid(1_000).to_string();
        let key = format!("{at}\n{}", secret.expose());
        body.insert("sign".to_owned(), sign::base64(key.as_bytes(), b"").into());
        body.insert("timestamp".to_owned(), at.into());
    }
    Call::new(reach.url.clone(), &body)
}

fn card(message: &Message) -> Value {
    let colour = match message.tone {
        Tone::Bad => "red",
        Tone::Warning => "orange",
        Tone::Plain => "blue",
        Tone::Good => "green",
    };
    let colon = message.language.colon();
    let fact = |label: &str, value: &str| format!("**{}**{colon}{}", escaped(label), escaped(value));
    let lines = message.lines(fact, |item| format!("• {}", escaped(item)));
    let text = fit::lines(&lines, "", TEXT, |count| message.language.more(count));
    let mut elements = Vec::new();
    if !text.is_empty() {
        elements.push(json!({"tag": "div", "text": {"tag": "lark_md", "content": text}}));
    }
    let button = |(label, url): &(&str, String)| json!({"tag": "button", "text": {"tag": "plain_text", "content": label}, "url": url, "type": "default"});
    if !message.links.is_empty() {
        let actions: Vec<Value> = message.links.iter().map(button).collect();
        elements.push(json!({"tag": "action", "actions": actions}));
    }
    json!({
        "config": {"wide_screen_mode": true},
        "header": {
            "title": {"tag": "plain_text", "content": fit::chars(&message.title, TITLE)},
            "template": colour,
        },
        "elements": elements,
    })
}

/// Characters with a meaning become entities, as the guide to Markdown in cards says; `<at id=all>` in a log line calls
/// nobody.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&#38;"),
            '<' => out.push_str("&#60;"),
            '>' => out.push_str("&#62;"),
            '*' => out.push_str("&#42;"),
            '_' => out.push_str("&#95;"),
            '~' => out.push_str("&#126;"),
            '`' => out.push_str("&#96;"),
            '[' => out.push_str("&#91;"),
            ']' => out.push_str("&#93;"),
            c => out.push(c),
        }
    }
    out
}

/// Codes that pass: too often (100 a minute, 5 a second), and the bot's own trouble.
pub(super) fn passes(code: i64) -> Option<Duration> {
    match code {
        11_232 | 11_233 | 99_991_400 => Some(Duration::from_secs(30)),
        11_247 | 19_007 => Some(Duration::from_secs(5)),
        _ => None,
    }
}
