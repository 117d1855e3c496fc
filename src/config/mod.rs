//! The configuration: what was written, what is wrong, what it means.
//!
//! Comes in: one TOML file, if any, and the environment. Goes out: a [`Config`], or all faults at once, each with its
//! key, value and remedy. What always holds: every key stands once, in [`keys`], with its kind, default and help;
//! every key can be set by environment (`SEISMOLOG_SOURCE__FILES__PATHS`); a secret is never printed.
//!
//! - [`keys`], `table`: the table all else is made from.
//! - [`raw`]: reads file and environment into values with their origin.
//! - [`check`]: what is wrong with them.
//! - [`servers`]: the servers beside us; `together`: what their keys mean together.
//! - `passed`: which properties of librdkafka are not passed through, and why.
//! - [`secret`]: text that does not show itself.

mod check;
pub mod keys;
mod passed;
mod raw;
mod secret;
pub mod servers;
mod table;
mod together;
pub mod units;

pub(crate) use check::zone;
pub use check::{ConfigFault, ConfigFaults};
pub use raw::{Origin, Setting, Settings};
pub use secret::Secret;

use crate::fold::FoldLimits;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the configuration means.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where times without a zone were written.
    pub default_zone: jiff::tz::TimeZone,
    /// Files, folders and patterns to read.
    pub files: Vec<String>,
    /// Whether they are followed or read once.
    pub follow: bool,
    /// How long a fold is filled at most.
    pub flush_interval: Duration,
    /// Bounds of a fold.
    pub fold: FoldLimits,
    /// Folder of the embedded store.
    pub store: PathBuf,
    /// Older events go; `None` keeps them.
    pub retention_age: Option<Duration>,
    /// Above so many bytes the oldest go; `None` keeps them.
    pub retention_bytes: Option<u64>,
    /// Address of pages and API.
    pub bind: SocketAddr,
    /// Where people find the pages, for links in alerts; without a slash at its end.
    pub url: Option<String>,
    /// Names the server is reached by beside loopback.
    pub hosts: Vec<String>,
    /// Whether `POST /api/v1/ingest` is taken.
    pub ingest: bool,
    /// Token of those who may read.
    pub viewer_token: Option<Secret>,
    /// Token of those who may change.
    pub editor_token: Option<Secret>,
    /// Threads that read Kafka.
    pub threads: usize,
    /// Kafka, where it is configured.
    pub kafka: Option<servers::KafkaConfig>,
    /// Names of our own topics.
    pub topics: servers::TopicNames,
    /// What our own topics are made like.
    pub topic_plan: servers::TopicPlan,
    /// The search node, where it is configured.
    pub elasticsearch: Option<servers::ElasticConfig>,
    /// Druid, where it is configured.
    pub druid: Option<servers::DruidConfig>,
    /// Folder of rules; `None` takes the shipped ones.
    pub rules: Option<PathBuf>,
}

impl Config {
    /// Reads a file (or none) and the environment.
    ///
    /// # Errors
    /// All faults found.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigFaults> {
        Settings::load(file, environment)?.meaning()
    }
}

#[cfg(test)]
mod tests;
