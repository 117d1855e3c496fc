//! What the server is put together from: options, and the traits of the hands it uses.

use super::guard::Token;
use crate::clock::Clock;
use crate::event::IssueId;
use crate::fold::Sample;
use crate::store::{AlertEditor, AlertReader, Editor, Reader};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where and how the server listens.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Address; any other than loopback needs `tokens`.
    pub bind: SocketAddr,
    /// Host names the server is reached by beside loopback (behind a proxy), without a port.
    pub hosts: Vec<String>,
    /// Where people find the pages, for links that leave this server (feeds); absent: at the host they asked.
    pub url: Option<String>,
    /// Who may do what. Empty: everybody on this machine may do everything.
    pub tokens: Vec<Token>,
    /// How long one question to the store may take.
    pub question_limit: Duration,
    /// How many questions to the store run at once; the others wait within their limit.
    pub questions_at_once: usize,
    /// Longest body of `POST /api/v1/ingest`, in bytes.
    pub ingest_bytes: usize,
    /// How many pushes are worked on at once; more are told to come back (429).
    pub ingests_at_once: usize,
    /// How many follow the alerts at once (`/api/v1/alerts/stream`); more are told to come back (429).
    pub followers: usize,
    /// A connection on which nothing happens for so long is closed.
    pub idle: Duration,
    /// A request must have arrived within this time: one that sends a byte now and then would hold its place for ever.
    pub sending: Duration,
    /// How many connections are open at once; further ones wait in the kernel's queue.
    pub connections: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8420)),
            hosts: Vec::new(),
            url: None,
            tokens: Vec::new(),
            question_limit: Duration::from_secs(10),
            questions_at_once: 8,
            ingest_bytes: 32 << 20,
            ingests_at_once: 2,
            followers: 128,
            idle: Duration::from_secs(75),
            sending: Duration::from_secs(120),
            connections: 512,
        }
    }
}

/// What the answers come from.
#[derive(Clone)]
pub struct Parts {
    /// Answers questions.
    pub reader: Arc<dyn Reader>,
    /// Changes states, notes and markers; absent: those calls say that the server is read only.
    pub editor: Option<Arc<dyn Editor>>,
    /// Answers questions about alerts; absent: nobody judges.
    pub alerts: Option<Arc<dyn AlertReader>>,
    /// Takes what people say of alerts; absent: those calls say that the server is read only.
    pub alert_editor: Option<Arc<dyn AlertEditor>>,
    /// Takes pushed records; absent: not allowed by the configuration.
    pub ingest: Option<Arc<dyn Ingest>>,
    /// What the rules say; absent: pages show no cause and advice, and `explain` only what is stored.
    pub explain: Option<Arc<dyn Explain>>,
    /// What time it is.
    pub clock: Clock,
    /// The store holds the shipped sample: pages say so.
    pub sample: bool,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether the service can answer; the error says what is missing.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Parts {
    /// A server that only reads: no edits, no pushes, no rules, no metrics, always ready.
    #[must_use]
    pub fn read_only(reader: Arc<dyn Reader>) -> Self {
        Self {
            reader,
            editor: None,
            alerts: None,
            alert_editor: None,
            ingest: None,
            explain: None,
            clock: Clock::System,
            sample: false,
            metrics: Arc::new(String::new),
            ready: Arc::new(|| Ok(())),
        }
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("editor", &self.editor.is_some())
            .field("alerts", &self.alerts.is_some())
            .field("alert_editor", &self.alert_editor.is_some())
            .field("ingest", &self.ingest.is_some())
            .field("explain", &self.explain.is_some())
            .field("sample", &self.sample)
            .finish_non_exhaustive()
    }
}

/// Why a push was not taken. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Too much is under way.
    #[error("too much is under way; come back in {retry_after_seconds} s")]
    Busy {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// It could not be made durable.
    #[error("could not store the records: {0}")]
    Store(String),
}

/// What became of one pushed record.
#[derive(Debug, Clone, Serialize)]
pub struct RecordOutcome {
    /// `folded` or `rejected`.
    pub outcome: &'static str,
    /// How many events were in it.
    pub events: u32,
    /// The issue it was folded into (the first, where there were many).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<IssueId>,
    /// Why it was rejected: a name of the closed set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// For a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Takes pushed records.
pub trait Ingest: Send + Sync {
    /// Reads each record, folds it and makes everything durable before it returns: one outcome per record, in order.
    ///
    /// # Errors
    /// Nothing was taken: too much is under way, or it could not be stored.
    fn ingest(&self, records: &[&[u8]]) -> Result<Vec<RecordOutcome>, IngestError>;
}

/// What a rule says to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleWords {
    /// Id of the rule.
    pub id: String,
    /// Short name.
    pub title: String,
    /// What is going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Whose code a frame is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Written by the people who run the job.
    User,
    /// A connector or a format.
    Connector,
    /// Everything below: engine, RPC, libraries, the language.
    Library,
}

/// One decision on the way to a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The step, in the order they were taken: `layout`, `telling cause`, `owner frames`, …
    pub step: String,
    /// What was decided.
    pub value: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Every decision made on one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Version of the recipe.
    pub recipe: u16,
    /// Decisions in order.
    pub findings: Vec<Finding>,
}

/// What the rules know. Pure and fast; called on async threads for words and layers, off them for explanations.
pub trait Explain: Send + Sync {
    /// The words of a rule.
    fn words(&self, rule: &str) -> Option<RuleWords>;
    /// Whose code a class (Java) or file (Python, Node) is; `None` leaves it to the built-in list.
    fn layer(&self, class: &str) -> Option<Layer>;
    /// Runs the present rules over a stored sample and tells every decision.
    fn explain(&self, sample: &Sample) -> Option<Explanation>;
}
