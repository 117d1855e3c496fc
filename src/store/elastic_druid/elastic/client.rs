//! Several nodes, one asked at a time; the next where one is away.
//!
//! Built on the transport of the official client, one per node, so that we know which node said what and choose
//! ourselves when to go on to the next. Every request we make can be made twice: searches change nothing, updates are
//! guarded, templates are put whole.

use super::error::ElasticError;
use super::flavour::About;
use crate::config::Secret;
use crate::config::servers::ElasticConfig;
use crate::store::elastic_druid::is_untrusted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method as HttpMethod, Url};
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Puts a thing at its name.
    Put,
    /// Asks with a body, or adds.
    Post,
    /// Removes.
    Delete,
}

impl Method {
    fn http(self) -> HttpMethod {
        match self {
            Method::Get => HttpMethod::Get,
            Method::Put => HttpMethod::Put,
            Method::Post => HttpMethod::Post,
            Method::Delete => HttpMethod::Delete,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// What a node answered, whatever the status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The node.
    pub node: String,
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

struct Node {
    /// Address without user and password, as it stands in errors.
    name: String,
    transport: Transport,
}

/// The search nodes of one cluster.
pub struct Elastic {
    nodes: Vec<Node>,
    /// The node that answered last.
    at: AtomicUsize,
    prefix: String,
    timeout: Duration,
    /// What must not stand in anything a node said: a proxy in between may repeat what we sent.
    hidden: Vec<String>,
}

// The transport shows its credentials.
impl fmt::Debug for Elastic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        f.debug_struct("Elastic")
            .field("nodes", &nodes)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Elastic {
    /// A client. Nothing is sent yet.
    ///
    /// # Errors
    /// An address or the authority's certificate cannot be used.
    pub fn new(config: &ElasticConfig) -> Result<Self, ElasticError> {
        // Somebody else may have chosen the provider of this process already; then it stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        if config.urls.is_empty() {
            return Err(wrong("elasticsearch.urls", "no node is named".to_owned()));
        }
        let authority = match &config.ca {
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                wrong(
                    "elasticsearch.ca",
                    format!("could not read {}: {error}", path.display()),
                )
            })?),
            None => None,
        };
        let nodes = config.urls.iter().map(|url| node(url, config, authority.as_deref()));
        Ok(Self {
            nodes: nodes.collect::<Result<_, _>>()?,
            at: AtomicUsize::new(0),
            prefix: config.prefix.clone(),
            timeout: config.timeout,
            hidden: hidden(config),
        })
    }

    /// What our index names begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How long one request may take at one node.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Which product and version answers.
    ///
    /// # Errors
    /// Nobody answers, it is something else, too old, or does not let us in.
    pub async fn about(&self) -> Result<About, ElasticError> {
        let answer = self.send(Method::Get, "", &[], None).await?;
        match answer.status {
            200..=299 => About::read(&answer.node, &answer.body),
            401 | 403 | 429 | 500.. => Err(ElasticError::refused(
                &answer.node,
                "GET /".to_owned(),
                answer.status,
                &answer.body,
            )),
            status => Err(ElasticError::NotSearchNode {
                node: answer.node,
                saw: format!("it answers GET / with {status}"),
            }),
        }
    }

    /// Sends JSON (or nothing) and reads JSON; what is no success is an error.
    ///
    /// `path` has no leading slash; names in it must be escaped by the caller where they may hold anything.
    ///
    /// # Errors
    /// Nobody answers, it is refused, or the answer cannot be read.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, ElasticError> {
        let body = body.map(Value::to_string);
        let answer = self
            .send(method, path, query, body.as_deref().map(str::as_bytes))
            .await?;
        let what = || format!("{} /{path}", method.name());
        if !(200..=299).contains(&answer.status) {
            return Err(ElasticError::refused(&answer.node, what(), answer.status, &answer.body));
        }
        serde_json::from_slice(&answer.body).map_err(|error| ElasticError::Strange {
            node: answer.node,
            what: what(),
            fault: error.to_string(),
        })
    }

    /// As [`Elastic::call`]; nothing where the thing asked for is not there (404).
    ///
    /// # Errors
    /// As [`Elastic::call`].
    pub async fn find(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Option<Value>, ElasticError> {
        match self.call(method, path, query, body).await {
            Ok(value) => Ok(Some(value)),
            Err(ElasticError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends bytes (NDJSON or JSON) to the node that answered last, and on to the next where one is away, each once.
    /// An answer of any status is an answer; 502, 503 and 504 are taken from the last node only.
    ///
    /// # Errors
    /// No node answers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ElasticError> {
        let first = self.at.load(Ordering::Relaxed);
        let count = self.nodes.len();
        let mut tried = Vec::new();
        for step in 0..count {
            let at = (first + step) % count.max(1);
            let Some(node) = self.nodes.get(at) else { continue };
            let last = step + 1 == count;
            match self.ask(node, method, path, query, body).await {
                Ok(answer) if !last && matches!(answer.status, 502..=504) => {
                    tried.push((node.name.clone(), format!("it answers {}", answer.status)));
                }
                Ok(answer) => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(fault) => tried.push((node.name.clone(), fault)),
            }
        }
        // The next request begins with the next node.
        self.at.store((first + 1) % count.max(1), Ordering::Relaxed);
        if tried.iter().all(|(_, fault)| is_untrusted(fault)) {
            return Err(ElasticError::Untrusted { tried });
        }
        Err(ElasticError::Away { tried })
    }

    async fn ask(
        &self,
        node: &Node,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        let json = if path.ends_with("_bulk") || path.ends_with("_msearch") {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(json));
        let sent = node
            .transport
            .send(method.http(), path, headers, Some(query), body, Some(self.timeout));
        let response = sent.await.map_err(|error| innermost(&error))?;
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| innermost(&error))?;
        Ok(Answer {
            node: node.name.clone(),
            status,
            body: if status < 400 { body.into() } else { self.hide(&body) },
        })
    }

    /// A refusal without our secrets.
    fn hide(&self, body: &[u8]) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(body).into_owned();
        for secret in &self.hidden {
            text = text.replace(secret, "***");
        }
        text.into_bytes()
    }
}

/// Our secrets, as they are and as they are sent.
fn hidden(config: &ElasticConfig) -> Vec<String> {
    let mut hidden = Vec::new();
    if let Some(key) = config.api_key.as_ref().map(Secret::expose) {
        hidden.push(key.trim().to_owned());
        hidden.push(STANDARD.encode(key.trim()));
        hidden.extend(key.split_once(':').map(|(_, secret)| secret.trim().to_owned()));
    }
    if let Some(password) = config.password.as_ref().map(Secret::expose) {
        let name = config.username.as_deref().unwrap_or_default();
        hidden.push(STANDARD.encode(format!("{name}:{password}")));
        hidden.push(password.to_owned());
    }
    hidden.retain(|secret| !secret.is_empty());
    hidden
}

fn wrong(key: &'static str, fault: String) -> ElasticError {
    ElasticError::Config { key, fault }
}

fn node(address: &str, config: &ElasticConfig, authority: Option<&[u8]>) -> Result<Node, ElasticError> {
    // The address may hold a password: it is named without.
    let mut url: Url = address
        .parse()
        .map_err(|error| wrong("elasticsearch.urls", format!("an address cannot be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        let fault = format!("{}: http://HOST:PORT or https://HOST:PORT is wanted", bare(url));
        return Err(wrong("elasticsearch.urls", fault));
    }
    let in_address = (!url.username().is_empty()).then(|| {
        let password = url.password().unwrap_or_default();
        let text = |escaped: &str| {
            percent_encoding::percent_decode_str(escaped)
                .decode_utf8_lossy()
                .into_owned()
        };
        Credentials::Basic(text(url.username()), text(password))
    });
    url = bare(url);
    let name = url.as_str().trim_end_matches('/').to_owned();
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
        .timeout(config.timeout)
        .enable_meta_header(false)
        .disable_proxy();
    if let Some(credentials) = credentials(config)?.or(in_address) {
        builder = builder.auth(credentials);
    }
    if let Some(pem) = authority {
        let chain = Certificate::from_pem(pem).map_err(|error| wrong("elasticsearch.ca", error.to_string()))?;
        builder = builder.cert_validation(CertificateValidation::Full(chain));
    }
    let transport = builder
        .build()
        .map_err(|error| wrong("elasticsearch.ca", error.to_string()))?;
    Ok(Node { name, transport })
}

fn bare(mut url: Url) -> Url {
    // Both fail only for addresses without a host, which hold no password.
    let _removed = url.set_username("").is_ok() && url.set_password(None).is_ok();
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn credentials(config: &ElasticConfig) -> Result<Option<Credentials>, ElasticError> {
    if let Some(key) = config.api_key.as_ref().map(Secret::expose) {
        let key = key.trim();
        return Ok(Some(match key.split_once(':') {
            Some((id, secret)) => Credentials::ApiKey(id.to_owned(), secret.to_owned()),
            None => Credentials::EncodedApiKey(key.to_owned()),
        }));
    }
    match (&config.username, &config.password) {
        (Some(name), Some(password)) => Ok(Some(Credentials::Basic(name.clone(), password.expose().to_owned()))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(wrong(
            "elasticsearch.password",
            "missing beside elasticsearch.username".to_owned(),
        )),
        (None, Some(_)) => Err(wrong(
            "elasticsearch.username",
            "missing beside elasticsearch.password".to_owned(),
        )),
    }
}

/// The last cause of an error: what the system said. Never the address, which may hold a password.
fn innermost(error: &elasticsearch::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn config(urls: &[&str]) -> ElasticConfig {
        ElasticConfig {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            prefix: "seismolog".into(),
            username: None,
            password: None,
            api_key: None,
            ca: None,
            timeout: Duration::from_secs(2),
            shards: 1,
            replicas: 0,
            retention_age: None,
        }
    }

    #[test]
    fn a_secret_stands_in_no_error_and_no_debug_text() {
        let mut given = config(&["http://elastic:hunter2@127.0.0.1:1", "http://u:hunter2@127.0.0.1:2/sub"]);
        given.api_key = Some(Secret::new("id:hunter2".into()));
        let client = Elastic::new(&given).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let error = runtime.block_on(client.about()).unwrap_err();
        assert!(
            matches!(&error, ElasticError::Away { tried } if tried.len() == 2),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(!format!("{client:?}").contains("hunter2"));
        for bad in ["ftp://u:hunter2@x", "no address", "http://", "//u:hunter2@h"] {
            let error = Elastic::new(&config(&[bad])).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn half_of_a_login_is_told_with_the_missing_key() {
        let mut given = config(&["http://127.0.0.1:1"]);
        given.username = Some("u".into());
        let error = Elastic::new(&given).unwrap_err().to_string();
        assert_eq!(error, "elasticsearch.password: missing beside elasticsearch.username");
    }
}
