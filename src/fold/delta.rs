//! The few that many events become: a delta per (job, fingerprint, minute), a row per (minute, type, dimensions).

use super::Sample;
use crate::event::{Dimensions, EventTime, Fingerprint, IssueId, Minute};
use crate::identity::Identity;
use std::sync::Arc;

/// What is known of one (job, fingerprint, minute) since the last flush.
#[derive(Debug, Clone)]
pub struct DetailDelta {
    /// The issue: (job, fingerprint).
    pub issue: IssueId,
    /// The job key (`Dimensions::job`).
    pub job: Box<str>,
    /// The minute.
    pub minute: Minute,
    /// What error it is.
    pub identity: Arc<Identity>,
    /// Events.
    pub count: u64,
    /// Earliest event.
    pub first_seen: EventTime,
    /// Latest event.
    pub last_seen: EventTime,
    /// Bounded sets of where it was seen.
    pub seen_on: SeenOn,
    /// One event in full: the earliest of the minute in this fold (ties: the smallest by content), so that order of arrival does not matter.
    pub sample: Arc<Sample>,
}

impl DetailDelta {
    /// The fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }
}

/// Where an error was seen; sorted, at most [`SeenOn::LIMIT`] of each, the rest counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenOn {
    /// Hosts.
    pub hosts: Vec<Box<str>>,
    /// Roles.
    pub roles: Vec<Box<str>>,
    /// Tasks.
    pub tasks: Vec<Box<str>>,
    /// Whether a set was full and something was left out.
    pub more: bool,
}

impl SeenOn {
    /// How many values of each a delta keeps (the smallest by text win, so that order does not matter).
    pub const LIMIT: usize = 32;
}

/// A count for one (minute, error type, dimensions).
#[derive(Debug, Clone)]
pub struct StatRow {
    /// The minute.
    pub minute: Minute,
    /// Error type, category, severity, part, exception, fingerprint, group.
    pub identity: Arc<Identity>,
    /// cluster, namespace, job, team, engine, role, host (the finer ones are not part of the key).
    pub dimensions: Arc<Dimensions>,
    /// Events.
    pub count: u64,
}
