//! Sends rejects back, each once: with its note, in one transaction.

use super::client::Calls;
use super::tail::{self, TailRecord};
use super::{KafkaFault, KafkaSettings};
use crate::config::servers::KafkaConfig;
use crate::topics::replayed::Replayed;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);

/// Records of one transaction, and their bytes: it must end within the time the broker keeps it open.
const MOST_RECORDS: usize = 500;
const MOST_BYTES: usize = 8 << 20;

/// When rejects were sent back, by partition and offset in their topic.
pub type Notes = BTreeMap<(i32, i64), i64>;

/// Whether a record of the topic of rejects is a note and no reject.
#[must_use]
pub fn is_note(record: &TailRecord) -> bool {
    record.key == Replayed::KEY.as_bytes()
}

/// Takes note of a record of the topic of rejects that is a note, and says whether it is one.
pub fn take_note(record: &TailRecord, notes: &mut Notes) -> bool {
    if !is_note(record) {
        return false;
    }
    let Ok(note) = serde_json::from_slice::<Replayed>(&record.payload) else {
        return false;
    };
    for offset in note.replayed {
        notes.entry((record.partition, offset)).or_insert(note.replayed_at);
    }
    true
}

/// The notes behind one reject.
///
/// # Errors
/// When the topic is not there or no broker answers.
pub fn notes_behind(config: &KafkaConfig, topic: &str, partition: i32, offset: i64) -> Result<Notes, KafkaFault> {
    let mut notes = Notes::new();
    tail::since(config, topic, partition, offset, &mut |record| {
        take_note(&record, &mut notes);
    })?;
    Ok(notes)
}

/// One reject on its way back.
#[derive(Debug, Clone)]
pub struct Back {
    /// Where it stands in the topic of rejects: partition and offset.
    pub place: (i32, i64),
    /// Where it goes.
    pub topic: String,
    /// With which key.
    pub key: String,
    /// The record.
    pub payload: Vec<u8>,
}

/// The one that sends back. There is one at a time: who opens another ends this one, before it reads what was sent.
pub struct Replayer<'a> {
    producer: ThreadedProducer<Calls>,
    config: &'a KafkaConfig,
    rejects: &'a str,
    waiting: Vec<Back>,
    bytes: usize,
}

impl<'a> Replayer<'a> {
    /// Ends whatever another one has open. Notes are to be read after this, so that none is missed.
    ///
    /// # Errors
    /// When no broker answers, or a right is missing.
    pub fn open(config: &'a KafkaConfig, rejects: &'a str) -> Result<Self, KafkaFault> {
        let id = format!("{}-replay", config.group_id);
        let producer: ThreadedProducer<Calls> = KafkaSettings::new(config)
            .transactional(&id)
            .create_with_context(Calls::new(config.token.clone()))
            .map_err(|error| KafkaFault::of(&error, "setting up a producer", &config.brokers))?;
        let replayer = Self {
            producer,
            config,
            rejects,
            waiting: Vec::new(),
            bytes: 0,
        };
        let doing = format!("writing in transactions as {id}");
        replayer
            .producer
            .init_transactions(CALL)
            .map_err(|error| replayer.fault(&error, &doing))?;
        Ok(replayer)
    }

    /// Takes one to send back; sends all that wait when they are many. Says which are back for good.
    ///
    /// # Errors
    /// When they were not taken: then none of them is back.
    pub fn take(&mut self, back: Back, now: i64) -> Result<Vec<Back>, KafkaFault> {
        self.bytes += back.payload.len();
        self.waiting.push(back);
        if self.waiting.len() >= MOST_RECORDS || self.bytes >= MOST_BYTES {
            return self.send(now);
        }
        Ok(Vec::new())
    }

    /// Sends all that wait, in one transaction with their notes.
    ///
    /// # Errors
    /// When they were not taken: then none of them is back.
    pub fn send(&mut self, now: i64) -> Result<Vec<Back>, KafkaFault> {
        let sent = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if sent.is_empty() {
            return Ok(sent);
        }
        let doing = "sending rejects back";
        self.producer
            .begin_transaction()
            .map_err(|error| self.fault(&error, doing))?;
        let done = self
            .send_all(&sent, now)
            .and_then(|()| self.producer.commit_transaction(CALL));
        let Err(error) = done else {
            return Ok(sent);
        };
        let fault = self.fault(&error, doing);
        // What cannot be aborted now ends with its time, or with the next who sends back.
        drop(self.producer.abort_transaction(CALL));
        Err(fault)
    }

    fn send_all(&self, sent: &[Back], now: i64) -> Result<(), KafkaError> {
        let mut notes: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for (number, back) in sent.iter().enumerate() {
            let record = BaseRecord::with_opaque_to(&back.topic, number)
                .key(&back.key)
                .payload(&back.payload);
            self.producer.send(record).map_err(|(error, _)| error)?;
            notes.entry(back.place.0).or_default().push(back.place.1);
        }
        for (partition, replayed) in notes {
            let note = Replayed {
                replayed,
                replayed_at: now,
            };
            // Numbers only: writing them as JSON cannot fail.
            let note = serde_json::to_vec(&note).unwrap_or_default();
            let record = BaseRecord::with_opaque_to(self.rejects, sent.len())
                .partition(partition)
                .key(Replayed::KEY)
                .payload(&note);
            self.producer.send(record).map_err(|(error, _)| error)?;
        }
        self.producer.flush(CALL)
    }

    fn fault(&self, error: &KafkaError, doing: &str) -> KafkaFault {
        let calls = self.producer.context();
        if let Some(undelivered) = calls.take_undelivered() {
            let why = undelivered.code.to_string();
            return KafkaFault::of_code(Some(undelivered.code), &why, doing, &self.config.brokers);
        }
        let fatal = self.producer.client().fatal_error();
        if let Some((Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch, why)) = fatal {
            return KafkaFault::Replaced {
                member: format!("{}-replay", self.config.group_id),
                why,
            };
        }
        calls.fault(error, doing, &self.config.brokers)
    }
}
