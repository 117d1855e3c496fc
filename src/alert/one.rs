//! One job: what was seen lately, the failure that goes on, and the one before it.

use super::failure::Failure;
use super::notice::{Heading, Level};
use super::shared::Incidents;
use super::usual::Rate;
use super::watch::{Patience, Watch};
use super::{Alert, AlertId, Cascades, Sighting, State, Subject};
use crate::event::{EventTime, Fingerprint, Part, Severity};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

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
pub(super) struct Open {
    pub(super) id: AlertId,
    pub(super) began_as: BeganAs,
    pub(super) failure: Failure,
    /// When it is told.
    pub(super) due: EventTime,
    /// What was told of it last: the alert is told again only when one of these changes.
    pub(super) told: Option<Told>,
    /// Whether it came again after it was over.
    flaps: bool,
    /// Latest event that keeps it open.
    pub(super) last: EventTime,
    /// Whether anything was seen of it since it was looked at.
    pub(super) changed: bool,
    /// Whether what was seen may have to be told.
    pub(super) is_news: bool,
    /// Type and category of the root, as of the last look.
    root: Option<(Arc<str>, Arc<str>)>,
}

/// What makes an alert worth telling again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    state: State,
    root: Option<Fingerprint>,
    severity: Severity,
    rule: Cow<'static, str>,
}

/// One job or nameless process.
#[derive(Debug, Default)]
pub(super) struct One {
    pub(super) open: Option<Open>,
    /// The last one that was told, for as long as it may come again.
    pub(super) over: Option<Open>,
    /// What was seen lately and belongs to no failure yet, oldest first.
    pub(super) lately: VecDeque<(Sighting, Rate)>,
    pub(super) unkept: Unkept,
}

/// How it stands towards what is written of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unkept {
    /// It changed since.
    pub(super) changed: bool,
    /// Something of it was told since.
    pub(super) told: bool,
    /// There is a piece of it.
    pub(super) is_written: bool,
}

/// A time so much later.
pub(super) fn later(time: EventTime, nanos: i64) -> EventTime {
    EventTime::new(time.nanos().saturating_add(nanos), 9)
}

impl One {
    /// A failure that is about to be told goes on with the last one where it is the same that comes again.
    pub(super) fn go_on(&mut self, now: EventTime, cascades: &Cascades, patience: &Patience) {
        let hold = patience.quiet_nanos.saturating_add(patience.flap_nanos);
        let Some(until) = self.over.as_ref().map(|over| later(over.last, hold)) else {
            return;
        };
        let Some(open) = self.open.as_mut().filter(|open| open.told.is_none()) else {
            if now > until {
                self.over = None;
                self.unkept.changed = true;
            }
            return;
        };
        if now < open.due || open.due > until {
            return;
        }
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
    pub(super) fn is_nothing(&self) -> bool {
        self.open.is_none() && self.over.is_none() && self.lately.is_empty()
    }

    /// The failure is over. One that an incident told of does not come again by itself.
    pub(super) fn close(&mut self) {
        self.over = self.open.take().filter(|open| open.told.is_some());
    }

    /// Takes in what was seen of the same under another name. Gives back a failure that was told twice.
    pub(super) fn join(&mut self, other: One) -> Option<Open> {
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

    pub(super) fn remember(&mut self, seen: Sighting, rate: Rate, patience: &Patience) {
        let at = seen.last;
        if self.lately.len() >= Watch::LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back((seen, rate));
        self.forget(at, patience);
    }

    /// Forgets what is too long ago to belong to a failure that begins now.
    pub(super) fn forget(&mut self, now: EventTime, patience: &Patience) {
        let is_old = |(seen, _): &(Sighting, Rate)| later(seen.last, patience.before_nanos) < now;
        while self.lately.front().is_some_and(is_old) {
            self.lately.pop_front();
        }
    }

    pub(super) fn open(&mut self, subject: &Subject, began_as: BeganAs, now: EventTime, patience: &Patience) {
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
    pub(super) fn is_over(&self, now: EventTime, patience: &Patience) -> bool {
        let longer = if self.flaps { patience.flap_nanos } else { 0 };
        now > later(self.last, patience.quiet_nanos.saturating_add(longer))
    }

    /// Whether an incident over several jobs tells of it. What was told before it goes on by itself.
    pub(super) fn is_told_by(&self, incidents: &Incidents) -> bool {
        let root = self.root.as_ref();
        self.told.is_none() && root.is_some_and(|(error_type, _)| incidents.tells_of(error_type))
    }

    /// Type and category of the root, found anew where anything was seen since the last look.
    pub(super) fn look(&mut self, cascades: &Cascades) -> Option<(&Arc<str>, &Arc<str>)> {
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

    /// The alert as it stands.
    pub(super) fn alert(&self, subject: &Subject, state: State, cascades: &Cascades) -> Option<Alert> {
        let root = self.failure.root(cascades)?;
        Alert::of(self.id, self.heading(subject), state, &self.failure, root, cascades)
    }

    /// The alert, if there is anything to tell that was not told.
    pub(super) fn tell(&mut self, subject: &Subject, state: State, cascades: &Cascades) -> Option<Alert> {
        self.is_news = false;
        let alert = self.alert(subject, state, cascades)?;
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
pub(super) fn keeps_open(seen: &Sighting, rate: Rate) -> bool {
    seen.failed || rate == Rate::Surge || (may_be_a_cause(seen) && rate != Rate::Usual)
}

pub(super) fn may_be_a_cause(seen: &Sighting) -> bool {
    seen.identity.part == Part::Root && seen.identity.severity >= Severity::Medium
}
