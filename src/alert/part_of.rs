//! Which alerts of rules are part of a failure that is told: one failure is one alert.

use super::Alert;
use super::condition::AlertRules;
use crate::alert::{Level, State};
use crate::event::AlertId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds after a failure was over in which what is found is still of it: windows of rules look back.
const AFTER: i64 = 600;

/// The failures that are told, and what is part of them.
#[derive(Debug)]
pub struct PartOf {
    rules: Arc<AlertRules>,
    failures: BTreeMap<AlertId, Told>,
}

/// A failure that was told.
#[derive(Debug)]
struct Told {
    /// Its jobs; none where the processes that fail name none.
    jobs: Vec<String>,
    is_shared: bool,
    /// When it was over, in seconds of event time.
    over: Option<i64>,
}

impl PartOf {
    /// By these rules.
    #[must_use]
    pub fn new(rules: Arc<AlertRules>) -> Self {
        Self {
            rules,
            failures: BTreeMap::new(),
        }
    }

    /// From now on by these rules.
    pub fn set_rules(&mut self, rules: Arc<AlertRules>) {
        self.rules = rules;
    }

    /// An alert of the failure watch was told.
    pub fn note(&mut self, second: i64, failure: &Alert) {
        self.failures
            .retain(|_, told| told.over.is_none_or(|over| second <= over.saturating_add(AFTER)));
        let mut jobs = failure.jobs.clone();
        jobs.extend(failure.job_name.clone());
        let told = Told {
            jobs,
            is_shared: failure.level == Level::Platform,
            over: (failure.state == State::Resolved).then_some(second),
        };
        self.failures.insert(failure.id, told);
    }

    /// Whether its rule lets an alert be part of a failure.
    #[must_use]
    pub fn may_fold(&self, alert: &Alert) -> bool {
        self.rules.get(&alert.rule).is_some_and(|rule| rule.folds_into_failure)
    }

    /// Whether an alert of a rule is part of a failure that goes on or is just over.
    #[must_use]
    pub fn holds(&self, second: i64, alert: &Alert) -> bool {
        if !self.may_fold(alert) {
            return false;
        }
        let lately = |told: &&Told| told.over.is_none_or(|over| second <= over.saturating_add(AFTER));
        let mut failures = self.failures.values().filter(lately);
        match &alert.job_name {
            Some(job) => failures.any(|told| told.jobs.contains(job)),
            // A process that names no job most likely writes of the failure that goes on.
            None if alert.jobs.is_empty() => failures.next().is_some(),
            None => {
                let shared: Vec<&Told> = failures.filter(|told| told.is_shared).collect();
                let told = |job: &&String| shared.iter().any(|told| told.jobs.contains(job));
                2 * alert.jobs.iter().filter(told).count() >= alert.jobs.len()
            }
        }
    }
}
