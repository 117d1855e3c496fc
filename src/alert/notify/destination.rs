//! One destination: who receives, in which form and language, and how often at most.

use super::source::{Reach, Sourced, Unreached, address};
use super::template::Templates;
use lettre::message::Mailbox;
use std::num::NonZeroU32;
use std::time::Duration;

/// Somebody to tell.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Its name in `routes.yaml`.
    pub name: String,
    /// In whose form.
    pub kind: Kind,
    /// In which language.
    pub language: Language,
    /// At most so many messages in any minute; no limit where absent.
    pub per_minute: Option<NonZeroU32>,
    pub(super) url: Sourced,
    pub(super) username: Option<Sourced>,
    pub(super) secret: Option<Sourced>,
    pub(super) templates: Templates,
}

/// In whose form a destination is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Our own JSON, signed.
    Webhook,
    /// Alertmanager, API v2.
    Alertmanager,
    /// Slack, incoming webhook.
    Slack,
    /// PagerDuty, Events API v2.
    PagerDuty,
    /// Feishu or Lark, custom bot.
    Feishu,
    /// DingTalk, custom robot.
    DingTalk,
    /// WeCom, group robot.
    WeCom,
    /// E-mail over SMTP.
    Email(Mail),
}

/// What a letter needs beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who writes.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
    /// How the way to the server is kept private.
    pub tls: MailTls,
}

/// How the way to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte (`smtps://`).
    Wrapped,
    /// STARTTLS, and nothing is sent without it.
    StartTls,
    /// Not at all, since the file says so: a relay on the same machine.
    None,
}

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese.
    Zh,
}

impl Kind {
    /// The word for it in `routes.yaml`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Kind::Webhook => "webhook",
            Kind::Alertmanager => "alertmanager",
            Kind::Slack => "slack",
            Kind::PagerDuty => "pagerduty",
            Kind::Feishu => "feishu",
            Kind::DingTalk => "dingtalk",
            Kind::WeCom => "wecom",
            Kind::Email(_) => "email",
        }
    }

    /// The schemes its address may have, the usual one first.
    pub(super) fn schemes(&self) -> &'static [&'static str] {
        match self {
            Kind::Email(_) => &["smtp", "smtps"],
            Kind::Webhook
            | Kind::Alertmanager
            | Kind::Slack
            | Kind::PagerDuty
            | Kind::Feishu
            | Kind::DingTalk
            | Kind::WeCom => &["https", "http"],
        }
    }

    /// Messages a minute where the file says nothing. DingTalk and WeCom take 20 from one robot (and DingTalk then shuts
    /// it out for ten minutes), Feishu 100, Slack about one a second; people read fewer.
    pub(super) fn usual_per_minute(&self) -> Option<NonZeroU32> {
        match self {
            Kind::Webhook | Kind::Alertmanager | Kind::PagerDuty => None,
            Kind::Slack | Kind::Feishu | Kind::Email(_) => NonZeroU32::new(30),
            Kind::DingTalk | Kind::WeCom => NonZeroU32::new(20),
        }
    }
}

impl Kind {
    /// The least time between two messages: Feishu takes 5 a second, Slack one.
    pub(super) fn gap(&self) -> Duration {
        match self {
            Kind::Slack => Duration::from_millis(1_000),
            Kind::Feishu => Duration::from_millis(250),
            Kind::Webhook | Kind::Alertmanager | Kind::PagerDuty | Kind::DingTalk | Kind::WeCom | Kind::Email(_) => {
                Duration::ZERO
            }
        }
    }
}

impl Destination {
    /// Looks up its address and secrets.
    ///
    /// # Errors
    /// One is not there, or the address is none.
    pub fn reach(&self) -> Result<Reach, Unreached> {
        let url = self.url.value()?;
        let place = match &self.url {
            Sourced::Given(_) => "its url".to_owned(),
            Sourced::Env(name) => format!("the url in the environment variable {name}"),
            Sourced::File(path) => format!("the url in the file {}", path.display()),
        };
        let url = address(url.expose(), self.kind.schemes()).map_err(|why| Unreached(format!("{place} {why}")))?;
        let username = self.username.as_ref().map(Sourced::value).transpose()?;
        Ok(Reach {
            url,
            username: username.map(|name| name.expose().to_owned()),
            secret: self.secret.as_ref().map(Sourced::value).transpose()?,
        })
    }
}
