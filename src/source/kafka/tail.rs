//! Reads the end of a topic: so many records, so long, never more.

use super::KafkaFault;
use super::check::Questions;
use crate::config::servers::KafkaConfig;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ops::Range;
use std::time::{Duration, Instant};

/// A record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailRecord {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// When it was written, milliseconds since the epoch, where the broker says.
    pub written_at: Option<i64>,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub payload: Vec<u8>,
}

/// How long one partition may stay silent before it counts as read.
const SILENCE: Duration = Duration::from_secs(10);

/// Hands the committed records of a topic to `take`, at most the last `limit` of each partition, oldest first within
/// a partition.
///
/// # Errors
/// When the topic is not there or no broker answers.
pub fn tail(
    config: &KafkaConfig,
    topic: &str,
    limit: usize,
    take: &mut dyn FnMut(TailRecord),
) -> Result<(), KafkaFault> {
    tail_of(config, topic, limit, &|_| true, take)
}

/// The same, where only some records count against the limit: as far back as the `limit`th of these.
///
/// # Errors
/// When the topic is not there or no broker answers.
pub fn tail_of(
    config: &KafkaConfig,
    topic: &str,
    limit: usize,
    counts: &dyn Fn(&TailRecord) -> bool,
    take: &mut dyn FnMut(TailRecord),
) -> Result<(), KafkaFault> {
    let questions = Questions::new(config, SILENCE)?;
    let partitions = questions.partitions(topic)?.ok_or_else(|| KafkaFault::NoTopic {
        topic: topic.to_owned(),
        ours: true,
    })?;
    let limit_offsets = i64::try_from(limit).unwrap_or(i64::MAX);
    for partition in 0..partitions {
        let bounds = questions.bounds(topic, partition)?;
        // Every transaction leaves a marker that takes an offset and is no record, so a step back may find fewer
        // records than wanted: then a longer one is taken.
        let mut step = limit_offsets.saturating_mul(2);
        loop {
            let from = bounds.high.saturating_sub(step).max(bounds.low);
            let mut found = read(&questions, topic, partition, from, bounds.high)?;
            let counted = found.iter().filter(|record| counts(record)).count();
            if counted >= limit || from <= bounds.low {
                // Up to and with the last of those that are too many.
                let last = counted.saturating_sub(limit).checked_sub(1);
                let places = found.iter().enumerate().filter(|(_, record)| counts(record));
                let surplus = last
                    .and_then(|last| places.map(|(at, _)| at).nth(last))
                    .map_or(0, |at| at + 1);
                found.drain(..surplus).for_each(drop);
                found.into_iter().for_each(&mut *take);
                break;
            }
            step = step.saturating_mul(4);
        }
    }
    Ok(())
}

/// The record at an offset, if it is there.
///
/// # Errors
/// When the topic is not there or no broker answers.
pub fn at(config: &KafkaConfig, topic: &str, partition: i32, offset: i64) -> Result<Option<TailRecord>, KafkaFault> {
    let questions = Questions::new(config, SILENCE)?;
    let bounds = questions.bounds(topic, partition)?;
    if offset < bounds.low || offset >= bounds.high {
        return Ok(None);
    }
    let found = read(&questions, topic, partition, offset, offset + 1)?;
    Ok(found.into_iter().find(|record| record.offset == offset))
}

/// Hands the committed records of a partition from an offset to its end to `take`.
///
/// # Errors
/// When the topic is not there or no broker answers.
pub fn since(
    config: &KafkaConfig,
    topic: &str,
    partition: i32,
    offset: i64,
    take: &mut dyn FnMut(TailRecord),
) -> Result<(), KafkaFault> {
    let questions = Questions::new(config, SILENCE)?;
    let bounds = questions.bounds(topic, partition)?;
    each(&questions, topic, partition, offset.max(bounds.low)..bounds.high, take)
}

/// The committed records of a partition in `from..to`.
fn read(
    questions: &Questions<'_>,
    topic: &str,
    partition: i32,
    from: i64,
    to: i64,
) -> Result<Vec<TailRecord>, KafkaFault> {
    let mut found = Vec::new();
    each(questions, topic, partition, from..to, &mut |record| found.push(record))?;
    Ok(found)
}

/// The same, one by one.
fn each(
    questions: &Questions<'_>,
    topic: &str,
    partition: i32,
    Range { start: from, end: to }: Range<i64>,
    take: &mut dyn FnMut(TailRecord),
) -> Result<(), KafkaFault> {
    if from >= to {
        return Ok(());
    }
    let doing = format!("reading {topic}/{partition}");
    let consumer = questions.consumer();
    let mut list = TopicPartitionList::new();
    let begun = list
        .add_partition_offset(topic, partition, Offset::Offset(from))
        .and_then(|()| consumer.assign(&list));
    begun.map_err(|error| questions.fault(&error, &doing))?;
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                if message.partition() != partition || message.offset() < from {
                    continue;
                }
                if message.offset() >= to {
                    break;
                }
                take(TailRecord {
                    partition,
                    offset: message.offset(),
                    written_at: message.timestamp().to_millis(),
                    key: message.key().unwrap_or_default().to_vec(),
                    payload: message.payload().unwrap_or_default().to_vec(),
                });
                if message.offset() + 1 >= to {
                    break;
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => {
                let fault = questions.fault(&error, &doing);
                if !fault.may_pass() {
                    return Err(fault);
                }
            }
            None => {}
        }
        if heard.elapsed() > SILENCE {
            return Err(KafkaFault::Away {
                brokers: "the brokers".into(),
                why: format!("{doing}: nothing for {} s", SILENCE.as_secs()),
            });
        }
    }
    drop(consumer.unassign());
    Ok(())
}
