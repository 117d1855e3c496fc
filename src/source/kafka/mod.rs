//! Kafka as a neighbour: how we reach it, what it says when it refuses, and our own topics in it.
//!
//! Comes in: the section `[source.kafka]`. Goes out: clients that are set up, topics that are there, faults that name
//! the thing and the remedy. What always holds: no client of ours commits offsets by itself, skips records or reads
//! what was not committed; every call has a finite time; no secret is in a fault or a log line. What it does not do:
//! read error logs into folds (that is the role, `process::kafka`).
//!
//! - [`settings`]: from our keys to librdkafka's properties, once for consumers, once for producers.
//! - [`client`]: what our clients do when the library calls back.
//! - [`fault`]: what is wrong, and what to do.
//! - [`check`]: whether brokers, topics and rights are there.
//! - [`probe`]: whether we may do what the roles do, found out by doing it.
//! - [`admin`]: makes our topics.
//! - [`load`]: sends records as fast as the brokers take them, for `generate`; [`replay`]: sends rejects back, each once.
//! - [`tail`]: reads the end of a topic, bounded.

pub mod admin;
pub mod check;
pub mod client;
pub mod fault;
pub mod load;
pub mod probe;
pub mod replay;
pub mod settings;
pub mod tail;

pub use fault::KafkaFault;
pub use settings::KafkaSettings;
