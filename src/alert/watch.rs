//! Watches all jobs: a failure begins, becomes an alert, and is over.
//!
//! A failure begins with a line that says a job or a task has failed, or with a burst of one error that may be a
//! cause. Errors that come before it (the root mostly does) and after it belong to it; so it waits a little before it
//! speaks, and corrects itself when a better root is told later.
//!
//! Where several jobs fail with one type of root, an incident tells of them together.
//!
//! Time is event time: it is as late as the latest [`Watch::advance`]. A replayed past gives the alerts it gave then.

use super::failure::Failure;
use super::notice::{Heading, Level};
use super::shared::{Candidate, Incidents};
use super::{Alert, AlertId, Cascades, Sighting, State, Subject};
use crate::event::{EventTime, Fingerprint, Group, Part, Severity};
use hashbrown::HashMap;
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
    /// So many events of one error that may be a cause, within [`Patience::before_nanos`], are a burst.
    pub burst: u64,
}

impl Default for Patience {
    fn default() -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            settle_nanos: 2 * SECOND,
            quiet_nanos: 300 * SECOND,
            before_nanos: 120 * SECOND,
            burst: 10,
        }
    }
}

/// By what a failure was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug)]
struct Open {
    id: AlertId,
    began_as: BeganAs,
    failure: Failure,
    /// When it is told.
    due: EventTime,
    /// What was told of it last: the alert is told again only when one of these changes.
    told: Option<Told>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    root: Option<Fingerprint>,
    severity: Severity,
    rule: Cow<'static, str>,
}

/// One job or nameless process.
#[derive(Debug, Default)]
struct One {
    open: Option<Open>,
    /// What was seen lately and belongs to no failure yet, oldest first.
    lately: VecDeque<Sighting>,
}

/// Watches all jobs.
#[derive(Debug)]
pub struct Watch {
    cascades: Arc<Cascades>,
    patience: Patience,
    subjects: HashMap<Subject, One, foldhash::fast::RandomState>,
    /// Alerts that turned out to be others told before.
    ended: Vec<Alert>,
    incidents: Incidents,
}

impl Watch {
    /// Sightings of one job kept while nothing has failed; the oldest leave first.
    pub const LATELY: usize = 512;

    /// Watches with these rules.
    #[must_use]
    pub fn new(cascades: Arc<Cascades>, patience: Patience) -> Self {
        Self {
            cascades,
            patience,
            subjects: HashMap::default(),
            ended: Vec::new(),
            incidents: Incidents::default(),
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
                if let Some(job) = self.job_with(seen.identity.group) {
                    seen.subject = job;
                }
            }
        }
        let patience = &self.patience;
        let one = self.subjects.entry_ref(&seen.subject).or_default();
        if let Some(open) = &mut one.open {
            open.failure.see(&seen);
            open.changed = true;
            if keeps_open(&seen) {
                open.last = open.last.max(seen.last);
            }
            if seen.failed && open.began_as == BeganAs::Burst {
                open.began_as = BeganAs::Failed;
            }
            return;
        }
        let now = seen.last;
        let subject = seen.subject.clone();
        let failed = seen.failed && seen.identity.part != Part::Noise;
        one.remember(seen, patience);
        let began_as = if failed {
            BeganAs::Failed
        } else if one.bursts(patience) {
            BeganAs::Burst
        } else {
            return;
        };
        one.open(&subject, began_as, now, patience);
    }

    /// The job that fails with this error now. A process that names no job most likely writes of that failure: lines
    /// outside of tasks carry no job.
    fn job_with(&self, group: Group) -> Option<Subject> {
        let fails_with = |(subject, one): (&Subject, &One)| {
            let is_it = one.open.as_ref().is_some_and(|open| open.failure.has(group));
            (is_it && subject.job().is_some()).then(|| subject.clone())
        };
        self.subjects.iter().filter_map(fails_with).min()
    }

    /// What was seen without the name of the job is the job's: under its id until the name was told, and failures of
    /// processes that name no job with the same error.
    fn find_nameless(&mut self, seen: &Sighting) {
        let mut nameless = Vec::new();
        if let Some(id) = seen.job_id.as_deref() {
            let by_id = Subject::Job(id.into());
            if by_id != seen.subject && self.subjects.contains_key(&by_id) {
                nameless.push(by_id);
            }
        }
        if seen.failed {
            let group = seen.identity.group;
            let fails_with_it = |(subject, one): (&Subject, &One)| {
                let is_it = one.open.as_ref().is_some_and(|open| open.failure.has(group));
                (is_it && subject.job().is_none()).then(|| subject.clone())
            };
            nameless.extend(self.subjects.iter().filter_map(fails_with_it));
            nameless.sort();
        }
        for subject in nameless {
            let Some(other) = self.subjects.remove(&subject) else {
                continue;
            };
            let one = self.subjects.entry_ref(&seen.subject).or_default();
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
        alerts.extend(self.incidents.look(&by_root, cascades));
        for (subject, one) in &mut self.subjects {
            if let Some(open) = &mut one.open {
                let is_over = open.is_over(now, patience);
                if (is_over || now >= open.due) && open.is_news && !open.is_told_by(&self.incidents) {
                    alerts.extend(open.tell(subject, State::Firing, cascades));
                }
                if is_over {
                    if open.told.is_some() {
                        alerts.extend(open.tell(subject, State::Resolved, cascades));
                    }
                    one.open = None;
                }
            }
            one.forget(now, patience);
        }
        self.subjects
            .retain(|_, one| one.open.is_some() || !one.lately.is_empty());
        alerts.sort_by(in_order);
        alerts
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

impl One {
    /// Takes in what was seen of the same under another name. Gives back a failure that was told twice.
    fn join(&mut self, other: One) -> Option<Open> {
        self.lately.extend(other.lately);
        self.lately.make_contiguous().sort_by_key(|seen| seen.last);
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

    fn remember(&mut self, seen: Sighting, patience: &Patience) {
        let at = seen.last;
        if self.lately.len() >= Watch::LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back(seen);
        self.forget(at, patience);
    }

    /// Forgets what is too long ago to belong to a failure that begins now.
    fn forget(&mut self, now: EventTime, patience: &Patience) {
        let is_old = |seen: &Sighting| seen.last.nanos().saturating_add(patience.before_nanos) < now.nanos();
        while self.lately.front().is_some_and(is_old) {
            self.lately.pop_front();
        }
    }

    /// Whether the error seen last came in a burst.
    fn bursts(&self, patience: &Patience) -> bool {
        let Some(last) = self.lately.back().filter(|seen| may_be_a_cause(seen)) else {
            return false;
        };
        let fingerprint = last.identity.fingerprint;
        let same = self
            .lately
            .iter()
            .filter(|seen| seen.identity.fingerprint == fingerprint);
        same.map(|seen| seen.count).fold(0, u64::saturating_add) >= patience.burst
    }

    fn open(&mut self, subject: &Subject, began_as: BeganAs, now: EventTime, patience: &Patience) {
        let mut failure = Failure::default();
        for seen in std::mem::take(&mut self.lately) {
            failure.see(&seen);
        }
        let began = failure.first().unwrap_or(now);
        self.open = Some(Open {
            id: AlertId::of(began_as.rule(), &subject.to_string(), began),
            began_as,
            failure,
            due: EventTime::new(now.nanos().saturating_add(patience.settle_nanos), 9),
            told: None,
            last: now,
            changed: true,
            is_news: true,
            root: None,
        });
    }
}

impl Open {
    fn is_over(&self, now: EventTime, patience: &Patience) -> bool {
        now.nanos() > self.last.nanos().saturating_add(patience.quiet_nanos)
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
            root: alert.fingerprint,
            severity: alert.severity,
            rule: alert.rule.clone(),
        };
        if state == State::Firing && self.told.as_ref() == Some(&telling) {
            return None;
        }
        self.told = Some(telling);
        Some(alert)
    }
}

/// Whether an error keeps a failure from being over.
fn keeps_open(seen: &Sighting) -> bool {
    seen.failed || may_be_a_cause(seen)
}

fn may_be_a_cause(seen: &Sighting) -> bool {
    seen.identity.part == Part::Root && seen.identity.severity >= Severity::Medium
}
