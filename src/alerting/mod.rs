//! The alerter at work: judges what is counted, keeps what it judged, and goes on where a former life ended.
//!
//! Comes in: flushes of the embedded store, or the topics `error-details` and `error-stats`. Goes out: changes of alerts, in one transaction
//! with what they were judged from: the flush itself, or the offsets read. What always holds: killed at any moment, it
//! loses no change and makes none up. What it does not do: judge ([`crate::alert`]), tell.
//!
//! - `keeper`: judges, and keeps what it judged until it is stored.
//! - `sink`: the embedded store as a sink that judges what it keeps.
//! - `publish`: changes into the topic `error-alerts`.
//! - [`role`]: the role `alert`: from Kafka. Its state stands in the folder `store.path`, whose lock keeps a second
//!   alerter of this machine out; run one alerter per deployment.

mod keeper;
mod publish;
pub mod role;
mod sink;

pub use role::{AlertError, AlertOptions, run};
pub use sink::Judging;
