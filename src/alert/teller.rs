//! Puts failures and what the rules found together: one failure is one alert.
//!
//! What a rule finds waits a little before it is told, as it may be part of a failure that is about to be.

use super::condition::AlertRules;
use super::part_of::PartOf;
use super::{Alert, AlertId, Piece, State, Watch};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Seconds an alert that may be part of a failure waits for it: a second longer than the watch lets a failure settle.
const WAITS: i64 = 3;

/// Name of the piece in which what waits is kept.
const WAITING: &str = "waiting";

/// Decides which alerts are told.
#[derive(Debug)]
pub(super) struct Teller {
    rules: Arc<AlertRules>,
    part_of: PartOf,
    /// Alerts of rules that were told and are not over.
    open: HashSet<AlertId, foldhash::fast::RandomState>,
    /// What waits for a failure it may be part of: since when, and how it stood since.
    waiting: BTreeMap<AlertId, (i64, Vec<Alert>)>,
    /// Whether what waits is written as it is.
    is_written: bool,
}

impl Teller {
    pub(super) fn new(rules: Arc<AlertRules>) -> Self {
        Self {
            part_of: PartOf::new(Arc::clone(&rules)),
            rules,
            open: HashSet::default(),
            waiting: BTreeMap::new(),
            is_written: true,
        }
    }

    /// What is told now of the failures and of what rules found. `second` of event time.
    /// `watch` knows who fails: an incident is not told anew for each job that joins it.
    pub(super) fn tell(&mut self, second: i64, failures: Vec<Alert>, found: Vec<Alert>, watch: &Watch) -> Vec<Alert> {
        for failure in &failures {
            self.part_of.note(second, failure);
        }
        let mut told = failures;
        for alert in found {
            if let Some((_, waiting)) = self.waiting.get_mut(&alert.id) {
                waiting.push(alert);
                self.is_written = false;
            } else if self.open.contains(&alert.id) {
                self.note(&alert);
                told.push(alert);
            } else if alert.state == State::Firing {
                self.waiting.insert(alert.id, (second, vec![alert]));
                self.is_written = false;
            }
        }
        let mut due = Vec::new();
        let part_of = &self.part_of;
        let before = self.waiting.len();
        self.waiting.retain(|_, (since, waiting)| {
            let is_failing = |alert: &Alert| {
                part_of.may_fold(alert) && alert.job_name.as_deref().is_some_and(|job| watch.is_failing(job))
            };
            if waiting
                .first()
                .is_some_and(|alert| part_of.holds(second, alert) || is_failing(alert))
            {
                return false;
            }
            let is_due = second.saturating_sub(*since) >= WAITS;
            if is_due {
                due.append(waiting);
            }
            !is_due
        });
        self.is_written &= self.waiting.len() == before;
        for alert in due {
            self.note(&alert);
            told.push(alert);
        }
        told
    }

    fn note(&mut self, alert: &Alert) {
        if alert.state == State::Resolved {
            self.open.remove(&alert.id);
        } else {
            self.open.insert(alert.id);
        }
    }

    /// What waits, where the past has ended and nothing comes any more.
    pub(super) fn rest(self) -> Vec<Alert> {
        self.waiting.into_values().flat_map(|(_, alerts)| alerts).collect()
    }

    /// What waits, where it changed since it was written.
    pub(super) fn changed_piece(&mut self) -> Option<Piece> {
        if std::mem::replace(&mut self.is_written, true) {
            return None;
        }
        let bytes = (!self.waiting.is_empty()).then(|| serde_json::to_vec(&self.waiting).ok());
        Some((WAITING.to_owned(), bytes.flatten()))
    }

    /// Goes on with the alerts that are not over, and with what waited.
    pub(super) fn restore(&mut self, second: i64, open: &[Alert], waiting: Option<&[u8]>) {
        for alert in open {
            if self.rules.get(&alert.rule).is_some() {
                self.open.insert(alert.id);
            } else {
                self.part_of.note(second, alert);
            }
        }
        if let Some(waiting) = waiting.and_then(|bytes| serde_json::from_slice(bytes).ok()) {
            self.waiting = waiting;
        }
    }

    /// From now on by these rules.
    pub(super) fn set_rules(&mut self, rules: Arc<AlertRules>) {
        self.part_of.set_rules(Arc::clone(&rules));
        self.rules = rules;
    }
}
