//! Changes of alerts into the topic `error-alerts`: at least once, in the order they were made.

use crate::alert::Alert;
use crate::clock::Clock;
use crate::config::servers::KafkaConfig;
use crate::event::EventTime;
use crate::source::kafka::KafkaFault;
use crate::source::kafka::load::Sender;
use crate::store::{
    AlertChange, ChangeKind, Delivery, DeliveryOutcome, EditError, Outbox as _, Outgoing, WriteError, Writer,
};
use serde::Serialize;

/// What stands in the topic: the alert, and what happened to it.
#[derive(Serialize)]
struct Published<'a> {
    #[serde(flatten)]
    alert: &'a Alert,
    change: ChangeKind,
    /// Number of the change: the same when it is written again.
    seq: i64,
    changed_at: &'a str,
}

/// Writes to the topic of alerts.
pub(super) struct Publisher {
    kafka: KafkaConfig,
    topic: String,
    clock: Clock,
    sender: Option<Sender>,
}

/// Changes written at once at most.
const AT_ONCE: usize = 500;

impl Publisher {
    pub(super) fn new(kafka: KafkaConfig, topic: String, clock: Clock) -> Self {
        Self {
            kafka,
            topic,
            clock,
            sender: None,
        }
    }

    /// Writes what is still to be written. What Kafka does not take stays to be written; an error that says so is told
    /// once and given back.
    ///
    /// # Errors
    /// Kafka is away or refuses, or the store cannot be written.
    pub(super) fn publish(&mut self, writer: &Writer) -> Result<(), PublishError> {
        loop {
            let due = writer.due_for_topic(self.clock.now_millis(), AT_ONCE)?;
            if due.is_empty() {
                return Ok(());
            }
            if let Err(fault) = self.send(&due) {
                // What is on its way may arrive or not: begin anew with what is not known to have arrived.
                self.sender = None;
                return Err(fault.into());
            }
            let at = EventTime::from_millis(self.clock.now_millis()).rfc3339();
            for one in &due {
                let delivery = Delivery {
                    destination: one.destination.clone(),
                    seq: one.change.seq,
                    at: at.clone(),
                    outcome: DeliveryOutcome::Delivered,
                    attempt: one.attempts.saturating_add(1),
                    detail: None,
                };
                writer.note(one.id, &delivery, None)?;
            }
        }
    }

    fn send(&mut self, due: &[Outgoing]) -> Result<(), KafkaFault> {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            none => none.insert(Sender::new(&self.kafka, &self.topic)?),
        };
        for one in due {
            let AlertChange {
                seq, at, change, alert, ..
            } = &one.change;
            let published = Published {
                alert,
                change: *change,
                seq: *seq,
                changed_at: at,
            };
            // Nothing of ours cannot be written as JSON; what could not would be an empty record.
            let payload = serde_json::to_vec(&published).unwrap_or_default();
            sender.send_to(&self.topic, alert.id.to_string().as_bytes(), &payload)?;
        }
        sender.settle()
    }
}

/// Why the topic has not got everything yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    #[error(transparent)]
    Kafka(#[from] KafkaFault),
    #[error(transparent)]
    Store(#[from] WriteError),
    #[error(transparent)]
    Note(#[from] EditError),
}
