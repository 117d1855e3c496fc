//! seismolog: a seismograph for the error logs of streaming jobs.
//!
//! ```text
//! source ─► decode ─► dimensions ─► classify ─► mask ─► fingerprint ─► fold      pure, synchronous
//!                                                                        │  flush
//!                                                                        ▼
//!                 ONE ATOMIC FLUSH = { detail deltas, stat rows, rejects, positions }
//!                                                                        ▼
//!                                                             store ─► query ─► serve
//! ```
//!
//! The rooms, in the order a record walks through them:
//!
//! - [`event`]: the vocabulary everyone shares.
//! - [`source`]: files, folders, stdin, pushes: bytes with a position.
//! - [`decode`]: bytes to an [`event::ErrorEvent`], whatever layout and envelope they came in, or a rejection.
//! - [`dimensions`]: which job, task, host and team it belongs to.
//! - [`identity`]: what error it is: masks, template, owner frames, telling cause, fingerprint, memo.
//! - [`rules`]: the top-level `rules/` folder, read, compiled, checked and swapped.
//! - [`engine`]: the pure path in one call: bytes in, an identified event or a rejection out.
//! - [`fold`]: many events to few deltas, with the ledger that proves nothing was lost.
//! - [`topics`]: what stands in our own Kafka topics.
//! - [`process`]: drives sources through the engine into flushes.
//! - [`index`]: the role that brings detail deltas from Kafka to the search node.
//! - [`store`]: the embedded store: one SQLite transaction per flush; and the reading side.
//! - [`query`]: the search language.
//! - [`serve`]: pages and HTTP API.
//! - [`alert`]: what failed, why, and whom it concerns.
//! - [`generate`]: realistic load with a known truth.
//! - [`verify`]: whether all of it adds up.
//! - [`config`], [`cli`], [`telemetry`], [`clock`], [`changed`]: the edge.

pub mod alert;
pub mod alerting;
pub mod changed;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decode;
pub mod dimensions;
pub mod engine;
pub mod event;
pub mod fold;
pub mod generate;
pub mod identity;
pub mod index;
pub mod process;
pub mod query;
pub mod rules;
pub mod serve;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod topics;
pub mod verify;
