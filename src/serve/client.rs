//! The other end of the API: what a terminal asks a running server.

use serde_json::Value;
use std::time::Duration;

/// How long a server may take to take the connection, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("{0:?} is not the address of a server: http://HOST:PORT is wanted")]
    Address(String),
    /// Nobody answers.
    #[error("{server} does not answer: {error}; is the service running there?")]
    Away {
        /// Which.
        server: String,
        /// Why.
        error: String,
    },
    /// The server refuses the question.
    #[error("{server} answers {status}: {detail}")]
    Refused {
        /// Which.
        server: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        detail: String,
        /// Where the mistake stands in the search, in characters, and how long it is.
        place: Option<(usize, usize)>,
    },
    /// What came is no answer of this API.
    #[error("{server} answers something else than seismolog: {error}")]
    Strange {
        /// Which.
        server: String,
        /// Why.
        error: String,
    },
}

impl ClientError {
    /// Whether it may go well later (exit 75).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            ClientError::Away { .. } => true,
            ClientError::Refused { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            ClientError::Address(_) | ClientError::Strange { .. } => false,
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Client {
    server: String,
    token: Option<String>,
    http: reqwest::blocking::Client,
}

impl Client {
    /// A client of `http://HOST:PORT`. The token goes along when there is one.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(server: &str, token: Option<String>) -> Result<Self, ClientError> {
        let server = server.trim_end_matches('/').to_owned();
        let wrong = || ClientError::Address(server.clone());
        let address: reqwest::Url = server.parse().map_err(|_| wrong())?;
        if !matches!(address.scheme(), "http" | "https") || address.host_str().is_none() {
            return Err(wrong());
        }
        // Somebody else may have chosen the provider of this process already; then it stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::blocking::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("seismolog/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError::Strange {
                server: server.clone(),
                error: error.to_string(),
            })?;
        Ok(Self { server, token, http })
    }

    /// Asks a call of the API: `errors`, `trends`, `jobs`. Pairs with an empty value are left out.
    ///
    /// # Errors
    /// Nobody answers, or not with what was asked.
    pub fn get(&self, call: &str, pairs: &[(&str, &str)]) -> Result<Value, ClientError> {
        let pairs: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
        self.answer(self.http.get(self.address(call)).query(&pairs))
    }

    /// Sends JSON to a call of the API.
    ///
    /// # Errors
    /// Nobody answers, or not with what was asked.
    pub fn post(&self, call: &str, body: &Value) -> Result<Value, ClientError> {
        self.answer(self.http.post(self.address(call)).json(body))
    }

    fn address(&self, call: &str) -> String {
        format!("{}/api/v1/{call}", self.server)
    }

    fn answer(&self, mut request: reqwest::blocking::RequestBuilder) -> Result<Value, ClientError> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let away = |error: reqwest::Error| ClientError::Away {
            server: self.server.clone(),
            error: innermost(&error),
        };
        let response = request.send().map_err(away)?;
        let status = response.status();
        let body = response.bytes().map_err(away)?;
        let value: Result<Value, _> = serde_json::from_slice(&body);
        if status.is_success() {
            return value.map_err(|error| ClientError::Strange {
                server: self.server.clone(),
                error: error.to_string(),
            });
        }
        let problem = value.unwrap_or(Value::Null);
        let number = |key: &str| {
            problem
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let detail = problem
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or("(no reason given)");
        Err(ClientError::Refused {
            server: self.server.clone(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            place: number("position").zip(number("length")),
        })
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
