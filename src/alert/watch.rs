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

use super::failure::Failure;
use super::notice::{Heading, Level};
use super::shared::{Candidate, Incidents};
use super::usual::{Bursts, Rate, Usual};
use super::{Alert, AlertId, Cascades, Sighting, State, Subject};
use crate::event::{EventTime, Fingerprint, Group, Part, Severity};
use hashbrown::{HashMap, HashSet};
use kept::{Unkept, Written};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
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

/// By what a failure was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum BeganAs {
    /// A line said that a job or a task has failed.
    Failed,
    /// One error came in a burst, though nothing was said to have failed.
    Burst,
}

impl BeganAs {
    pub(super) fn rule(self) -> &'static str {
        match self {
            BeganAs::Failed => "job_failed",
            BeganAs::Burst => "error_burst",
        }
    }

    pub(super) fn verb(self) -> &'static str {
        match self {
            BeganAs::Failed => "failed",
            BeganAs::Burst => "logs errors",
        }
    }
}

/// A failure that goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Open {
    id: AlertId,
    began_as: BeganAs,
    failure: Failure,
    /// When it is told.
    due: EventTime,
    /// What was told of it last: the alert is told again only when one of these changes.
    told: Option<Told>,
    /// Whether it came again after it was over.
    flaps: bool,
    /// Latest event that keeps it open.
    last: EventTime,
    /// Whether anything was seen of it since it was looked at.
    changed: bool,
    /// Whether what was seen may have to be told.
    is_news: bool,
    /// Type and category of the root, as of the last look.
    root: Option<(Arc<str>, Arc<str>)>,
}

/// What makes an alert worth telling again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    state: State,
    root: Option<Fingerprint>,
    severity: Severity,
    rule: Cow<'static, str>,
}

/// One job or nameless process.
#[derive(Debug, Default)]
struct One {
    open: Option<Open>,
    /// The last one that was told, for as long as it may come again.
    over: Option<Open>,
    /// What was seen lately and belongs to no failure yet, oldest first.
    lately: VecDeque<(Sighting, Rate)>,
    unkept: Unkept,
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
        let began_as = if seen.failed && seen.identity.part != Part::Noise {
            Some(BeganAs::Failed)
        } else if rate == Rate::Burst && may_be_a_cause(&seen) && !(is_young && self.early_bursts >= Self::EARLY_BURSTS)
        {
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
        let bursts = Bursts {
            short: self.patience.burst,
            long: self.patience.slow_burst,
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

    /// What goes on, as alerts; for the end of a replay.
    #[must_use]
    pub fn firing(&self) -> Vec<Alert> {
        let cascades = &self.cascades;
        let alert = |(subject, one): (&Subject, &One)| {
            let open = one.open.as_ref()?;
            if open.is_told_by(&self.incidents) {
                return None;
            }
            Alert::of(open.id, open.heading(subject), State::Firing, &open.failure, cascades)
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

/// A time so much later.
fn later(time: EventTime, nanos: i64) -> EventTime {
    EventTime::new(time.nanos().saturating_add(nanos), 9)
}

impl One {
    /// A failure that is about to be told goes on with the last one where it is the same that comes again.
    fn go_on(&mut self, now: EventTime, cascades: &Cascades, patience: &Patience) {
        if let Some(over) = &self.over
            && now > later(over.last, patience.quiet_nanos.saturating_add(patience.flap_nanos))
        {
            self.over = None;
            self.unkept.changed = true;
        }
        let Some(open) = self.open.as_mut().filter(|open| open.told.is_none() && now >= open.due) else {
            return;
        };
        let Some(root) = open.failure.root(cascades) else {
            return;
        };
        // A state alone says of no other failure.
        let is_same =
            |over: &mut Open| over.failure.knows(&root.identity) || cascades.is_state(&root.identity.error_type);
        if let Some(over) = self.over.take_if(is_same) {
            open.failure.join(over.failure);
            open.id = over.id;
            open.told = over.told;
            open.flaps = true;
            open.changed = true;
            self.unkept.told = true;
        }
    }

    /// Whether there is nothing to remember of it.
    fn is_nothing(&self) -> bool {
        self.open.is_none() && self.over.is_none() && self.lately.is_empty()
    }

    /// The failure is over. One that an incident told of does not come again by itself.
    fn close(&mut self) {
        self.over = self.open.take().filter(|open| open.told.is_some());
    }

    /// Takes in what was seen of the same under another name. Gives back a failure that was told twice.
    fn join(&mut self, other: One) -> Option<Open> {
        self.lately.extend(other.lately);
        self.lately.make_contiguous().sort_by_key(|(seen, _)| seen.last);
        self.over = self.over.take().or(other.over);
        match (&mut self.open, other.open) {
            (Some(open), Some(mut other)) => {
                open.last = open.last.max(other.last);
                open.failure.join(other.failure.clone());
                open.changed = true;
                // An alert that went out goes on under its id.
                if open.told.is_none() && other.told.is_some() {
                    std::mem::swap(&mut open.id, &mut other.id);
                    std::mem::swap(&mut open.told, &mut other.told);
                }
                other.told.is_some().then_some(other)
            }
            (open @ None, other) => {
                *open = other;
                None
            }
            (Some(_), None) => None,
        }
    }

    fn remember(&mut self, seen: Sighting, rate: Rate, patience: &Patience) {
        let at = seen.last;
        if self.lately.len() >= Watch::LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back((seen, rate));
        self.forget(at, patience);
    }

    /// Forgets what is too long ago to belong to a failure that begins now.
    fn forget(&mut self, now: EventTime, patience: &Patience) {
        let is_old = |(seen, _): &(Sighting, Rate)| later(seen.last, patience.before_nanos) < now;
        while self.lately.front().is_some_and(is_old) {
            self.lately.pop_front();
        }
    }

    fn open(&mut self, subject: &Subject, began_as: BeganAs, now: EventTime, patience: &Patience) {
        let mut failure = Failure::default();
        for (seen, rate) in std::mem::take(&mut self.lately) {
            failure.see(&seen, rate);
        }
        let began = failure.first().unwrap_or(now);
        self.open = Some(Open {
            id: AlertId::of(began_as.rule(), &subject.to_string(), began),
            began_as,
            failure,
            due: later(now, patience.settle_nanos),
            told: None,
            flaps: false,
            last: now,
            changed: true,
            is_news: true,
            root: None,
        });
    }
}

impl Open {
    fn is_over(&self, now: EventTime, patience: &Patience) -> bool {
        let longer = if self.flaps { patience.flap_nanos } else { 0 };
        now > later(self.last, patience.quiet_nanos.saturating_add(longer))
    }

    /// Whether an incident over several jobs tells of it. What was told before it goes on by itself.
    fn is_told_by(&self, incidents: &Incidents) -> bool {
        let root = self.root.as_ref();
        self.told.is_none() && root.is_some_and(|(error_type, _)| incidents.tells_of(error_type))
    }

    /// Type and category of the root, found anew where anything was seen since the last look.
    fn look(&mut self, cascades: &Cascades) -> Option<(&Arc<str>, &Arc<str>)> {
        if std::mem::take(&mut self.changed) {
            let root = self.failure.root(cascades);
            self.root = root.map(|root| {
                (
                    Arc::clone(&root.identity.error_type),
                    Arc::clone(&root.identity.category),
                )
            });
            self.is_news = true;
        }
        self.root.as_ref().map(|(error_type, category)| (error_type, category))
    }

    fn heading(&self, subject: &Subject) -> Heading {
        Heading {
            rule: self.began_as.rule(),
            level: Level::Basic,
            who: subject.to_string(),
            verb: self.began_as.verb(),
            job_name: subject.job().map(|job| job.to_string()),
            jobs: Vec::new(),
        }
    }

    /// The alert, if there is anything to tell that was not told.
    fn tell(&mut self, subject: &Subject, state: State, cascades: &Cascades) -> Option<Alert> {
        self.is_news = false;
        let alert = Alert::of(self.id, self.heading(subject), state, &self.failure, cascades)?;
        let telling = Told {
            state,
            root: alert.fingerprint,
            severity: alert.severity,
            rule: alert.rule.clone(),
        };
        if self.told.as_ref() == Some(&telling) {
            return None;
        }
        self.told = Some(telling);
        Some(alert)
    }
}

/// Whether an error keeps a failure from being over.
fn keeps_open(seen: &Sighting, rate: Rate) -> bool {
    seen.failed || (may_be_a_cause(seen) && rate != Rate::Usual)
}

fn may_be_a_cause(seen: &Sighting) -> bool {
    seen.identity.part == Part::Root && seen.identity.severity >= Severity::Medium
}
