//! The errors behind an alert: those with most events.

use super::counted::CountedIdentity;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// An error with its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Loud {
    pub(super) fingerprint: u128,
    pub(super) count: u64,
    pub(super) error_type: Box<str>,
    pub(super) exception: Option<Box<str>>,
}

/// The errors of a key since it was calm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Loudest {
    errors: Vec<Loud>,
    /// The minute of the first of them.
    since: i64,
}

impl Loudest {
    /// Errors told apart. One that comes when there are as many takes the place of the quietest, with its count
    /// (space-saving: Metwally, Agrawal, El Abbadi, ICDT 2005), so that what is loudest in the end is among them.
    const LIMIT: usize = 8;

    /// Adds events of a minute. Where nothing goes on, what is older than `within` minutes is forgotten first.
    pub(super) fn add(&mut self, minute: i64, identity: &CountedIdentity<'_>, count: u64, (calm, within): (bool, i64)) {
        if calm && minute >= self.since.saturating_add(within) {
            self.errors.clear();
        }
        if self.errors.is_empty() {
            self.since = minute;
        }
        let fingerprint = identity.fingerprint.0;
        if let Some(known) = self.errors.iter_mut().find(|one| one.fingerprint == fingerprint) {
            known.count = known.count.saturating_add(count);
            return;
        }
        let mut before = 0;
        if self.errors.len() >= Self::LIMIT {
            let quietest = self
                .errors
                .iter()
                .enumerate()
                .min_by_key(|(_, one)| (one.count, one.fingerprint));
            if let Some((at, quietest)) = quietest {
                before = quietest.count;
                self.errors.swap_remove(at);
            }
        }
        self.errors.push(Loud {
            fingerprint,
            count: count.saturating_add(before),
            error_type: identity.error_type.into(),
            exception: identity.exception.map(Box::from),
        });
    }

    /// The one with most events.
    pub(super) fn first(&self) -> Option<&Loud> {
        self.errors
            .iter()
            .max_by_key(|one| (one.count, Reverse(one.fingerprint)))
    }
}
