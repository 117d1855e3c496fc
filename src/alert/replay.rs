//! Plays the past: events in any order, judged in the order of their own time.
//!
//! Events of one error in one job within one second are one sighting, so that memory grows with kinds of errors and
//! seconds, not with events.

use super::condition::{AlertRules, Conditions, Counted, CountedDimensions, CountedIdentity};
use super::says_failed::SaysFailed;
use super::teller::Teller;
use super::watch::in_order;
use super::{Alert, AlertId, Cascades, Patience, Sighting, Subject, Watch};
use crate::engine::Identified;
use crate::event::{Dimensions, EventTime, Fingerprint, Minute};
use crate::identity::Identity;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;

/// What is judged together: events of one error in one job within one second.
type Together = (i64, Subject, Fingerprint, bool);

/// What is counted together: the second, what error, as which type, and where.
type CountedAs = (i64, Fingerprint, Arc<str>, Where);

/// What counts are kept by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Where {
    job: Box<str>,
    texts: [Option<Box<str>>; 6],
}

impl Where {
    fn of(dimensions: &Dimensions) -> Self {
        let CountedDimensions {
            cluster,
            namespace,
            team,
            engine,
            role,
            host,
        } = dimensions.into();
        Self {
            job: dimensions.job().0.into(),
            texts: [cluster, namespace, team, engine, role, host].map(|text| text.map(Box::from)),
        }
    }

    fn counted<'a>(&'a self, second: i64, identity: &'a Identity, count: u64) -> Counted<'a> {
        let [cluster, namespace, team, engine, role, host] = self.texts.each_ref().map(Option::as_deref);
        Counted {
            minute: Minute(second.div_euclid(60)),
            identity: CountedIdentity::from(identity),
            dimensions: CountedDimensions {
                cluster,
                namespace,
                team,
                engine,
                role,
                host,
            },
            job: &self.job,
            count,
        }
    }
}

/// Gathers events, then plays them.
#[derive(Debug)]
pub struct Replay {
    cascades: Arc<Cascades>,
    rules: Arc<AlertRules>,
    seen: BTreeMap<Together, Sighting>,
    counted: BTreeMap<CountedAs, (Arc<Identity>, u64)>,
    says_failed: SaysFailed,
}

impl Replay {
    /// Nothing gathered yet; only failures are watched.
    #[must_use]
    pub fn new(cascades: Arc<Cascades>) -> Self {
        Self {
            says_failed: SaysFailed::new(Arc::clone(&cascades)),
            cascades,
            rules: Arc::default(),
            seen: BTreeMap::new(),
            counted: BTreeMap::new(),
        }
    }

    /// Judges by these rules beside.
    #[must_use]
    pub fn with_rules(mut self, rules: Arc<AlertRules>) -> Self {
        self.rules = rules;
        self
    }

    /// Takes in an event.
    pub fn take(&mut self, event: &Identified<'_>) {
        let failed = self.says_failed.of(&event.identity.template);
        let sighting = Sighting::of(event, failed);
        let second = sighting.first.nanos().div_euclid(SECOND);
        if self.rules.iter().any(|rule| rule.enabled) {
            let identity = event.identity;
            let place = Where::of(event.dimensions);
            let key = (second, identity.fingerprint, Arc::clone(&identity.error_type), place);
            let counted = self.counted.entry(key).or_insert_with(|| (Arc::clone(identity), 0));
            counted.1 = counted.1.saturating_add(1);
        }
        let key = (second, sighting.subject.clone(), sighting.identity.fingerprint, failed);
        match self.seen.get_mut(&key) {
            Some(known) => known.join(sighting),
            None => {
                self.seen.insert(key, sighting);
            }
        }
    }

    /// Plays what was gathered; gives each alert as it was told last, in the order of their beginning. What is part of
    /// a failure that is told is not told by itself.
    #[must_use]
    pub fn play(self, patience: Patience) -> Vec<Alert> {
        let mut watch = Watch::new(self.cascades, patience);
        let mut conditions = Conditions::new(Arc::clone(&self.rules));
        let mut teller = Teller::new(self.rules);
        let mut told: BTreeMap<AlertId, Alert> = BTreeMap::new();
        let mut note = |alerts: Vec<Alert>| told.extend(alerts.into_iter().map(|alert| (alert.id, alert)));
        let mut seconds: BTreeMap<i64, Vec<Sighting>> = BTreeMap::new();
        for ((second, ..), sighting) in self.seen {
            seconds.entry(second).or_default().push(sighting);
        }
        let mut counted = self.counted.into_iter().peekable();
        let mut last = None;
        for (second, mut sightings) in seconds {
            // Between two seconds with errors only waiting ends: one look before the next error is enough.
            let now = EventTime::new(second.saturating_mul(SECOND), 9);
            let (failures, found) = (watch.advance(now), conditions.advance(now));
            note(teller.tell(second, failures, found, &watch));
            sightings.sort_by(|a, b| a.by_time().cmp(&b.by_time()));
            for sighting in sightings {
                watch.see(sighting);
            }
            while let Some(((_, _, _, place), (identity, count))) = counted.next_if(|((at, ..), _)| *at <= second) {
                conditions.take(&place.counted(second, &identity, count));
            }
            last = Some(second);
        }
        if let Some(last) = last {
            let end = last + 1;
            let now = EventTime::new(end.saturating_mul(SECOND), 9);
            let (failures, found) = (watch.advance(now), conditions.advance(now));
            note(teller.tell(end, failures, found, &watch));
            note(teller.tell(end, watch.firing(), Vec::new(), &watch));
            note(teller.rest());
        }
        let mut alerts: Vec<Alert> = told.into_values().collect();
        alerts.sort_by(in_order);
        alerts
    }
}
