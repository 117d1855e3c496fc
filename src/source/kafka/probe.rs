//! Whether we may do what the roles do, found out by doing it.
//!
//! Reading is shown by a fetch at the end of each topic, the group by asking for its offsets, writing by one record to
//! each of our topics in a transaction that is aborted: who reads committed records never sees it. Nobody's
//! membership, offsets or transactions are touched: nothing joins the group, and the transaction has an id of its own.

use super::check::Questions;
use super::client::Calls;
use super::{KafkaFault, KafkaSettings};
use crate::config::servers::{KafkaConfig, TopicNames};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// What was found to work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probed {
    /// Topics that are there, with their partitions: first those with error logs, then ours.
    pub topics: Vec<(String, i32)>,
    /// Groups whose offsets we may ask for.
    pub groups: Vec<String>,
}

/// Logs in, looks for the topics, and tries what the roles do with them. Each step waits so long at most.
///
/// # Errors
/// The first thing that does not work.
pub fn probe(config: &KafkaConfig, topics: &TopicNames, wait: Duration) -> Result<Probed, KafkaFault> {
    let ours = [&topics.details, &topics.stats, &topics.rejects, &topics.names];
    let questions = Questions::new(config, wait)?;
    let mut probed = Probed::default();
    let read = config.topics.iter().map(|topic| (topic, false));
    for (topic, ours) in read.chain(ours.into_iter().map(|topic| (topic, true))) {
        let Some(partitions) = questions.partitions(topic)? else {
            return Err(KafkaFault::NoTopic {
                topic: topic.clone(),
                ours,
            });
        };
        probed.topics.push((topic.clone(), partitions));
    }
    drop(questions);
    let all: Vec<&str> = probed.topics.iter().map(|(topic, _)| topic.as_str()).collect();
    for (group, topics) in [
        (config.group_id.clone(), all.as_slice()),
        (format!("{}-index", config.group_id), &[topics.details.as_str()]),
    ] {
        may_read(config, &group, topics, wait)?;
        probed.groups.push(group);
    }
    may_write(config, &ours.map(String::as_str), wait)?;
    Ok(probed)
}

/// Asks for the group's offsets and fetches at the end of one partition of each topic.
fn may_read(config: &KafkaConfig, group: &str, topics: &[&str], wait: Duration) -> Result<(), KafkaFault> {
    let mut settings = KafkaSettings::new(config).reader();
    settings.set("group.id", group);
    let questions = Questions::with(&settings, config, wait)?;
    let consumer: &BaseConsumer<Calls> = questions.consumer();
    let asking = format!("asking for the offsets of the group {group}");
    let mut list = TopicPartitionList::new();
    for topic in topics {
        list.add_partition(topic, 0);
    }
    let until = Instant::now() + wait;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Err(error) = consumer.committed_offsets(list.clone(), left.max(Duration::from_millis(100))) else {
            break;
        };
        // A transaction under way makes the broker ask to be asked again.
        let fault = questions.fault(&error, &asking);
        if !fault.may_pass() || Instant::now() >= until {
            return Err(fault);
        }
        drop(consumer.poll(Duration::from_millis(100)));
    }
    for topic in topics {
        may_fetch(&questions, topic, wait)?;
    }
    Ok(())
}

/// Fetches at the end of one partition: a record or word of the end shows that we may.
fn may_fetch(questions: &Questions<'_>, topic: &str, wait: Duration) -> Result<(), KafkaFault> {
    let doing = format!("reading {topic}");
    let consumer = questions.consumer();
    let mut end = TopicPartitionList::new();
    end.add_partition_offset(topic, 0, Offset::End)
        .and_then(|()| consumer.assign(&end))
        .map_err(|error| questions.fault(&error, &doing))?;
    let until = Instant::now() + wait;
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) => {
                let fault = questions.fault(&error, &doing);
                if !fault.may_pass() {
                    return Err(fault);
                }
            }
            None => {}
        }
        if Instant::now() >= until {
            return Err(questions.silent(&doing, wait));
        }
    }
}

/// Writes one record to each topic in a transaction, and aborts it.
fn may_write(config: &KafkaConfig, topics: &[&str], wait: Duration) -> Result<(), KafkaFault> {
    let id = format!("{}-check-{}", config.group_id, config.instance_id);
    let producer: ThreadedProducer<Calls> = KafkaSettings::new(config)
        .transactional(&id)
        .create_with_context(Calls::new(config.token.clone()))
        .map_err(|error| KafkaFault::of(&error, "setting up a producer", &config.brokers))?;
    let fault = |error: &KafkaError, doing: &str| producer.context().fault(error, doing, &config.brokers);
    producer
        .init_transactions(wait)
        .map_err(|error| fault(&error, &format!("writing in transactions as {id}")))?;
    producer
        .begin_transaction()
        .map_err(|error| fault(&error, "beginning a transaction"))?;
    let mut written = Ok(());
    for (number, topic) in topics.iter().enumerate() {
        let record = BaseRecord::with_opaque_to(topic, number).key("check").payload("");
        if let Err((error, _)) = producer.send(record) {
            written = Err(fault(&error, &format!("writing to {topic}")));
            break;
        }
    }
    if written.is_ok() {
        written = producer.flush(wait).map_err(|error| fault(&error, "writing"));
    }
    if let Some(undelivered) = producer.context().take_undelivered() {
        let topic = topics.get(undelivered.number).copied().unwrap_or_default();
        let said = producer.client().fatal_error().map(|(_, said)| said);
        let why = said.unwrap_or_else(|| undelivered.code.to_string());
        let doing = format!("writing to {topic}");
        written = Err(KafkaFault::of_code(
            Some(undelivered.code),
            &why,
            &doing,
            &config.brokers,
        ));
    }
    let aborted = producer.abort_transaction(wait);
    written?;
    match aborted {
        Ok(()) => Ok(()),
        // Another check of this instance began meanwhile; what it finds is what we would find.
        Err(error) if error.rdkafka_error_code() == Some(Code::Fenced) => Ok(()),
        Err(error) => Err(fault(&error, "aborting a transaction")),
    }
}
