//! Offsets, and rejects with them.
//!
//! Offsets alone are committed as the consumer does. Where a batch has rejects, these and the offsets go in one Kafka
//! transaction, so that a reject is there exactly once; the transactional producer is made when the first one comes.

use super::IndexOptions;
use super::gather::Reached;
use super::incarnation::metadata;
use crate::source::kafka::client::Calls;
use crate::source::kafka::{KafkaFault, KafkaSettings};
use crate::topics::reject::RejectRecord;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one call of a transaction may take.
const CALL: Duration = Duration::from_secs(10);

/// How far each partition has come, with the name of what stands in it.
pub(super) type Positions = BTreeMap<i32, (Reached, String)>;

/// Why nothing was committed.
#[derive(Debug)]
pub(super) enum CommitFault {
    /// Trying again is safe and may help.
    Later(KafkaFault),
    /// A person must mend it.
    Never(KafkaFault),
}

impl CommitFault {
    fn of(fault: KafkaFault) -> Self {
        if fault.may_pass() {
            CommitFault::Later(fault)
        } else {
            CommitFault::Never(fault)
        }
    }
}

/// Commits what has its fate. The producer polls by itself: between rejects it gets new tokens, where it logs in by them.
pub(super) struct Committer {
    producer: Option<ThreadedProducer<Calls>>,
}

impl Committer {
    pub(super) fn new() -> Self {
        Self { producer: None }
    }

    /// Commits offsets; with rejects, both or neither.
    ///
    /// # Errors
    /// What Kafka said; trying again is safe.
    pub(super) fn commit<C: ConsumerContext>(
        &mut self,
        options: &IndexOptions,
        consumer: &BaseConsumer<C>,
        positions: &Positions,
        rejects: &[RejectRecord],
        mode: CommitMode,
    ) -> Result<(), CommitFault> {
        let fault = |error: &KafkaError| {
            CommitFault::Later(KafkaFault::of(error, "committing offsets", &options.kafka.brokers))
        };
        let list = list(&options.topics.details, positions).map_err(|error| fault(&error))?;
        if list.count() == 0 {
            return Ok(());
        }
        if rejects.is_empty() {
            return consumer.commit(&list, mode).map_err(|error| fault(&error));
        }
        let Some(group) = consumer.group_metadata() else {
            return Err(CommitFault::Later(KafkaFault::Other {
                doing: "committing rejects".to_owned(),
                why: "we are no member of the group".to_owned(),
                may_pass: true,
            }));
        };
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => producer(options).map_err(CommitFault::of)?,
        };
        let done = in_transaction(&producer, &options.topics.rejects, rejects, &list, &group);
        match done {
            Ok(()) => {
                self.producer = Some(producer);
                Ok(())
            }
            Err(error) => {
                let fatal = matches!(&error, KafkaError::Transaction(told) if told.is_fatal());
                // What was sent is served before the abort: with reports outstanding it would not come back.
                if !fatal && producer.flush(CALL).is_ok() && producer.abort_transaction(CALL).is_ok() {
                    self.producer = Some(producer);
                }
                // Otherwise the next attempt makes a new producer, which ends what this one left open.
                let fault = KafkaFault::of(&error, "committing rejects", &options.kafka.brokers);
                Err(match fault {
                    KafkaFault::NoTopic { .. }
                    | KafkaFault::NoRight { .. }
                    | KafkaFault::NotLetIn { .. }
                    | KafkaFault::TooOld(_)
                    | KafkaFault::NotByToken { .. }
                    | KafkaFault::TooLarge { .. }
                    | KafkaFault::Property { .. } => CommitFault::Never(fault),
                    // A transaction that has to be begun anew says so in many ways.
                    KafkaFault::Away { .. }
                    | KafkaFault::Replaced { .. }
                    | KafkaFault::OffsetLost { .. }
                    | KafkaFault::Other { .. } => CommitFault::Later(fault),
                })
            }
        }
    }
}

fn list(topic: &str, positions: &Positions) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, (reached, incarnation)) in positions {
        list.add_partition_offset(topic, *partition, Offset::Offset(reached.next))?;
        if let Some(mut element) = list.find_partition(topic, *partition) {
            element.set_metadata(metadata(incarnation));
        }
    }
    Ok(list)
}

fn producer(options: &IndexOptions) -> Result<ThreadedProducer<Calls>, KafkaFault> {
    let id = format!("{}-{}", options.group(), options.kafka.instance_id);
    let producer: ThreadedProducer<Calls> = KafkaSettings::new(&options.kafka)
        .transactional(&id)
        .create_with_context(Calls::new(options.kafka.token.clone()))
        .map_err(|error| KafkaFault::of(&error, "setting up a producer", &options.kafka.brokers))?;
    producer
        .init_transactions(CALL)
        .map_err(|error| KafkaFault::of(&error, "beginning to write in transactions", &options.kafka.brokers))?;
    Ok(producer)
}

fn in_transaction(
    producer: &ThreadedProducer<Calls>,
    topic: &str,
    rejects: &[RejectRecord],
    list: &TopicPartitionList,
    group: &rdkafka::consumer::ConsumerGroupMetadata,
) -> Result<(), KafkaError> {
    producer.begin_transaction()?;
    for (number, reject) in rejects.iter().enumerate() {
        let key = format!("{}/{}/{}", reject.topic, reject.partition, reject.offset);
        // Plain fields only: writing them as JSON cannot fail.
        let value = serde_json::to_vec(reject).unwrap_or_default();
        let record = BaseRecord::with_opaque_to(topic, number).key(&key).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
        producer.poll(Duration::ZERO);
    }
    producer.flush(CALL)?;
    // A delivery that failed fails the commit as well: the transaction is whole or not at all.
    producer.send_offsets_to_transaction(list, group, CALL)?;
    producer.commit_transaction(CALL)
}
