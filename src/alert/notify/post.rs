//! Over the network: one message, one answer, within bounds of time and size.

use super::destination::{Destination, MailTls};
use super::fit;
use super::source::{Reach, shown};
use super::telling::Telling;
use super::to::{self, Call, Letter, Request, Verdict, of_answer};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url};
use std::time::Duration;

/// How long a receiver may take to take the connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; nobody says more than this of one message.
const MOST_ANSWER: usize = 64 * 1024;
/// The longest a receiver may put us off.
const LONGEST_AFTER: Duration = Duration::from_secs(86_400);

/// Sends.
#[derive(Debug)]
pub(super) struct Post {
    http: Client,
    patience: Duration,
    /// Where we are ourselves.
    ours: Option<Url>,
}

impl Post {
    /// Nothing is asked yet.
    pub(super) fn new(patience: Duration, base_url: Option<&str>) -> Result<Self, String> {
        // Somebody else may have chosen the provider of this process already; then it stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder()
            .connect_timeout(CONNECT.min(patience))
            .timeout(patience)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("seismolog/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no client for destinations: {error}"))?;
        Ok(Self {
            http,
            patience,
            ours: base_url.and_then(|base| base.parse().ok()),
        })
    }

    /// Sends one message; gives what was sent, for a person, and what became of it.
    pub(super) async fn send(&self, destination: &Destination, telling: &Telling<'_>) -> (String, Verdict) {
        let put_off = |why: String| Verdict::Again { why, after: None };
        let reach = match destination.reach() {
            Ok(reach) => reach,
            Err(error) => return ("nothing".to_owned(), put_off(error.to_string())),
        };
        if self.is_ours(&reach.url) {
            let why = "its address is our own: alerts would raise alerts".to_owned();
            return ("nothing".to_owned(), Verdict::Refused(why));
        }
        match to::request(destination, &reach, telling) {
            Ok(Request::Call(call)) => {
                let verdict = self.call(destination, &reach, &call).await;
                (call.summary(), verdict)
            }
            Ok(Request::Letter(letter)) => {
                let summary = letter.summary();
                let mailed = tokio::time::timeout(self.patience, mailed(*letter, &reach, self.patience));
                let verdict = mailed.await.unwrap_or_else(|_| {
                    put_off(format!(
                        "{} did not answer within {:?}",
                        shown(&reach.url),
                        self.patience
                    ))
                });
                (summary, verdict)
            }
            Err(why) => ("nothing".to_owned(), Verdict::Refused(why)),
        }
    }

    fn is_ours(&self, url: &Url) -> bool {
        let same = |ours: &Url| {
            ours.host_str() == url.host_str() && ours.port_or_known_default() == url.port_or_known_default()
        };
        // Behind a proxy other things may stand on our host: only what is below our pages is ours.
        let below = |ours: &Url| {
            url.path()
                .starts_with(&format!("{}/api/v1/", ours.path().trim_end_matches('/')))
        };
        self.ours.as_ref().is_some_and(|ours| same(ours) && below(ours))
    }

    async fn call(&self, destination: &Destination, reach: &Reach, call: &Call) -> Verdict {
        let mut request = self
            .http
            .post(call.url.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let response = match request.body(call.body.clone()).send().await {
            Ok(response) => response,
            Err(error) => return self.away(&error, reach),
        };
        let status = response.status().as_u16();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|after| after.to_str().ok());
        let after = after.and_then(retry_after);
        let body = match read(response).await {
            Ok(body) => body,
            // It took it or not, nobody knows: a repeat has the same key.
            Err(error) => return self.away(&error, reach),
        };
        let scrub = |text: String| reach.scrub(&text);
        match of_answer(&destination.kind, status, after, &body) {
            Verdict::Taken(said) => Verdict::Taken(scrub(said)),
            Verdict::Again { why, after } => Verdict::Again { why: scrub(why), after },
            Verdict::Refused(why) => Verdict::Refused(scrub(why)),
        }
    }

    fn away(&self, error: &reqwest::Error, reach: &Reach) -> Verdict {
        let host = shown(&reach.url);
        let why = if error.is_timeout() {
            format!("{host} did not answer within {:?}", self.patience)
        } else {
            // The outer errors repeat the address.
            format!("{host} was not reached: {}", reach.scrub(&innermost(error)))
        };
        Verdict::Again { why, after: None }
    }
}

/// What is read of an answer; the rest is left where it is.
async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < MOST_ANSWER {
        match response.chunk().await? {
            Some(chunk) => {
                let room = MOST_ANSWER.saturating_sub(body.len());
                body.extend(chunk.iter().take(room));
            }
            None => break,
        }
    }
    Ok(body)
}

/// Seconds, or a date of HTTP, which is one of mail as well.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST_AFTER));
    }
    let at = jiff::fmt::rfc2822::parse(text.trim())
        .ok()?
        .timestamp()
        .as_millisecond();
    let left = at.saturating_sub(crate::clock::Clock::System.now_millis());
    let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
    Some(left.min(LONGEST_AFTER))
}

/// The last cause says what happened; those above it say where.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    fit::line(&at.to_string(), 300)
}

async fn mailed(letter: Letter, reach: &Reach, patience: Duration) -> Verdict {
    let host = shown(&reach.url);
    let parameters = || TlsParameters::new(letter.host.clone());
    let tls = match letter.tls {
        MailTls::None => Ok(Tls::None),
        MailTls::StartTls => parameters().map(Tls::Required),
        MailTls::Wrapped => parameters().map(Tls::Wrapper),
    };
    let tls = match tls {
        Ok(tls) => tls,
        Err(error) => return Verdict::Refused(format!("{host} cannot be reached over TLS: {}", innermost(&error))),
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&letter.host)
        .port(letter.port)
        .tls(tls)
        .timeout(Some(patience));
    if let Some((name, password)) = &letter.login {
        transport = transport.credentials(Credentials::new(name.clone(), password.expose().to_owned()));
    }
    match transport.build().send(letter.written).await {
        Ok(response) => {
            let said = response.message().collect::<Vec<&str>>().join(" ");
            Verdict::Taken(format!(
                "answered {}: {}",
                response.code(),
                fit::line(&reach.scrub(&said), 200)
            ))
        }
        Err(error) => {
            let why = format!("{host}: {}", reach.scrub(&innermost(&error)));
            // 4xx passes, 5xx is for good (RFC 5321, 4.2.1); without an answer nobody knows.
            if error.is_permanent() {
                Verdict::Refused(why)
            } else {
                Verdict::Again { why, after: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_when_in_seconds_or_as_a_date() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("Thu, 31 Dec 2099 23:59:59 GMT"), Some(LONGEST_AFTER));
        assert_eq!(retry_after("soon"), None);
    }
}
