//! The search node: Elasticsearch 7.17 and later, or OpenSearch 2 and later.
//!
//! Comes in: detail deltas on the writing side, questions on the reading side. Goes out: documents, answers. What
//! always holds: a delta applied twice counts once; a request ends in finite time; an error names the node, what it
//! was about and what to do; a secret is in no error. What it does not do: decide when to ask again, that is with the
//! caller ([`ElasticError::may_pass`]).
//!
//! ```text
//! seismolog-details-2026.11.21   one document per (issue, minute)     id: ISSUE-MINUTE
//! seismolog-issues               one document per issue               id: ISSUE
//! seismolog-markers              one document per marker
//! ```
//!
//! - [`client`]: several nodes, one at a time; [`error`]: what can go wrong; [`flavour`]: who answers there.
//! - [`documents`]: names of indices, ids, and the table from search keys to fields.
//! - [`update`]: many deltas of one document merged to one scripted update.
//! - [`mod@setup`]: templates, indices and scripts of `deploy/elasticsearch`.

pub mod client;
pub mod documents;
pub mod error;
pub mod flavour;
pub mod setup;
pub mod update;

pub use client::{Answer, Elastic, Method};
pub use error::ElasticError;
pub use flavour::{About, Flavour};
pub use setup::setup;
