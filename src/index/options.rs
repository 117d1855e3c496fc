//! What the role is told.

use crate::clock::Clock;
use crate::config::servers::{ElasticConfig, KafkaConfig, TopicNames};
use std::time::Duration;

/// How much is gathered and sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// How long deltas are gathered before they are sent. Repeats of one error within it become one update.
    pub interval: Duration,
    /// About how many bytes of deltas are gathered at most. Above it partitions are paused until the batch under way
    /// has its fate; so the role holds at most two of these.
    pub bytes: usize,
    /// About how large a bulk request may be. Far below what nodes take by default (100 MB), so that a node is never
    /// asked to hold much; large enough that a request is not dominated by its overhead.
    pub request_bytes: usize,
    /// How many bulk requests are under way at once.
    pub requests: usize,
    /// How long a batch under way may take to end once the role was asked to stop; what has not ended is delivered
    /// again after the next start.
    pub drain: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(1_000),
            bytes: 24 << 20,
            request_bytes: 4 << 20,
            requests: 2,
            drain: Duration::from_secs(10),
        }
    }
}

/// What the role is told.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// Where deltas are read.
    pub kafka: KafkaConfig,
    /// Names of our topics.
    pub topics: TopicNames,
    /// Where documents are written.
    pub elastic: ElasticConfig,
    /// How much at once.
    pub limits: BatchLimits,
    /// For the times of rejects and the age of days.
    pub clock: Clock,
}

impl IndexOptions {
    /// With the limits that suit most.
    #[must_use]
    pub fn new(kafka: KafkaConfig, topics: TopicNames, elastic: ElasticConfig) -> Self {
        Self {
            kafka,
            topics,
            elastic,
            limits: BatchLimits::default(),
            clock: Clock::System,
        }
    }

    /// The consumer group.
    #[must_use]
    pub fn group(&self) -> String {
        format!("{}-index", self.kafka.group_id)
    }

    /// Our name in the group.
    #[must_use]
    pub fn member(&self) -> String {
        format!("{}-index", self.kafka.instance_id)
    }
}
