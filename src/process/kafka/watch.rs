//! What the consumer's library tells on the side: rebalances and how far behind we are.

use crate::source::kafka::client::Calls;
use crate::telemetry::metrics::{self, Metric};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Partitions that come or go. The library waits until the loop has dealt with it and says so by (un)assigning.
#[derive(Debug)]
pub(super) enum Moved {
    /// They are ours.
    Given(TopicPartitionList),
    /// They are to be given back.
    Taken(TopicPartitionList),
}

/// The callbacks of a session's consumer: they only note what happened. The loop, which owns folds and producer, acts
/// on it between two polls; nothing is shared with a callback that runs while a consumer is taken down.
#[derive(Debug)]
pub(super) struct Watch {
    calls: Calls,
    moved: Mutex<Vec<Moved>>,
    progress: Mutex<Option<Progress>>,
    closing: AtomicBool,
}

/// How far the library has read, by topic and partition.
pub(super) type Progress = BTreeMap<String, BTreeMap<i32, PartitionProgress>>;

/// One partition, as the library counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartitionProgress {
    /// Whether the library had fetched, and handed over, all there was.
    pub(super) at_end: bool,
    /// One behind the last record that may be read.
    pub(super) stable_end: i64,
}

impl Watch {
    pub(super) fn new(calls: Calls) -> Self {
        Self {
            calls,
            moved: Mutex::default(),
            progress: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// What moved since this was asked before.
    pub(super) fn take_moved(&self) -> Vec<Moved> {
        std::mem::take(&mut *lock(&self.moved))
    }

    /// News of progress, if there are some.
    pub(super) fn take_progress(&self) -> Option<Progress> {
        lock(&self.progress).take()
    }

    /// From now on partitions are given back at once: the loop is gone.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Watch {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        self.calls.log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.calls.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.calls.generate_oauth_token(config)
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Some(progress) = progress_of(statistics) {
            *lock(&self.progress) = Some(progress);
        }
    }
}

impl ConsumerContext for Watch {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let given = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let list = list.clone();
        let moved = if given { Moved::Given(list) } else { Moved::Taken(list) };
        if self.closing.load(Ordering::Acquire) {
            drop(refuse(consumer, &moved));
        } else {
            lock(&self.moved).push(moved);
        }
    }
}

/// Answers a rebalance by working on nothing: what is to go goes, what would come is left alone.
pub(super) fn refuse(consumer: &BaseConsumer<Watch>, moved: &Moved) -> Result<(), KafkaError> {
    match moved {
        Moved::Given(_) => take_up(consumer, &TopicPartitionList::new()),
        Moved::Taken(list) => give_back(consumer, list),
    }
}

/// Tells the library that partitions are no longer worked on.
pub(super) fn give_back(consumer: &BaseConsumer<Watch>, list: &TopicPartitionList) -> Result<(), KafkaError> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Eager => consumer.unassign(),
        RebalanceProtocol::Cooperative | RebalanceProtocol::None => consumer.incremental_unassign(list),
    }
}

/// Tells the library where to go on.
pub(super) fn take_up(consumer: &BaseConsumer<Watch>, list: &TopicPartitionList) -> Result<(), KafkaError> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Eager => consumer.assign(list),
        RebalanceProtocol::Cooperative | RebalanceProtocol::None => consumer.incremental_assign(list),
    }
}

/// The few of the library's statistics that are looked at.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    #[serde(default)]
    fetch_state: String,
    #[serde(default)]
    fetchq_cnt: i64,
    #[serde(default)]
    next_offset: i64,
    #[serde(default)]
    ls_offset: i64,
}

fn progress_of(statistics: &[u8]) -> Option<Progress> {
    let statistics: Statistics = serde_json::from_slice(statistics).ok()?;
    let of_topic = |topic: TopicStatistics| {
        let partitions = topic.partitions.into_values();
        partitions
            .filter(|partition| partition.partition >= 0 && partition.ls_offset >= 0)
            .map(|p| {
                let at_end = p.fetch_state == "active" && p.fetchq_cnt == 0 && p.next_offset >= p.ls_offset;
                let progress = PartitionProgress {
                    at_end,
                    stable_end: p.ls_offset,
                };
                (p.partition, progress)
            })
            .collect()
    };
    let topics = statistics.topics.into_iter();
    Some(topics.map(|(name, topic)| (name, of_topic(topic))).collect())
}

/// How many records each thread is behind; the gauge shows their sum.
#[derive(Debug)]
pub(super) struct Lags(Vec<AtomicU64>);

impl Lags {
    pub(super) fn of(threads: usize) -> Self {
        Self((0..threads).map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) fn set(&self, thread: usize, lag: u64) {
        if let Some(of_thread) = self.0.get(thread) {
            of_thread.store(lag, Ordering::Relaxed);
        }
        let all = self.0.iter().map(|lag| lag.load(Ordering::Relaxed)).sum();
        metrics::set(Metric::KafkaLag, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_at_its_end_only_when_all_was_handed_over() {
        let statistics = |queued: i64, next: i64| {
            format!(
                r#"{{"brokers":{{}},"topics":{{"t":{{"partitions":{{"0":{{"partition":0,"fetch_state":"active",
                "fetchq_cnt":{queued},"next_offset":{next},"ls_offset":10,"hi_offset":12}},
                "-1":{{"partition":-1,"fetch_state":"none"}}}}}}}}}}"#
            )
        };
        for (queued, next, at_end) in [(0, 10, true), (0, 11, true), (1, 10, false), (0, 9, false)] {
            let progress = progress_of(statistics(queued, next).as_bytes()).unwrap();
            let wanted = PartitionProgress { at_end, stable_end: 10 };
            assert_eq!(progress["t"], BTreeMap::from([(0, wanted)]));
        }
    }
}
