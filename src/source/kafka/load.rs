//! Sends records as fast as the brokers take them.

use super::check::Questions;
use super::client::Calls;
use super::{KafkaFault, KafkaSettings};
use crate::config::servers::KafkaConfig;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use std::time::{Duration, Instant};

/// How long brokers may take for a question, and for what is on its way at the end.
const WAIT: Duration = Duration::from_secs(20);

/// Keys go round in so many: enough that every partition gets its share.
const KEYS: u64 = 4_096;

/// Whether a topic is there.
///
/// # Errors
/// When no broker answers, or does not let us in.
pub fn exists(config: &KafkaConfig, topic: &str) -> Result<bool, KafkaFault> {
    Ok(Questions::new(config, WAIT)?.partitions(topic)?.is_some())
}

/// An idempotent producer of one topic: every record arrives once, or the end says that it did not.
pub struct Sender {
    producer: ThreadedProducer<Calls>,
    topic: String,
    brokers: String,
    sent: u64,
}

impl Sender {
    /// A sender to a topic.
    ///
    /// # Errors
    /// When a property is not taken.
    pub fn new(config: &KafkaConfig, topic: &str) -> Result<Self, KafkaFault> {
        let mut settings = KafkaSettings::new(config).producer();
        settings.set("linger.ms", "20").set("message.timeout.ms", "60000");
        let producer = settings
            .create_with_context(Calls::new(config.token.clone()))
            .map_err(|error| KafkaFault::of(&error, "setting up a producer", &config.brokers))?;
        Ok(Self {
            producer,
            topic: topic.to_owned(),
            brokers: config.brokers.clone(),
            sent: 0,
        })
    }

    /// Sends one record, with a key that goes round.
    ///
    /// # Errors
    /// When it, or one before it, was refused.
    pub fn send(&mut self, payload: &[u8]) -> Result<(), KafkaFault> {
        let key = (self.sent % KEYS).to_string();
        self.send_to(&self.topic.clone(), key.as_bytes(), payload)
    }

    /// Sends one record to any topic.
    ///
    /// # Errors
    /// When it, or one before it, was refused.
    pub fn send_to(&mut self, topic: &str, key: &[u8], payload: &[u8]) -> Result<(), KafkaFault> {
        self.look()?;
        let mut record = BaseRecord::with_opaque_to(topic, usize::try_from(self.sent).unwrap_or(0))
            .key(key)
            .payload(payload);
        loop {
            let Err((error, back)) = self.producer.send(record) else {
                self.sent += 1;
                return Ok(());
            };
            if error.rdkafka_error_code() != Some(Code::QueueFull) {
                return Err(KafkaFault::of(&error, &format!("sending to {topic}"), &self.brokers));
            }
            record = back;
            self.producer.poll(Duration::from_millis(5));
            self.look()?;
        }
    }

    /// Waits, while what is on its way goes on.
    pub fn wait(&self, time: Duration) {
        if !time.is_zero() {
            self.producer.poll(time);
        }
    }

    /// Waits until all is acknowledged.
    ///
    /// # Errors
    /// When a record was refused, or the brokers are away.
    pub fn finish(self) -> Result<(), KafkaFault> {
        self.settle()
    }

    /// The same, to send on afterwards.
    ///
    /// # Errors
    /// Those of [`Sender::finish`].
    pub fn settle(&self) -> Result<(), KafkaFault> {
        let mut left = self.producer.in_flight_count();
        let mut heard = Instant::now();
        while left > 0 {
            self.producer.poll(Duration::from_millis(10));
            self.look()?;
            let now = self.producer.in_flight_count();
            if now < left {
                heard = Instant::now();
            } else if heard.elapsed() > WAIT {
                return Err(KafkaFault::Away {
                    brokers: self.brokers.clone(),
                    why: format!("{now} records were not acknowledged in {} s", WAIT.as_secs()),
                });
            }
            left = now;
        }
        self.look()
    }

    /// Whether a record was refused.
    fn look(&self) -> Result<(), KafkaFault> {
        let calls = self.producer.context();
        let Some(undelivered) = calls.take_undelivered() else {
            return Ok(());
        };
        let said = calls.take_last();
        let why = said.map_or_else(|| undelivered.code.to_string(), |(_, why)| why);
        Err(KafkaFault::of_code(
            Some(undelivered.code),
            &why,
            &format!("sending to {}", self.topic),
            &self.brokers,
        ))
    }
}
