//! Plays the past: events in any order, judged in the order of their own time.
//!
//! Events of one error in one job within one second are one sighting, so that memory grows with kinds of errors and
//! seconds, not with events.

use super::condition::{AlertRules, Conditions, Counted, CountedDimensions, CountedIdentity};
use super::part_of::PartOf;
use super::watch::in_order;
use super::{Alert, AlertId, Cascades, Patience, Sighting, State, Subject, Watch};
use crate::engine::Identified;
use crate::event::{Dimensions, EventTime, Fingerprint, Minute};
use crate::identity::Identity;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;
/// Seconds an alert that may be part of a failure waits for it: the watch lets a failure settle before it speaks.
const WAITS: i64 = 10;

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
    /// Whether a masked message says that something failed: few messages, many events.
    says_failed: HashMap<Fingerprint, Vec<(String, bool)>>,
}

impl Replay {
    /// Nothing gathered yet; only failures are watched.
    #[must_use]
    pub fn new(cascades: Arc<Cascades>) -> Self {
        Self {
            cascades,
            rules: Arc::default(),
            seen: BTreeMap::new(),
            counted: BTreeMap::new(),
            says_failed: HashMap::new(),
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
        let failed = self.says_failed(event.identity.fingerprint, &event.identity.template);
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

    fn says_failed(&mut self, fingerprint: Fingerprint, template: &str) -> bool {
        let known = self.says_failed.entry(fingerprint).or_default();
        if let Some((_, failed)) = known.iter().find(|(text, _)| text == template) {
            return *failed;
        }
        let failed = self.cascades.says_failed(template);
        known.push((template.to_owned(), failed));
        failed
    }

    /// Plays what was gathered; gives each alert as it was told last, in the order of their beginning. What is part of
    /// a failure that is told is not told by itself.
    #[must_use]
    pub fn play(self, patience: Patience) -> Vec<Alert> {
        let mut watch = Watch::new(self.cascades, patience);
        let mut conditions = Conditions::new(Arc::clone(&self.rules));
        let mut teller = Teller::new(self.rules);
        let mut seconds: BTreeMap<i64, Vec<Sighting>> = BTreeMap::new();
        for ((second, ..), sighting) in self.seen {
            seconds.entry(second).or_default().push(sighting);
        }
        let mut counted = self.counted.into_iter().peekable();
        let mut last = None;
        for (second, mut sightings) in seconds {
            // Between two seconds with errors only waiting ends: one look before the next error is enough.
            let now = EventTime::new(second.saturating_mul(SECOND), 9);
            teller.tell(second, watch.advance(now), conditions.advance(now));
            sightings.sort_by(|a, b| by_time(a).cmp(&by_time(b)));
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
            teller.tell(end, watch.advance(now), conditions.advance(now));
            teller.tell(end, watch.firing(), Vec::new());
        }
        teller.told()
    }
}

/// Puts failures and what the rules found together.
#[derive(Debug)]
struct Teller {
    part_of: PartOf,
    told: BTreeMap<AlertId, Alert>,
    /// What waits for a failure it may be part of, since when.
    waiting: BTreeMap<AlertId, (i64, Alert)>,
}

impl Teller {
    fn new(rules: Arc<AlertRules>) -> Self {
        Self {
            part_of: PartOf::new(rules),
            told: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn tell(&mut self, second: i64, failures: Vec<Alert>, found: Vec<Alert>) {
        for failure in failures {
            self.part_of.note(second, &failure);
            self.told.insert(failure.id, failure);
        }
        for alert in found {
            let known = self.told.contains_key(&alert.id) || self.waiting.contains_key(&alert.id);
            if let Some((_, waiting)) = self.waiting.get_mut(&alert.id) {
                *waiting = alert;
            } else if known {
                self.told.insert(alert.id, alert);
            } else if alert.state == State::Firing {
                self.waiting.insert(alert.id, (second, alert));
            }
        }
        let part_of = &self.part_of;
        self.waiting.retain(|_, (_, alert)| !part_of.holds(second, alert));
        let due: Vec<AlertId> = self
            .waiting
            .iter()
            .filter(|(_, (since, _))| second - since >= WAITS)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.told.extend(self.waiting.remove(&id).map(|(_, alert)| (id, alert)));
        }
    }

    /// All that was told; the past has ended, so that nothing waits longer.
    fn told(mut self) -> Vec<Alert> {
        self.told
            .extend(self.waiting.into_iter().map(|(id, (_, alert))| (id, alert)));
        let mut alerts: Vec<Alert> = self.told.into_values().collect();
        alerts.sort_by(in_order);
        alerts
    }
}

/// Order of sightings of one second: any, so that it is the same every time.
fn by_time(seen: &Sighting) -> (EventTime, &Subject, Fingerprint) {
    (seen.first, &seen.subject, seen.identity.fingerprint)
}
