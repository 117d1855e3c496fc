//! Pages and HTTP API: everything a person or a script sees of the answers.
//!
//! Comes in: a [`store::Reader`](crate::store::Reader) and, where wanted, the hands that change things
//! ([`Editor`](crate::store::Editor), [`Ingest`], [`Explain`]). Goes out: HTTP on one address.
//!
//! ```text
//! connection ─► patient stream ─► guard (Host, Origin, token) ─► api/  ─┐
//!               (slow clients)                                   pages/ ┴─► question (bounded, off the async threads) ─► Reader
//! ```
//!
//! What always holds: a question to the store never runs on an async thread, only so many run at once and each has
//! a time limit; every parameter is known, bounded and named when it is wrong; nothing a log line says is markup;
//! nothing is loaded from outside; a panic in an answer costs that answer only; no network but loopback is served
//! without tokens.
//!
//! Alerts are read through a [`store::AlertReader`](crate::store::AlertReader) and acted upon through a
//! [`store::AlertEditor`](crate::store::AlertEditor): lists, feeds and a stream of every change. One look at the store
//! serves all who follow (`follow`).
//!
//! What it does not do: judge, tell chats and pagers of alerts (`alert` does), and TLS (a proxy does).

mod api;
mod ask;
pub mod client;
mod endpoint;
mod explained;
mod feed;
mod follow;
mod guard;
mod listen;
mod openapi;
mod pages;
mod parts;
mod problem;
mod question;
mod routes;
mod schemas;
pub mod time;

pub use guard::{Role, Token};
pub use listen::{ServeError, Serving, start};
pub use parts::{
    Explain, Explanation, Finding, Ingest, IngestError, Layer, Parts, RecordOutcome, RuleWords, ServeOptions,
};
