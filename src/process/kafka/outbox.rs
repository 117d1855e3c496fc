//! The commit protocol: begin, send, offsets, drain, commit; or abort, and the same again.
//!
//! Three traps are met here. A record the library refuses at once is not in the transaction, and the commit would
//! still succeed: every refusal fails the flush. A commit that has to wait for deliveries waits in steps of 100 ms:
//! deliveries are waited for before. Who cannot tell whether a commit happened must not guess: the session ends, and
//! the next one asks the broker.

use super::encode::{Record, Topic};
use super::watch::Watch;
use crate::config::servers::TopicNames;
use crate::process::kafka::ProcessOptions;
use crate::process::stop::Stop;
use crate::source::kafka::client::{Calls, Undelivered};
use crate::source::kafka::settings::TRANSACTION_TIMEOUT;
use crate::source::kafka::{KafkaFault, KafkaSettings};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Why a transaction was not committed.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was aborted; the same may be tried again.
    Aborted(String),
    /// It was aborted: a broker does not take a record of this topic as large as it is.
    TooLarge(Topic),
    /// Nobody knows, or the producer cannot be used any more: a new session must find out.
    Unknown(KafkaFault),
    /// A later producer has our id.
    Fenced(String),
    /// It was aborted: the group has lost its offset of this partition, as it does when the topic is deleted. What we
    /// hold an offset of is another topic by now, if any.
    Gone(String, i32),
}

/// The producer of a session.
pub(super) struct Outbox {
    producer: ThreadedProducer<Calls>,
    brokers: String,
}

/// How long one call may block.
const CALL: Duration = Duration::from_secs(5);

/// How long a commit is asked for before nobody knows what became of it: as long as the broker keeps it open.
const COMMIT: Duration = TRANSACTION_TIMEOUT;

impl Outbox {
    /// A producer under this id. Whatever a producer of the same id left open is ended, and that producer is fenced.
    /// Waits for brokers that are away.
    pub(super) fn open(options: &ProcessOptions, id: &str, stop: &Stop) -> Result<Option<Self>, KafkaFault> {
        let kafka = &options.kafka;
        let fault = |error: &KafkaError, doing: &str| KafkaFault::of(error, doing, &kafka.brokers);
        let producer: ThreadedProducer<Calls> = KafkaSettings::new(kafka)
            .transactional(id)
            .create_with_context(Calls::new(kafka.token.clone()))
            .map_err(|error| fault(&error, "setting up a producer"))?;
        let mut told = false;
        loop {
            let Err(error) = producer.init_transactions(CALL) else {
                break;
            };
            let mut why = fault(&error, "beginning as a transactional producer");
            if let Some((code, said)) = producer.context().take_last()
                && why.may_pass()
            {
                why = KafkaFault::of_code(
                    Some(code),
                    &said,
                    "beginning as a transactional producer",
                    &kafka.brokers,
                );
            }
            if !why.may_pass() {
                return Err(why);
            }
            if !told {
                tracing::error!(fault = %why, "waiting for kafka");
                told = true;
            }
            if stop.wait(Duration::from_millis(500)) {
                return Ok(None);
            }
        }
        if told {
            tracing::info!("kafka answers again");
        }
        Ok(Some(Self {
            producer,
            brokers: kafka.brokers.clone(),
        }))
    }

    /// Sends all records and the offsets in one transaction. Either all of it is committed, or the error says what is
    /// known. Of the partitions in `had` the group must have an offset already.
    pub(super) fn commit<'a>(
        &self,
        records: impl Iterator<Item = Record<'a>> + Clone,
        offsets: &TopicPartitionList,
        had: &TopicPartitionList,
        consumer: &BaseConsumer<Watch>,
        topics: &TopicNames,
    ) -> Result<(), Failed> {
        let until = Instant::now() + COMMIT;
        // What an earlier transaction left behind is no news of this one.
        let _earlier = self.producer.context().take_undelivered();
        self.producer
            .begin_transaction()
            .map_err(|error| self.unknown(&error, "beginning a transaction"))?;
        let done = self
            .send_all(records.clone(), topics, until)
            // While the records are on their way.
            .and_then(|()| has_offsets(had, consumer))
            .and_then(|()| self.send_offsets(offsets, consumer, until))
            .and_then(|()| self.drain(until));
        let done = match done {
            Ok(()) => self.end(until),
            Err(failed) => Err(failed),
        };
        match done {
            Ok(()) => Ok(()),
            Err(Step::Known(failed)) => Err(failed),
            Err(Step::Abort(why)) => {
                let undelivered = self.producer.context().take_undelivered();
                self.abort()?;
                Err(too_large(undelivered, records).unwrap_or(Failed::Aborted(why)))
            }
            Err(Step::Gone(topic, partition)) => {
                self.abort()?;
                Err(Failed::Gone(topic, partition))
            }
            Err(Step::Refused(topic)) => {
                self.abort()?;
                Err(Failed::TooLarge(topic))
            }
        }
    }

    fn send_all<'a>(
        &self,
        records: impl Iterator<Item = Record<'a>>,
        topics: &TopicNames,
        until: Instant,
    ) -> Result<(), Step> {
        for (number, record) in records.enumerate() {
            let mut sending = BaseRecord::with_opaque_to(record.topic.name(topics), number)
                .key(record.key)
                .payload(record.payload);
            loop {
                let Err((error, back)) = self.producer.send(sending) else {
                    break;
                };
                sending = back;
                match error.rdkafka_error_code() {
                    Some(Code::QueueFull) if Instant::now() < until => self.producer.poll(Duration::from_millis(2)),
                    Some(Code::MessageSizeTooLarge) => return Err(Step::Refused(record.topic)),
                    Some(Code::Fatal | Code::Fenced) => return Err(self.known(&error, "sending a record")),
                    Some(_) | None => return Err(Step::Abort(format!("a record could not be sent: {error}"))),
                }
            }
        }
        Ok(())
    }

    fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        consumer: &BaseConsumer<Watch>,
        until: Instant,
    ) -> Result<(), Step> {
        loop {
            if consumer.assignment_lost() {
                return Err(Step::Abort("the group took our partitions".into()));
            }
            // Taken at this moment: under an older membership the broker would rightly refuse us.
            let Some(membership) = consumer.group_metadata() else {
                return Err(Step::Abort("the consumer is in no group".into()));
            };
            let Err(error) = self.producer.send_offsets_to_transaction(offsets, &membership, CALL) else {
                return Ok(());
            };
            match self.verdict(&error, "sending offsets") {
                Verdict::Again if Instant::now() < until => {}
                Verdict::Again | Verdict::Abort => return Err(Step::Abort(format!("offsets were refused: {error}"))),
                Verdict::Known(failed) => return Err(Step::Known(failed)),
            }
        }
    }

    /// Waits until every record was delivered.
    fn drain(&self, until: Instant) -> Result<(), Step> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(1));
            if Instant::now() >= until {
                return Err(Step::Abort("records were not delivered in time".into()));
            }
        }
        Ok(())
    }

    fn end(&self, until: Instant) -> Result<(), Step> {
        loop {
            let Err(error) = self.producer.commit_transaction(CALL) else {
                return Ok(());
            };
            match self.verdict(&error, "committing") {
                // A commit that was sent may have happened: it is asked for again, never given up for an abort.
                Verdict::Again if Instant::now() < until => {}
                Verdict::Again => return Err(self.known(&error, "committing")),
                Verdict::Abort => return Err(Step::Abort(format!("the commit was refused: {error}"))),
                Verdict::Known(failed) => return Err(Step::Known(failed)),
            }
        }
    }

    /// Ends the transaction without it having happened.
    fn abort(&self) -> Result<(), Failed> {
        let until = Instant::now() + COMMIT;
        loop {
            // Queued records are thrown away by it; the producer's own thread serves what comes of that.
            let Err(error) = self.producer.abort_transaction(CALL) else {
                return Ok(());
            };
            match self.verdict(&error, "aborting") {
                Verdict::Again if Instant::now() < until => {}
                Verdict::Again | Verdict::Abort => return Err(self.unknown(&error, "aborting")),
                Verdict::Known(failed) => return Err(failed),
            }
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "the errors are the library's, and it adds to them"
    )]
    fn verdict(&self, error: &KafkaError, doing: &str) -> Verdict {
        match error {
            KafkaError::Transaction(said) if said.is_fatal() => Verdict::Known(self.unknown(error, doing)),
            KafkaError::Transaction(said) if said.txn_requires_abort() => Verdict::Abort,
            KafkaError::Transaction(said) if said.is_retriable() => Verdict::Again,
            // The drain before a commit ran out of time: nothing was asked of the coordinator yet.
            KafkaError::Flush(_) => Verdict::Abort,
            // Neither retriable nor abortable nor fatal: to be treated as fatal, say the library's docs.
            _ => Verdict::Known(self.unknown(error, doing)),
        }
    }

    fn known(&self, error: &KafkaError, doing: &str) -> Step {
        Step::Known(self.unknown(error, doing))
    }

    fn unknown(&self, error: &KafkaError, doing: &str) -> Failed {
        let fatal = self.producer.client().fatal_error();
        let code = fatal
            .as_ref()
            .map(|(code, _)| *code)
            .or_else(|| error.rdkafka_error_code());
        let fenced = [Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch];
        if code.is_some_and(|code| fenced.contains(&code)) {
            return Failed::Fenced(fatal.map_or_else(|| error.to_string(), |(_, why)| why));
        }
        Failed::Unknown(KafkaFault::of(error, doing, &self.brokers))
    }
}

/// What an error of a call means.
enum Verdict {
    Again,
    Abort,
    Known(Failed),
}

/// Why a step of a transaction ended it.
enum Step {
    Abort(String),
    /// The library does not take a record of this topic.
    Refused(Topic),
    /// The group has no offset any more.
    Gone(String, i32),
    Known(Failed),
}

/// Whether the group still has its offsets. A topic that is deleted and made anew under a reader looks to it as if it had
/// gone on, and what is before its position would be skipped; but the broker forgets the group's offsets with the topic.
fn has_offsets(had: &TopicPartitionList, consumer: &BaseConsumer<Watch>) -> Result<(), Step> {
    if had.count() == 0 {
        return Ok(());
    }
    let committed = consumer
        .committed_offsets(had.clone(), CALL)
        .map_err(|error| Step::Abort(format!("the group's offsets could not be asked for: {error}")))?;
    let gone = committed
        .elements()
        .into_iter()
        .find(|element| element.error().is_ok() && element.offset() == Offset::Invalid);
    gone.map_or(Ok(()), |element| {
        Err(Step::Gone(element.topic().to_owned(), element.partition()))
    })
}

/// Whether what was not delivered was too large.
fn too_large<'a>(undelivered: Option<Undelivered>, mut records: impl Iterator<Item = Record<'a>>) -> Option<Failed> {
    let undelivered = undelivered?;
    let sizes = [
        Code::MessageSizeTooLarge,
        Code::MessageBatchTooLarge,
        Code::InvalidMessageSize,
    ];
    if !sizes.contains(&undelivered.code) {
        return None;
    }
    Some(Failed::TooLarge(records.nth(undelivered.number)?.topic))
}
