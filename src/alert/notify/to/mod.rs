//! One file per receiver: a message in its form, and what its answer means. Pure: no network, no clock.

mod alertmanager;
mod dingtalk;
mod email;
mod feishu;
mod pagerduty;
mod sign;
mod slack;
mod verdict;
mod webhook;
mod wecom;

pub use email::Letter;
pub use verdict::Verdict;
pub(super) use verdict::of_answer;

use super::destination::{Destination, Kind};
use super::source::{Reach, shown};
use super::telling::Telling;
use reqwest::Url;
use std::fmt;

/// What is sent.
#[derive(Debug)]
pub enum Request {
    /// Over HTTP.
    Call(Call),
    /// Over SMTP.
    Letter(Box<Letter>),
}

/// A POST with a body of JSON.
#[derive(Clone)]
pub struct Call {
    /// Where to; a secret where it is a chat hook.
    pub url: Url,
    /// Headers beside those every request has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

impl Call {
    fn new(url: Url, body: &serde_json::Value) -> Self {
        Self {
            url,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    /// What is sent, for a person: no path, no header's value, no body.
    #[must_use]
    pub fn summary(&self) -> String {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let headers = if names.is_empty() {
            String::new()
        } else {
            format!(", with {}", names.join(", "))
        };
        format!("POST {}, {} bytes of JSON{headers}", shown(&self.url), self.body.len())
    }
}

/// What is sent to a destination.
///
/// # Errors
/// It cannot be written for this receiver as it is configured.
pub fn request(destination: &Destination, reach: &Reach, telling: &Telling<'_>) -> Result<Request, String> {
    let call = match &destination.kind {
        Kind::Webhook => webhook::call(destination, reach, telling),
        Kind::Alertmanager => alertmanager::call(destination, reach, telling),
        Kind::Slack => slack::call(destination, reach, telling),
        Kind::PagerDuty => pagerduty::call(destination, reach, telling),
        Kind::Feishu => feishu::call(destination, reach, telling),
        Kind::DingTalk => dingtalk::call(destination, reach, telling),
        Kind::WeCom => wecom::call(destination, reach, telling),
        Kind::Email(mail) => {
            let letter = email::letter(destination, mail, reach, telling)?;
            return Ok(Request::Letter(Box::new(letter)));
        }
    };
    Ok(Request::Call(call))
}

/// How text of somebody else is written in the receiver's markup, so that it cannot become markup itself.
pub(super) fn markup(kind: &Kind) -> fn(&str) -> String {
    match kind {
        Kind::Slack => slack::escaped,
        Kind::Feishu => feishu::escaped,
        Kind::DingTalk | Kind::WeCom => tamed,
        Kind::Webhook | Kind::Alertmanager | Kind::PagerDuty | Kind::Email(_) => str::to_owned,
    }
}

/// For dialects of Markdown without an escape: what opens a tag, a mention or a link is written so that it does not, and
/// looks the same.
fn tamed(text: &str) -> String {
    text.replace('<', "\u{ff1c}")
        .replace('>', "\u{ff1e}")
        .replace("](", "] (")
}
