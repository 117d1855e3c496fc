//! What stands in our own Kafka topics: one schema per topic, the same words as in the documents.
//!
//! Comes in: a [`crate::fold::Flush`]. Goes out: keys and JSON values. What always holds: a record written by one
//! version is read by the next (unknown fields are passed over, [`detail::Detail::version`] says which shape it is);
//! reading back what was written gives the same values. What it does not do: speak to a broker.
//!
//! - [`detail`]: `error-details`, keyed by the issue, so that one (job, fingerprint) lives in one partition.
//! - [`stat`]: `error-stats`, counts and heartbeats.
//! - [`reject`]: `error-rejects`, the bytes and the reason; [`replayed`]: notes in it of what was sent back.

pub mod detail;
pub mod reject;
pub mod replayed;
pub mod stat;
