//! HTTP to the broker and the coordinator. Calls block.

use super::error::{DruidError, Service, passes};
use crate::config::Secret;
use crate::config::servers::DruidConfig;
use crate::store::elastic_druid::is_untrusted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::blocking::{Client, Response};
use serde_json::Value;
use std::io::Read as _;
use std::time::{Duration, Instant};

/// How long a server may take to take the connection.
const CONNECT: Duration = Duration::from_secs(5);
/// First pause before asking again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Most bytes of an answer: ten thousand buckets of two hundred values are some 100 MB.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// Characters of Druid's own words that are repeated in an error.
const MOST_DETAIL: usize = 400;

/// A Druid cluster.
#[derive(Debug)]
pub struct DruidClient {
    http: Client,
    broker: String,
    coordinator: String,
    datasource: String,
    login: Option<(String, Secret)>,
    patience: Duration,
}

/// An answer: its status and its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl DruidClient {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// An address or the authority's file cannot be used.
    pub fn new(config: &DruidConfig) -> Result<Self, DruidError> {
        let broker = address(Service::Broker, &config.broker_url)?;
        let coordinator = address(Service::Coordinator, &config.coordinator_url)?;
        // Somebody else may have chosen the provider of this process already; then it stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .connect_timeout(CONNECT.min(config.timeout))
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::limited(3))
            .user_agent(concat!("seismolog/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &config.ca {
            let wrong = |error: String| {
                DruidError::Configuration(format!(
                    "druid.ca = {:?} cannot be used: {error}; a file with PEM certificates is wanted",
                    path.display().to_string()
                ))
            };
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let authorities = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            if authorities.is_empty() {
                return Err(wrong("no certificate is in it".to_owned()));
            }
            builder = builder.tls_built_in_root_certs(false);
            for authority in authorities {
                builder = builder.add_root_certificate(authority);
            }
        }
        let http = builder
            .build()
            .map_err(|error| DruidError::Configuration(format!("no client for druid: {}", innermost(&error))))?;
        let password = || config.password.clone().unwrap_or_else(|| Secret::new(String::new()));
        Ok(Self {
            http,
            broker,
            coordinator,
            datasource: config.datasource.clone(),
            login: config.username.clone().map(|name| (name, password())),
            patience: config.timeout,
        })
    }

    /// The name of the datasource.
    #[must_use]
    pub fn datasource(&self) -> &str {
        &self.datasource
    }

    /// How long one question may take, with all its retries.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn url(&self, service: Service) -> &str {
        match service {
            Service::Broker => &self.broker,
            Service::Coordinator => &self.coordinator,
        }
    }

    /// Asks, again where it may help, until [`Self::patience`] is at its end. Any status is an answer, but for those
    /// that pass.
    pub(super) fn ask(
        &self,
        service: Service,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, DruidError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let left = self.patience.saturating_sub(begun.elapsed());
            let error = match self.once(service, method, path, body, left.max(FIRST_PAUSE)) {
                Ok(answer) => {
                    let detail = detail(&answer.body);
                    if !passes(answer.status, &detail) || answer.status < 400 {
                        return Ok(answer);
                    }
                    self.refused(service, &answer)
                }
                Err(error) => error,
            };
            if begun.elapsed() + pause >= self.patience || !error.is_temporary() {
                return Err(error);
            }
            std::thread::park_timeout(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn once(
        &self,
        service: Service,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Answer, DruidError> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.url(service)))
            .timeout(within);
        if let Some((name, password)) = &self.login {
            request = request.basic_auth(name, Some(password.expose()));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let url = || self.url(service).to_owned();
        let failed = |error: &reqwest::Error| {
            if error.is_timeout() && !error.is_connect() {
                DruidError::TimedOut {
                    service,
                    url: url(),
                    within: self.patience,
                }
            } else {
                let (url, error) = (url(), innermost(error));
                if is_untrusted(&error) {
                    DruidError::Untrusted { service, url, error }
                } else {
                    DruidError::Away { service, url, error }
                }
            }
        };
        let response = request.send().map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = read(response).map_err(|error| DruidError::Away {
            service,
            url: url(),
            error,
        })?;
        if u64::try_from(body.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return Err(DruidError::Strange {
                service,
                url: url(),
                error: format!("the answer is longer than {MOST_BYTES} bytes; ask for less time or a wider step"),
            });
        }
        Ok(Answer { status, body })
    }

    /// The JSON of an answer, or what was refused.
    pub(super) fn json(&self, service: Service, answer: &Answer) -> Result<Value, DruidError> {
        if answer.status >= 300 {
            return Err(self.refused(service, answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| DruidError::Strange {
            service,
            url: self.url(service).to_owned(),
            error: error.to_string(),
        })
    }

    pub(super) fn refused(&self, service: Service, answer: &Answer) -> DruidError {
        let mut detail = detail(&answer.body);
        // A proxy in between may repeat what we sent.
        if let Some((name, password)) = &self.login
            && !password.expose().is_empty()
        {
            let sent = STANDARD.encode(format!("{name}:{}", password.expose()));
            detail = detail.replace(&sent, "***").replace(password.expose(), "***");
        }
        DruidError::Refused {
            service,
            url: self.url(service).to_owned(),
            status: answer.status,
            detail,
        }
    }
}

fn read(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let read = response.take(MOST_BYTES + 1).read_to_end(&mut body);
    read.map_err(|error| format!("the answer broke off: {error}"))?;
    Ok(body)
}

fn address(service: Service, written: &str) -> Result<String, DruidError> {
    let wrong = |why: &str| {
        DruidError::Configuration(format!(
            "{} = {written:?} {why}; http://HOST:PORT is wanted",
            service.key()
        ))
    };
    let url: reqwest::Url = written.parse().map_err(|_| wrong("is no address"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is no address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: it would show the password.
        return Err(DruidError::Configuration(format!(
            "{} holds a user or password; use druid.username and druid.password",
            service.key()
        )));
    }
    Ok(written.trim_end_matches('/').to_owned())
}

/// Druid's own words: SQL answers with `errorMessage`, older services with `error`, some with text.
pub(super) fn detail(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        ["errorMessage", "error"]
            .iter()
            .find_map(|key| value.get(key).and_then(Value::as_str).map(str::to_owned))
    });
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let said: String = said.trim().chars().take(MOST_DETAIL).map(clean).collect();
    if said.is_empty() {
        "(no reason given)".to_owned()
    } else {
        said
    }
}

/// The last cause says what happened; those above it say where.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    at.to_string()
}
