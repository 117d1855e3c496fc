//! One key of one rule: what was seen of it, and its alert.

use super::counted::{Counted, Dimension};
use super::fresh::FreshErrors;
use super::gaps::Gaps;
use super::known::Sighted;
use super::life::{Life, Phase, Reading};
use super::loudest::Loudest;
use super::members::{Asked, Members};
use super::minutes::Minutes;
use super::rule::{AlertRule, Condition};
use super::series::{Parent, Series, exact};
use crate::alert::State;
use serde::{Deserialize, Serialize};

/// What is remembered of a key, by the kind of its rule.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Seen {
    /// Counts of a window.
    Sums(Minutes),
    /// A series with its past.
    Series(Series),
    /// What is new.
    Fresh(FreshErrors),
    /// The last minute with events, and how many had some.
    Last {
        /// The last minute.
        last: i64,
        /// Minutes with events.
        came: u32,
        /// Minutes with events that event time has not come to.
        ahead: Minutes,
    },
    /// Values of a dimension.
    Members(Members),
    /// Nothing: other rules have it.
    Others,
}

/// One key of one rule.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) key: Box<str>,
    /// Whose it is, as the logs said first.
    pub(super) team: Option<Box<str>>,
    pub(super) seen: Seen,
    pub(super) loudest: Loudest,
    pub(super) life: Life,
    /// When it is looked at next, whatever comes.
    pub(super) wake: Option<i64>,
    /// When it is looked at for what came since it was looked at last.
    pub(super) waits: Option<i64>,
    /// Whether it changed since it was written.
    #[serde(skip)]
    pub(super) changed: bool,
    /// Whether it was ever written.
    #[serde(skip)]
    pub(super) written: bool,
}

/// What a look goes by.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) minute: i64,
    pub(super) gaps: &'a Gaps,
    /// What all series of the rule bring.
    pub(super) parent: &'a mut Parent,
    /// How many values of the dimension of a share there are.
    pub(super) population: usize,
    /// Of a composite: whether its rules hold.
    pub(super) others: bool,
    /// Spreads the cells of a rule over the minutes.
    pub(super) turn: i64,
}

/// A key that brought nothing for so long has ended and is missed no more.
const MISSED: i64 = 7 * 1_440;

impl Cell {
    pub(super) fn new(key: &str, team: Option<&str>, condition: &Condition) -> Self {
        Self {
            key: key.into(),
            team: team.map(Box::from),
            seen: match condition {
                Condition::Threshold { .. } => Seen::Sums(Minutes::default()),
                Condition::Spike(_) => Seen::Series(Series::default()),
                Condition::New(_) | Condition::Regression { .. } => Seen::Fresh(FreshErrors::default()),
                Condition::Absence { .. } => Seen::Last {
                    last: i64::MIN,
                    came: 0,
                    ahead: Minutes::default(),
                },
                Condition::Share { .. } => Seen::Members(Members::default()),
                Condition::Composite { .. } => Seen::Others,
            },
            loudest: Loudest::default(),
            life: Life::default(),
            wake: None,
            waits: None,
            changed: false,
            written: false,
        }
    }

    /// Takes a row; false where it says nothing to this rule.
    pub(super) fn take(&mut self, rule: &AlertRule, row: &Counted<'_>, sighted: Sighted, young: bool) -> bool {
        let (minute, count) = (row.minute.0, row.count);
        let fingerprint = row.identity.fingerprint.0;
        let mut within = 1;
        let matters = match (&mut self.seen, &rule.condition) {
            (Seen::Sums(sums), Condition::Threshold { within: window, .. }) => {
                sums.add(minute, count);
                within = *window;
                true
            }
            (Seen::Series(series), Condition::Spike(_)) => series.add(minute, count),
            (Seen::Fresh(errors), condition) => {
                within = 1_440;
                if is_news(condition, sighted) {
                    errors.first(minute, fingerprint, count, young);
                    true
                } else {
                    errors.again(minute, fingerprint, count)
                }
            }
            (Seen::Last { ahead, .. }, Condition::Absence { quiet, .. }) => {
                ahead.add(minute, count);
                within = *quiet;
                true
            }
            (Seen::Members(members), Condition::Share { of, within: window, .. }) => {
                let name = of.of(row);
                within = *window;
                name.is_some_and(|name| {
                    members.add(&name, minute, count);
                    true
                })
            }
            // A cell is made for the condition of its rule, and kept only with it.
            (Seen::Sums(_) | Seen::Series(_) | Seen::Last { .. } | Seen::Members(_) | Seen::Others, _) => false,
        };
        if matters {
            let calm = self.life.phase == Phase::Calm;
            self.loudest.add(minute, &row.identity, count, (calm, within));
            if self.team.is_none() {
                self.team = row.dimensions.team.map(Box::from);
            }
        }
        matters
    }

    /// Looks at it in a minute: gives the state its alert has changed to, and decides when to look next.
    pub(super) fn look(&mut self, rule: &AlertRule, moment: &mut Moment<'_>) -> Option<State> {
        let (minute, gaps) = (moment.minute, moment.gaps);
        let active = self.life.is_active();
        let reading = self.read(rule, moment, active);
        let told = self.life.step(minute, &reading, (rule.pending, rule.keep), gaps);
        self.waits = None;
        let next = self.next(rule, moment);
        self.wake = if self.life.is_active() {
            Some(next.map_or(minute + 1, |next| next.min(minute + 1)))
        } else {
            next
        };
        told
    }

    fn read(&mut self, rule: &AlertRule, moment: &mut Moment<'_>, active: bool) -> Reading {
        let minute = moment.minute;
        match (&mut self.seen, &rule.condition) {
            (
                Seen::Sums(sums),
                Condition::Threshold {
                    above,
                    back_below,
                    within,
                },
            ) => {
                let limit = if active { *back_below } else { *above };
                // The present minute has only begun; the window that ends before it is whole.
                let most = sums.sum(minute, *within).max(sums.sum(minute - 1, *within));
                sums.forget_before(minute.saturating_sub(*within));
                Reading {
                    holds: most > limit,
                    value: exact(most),
                    ..Reading::default()
                }
            }
            (Seen::Series(series), Condition::Spike(settings)) => {
                series.look(minute, settings, moment.gaps, moment.parent)
            }
            (Seen::Fresh(errors), Condition::New(fresh) | Condition::Regression { fresh, .. }) => {
                errors.look(minute, fresh, rule.keep)
            }
            (Seen::Last { last, came, ahead }, Condition::Absence { quiet, came: least }) => {
                while let Some(first) = ahead.first().filter(|first| *first <= minute) {
                    *came = came.saturating_add(u32::from(first > *last));
                    *last = first.max(*last);
                    ahead.forget_before(first + 1);
                }
                let missed = minute.saturating_sub(*last);
                let missed = missed.saturating_sub(moment.gaps.between(*last, minute));
                Reading {
                    holds: *came >= *least && missed > *quiet && missed <= MISSED,
                    #[expect(clippy::cast_precision_loss, reason = "minutes stay below 2^53")]
                    value: missed.max(0) as f64,
                    ..Reading::default()
                }
            }
            (
                Seen::Members(members),
                Condition::Share {
                    each,
                    above,
                    share,
                    within,
                    ..
                },
            ) => {
                let asked = Asked {
                    each: *each,
                    above: *above,
                    share: *share,
                    within: *within,
                    population: moment.population,
                };
                members.look(minute, &asked, active)
            }
            (Seen::Others, _) => Reading {
                holds: moment.others,
                value: f64::from(u8::from(moment.others)),
                ..Reading::default()
            },
            (Seen::Sums(_) | Seen::Series(_) | Seen::Fresh(_) | Seen::Last { .. } | Seen::Members(_), _) => {
                Reading::default()
            }
        }
    }

    /// When it is to be looked at again while nothing comes; never where nothing is left to remember.
    fn next(&self, rule: &AlertRule, moment: &Moment<'_>) -> Option<i64> {
        let minute = moment.minute;
        match (&self.seen, &rule.condition) {
            (Seen::Sums(sums), Condition::Threshold { within, .. }) => {
                let ahead = sums.next_after(minute);
                ahead.or(sums.last().map(|last| last.max(minute) + within + 1))
            }
            (Seen::Series(series), Condition::Spike(settings)) => series.next(minute, settings, moment.turn),
            (Seen::Fresh(errors), _) => errors.next(minute),
            (Seen::Last { ahead, .. }, Condition::Absence { .. }) if !ahead.is_empty() => Some(minute + 1),
            (Seen::Last { last, .. }, Condition::Absence { quiet, .. }) => {
                let due = last.saturating_add(*quiet).saturating_add(1);
                let forgotten = last.saturating_add(MISSED + 1 + moment.gaps.between(*last, minute));
                if minute < due {
                    Some(due)
                } else {
                    // Gaps are no silence: it may be due later than it was.
                    (minute < forgotten).then_some(minute + 1)
                }
            }
            (Seen::Members(members), Condition::Share { within, .. }) => members.next(minute, *within),
            (Seen::Sums(_) | Seen::Series(_) | Seen::Last { .. } | Seen::Members(_) | Seen::Others, _) => None,
        }
    }
}

/// Whether a sighting is what a rule waits for.
fn is_news(condition: &Condition, sighted: Sighted) -> bool {
    match (condition, sighted) {
        (Condition::New(_), Sighted::First) | (Condition::Regression { .. }, Sighted::Mended) => true,
        (Condition::Regression { after_quiet, .. }, Sighted::After(quiet)) => quiet >= *after_quiet,
        (
            Condition::New(_)
            | Condition::Regression { .. }
            | Condition::Threshold { .. }
            | Condition::Spike(_)
            | Condition::Absence { .. }
            | Condition::Share { .. }
            | Condition::Composite { .. },
            _,
        ) => false,
    }
}

impl AlertRule {
    /// Whether a row makes a cell where there is none: of what is new only that which is.
    pub(super) fn makes_cell(&self, sighted: Sighted) -> bool {
        match &self.condition {
            Condition::New(_) | Condition::Regression { .. } => is_news(&self.condition, sighted),
            Condition::Composite { .. } => false,
            Condition::Threshold { .. } | Condition::Spike(_) | Condition::Absence { .. } | Condition::Share { .. } => {
                true
            }
        }
    }

    /// The dimension of which a share is asked.
    pub(super) fn share_of(&self) -> Option<Dimension> {
        match &self.condition {
            Condition::Share { of, share: Some(_), .. } => Some(*of),
            Condition::Share { .. }
            | Condition::Threshold { .. }
            | Condition::Spike(_)
            | Condition::New(_)
            | Condition::Regression { .. }
            | Condition::Absence { .. }
            | Condition::Composite { .. } => None,
        }
    }
}
