//! Jobs that fail together: something they share has failed, and one alert is enough.
//!
//! Comes in: the failures that go on, each with its root. Goes out: which of them are one incident, and its alert. What
//! always holds: an incident has one type of root, of a category that several jobs may depend on
//! (`shared` of `rules/cascades.yaml`); it begins with [`Incidents::JOBS`] jobs and is over with the last of them;
//! where one more fails with its root soon after, it goes on.

use super::failure::Failure;
use super::notice::{Alert, Heading, Level, State};
use super::{Cascades, Subject};
use crate::event::{AlertId, EventTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A failure of a job that may be part of an incident.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) subject: &'a Subject,
    pub(super) failure: &'a Failure,
    /// Whether anything was seen of it since the last look.
    pub(super) changed: bool,
}

/// Something shared that fails.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Incident {
    id: AlertId,
    /// Type of the root of each of its failures.
    root: Arc<str>,
    /// How many jobs the alert told of last.
    told: usize,
    /// All that belonged to it, those that are over too.
    jobs: BTreeMap<Subject, Failure>,
    /// Since when none of them fails.
    over: Option<EventTime>,
}

/// What fails for several jobs now, by the type of the root.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Incidents {
    open: BTreeMap<Arc<str>, Incident>,
    /// Whether a piece of them is written that is not empty.
    #[serde(skip)]
    is_written: bool,
}

impl Incidents {
    /// So many jobs that fail with one type of root at once have not failed by themselves.
    const JOBS: usize = 3;

    /// So long after the last of its jobs it goes on when one more fails with its root.
    const HOLD_NANOS: i64 = 600_000_000_000;

    /// Looks at all failures that go on, by the type of their root; gives the alerts that are to be told. An incident
    /// is told again whenever its jobs have doubled, and where it goes on after it was over.
    pub(super) fn look(
        &mut self,
        by_root: &BTreeMap<Arc<str>, Vec<Candidate<'_>>>,
        cascades: &Cascades,
        now: EventTime,
    ) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (root, failing) in by_root {
            if failing.len() >= Self::JOBS || self.open.contains_key(root) {
                let incident = self
                    .open
                    .entry(Arc::clone(root))
                    .or_insert_with(|| Incident::new(root, failing));
                for one in failing {
                    if one.changed || !incident.jobs.contains_key(one.subject) {
                        incident.jobs.insert(one.subject.clone(), one.failure.clone());
                    }
                }
                let again = incident.over.take().is_some();
                if again || incident.jobs.len() >= incident.told.saturating_mul(2) {
                    incident.told = incident.jobs.len();
                    alerts.extend(incident.alert(State::Firing, cascades));
                }
            }
        }
        self.open.retain(|root, incident| {
            if by_root.contains_key(root) {
                return true;
            }
            if incident.over.is_none() {
                alerts.extend(incident.alert(State::Resolved, cascades));
            }
            let over = *incident.over.get_or_insert(now);
            now.nanos() <= over.nanos().saturating_add(Self::HOLD_NANOS)
        });
        alerts
    }

    /// Whether they are to be written anew: something was told of them, or what they count may have changed.
    pub(super) fn is_changed(&mut self, counted_too: bool, told: &[Alert]) -> bool {
        let is_told = told.iter().any(|alert| alert.rule == RULE);
        let is_changed = is_told || (counted_too && (self.is_written || !self.open.is_empty()));
        if is_changed {
            self.is_written = !self.open.is_empty();
        }
        is_changed
    }

    /// Whether one of them has this alert.
    pub(super) fn knows(&self, id: AlertId) -> bool {
        self.open.values().any(|incident| incident.id == id)
    }

    /// Whether failures with this root are told by an incident.
    pub(super) fn tells_of(&self, root: &str) -> bool {
        self.open.contains_key(root)
    }

    /// The incidents that go on.
    pub(super) fn firing(&self, cascades: &Cascades) -> Vec<Alert> {
        let going_on = self.open.values().filter(|incident| incident.over.is_none());
        let alert = |incident: &Incident| incident.alert(State::Firing, cascades);
        going_on.filter_map(alert).collect()
    }
}

impl Incident {
    fn new(root: &Arc<str>, failing: &[Candidate<'_>]) -> Self {
        let began = failing.iter().filter_map(|one| one.failure.first()).min();
        Self {
            id: AlertId::of(RULE, root, began.unwrap_or(EventTime::from_millis(0))),
            root: Arc::clone(root),
            told: 0,
            jobs: BTreeMap::new(),
            over: None,
        }
    }

    fn alert(&self, state: State, cascades: &Cascades) -> Option<Alert> {
        let mut all = Failure::default();
        for failure in self.jobs.values() {
            all.join(failure.clone());
        }
        let heading = Heading {
            rule: RULE,
            level: Level::Platform,
            who: format!("{} jobs", self.jobs.len()),
            verb: "fail",
            job_name: None,
            jobs: self.jobs.keys().map(Subject::to_string).collect(),
        };
        Alert::of(self.id, heading, state, &all, all.of_type(&self.root)?, cascades)
    }
}

const RULE: &str = "shared_failure";
