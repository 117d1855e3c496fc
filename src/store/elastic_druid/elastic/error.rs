//! What can go wrong with the search node, and what to do about it.

use serde_json::Value;
use std::fmt;

/// Why a request to the search node did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ElasticError {
    /// The configuration cannot be used.
    #[error("{key}: {fault}")]
    Config {
        /// Which key.
        key: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// No node could be reached, or none answered in time.
    #[error("no search node answers: {}", Listed(tried))]
    Away {
        /// Each node with what happened there.
        tried: Vec<(String, String)>,
    },
    /// Nodes answer, with certificates we do not trust.
    #[error("the certificate of the search node is not trusted: {}", Listed(tried))]
    Untrusted {
        /// Each node with what is wrong with its certificate.
        tried: Vec<(String, String)>,
    },
    /// 401.
    #[error("{node} does not know us (401) at {what}: {reason}")]
    Unauthorized {
        /// The node.
        node: String,
        /// What was asked.
        what: String,
        /// What it said.
        reason: String,
    },
    /// 403.
    #[error("{node} forbids us (403) {what}: {reason}")]
    Forbidden {
        /// The node.
        node: String,
        /// What was asked.
        what: String,
        /// What it said.
        reason: String,
    },
    /// Any other refusal.
    #[error("{node} refused {what} ({status} {kind}): {reason}")]
    Refused {
        /// The node.
        node: String,
        /// What was asked.
        what: String,
        /// HTTP status.
        status: u16,
        /// The node's name for it.
        kind: String,
        /// What it said.
        reason: String,
    },
    /// A version we cannot work with.
    #[error("{node} is {flavour} {version}, too old: {wanted} is needed")]
    TooOld {
        /// The node.
        node: String,
        /// What it is.
        flavour: &'static str,
        /// Its version.
        version: String,
        /// Oldest version we work with.
        wanted: &'static str,
    },
    /// Something else answers there.
    #[error("{node} is no search node: {saw}")]
    NotSearchNode {
        /// The address.
        node: String,
        /// What it answered instead.
        saw: String,
    },
    /// An answer that cannot be read.
    #[error("{node} answered {what} with something that cannot be read: {fault}")]
    Strange {
        /// The node.
        node: String,
        /// What was asked.
        what: String,
        /// What is wrong with it.
        fault: String,
    },
    /// A template that is not ours stands under our name.
    #[error("{what} exists already and was not written by seismolog")]
    NotOurs {
        /// Which.
        what: String,
    },
    /// What we need there is missing or older than we need.
    #[error("{} in the search node", Missing(missing))]
    NotSetUp {
        /// Names of what is missing.
        missing: Vec<String>,
    },
}

struct Listed<'a>(&'a [(String, String)]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (node, fault)) in self.0.iter().enumerate() {
            let between = if at > 0 { "; " } else { "" };
            write!(f, "{between}{node}: {fault}")?;
        }
        Ok(())
    }
}

struct Missing<'a>(&'a [String]);

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not there or not of this version: {}", self.0.join(", "))
    }
}

impl ElasticError {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            ElasticError::Config { key, .. } => format!("mend {key}"),
            ElasticError::Away { .. } => {
                "check elasticsearch.urls and that a node listens there; nothing is lost while it is away".to_owned()
            }
            ElasticError::Untrusted { .. } => {
                "set elasticsearch.ca to the certificate (PEM) of the authority that signed the nodes' certificates, and \
                 name the nodes in elasticsearch.urls as their certificates do"
                    .to_owned()
            }
            ElasticError::Unauthorized { .. } => {
                "set elasticsearch.api_key, or elasticsearch.username and elasticsearch.password, to what the node knows"
                    .to_owned()
            }
            ElasticError::Forbidden { .. } => "give the user the rights of deploy/elasticsearch/README.md: manage \
                                               templates and scripts for `setup`, read and write our indices"
                .to_owned(),
            ElasticError::Refused { status: 404, .. } | ElasticError::NotSetUp { .. } => {
                "run `seismolog setup`".to_owned()
            }
            ElasticError::Refused { kind, .. } if is_block(kind) => {
                "make room on the disks of the search node; it then takes writes again by itself, or after its block \
                 is lifted"
                    .to_owned()
            }
            ElasticError::Refused { .. } => "see what it says; the log of the node tells more".to_owned(),
            ElasticError::TooOld { wanted, .. } => format!("upgrade it to {wanted}"),
            ElasticError::NotSearchNode { .. } => {
                "point elasticsearch.urls at the HTTP port of Elasticsearch or OpenSearch (usually 9200)".to_owned()
            }
            ElasticError::Strange { .. } => {
                "look for a proxy in between; point elasticsearch.urls at the node itself".to_owned()
            }
            ElasticError::NotOurs { what } => {
                format!("delete {what}, or choose another elasticsearch.prefix")
            }
        }
    }

    /// Whether it may pass by itself, so that asking again later makes sense.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            ElasticError::Away { .. } | ElasticError::Strange { .. } => true,
            ElasticError::Refused { status, kind, .. } => *status == 429 || *status >= 500 || is_block(kind),
            ElasticError::Config { .. }
            | ElasticError::Untrusted { .. }
            | ElasticError::Unauthorized { .. }
            | ElasticError::Forbidden { .. }
            | ElasticError::TooOld { .. }
            | ElasticError::NotSearchNode { .. }
            | ElasticError::NotOurs { .. }
            | ElasticError::NotSetUp { .. } => false,
        }
    }

    /// That we may not write, told of one item.
    pub(crate) fn refused_item(status: u16, kind: String, reason: String) -> Self {
        let (node, what) = ("the search node".to_owned(), "an item of POST /_bulk".to_owned());
        match status {
            401 => ElasticError::Unauthorized { node, what, reason },
            403 => ElasticError::Forbidden { node, what, reason },
            _ => ElasticError::Refused {
                node,
                what,
                status,
                kind,
                reason,
            },
        }
    }

    /// The refusal of a whole request.
    pub(crate) fn refused(node: &str, what: String, status: u16, body: &[u8]) -> Self {
        let (kind, reason) = told(body);
        let node = node.to_owned();
        match status {
            401 => ElasticError::Unauthorized { node, what, reason },
            // A block of an index (disk full, read-only) is 403 as well, and passes.
            403 if !is_block(&kind) => ElasticError::Forbidden { node, what, reason },
            _ => ElasticError::Refused {
                node,
                what,
                status,
                kind,
                reason,
            },
        }
    }
}

/// Whether a refusal says that an index takes no writes, or the cluster no new index, for now: disk full, read-only.
/// Such refusals are 403 as well, and pass when somebody makes room.
pub(crate) fn is_block(kind: &str) -> bool {
    matches!(kind, "cluster_block_exception" | "index_create_block_exception")
}

/// Longest reason that is passed on, in characters. What a node says may quote the document, so little of it.
const REASON_CHARS: usize = 400;

/// The node's name for a fault and its reason, out of the body of a refusal.
fn told(body: &[u8]) -> (String, String) {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => match value.get("error") {
            Some(Value::String(reason)) => ("error".to_owned(), short(reason)),
            Some(error) => fault(error),
            None => ("error".to_owned(), "no reason given".to_owned()),
        },
        Err(_) => {
            let text = String::from_utf8_lossy(body.get(..body.len().min(200)).unwrap_or_default()).into_owned();
            ("error".to_owned(), short(text.trim()))
        }
    }
}

/// Type and reason of an error object, the innermost cause named as well.
pub(crate) fn fault(error: &Value) -> (String, String) {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text(error, "type");
    let mut reason = text(error, "reason");
    let mut cause = error.get("caused_by");
    for _ in 0..8 {
        let Some(inner) = cause else { break };
        let said = text(inner, "reason");
        if !said.is_empty() && !reason.contains(&said) {
            reason.push_str(": ");
            reason.push_str(&said);
        }
        cause = inner.get("caused_by");
    }
    let kind = if kind.is_empty() { "error".to_owned() } else { kind };
    (kind, short(&reason))
}

fn short(text: &str) -> String {
    let mut out: String = text.chars().take(REASON_CHARS).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    if out.is_empty() {
        "no reason given".to_owned()
    } else {
        out
    }
}
