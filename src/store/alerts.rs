//! Alerts as they are kept: how each stands, how it came there, what people said of it, and who was told.

use super::{EditError, Page, ReadError};
pub use crate::alert::ChangeKind;
use crate::alert::{Alert, Level, State};
use crate::event::AlertId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Which alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertsAsk {
    /// Those in one of these states; all where empty.
    pub states: Vec<State>,
    /// Those of this job, alerts over several jobs that name it among them.
    pub job: Option<String>,
    /// Those of this team.
    pub team: Option<String>,
    /// Those of this rule.
    pub rule: Option<String>,
    /// Those of this level.
    pub level: Option<Level>,
    /// Those that went on at or after this, milliseconds since the epoch.
    pub from: Option<i64>,
    /// Those that began before this, milliseconds since the epoch.
    pub to: Option<i64>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<String>,
}

/// An alert as it stands, with what people said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredAlert {
    /// The alert as it was told last.
    #[serde(flatten)]
    pub alert: Alert,
    /// When it changed last, RFC 3339, by the clock of the alerter.
    pub updated_at: String,
    /// Who has seen it and looks after it; nobody is reminded of it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// Nobody is told of it before this, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<String>,
    /// The alert that tells of it already: nobody is told of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inhibited_by: Option<AlertId>,
    /// It was over long before it was known (a backlog was read): it is listed, nobody was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub past: bool,
}

/// Who has seen an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who, as they call themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When, RFC 3339.
    pub at: String,
    /// What they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One change of one alert. Changes have numbers that only grow: who follows them misses none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertChange {
    /// Its number.
    pub seq: i64,
    /// When, RFC 3339, by the clock of the alerter.
    pub at: String,
    /// What happened.
    pub change: ChangeKind,
    /// Who did it, where somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The alert as it stood after it.
    pub alert: Alert,
}

/// One try to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Name of the destination.
    pub destination: String,
    /// Number of the change that was told.
    pub seq: i64,
    /// When, RFC 3339.
    pub at: String,
    /// What came of it.
    pub outcome: DeliveryOutcome,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// What the receiver answered or why it was not reached, shortened, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What came of a try to tell somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Retried,
    /// It is not tried again: refused for good, or tried for too long.
    GivenUp,
    /// It is told in a summary with others, as there were too many.
    Summed,
}

impl DeliveryOutcome {
    /// All.
    pub const ALL: [DeliveryOutcome; 4] = [
        DeliveryOutcome::Delivered,
        DeliveryOutcome::Retried,
        DeliveryOutcome::GivenUp,
        DeliveryOutcome::Summed,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryOutcome::Delivered => "delivered",
            DeliveryOutcome::Retried => "retried",
            DeliveryOutcome::GivenUp => "given_up",
            DeliveryOutcome::Summed => "summed",
        }
    }
}

/// One alert with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertDetail {
    /// How it stands.
    #[serde(flatten)]
    pub alert: StoredAlert,
    /// How it came there, oldest first.
    pub history: Vec<AlertChange>,
    /// Who was told, newest first.
    pub deliveries: Vec<Delivery>,
}

/// What somebody says of an alert: the bodies of `POST /alerts/{id}/ack|silence|resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlertAct {
    /// I look after it: no reminders until it is over.
    Ack {
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// At most 10,000 characters.
        #[serde(default)]
        note: Option<String>,
    },
    /// Tell nobody of it until then.
    Silence {
        /// Milliseconds since the epoch.
        until: i64,
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// At most 10,000 characters.
        #[serde(default)]
        note: Option<String>,
    },
    /// It is over, whatever the logs say; seen again, it is a new alert.
    Resolve {
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// At most 10,000 characters.
        #[serde(default)]
        note: Option<String>,
    },
}

/// Reads alerts. Calls block; async callers use `spawn_blocking`.
pub trait AlertReader: Send + Sync {
    /// Alerts that match, latest beginning first.
    ///
    /// # Errors
    /// A cursor that is none, or the store could not be read.
    fn alerts(&self, ask: &AlertsAsk) -> Result<Page<StoredAlert>, ReadError>;
    /// One alert.
    ///
    /// # Errors
    /// It is not known, or the store could not be read.
    fn alert(&self, id: AlertId) -> Result<AlertDetail, ReadError>;
    /// Changes with numbers above `after`, oldest first: for those who follow.
    ///
    /// # Errors
    /// The store could not be read.
    fn changes(&self, after: i64, limit: usize) -> Result<Vec<AlertChange>, ReadError>;
    /// The number of the latest change, 0 where there is none.
    ///
    /// # Errors
    /// The store could not be read.
    fn latest_change(&self) -> Result<i64, ReadError>;
}

/// Takes what people say of alerts. Calls block.
pub trait AlertEditor: Send + Sync {
    /// Says something of an alert and gives how it stands now. `now` in milliseconds since the epoch.
    ///
    /// # Errors
    /// It is not known, is over already, or the store could not be written.
    fn act(&self, id: AlertId, act: &AlertAct, now: i64) -> Result<StoredAlert, EditError>;
}

/// A change that somebody is to be told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Its number in the outbox.
    pub id: i64,
    /// Name of the destination.
    pub destination: String,
    /// The change.
    pub change: AlertChange,
    /// How often it was tried.
    pub attempts: u32,
}

impl Outgoing {
    /// The same for every try of one change at one destination, and no other's: receivers tell repeats by it.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}-{}-{}", self.change.alert.id, self.change.seq, self.destination)
    }
}

/// What is still to be told. Written in the transaction of the changes themselves, so that none is lost and none is
/// made up. Calls block.
///
/// Changes of one alert go to one destination in order: while one of them waits to be tried again, the later ones are
/// not due.
pub trait Outbox: Send + Sync {
    /// What is due, oldest first, at most `limit`. `now` in milliseconds since the epoch.
    ///
    /// # Errors
    /// The store could not be read.
    fn due(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, EditError>;
    /// As [`Outbox::due`], without what is for these destinations, which are busy: theirs must not fill the `limit`.
    ///
    /// # Errors
    /// The store could not be read.
    fn due_elsewhere(&self, busy: &HashSet<String>, now: i64, limit: usize) -> Result<Vec<Outgoing>, EditError> {
        let mut due = self.due(now, limit)?;
        due.retain(|one| !busy.contains(&one.destination));
        Ok(due)
    }
    /// Of each alert that goes on and was told to a destination, the change it was told last; at most `limit`. For
    /// receivers that forget what is not said again. `None`: it cannot say, and leaves it to the deliverer's memory,
    /// which ends with the process.
    ///
    /// # Errors
    /// The store could not be read.
    fn goes_on(&self, destination: &str, limit: usize) -> Result<Option<Vec<AlertChange>>, EditError> {
        let _ = (destination, limit);
        Ok(None)
    }
    /// Notes what came of a try; `again_at` is when it is tried again, where it is.
    ///
    /// # Errors
    /// The store could not be written; the same is due again then.
    fn note(&self, id: i64, delivery: &Delivery, again_at: Option<i64>) -> Result<(), EditError>;
}
