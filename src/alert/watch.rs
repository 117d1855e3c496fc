//! Watches all jobs: a failure begins, becomes an alert, and is over.
//!
//! A failure begins with a line that says a job or a task has failed, or with a burst of one error that may be a
//! cause. Errors that come before it (the root mostly does) and after it belong to it; so it waits a little before it
//! speaks, and corrects itself when a better root is told later.
//!
//! What a job logs day by day is no sign of one: a burst is more than the job's own past (`usual`), and what comes as
//! usual is neither a root nor keeps a failure from being over. A failure that comes again soon after it was over is
//! the same one.
//!
//! Where several jobs fail with one type of root, an incident tells of them together.
//!
//! Time is event time: it is as late as the latest [`Watch::advance`]. A replayed past gives the alerts it gave then.

mod kept;

use super::one::{BeganAs, One, Open, keeps_open, later, may_be_a_cause};
use super::shared::{Candidate, Incidents};
use super::usual::{Bursts, Rate, Usual};
use super::{Alert, Cascades, Sighting, State, Subject};
use crate::event::{EventTime, Group, Part};
use hashbrown::{HashMap, HashSet};
use kept::Written;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long is waited for what.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Before the alert of a failure is raised: the lines of one failure come within seconds.
    pub settle_nanos: i64,
    /// Without any error of the failure until it is over: longer than the delay of most restart strategies.
    pub quiet_nanos: i64,
    /// How far back errors belong to a failure that begins: a heartbeat trails what stopped it by up to 50 s, and a
    /// checkpoint spiral by several checkpoints.
    pub before_nanos: i64,
    /// So long after a failure was over the same one that comes again goes on, and then needs as much more quiet until
    /// it is over: restart strategies wait some minutes, checkpoints fail every ten.
    pub flap_nanos: i64,
    /// So many events within two minutes, of one error that may be a cause and has no past, are a burst.
    pub burst: u64,
    /// So many within ten minutes are one as well.
    pub slow_burst: u64,
}

impl Default for Patience {
    fn default() -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            settle_nanos: 2 * SECOND,
            quiet_nanos: 300 * SECOND,
            before_nanos: 120 * SECOND,
            flap_nanos: 1_500 * SECOND,
            burst: 10,
            slow_burst: 20,
        }
    }
}

/// Watches all jobs.
#[derive(Debug)]
pub struct Watch {
    cascades: Arc<Cascades>,
    patience: Patience,
    subjects: HashMap<Subject, One, foldhash::fast::RandomState>,
    /// What they log day by day, those that are silent now as well.
    usual: HashMap<Subject, Usual, foldhash::fast::RandomState>,
    /// When the first event was seen, and how many bursts were told while nothing is known.
    began: Option<EventTime>,
    early_bursts: u32,
    /// When silent subjects are looked for again.
    sweep: EventTime,
    /// Alerts that turned out to be others told before.
    ended: Vec<Alert>,
    incidents: Incidents,
    /// Of whom something usual was counted since it was written.
    usual_changed: HashSet<Subject, foldhash::fast::RandomState>,
    /// Names of pieces that are no more.
    gone: Vec<String>,
    written: Written,
}

impl Watch {
    /// Sightings of one job kept while nothing has failed; the oldest leave first.
    pub const LATELY: usize = 512;
    /// Subjects whose past is known; others are judged as if they had none.
    pub const KNOWN: usize = 50_000;
    /// The past of a subject is forgotten when it was silent for so long: a week and a day, for weekly jobs.
    const SILENT_NANOS: i64 = 8 * 86_400_000_000_000;
    /// Whoever begins to watch a fleet does not know what is usual there: while it is young, at most so many bursts are
    /// told, and the others taken for what is usual.
    const YOUNG_NANOS: i64 = 3_600_000_000_000;
    const EARLY_BURSTS: u32 = 5;
    const DAY_NANOS: i64 = 86_400_000_000_000;

    /// Watches with these rules.
    #[must_use]
    pub fn new(cascades: Arc<Cascades>, patience: Patience) -> Self {
        Self {
            cascades,
            patience,
            subjects: HashMap::default(),
            usual: HashMap::default(),
            began: None,
            early_bursts: 0,
            sweep: EventTime::from_millis(0),
            ended: Vec::new(),
            incidents: Incidents::default(),
            usual_changed: HashSet::default(),
            gone: Vec::new(),
            written: Written::default(),
        }
    }

    /// From now on judges with these rules.
    pub fn set_cascades(&mut self, cascades: Arc<Cascades>) {
        self.cascades = cascades;
    }

    /// Takes in a sighting.
    pub fn see(&mut self, mut seen: Sighting) {
        match &seen.subject {
            Subject::Job(_) => self.find_nameless(&seen),
            Subject::Process(_) => {
                let jobs = self
                    .who_fails_with(seen.identity.group)
                    .filter(|subject| subject.job().is_some());
                if let Some(job) = jobs.min().cloned() {
                    seen.subject = job;
                }
            }
        }
        let rate = self.rate(&seen);
        let is_young = self.is_young(seen.last);
        let patience = &self.patience;
        let one = self.subjects.entry_ref(&seen.subject).or_default();
        if let Some(open) = &mut one.open {
            open.failure.see(&seen, rate);
            one.unkept.changed = true;
            open.changed = true;
            if keeps_open(&seen, rate) {
                open.last = open.last.max(seen.last);
            }
            if seen.failed && open.began_as == BeganAs::Burst {
                open.began_as = BeganAs::Failed;
            }
            return;
        }
        let now = seen.last;
        let subject = seen.subject.clone();
        let bursts = match rate {
            Rate::Usual | Rate::Rare => false,
            Rate::Burst => may_be_a_cause(&seen),
            // However light: so many of what was always there are something new.
            Rate::Surge => seen.identity.part == Part::Root,
        };
        let began_as = if seen.failed && seen.identity.part != Part::Noise {
            Some(BeganAs::Failed)
        } else if bursts && !(is_young && self.early_bursts >= Self::EARLY_BURSTS) {
            self.early_bursts += u32::from(is_young);
            Some(BeganAs::Burst)
        } else {
            None
        };
        one.remember(seen, rate, patience);
        if let Some(began_as) = began_as {
            one.unkept.told = true;
            one.open(&subject, began_as, now, patience);
        }
    }

    /// How the error of a sighting comes. Nothing is usual of what says that something failed.
    fn rate(&mut self, seen: &Sighting) -> Rate {
        if seen.failed || seen.identity.part == Part::Noise {
            return Rate::Rare;
        }
        if self.usual.len() >= Self::KNOWN && !self.usual.contains_key(&seen.subject) {
            return Rate::Rare;
        }
        self.usual_changed.get_or_insert_with(&seen.subject, Subject::clone);
        let usual = self.usual.entry_ref(&seen.subject).or_default();
        // After the first hour and until a day was seen, what comes more seldom than hourly is still met for the first
        // time: twice as much is granted to it.
        let age = self
            .began
            .map_or(0, |began| seen.last.nanos().saturating_sub(began.nanos()));
        let times = if (Self::YOUNG_NANOS..Self::DAY_NANOS).contains(&age) {
            2
        } else {
            1
        };
        let bursts = Bursts {
            short: self.patience.burst.saturating_mul(times),
            long: self.patience.slow_burst.saturating_mul(times),
        };
        usual.count(seen.identity.fingerprint, seen.last, seen.count, bursts)
    }

    fn is_young(&mut self, now: EventTime) -> bool {
        let began = *self.began.get_or_insert(now);
        now.nanos() < began.nanos().saturating_add(Self::YOUNG_NANOS)
    }

    /// Those that fail with an error of this group now.
    fn who_fails_with(&self, group: Group) -> impl Iterator<Item = &Subject> {
        let fails = move |one: &One| one.open.as_ref().is_some_and(|open| open.failure.has(group));
        self.subjects
            .iter()
            .filter_map(move |(subject, one)| fails(one).then_some(subject))
    }

    /// What was seen without the name of the job is the job's: under its id until the name was told, and failures of
    /// processes that name no job with the same error: lines outside of tasks carry none.
    fn find_nameless(&mut self, seen: &Sighting) {
        let mut nameless = Vec::new();
        if let Some(id) = seen.job_id.as_deref() {
            let by_id = Subject::Job(id.into());
            if by_id != seen.subject && self.subjects.contains_key(&by_id) {
                nameless.push(by_id);
            }
        }
        if seen.failed {
            let processes = self
                .who_fails_with(seen.identity.group)
                .filter(|subject| subject.job().is_none());
            nameless.extend(processes.cloned());
            nameless.sort();
        }
        for subject in nameless {
            let Some(other) = self.subjects.remove(&subject) else {
                continue;
            };
            self.forget_piece(&subject, &other);
            let one = self.subjects.entry_ref(&seen.subject).or_default();
            one.unkept.told = true;
            if let Some(mut twice) = one.join(other) {
                self.ended.extend(twice.tell(&subject, State::Resolved, &self.cascades));
            }
        }
    }

    /// Event time has come so far: gives the alerts whose state changed, and those that are to be told anew because
    /// a better root or a worse error was seen.
    pub fn advance(&mut self, now: EventTime) -> Vec<Alert> {
        let (cascades, patience) = (&self.cascades, &self.patience);
        let mut alerts = std::mem::take(&mut self.ended);
        let mut by_root: BTreeMap<Arc<str>, Vec<Candidate<'_>>> = BTreeMap::new();
        for (subject, one) in &mut self.subjects {
            let due = |open: &&mut Open| now >= open.due && !open.is_over(now, patience);
            one.go_on(now, cascades, patience);
            let Some(open) = one.open.as_mut().filter(due) else {
                continue;
            };
            let changed = open.changed;
            if let Some((error_type, category)) = open.look(cascades)
                && cascades.is_shared(category)
            {
                let alike = by_root.entry(Arc::clone(error_type)).or_default();
                let failure = &open.failure;
                alike.push(Candidate {
                    subject,
                    failure,
                    changed,
                });
            }
        }
        alerts.extend(self.incidents.look(&by_root, cascades, now));
        for (subject, one) in &mut self.subjects {
            if let Some(open) = &mut one.open {
                let is_over = open.is_over(now, patience);
                if (is_over || now >= open.due) && open.is_news && !open.is_told_by(&self.incidents) {
                    alerts.extend(open.tell(subject, State::Firing, cascades));
                    one.unkept.told = true;
                }
                if is_over {
                    one.unkept.told = true;
                    if open.told.is_some() {
                        alerts.extend(open.tell(subject, State::Resolved, cascades));
                    }
                    one.close();
                    if let Some(usual) = self.usual.get_mut(subject) {
                        usual.forget_failure();
                    }
                }
            }
            one.forget(now, patience);
        }
        let gone = self.subjects.extract_if(|_, one| one.is_nothing());
        for (subject, one) in gone.collect::<Vec<_>>() {
            self.forget_piece(&subject, &one);
        }
        self.forget_silent(now);
        alerts.sort_by(in_order);
        alerts
    }

    /// Forgets the past of subjects that are gone; an hour more or less does not matter.
    fn forget_silent(&mut self, now: EventTime) {
        if now >= self.sweep {
            self.sweep = later(now, Self::YOUNG_NANOS);
            let since = later(now, -Self::SILENT_NANOS);
            let silent = self.usual.extract_if(|_, usual| usual.is_silent_since(since));
            self.usual_changed.extend(silent.map(|(subject, _)| subject));
        }
    }

    /// Whether a job fails now, or did so lately that it may again.
    #[must_use]
    pub fn is_failing(&self, job: &str) -> bool {
        let one = self.subjects.get(&Subject::Job(job.into()));
        one.is_some_and(|one| one.open.is_some() || one.over.is_some())
    }

    /// What goes on, as alerts; for the end of a replay.
    #[must_use]
    pub fn firing(&self) -> Vec<Alert> {
        let cascades = &self.cascades;
        let alert = |(subject, one): (&Subject, &One)| {
            let open = one.open.as_ref()?;
            if open.is_told_by(&self.incidents) {
                return None;
            }
            open.alert(subject, State::Firing, cascades)
        };
        let mut alerts: Vec<Alert> = self.subjects.iter().filter_map(alert).collect();
        alerts.extend(self.incidents.firing(cascades));
        alerts.sort_by(in_order);
        alerts
    }
}

/// Subjects are held in no order; alerts of one moment are told in the order they began.
pub(super) fn in_order(a: &Alert, b: &Alert) -> Ordering {
    (&a.started_at, a.id, a.state).cmp(&(&b.started_at, b.id, b.state))
}
