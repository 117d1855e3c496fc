//! Plays the past: events in any order, judged in the order of their own time.
//!
//! Events of one error in one job within one second are one sighting, so that memory grows with kinds of errors and
//! seconds, not with events.

use super::watch::in_order;
use super::{Alert, AlertId, Cascades, Patience, Sighting, Subject, Watch};
use crate::engine::Identified;
use crate::event::{EventTime, Fingerprint};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;

/// What is judged together: events of one error in one job within one second.
type Together = (i64, Subject, Fingerprint, bool);

/// Gathers events, then plays them.
#[derive(Debug)]
pub struct Replay {
    cascades: Arc<Cascades>,
    seen: BTreeMap<Together, Sighting>,
    /// Whether a masked message says that something failed: few messages, many events.
    says_failed: HashMap<String, bool>,
}

impl Replay {
    /// Nothing gathered yet.
    #[must_use]
    pub fn new(cascades: Arc<Cascades>) -> Self {
        Self {
            cascades,
            seen: BTreeMap::new(),
            says_failed: HashMap::new(),
        }
    }

    /// Takes in an event.
    pub fn take(&mut self, event: &Identified<'_>) {
        let failed = self.says_failed(&event.identity.template);
        let sighting = Sighting::of(event, failed);
        let second = sighting.first.nanos().div_euclid(SECOND);
        let key = (second, sighting.subject.clone(), sighting.identity.fingerprint, failed);
        match self.seen.get_mut(&key) {
            Some(known) => known.join(sighting),
            None => {
                self.seen.insert(key, sighting);
            }
        }
    }

    fn says_failed(&mut self, template: &str) -> bool {
        if let Some(failed) = self.says_failed.get(template) {
            return *failed;
        }
        let failed = self.cascades.says_failed(template);
        self.says_failed.insert(template.to_owned(), failed);
        failed
    }

    /// Plays what was gathered; gives each alert as it was told last, in the order of their beginning.
    #[must_use]
    pub fn play(self, patience: Patience) -> Vec<Alert> {
        let mut watch = Watch::new(self.cascades, patience);
        let mut told: BTreeMap<AlertId, Alert> = BTreeMap::new();
        let mut note = |alerts: Vec<Alert>| told.extend(alerts.into_iter().map(|alert| (alert.id, alert)));
        let mut seconds: BTreeMap<i64, Vec<Sighting>> = BTreeMap::new();
        for ((second, ..), sighting) in self.seen {
            seconds.entry(second).or_default().push(sighting);
        }
        let mut last = None;
        for (second, mut sightings) in seconds {
            // Between two seconds with errors only waiting ends: one look before the next error is enough.
            note(watch.advance(EventTime::new(second.saturating_mul(SECOND), 9)));
            sightings.sort_by(|a, b| by_time(a).cmp(&by_time(b)));
            for sighting in sightings {
                watch.see(sighting);
            }
            last = Some(second);
        }
        if let Some(last) = last {
            note(watch.advance(EventTime::new((last + 1).saturating_mul(SECOND), 9)));
        }
        note(watch.firing());
        let mut alerts: Vec<Alert> = told.into_values().collect();
        alerts.sort_by(in_order);
        alerts
    }
}

/// Order of sightings of one second: any, so that it is the same every time.
fn by_time(seen: &Sighting) -> (EventTime, &Subject, Fingerprint) {
    (seen.first, &seen.subject, seen.identity.fingerprint)
}
