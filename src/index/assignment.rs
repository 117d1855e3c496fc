//! Which partitions are ours and where each goes on.
//!
//! The library calls back on the thread that polls. There we look up committed offsets ourselves, so that a partition
//! without one begins at its first record and every other exactly where it was left. Partitions are handed out paused:
//! the loop lets them run once it knows of them and their name.

use super::incarnation::of_metadata;
use crate::source::kafka::client::Calls;
use crate::telemetry::metrics::{self, Metric};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A partition that came or went.
#[derive(Debug)]
pub(super) enum Move {
    /// It is ours, and goes on where it was left; the name is known where the committed offset carries one.
    Came {
        partition: i32,
        next: Option<i64>,
        incarnation: Option<String>,
    },
    /// It is another's.
    Went { partition: i32 },
    /// What the library could not do.
    Failed(KafkaError),
}

/// The callbacks of our consumer.
#[derive(Debug)]
pub(super) struct Hooks {
    calls: Calls,
    moves: Mutex<Vec<Move>>,
}

/// How long the brokers may take to tell committed offsets.
const COMMITTED: Duration = Duration::from_secs(15);

impl Hooks {
    pub(super) fn new(calls: Calls) -> Self {
        Self {
            calls,
            moves: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn take(&self) -> Vec<Move> {
        std::mem::take(&mut *self.moves.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether nothing came or went since it was looked.
    pub(super) fn is_quiet(&self) -> bool {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    fn tell(&self, told: impl IntoIterator<Item = Move>) {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
    }

    fn came(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> Result<(), KafkaError> {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let give = |list: &TopicPartitionList| {
            if cooperative {
                consumer.incremental_assign(list)
            } else {
                consumer.assign(list)
            }
        };
        if list.count() == 0 {
            return give(list);
        }
        let committed = consumer.committed_offsets(list.clone(), COMMITTED)?;
        let mut begin = TopicPartitionList::with_capacity(committed.count());
        let mut moves = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let (offset, next) = match element.offset() {
                Offset::Offset(next) => (Offset::Offset(next), Some(next)),
                Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => {
                    (Offset::Beginning, None)
                }
            };
            begin.add_partition_offset(element.topic(), element.partition(), offset)?;
            let incarnation = next.and_then(|_| of_metadata(element.metadata())).map(str::to_owned);
            moves.push(Move::Came {
                partition: element.partition(),
                next,
                incarnation,
            });
        }
        give(&begin)?;
        consumer.pause(&begin)?;
        self.tell(moves);
        Ok(())
    }
}

impl ConsumerContext for Hooks {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.came(consumer, list)
        } else {
            self.tell(list.elements().iter().map(|element| Move::Went {
                partition: element.partition(),
            }));
            if cooperative {
                consumer.incremental_unassign(list)
            } else {
                consumer.unassign()
            }
        };
        if let Err(error) = done {
            self.tell([Move::Failed(error)]);
        }
    }
}

impl ClientContext for Hooks {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        self.calls.log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.calls.error(error, reason);
    }

    fn stats(&self, told: Statistics) {
        let partitions = told.topics.values().flat_map(|topic| topic.partitions.values());
        let lag: i64 = partitions
            .filter(|partition| partition.partition >= 0 && partition.app_offset >= 0 && partition.ls_offset >= 0)
            .map(|partition| partition.ls_offset.saturating_sub(partition.app_offset).max(0))
            .sum();
        metrics::set(Metric::IndexLag, u64::try_from(lag).unwrap_or(0));
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.calls.generate_oauth_token(config)
    }
}
