//! Whether brokers, topics and rights are there.

use super::client::Calls;
use super::{KafkaFault, KafkaSettings};
use crate::config::servers::{KafkaConfig, TopicNames};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use std::time::{Duration, Instant};

/// A client for questions.
pub(crate) struct Questions<'a> {
    consumer: BaseConsumer<Calls>,
    config: &'a KafkaConfig,
    wait: Duration,
}

/// One partition's offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// First offset there is.
    pub low: i64,
    /// One behind the last, of transactions that have ended.
    pub high: i64,
}

impl<'a> Questions<'a> {
    /// A client that waits so long for an answer.
    pub(crate) fn new(config: &'a KafkaConfig, wait: Duration) -> Result<Self, KafkaFault> {
        Self::with(&KafkaSettings::new(config).reader(), config, wait)
    }

    /// The same with settings of its own.
    pub(crate) fn with(settings: &ClientConfig, config: &'a KafkaConfig, wait: Duration) -> Result<Self, KafkaFault> {
        let mut settings = settings.clone();
        // The library tells in its log alone which requests a broker knows.
        if settings.get("debug").is_none() {
            settings.set("debug", "feature").set_log_level(RDKafkaLogLevel::Debug);
        }
        let consumer: BaseConsumer<Calls> = settings
            .create_with_context(Calls::new(config.token.clone()))
            .map_err(|error| KafkaFault::of(&error, "setting up a client", &config.brokers))?;
        // The first token is asked for while polling, and without it no call gets an answer.
        consumer.context().first_token(|wait| drop(consumer.poll(wait)));
        Ok(Self { consumer, config, wait })
    }

    /// How many partitions a topic has; `None` where it is not there.
    pub(crate) fn partitions(&self, topic: &str) -> Result<Option<i32>, KafkaFault> {
        let doing = format!("asking for the topic {topic}");
        let until = Instant::now() + self.wait;
        loop {
            // Tokens, errors and log lines are served by polling: with no time at all, one of them.
            drop(self.consumer.poll(Duration::from_millis(1)));
            let slice = until
                .saturating_duration_since(Instant::now())
                .min(Duration::from_secs(2));
            let asked = self
                .consumer
                .fetch_metadata(Some(topic), slice.max(Duration::from_millis(100)));
            let error = match asked {
                Ok(metadata) => {
                    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
                        return Ok(None);
                    };
                    self.are_new_enough()?;
                    match found.error().map(Code::from) {
                        None => return Ok(i32::try_from(found.partitions().len()).ok()),
                        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(None),
                        Some(code) => KafkaError::MetadataFetch(code),
                    }
                }
                Err(error) => error,
            };
            drop(self.consumer.poll(Duration::from_millis(100)));
            self.are_new_enough()?;
            let fault = self.fault(&error, &doing);
            if !fault.may_pass() || Instant::now() >= until {
                return Err(fault);
            }
        }
    }

    /// Whether the brokers we met can do what exactly-once needs. They told it before their first answer; we hear of it
    /// while polling.
    fn are_new_enough(&self) -> Result<(), KafkaFault> {
        let calls = self.consumer.context();
        for _ in 0..10 {
            if calls.knows_age() {
                break;
            }
            drop(self.consumer.poll(Duration::from_millis(10)));
        }
        calls.too_old().map_or(Ok(()), |lacks| Err(KafkaFault::TooOld(lacks)))
    }

    /// The offsets a partition has.
    pub(crate) fn bounds(&self, topic: &str, partition: i32) -> Result<Bounds, KafkaFault> {
        let (low, high) = self
            .consumer
            .fetch_watermarks(topic, partition, self.wait)
            .map_err(|error| self.fault(&error, &format!("asking for the offsets of {topic}/{partition}")))?;
        Ok(Bounds { low, high })
    }

    /// The client, for reading.
    pub(crate) fn consumer(&self) -> &BaseConsumer<Calls> {
        &self.consumer
    }

    /// That nothing came for so long, with what the library complained of meanwhile.
    pub(crate) fn silent(&self, doing: &str, wait: Duration) -> KafkaFault {
        self.fault(
            &KafkaError::Global(Code::OperationTimedOut),
            &format!("{doing}: no answer in {} s", wait.as_secs()),
        )
    }

    /// The fault of an error, with what the library complained of meanwhile.
    pub(crate) fn fault(&self, error: &KafkaError, doing: &str) -> KafkaFault {
        self.consumer.context().fault(error, doing, &self.config.brokers)
    }
}

/// Whether everything the process role needs is there: the topics it reads and those it writes.
///
/// # Errors
/// The first thing that is not.
pub fn check_process(config: &KafkaConfig, topics: &TopicNames, wait: Duration) -> Result<(), KafkaFault> {
    let questions = Questions::new(config, wait)?;
    let read = config.topics.iter().map(|topic| (topic, false));
    let written = [&topics.details, &topics.stats, &topics.rejects].map(|topic| (topic, true));
    for (topic, ours) in read.chain(written) {
        if questions.partitions(topic)?.is_none() {
            return Err(KafkaFault::NoTopic {
                topic: topic.clone(),
                ours,
            });
        }
    }
    Ok(())
}
