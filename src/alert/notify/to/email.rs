//! E-mail: text and HTML, and one alert is one thread.
//!
//! Every letter of an alert refers to the same message id, made of the alert's id, and keeps the subject, which is what
//! mail programs tell threads by. The id of a letter is its key, so that a repeat is the same letter.

use super::super::destination::{Destination, Mail, MailTls};
use super::super::fit;
use super::super::message::{Message, Tone};
use super::super::source::{Reach, shown};
use super::super::telling::Telling;
use crate::config::Secret;
use crate::store::ChangeKind;
use lettre::message::{Message as Written, MultiPart, header};
use maud::{PreEscaped, html};
use std::fmt;

/// The subject: more than a line of a screen is not read.
const SUBJECT: usize = 180;
/// Lines of a text.
const TEXT: usize = 64 * 1024;

/// A letter and the way to the server.
pub struct Letter {
    /// What is sent.
    pub written: Written,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way is kept private.
    pub tls: MailTls,
    /// Who we are there.
    pub login: Option<(String, Secret)>,
    shown: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

impl Letter {
    /// What is sent, for a person.
    #[must_use]
    pub fn summary(&self) -> String {
        let envelope = self.written.envelope();
        let login = if self.login.is_some() { ", with a login" } else { "" };
        format!(
            "mail through {} to {} people, {} bytes{login}",
            self.shown,
            envelope.to().len(),
            self.written.formatted().len()
        )
    }
}

pub(super) fn letter(
    destination: &Destination,
    mail: &Mail,
    reach: &Reach,
    telling: &Telling<'_>,
) -> Result<Letter, String> {
    let message = Message::of(destination, telling);
    let domain = mail.from.email.domain();
    let id = |key: &str| {
        format!(
            "<{}@{domain}>",
            key.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ".")
        )
    };
    let mut written = Written::builder()
        .from(mail.from.clone())
        .message_id(Some(id(telling.key)))
        .date(date(telling.now))
        .header(AutoSubmitted);
    for to in &mail.to {
        written = written.to(to.clone());
    }
    let subject = match telling.single() {
        Some(change) => {
            let thread = id(&format!("{}-{}", change.alert.id, destination.name));
            written = written.references(thread.clone()).in_reply_to(thread);
            let title = if telling.test || destination.templates.any() {
                &message.title
            } else {
                &change.alert.title
            };
            let again = if change.change == ChangeKind::Fired { "" } else { "Re: " };
            format!("{again}[seismolog] {title}")
        }
        None => format!("[seismolog] {}", message.title),
    };
    let both = MultiPart::alternative_plain_html(plain(&message), page(&message));
    let written = written
        .subject(fit::line(&subject, SUBJECT))
        .multipart(both)
        .map_err(|error| format!("no letter can be written: {error}"))?;
    let usual = match mail.tls {
        MailTls::Wrapped => 465,
        MailTls::StartTls => 587,
        MailTls::None => 25,
    };
    Ok(Letter {
        written,
        host: reach.url.host_str().unwrap_or_default().to_owned(),
        port: reach.url.port().unwrap_or(usual),
        tls: mail.tls,
        login: reach.username.clone().zip(reach.secret.clone()),
        shown: shown(&reach.url),
    })
}

fn date(now: i64) -> std::time::SystemTime {
    let since = std::time::Duration::from_millis(u64::try_from(now).unwrap_or(0));
    std::time::UNIX_EPOCH + since
}

fn plain(message: &Message) -> String {
    let colon = message.language.colon();
    let mut lines = vec![message.title.clone(), String::new()];
    lines.extend(message.lines(
        |label, value| format!("{label}{colon}{value}"),
        |item| format!("  - {item}"),
    ));
    let links: Vec<String> = message
        .links
        .iter()
        .map(|(label, url)| format!("{label}{colon}{url}"))
        .collect();
    let last = if links.is_empty() {
        String::new()
    } else {
        format!("\n{}", links.join("\n"))
    };
    fit::lines(&lines, &last, TEXT, |count| message.language.more(count))
}

fn page(message: &Message) -> String {
    let colour = match message.tone {
        Tone::Bad => "#c62828",
        Tone::Warning => "#ef6c00",
        Tone::Plain => "#1565c0",
        Tone::Good => "#2e7d32",
    };
    let head = format!("border-left:4px solid {colour};padding-left:8px;margin:0 0 12px");
    let page = html! {
        (PreEscaped("<!doctype html>"))
        html { body style="font-family:sans-serif;font-size:14px;color:#222" {
            h2 style=(head) { (message.title) }
            @if let Some(own) = &message.own {
                p style="white-space:pre-wrap" { (own) }
            } @else {
                table cellpadding="4" { @for (label, value) in &message.facts {
                    tr { td style="color:#666;vertical-align:top" { (label) } td { (value) } }
                } }
                @for (heading, items) in &message.lists {
                    h3 { (heading) }
                    ul { @for item in items { li { (item) } } }
                }
            }
            @for (label, url) in &message.links { p { a href=(url) { (label) } } }
        } }
    };
    page.into_string()
}

/// Tells holiday notices and mailing lists that nobody wrote it (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
