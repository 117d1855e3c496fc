//! The rules of `rules/alerts`, judged over counts by the minute.
//!
//! ```text
//! Counted rows ─► filter, key ─► cells of each rule ─► condition ─► life ─► Alert
//!            └──► errors known before (new, seen again)
//! ```
//!
//! Comes in: counted rows ([`Counted`]), how far event time has come, and when nobody counted. Goes out: [`Alert`]s
//! at each change of their state, and what is to be kept of all this, piece by piece. What always holds:
//! - **Event time.** A minute is judged when event time has passed its end; a backlog that is read at once is judged
//!   minute by minute, so that it gives the alerts it gave then. Counts only grow, so that a limit that is exceeded,
//!   or a spike that is one, is told before its minute is over.
//! - **Order within a minute decides nothing.** What comes for a minute that was judged is counted where a window
//!   still holds it; it never makes a spike.
//! - **A gap is no dip, no calm, no silence.** What goes on when nobody counts is [`State::NoData`].
//! - **Kept.** [`Conditions::changed_pieces`] and [`Conditions::restore`]: a life that ends anywhere and is taken up
//!   gives the alerts an unbroken one gives.
//! - **Bounded.** Keys, errors known, members of a share: each bound says beside its name what happens there.
//!
//! What it does not do: know failures (that is [`super::watch`]), fold alerts into them, deliver.

mod cell;
mod counted;
mod filter;
mod fresh;
mod gaps;
mod judged;
mod kept;
mod known;
mod life;
mod loudest;
mod members;
mod minutes;
mod rule;
mod rules;
mod series;
#[cfg(test)]
mod tests;
mod title;
mod told;
mod written;

pub use counted::{Counted, CountedDimensions, CountedIdentity, Dimension};
pub use rule::AlertRule;
pub use rules::AlertRules;

use super::watch::in_order;
use super::{Alert, State};
use crate::event::{EventTime, IssueId};
use cell::Moment;
use gaps::Gaps;
use judged::Judged;
use known::{Known, Sighted};
use rule::Condition;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// All rules over all that was counted.
#[derive(Debug)]
pub struct Conditions {
    rules: Arc<AlertRules>,
    /// Those that are enabled; composites stand behind the others.
    judged: Vec<Judged>,
    /// Of each rule the composites it is part of.
    part_of: Vec<Vec<usize>>,
    /// Errors known, by the key they are known in; those of jobs come first.
    known: Vec<(Vec<Dimension>, Known)>,
    gaps: Gaps,
    /// The minute event time has come to.
    now: Option<i64>,
    /// The minute that was judged last.
    looked: i64,
    /// The first minute anything is known of.
    since: Option<i64>,
    /// Which cells are looked at in which minute.
    wakes: BTreeMap<i64, Vec<(usize, u32)>>,
    /// Alerts of rules that are no more.
    ended: Vec<Alert>,
    /// Pieces that are to be forgotten.
    gone: Vec<String>,
    changed: bool,
    key: String,
}

/// Minutes a row may lie ahead of event time: clocks that are wrong by more are not believed.
const AHEAD: i64 = 1_440;
/// Minutes a row may lie behind: no window is longer.
const BEHIND: i64 = 7 * 1_440;

impl Conditions {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(rules: Arc<AlertRules>) -> Self {
        let mut conditions = Self {
            rules: Arc::default(),
            judged: Vec::new(),
            part_of: Vec::new(),
            known: vec![(vec![Dimension::Job], Known::default())],
            gaps: Gaps::default(),
            now: None,
            looked: i64::MIN,
            since: None,
            wakes: BTreeMap::new(),
            ended: Vec::new(),
            gone: Vec::new(),
            changed: false,
            key: String::new(),
        };
        conditions.set_rules(rules);
        conditions
    }

    /// Judges by these rules from now on. Rules that judge as before keep their state; alerts of those that are gone
    /// or judge otherwise are over.
    pub fn set_rules(&mut self, rules: Arc<AlertRules>) {
        let mut before = std::mem::take(&mut self.judged);
        let mut enabled: Vec<&Arc<AlertRule>> = rules.iter().filter(|rule| rule.enabled).collect();
        enabled.sort_by_key(|rule| matches!(rule.condition, Condition::Composite { .. }));
        for rule in enabled {
            let same = |one: &Judged| one.rule.id == rule.id && one.rule.recipe == rule.recipe;
            let judged = match before.iter().position(same) {
                Some(at) => before.swap_remove(at).with_rule(Arc::clone(rule)),
                None => Judged::new(Arc::clone(rule)),
            };
            self.judged.push(judged);
            let by = &rule.by;
            let remembers = matches!(rule.condition, Condition::New(_) | Condition::Regression { .. });
            if remembers && !self.known.iter().any(|(known, _)| known == by) {
                self.known.push((by.clone(), Known::default()));
            }
        }
        for judged in before {
            self.end(judged);
        }
        self.part_of = self.judged.iter().map(|one| composites(one, &self.judged)).collect();
        self.rules = rules;
        self.changed = true;
        self.wake_all();
    }

    /// A rule is no more: its alerts are over, its pieces forgotten.
    fn end(&mut self, judged: Judged) {
        for (_, cell) in judged.cells() {
            if cell.life.is_active() && judged.rule.tells {
                self.ended
                    .push(told::alert(&self.rules, &judged.rule, cell, State::Resolved));
            }
            if cell.written {
                self.gone.extend(kept::names(&judged.rule, &cell.key));
            }
        }
        for key in &judged.gone {
            self.gone.extend(kept::names(&judged.rule, key));
        }
        self.gone.push(kept::population(&judged.rule));
    }

    /// The composites whose cells are to be looked at, and when all the others are.
    fn wake_all(&mut self) {
        self.wakes.clear();
        for (rule, judged) in self.judged.iter().enumerate() {
            for (at, cell) in judged.cells() {
                for minute in cell.wake.into_iter().chain(cell.waits) {
                    self.wakes.entry(minute).or_default().push((rule, at));
                }
            }
        }
    }

    /// An error of a job was known before all this: nothing new. For a store that has a past when alerts begin.
    pub fn learn(&mut self, issue: IssueId, last_seen: EventTime) {
        let minute = last_seen.minute().0;
        if let Some((_, known)) = self.known.first_mut() {
            known.learn(issue.0, minute);
        }
        self.began(minute);
    }

    /// Somebody says that an error of a job is mended: seen again, it has come back.
    pub fn mended(&mut self, issue: IssueId) {
        if let Some((_, known)) = self.known.first_mut() {
            known.mend(issue.0);
        }
    }

    fn began(&mut self, minute: i64) {
        let earlier = self.since.is_none_or(|since| minute < since);
        if earlier {
            self.since = Some(minute);
            self.changed = true;
        }
    }

    /// Takes rows in, of any minutes and in any order, and lets event time come to `now`, minute by minute: a backlog
    /// gives what it gave then. Rows of minutes more than a day ahead of `now` are not believed.
    pub fn play(&mut self, mut rows: Vec<Counted<'_>>, now: EventTime) -> Vec<Alert> {
        rows.sort_by_key(|row| row.minute);
        rows.retain(|row| row.minute.0 <= now.minute().0.saturating_add(AHEAD));
        let mut alerts = Vec::new();
        let mut minute = None;
        for row in &rows {
            if minute != Some(row.minute) && row.minute <= now.minute() {
                let begins = EventTime::from_millis(row.minute.start_millis());
                alerts.extend(self.advance(begins));
                minute = Some(row.minute);
            }
            self.take(row);
        }
        alerts.extend(self.advance(now));
        alerts
    }

    /// Takes a row in. What it leads to is told by the next [`Conditions::advance`]. Rows of several minutes are taken
    /// in the order of these, with event time advanced between them ([`Conditions::play`]), so that the error an
    /// alert names is one of its minutes.
    pub fn take(&mut self, row: &Counted<'_>) {
        let minute = row.minute.0;
        match self.now {
            Some(now) if minute < now.saturating_sub(BEHIND) => return,
            Some(_) => {}
            None => self.began(minute),
        }
        let key = &mut self.key;
        let mut sighted: SmallVec<[Sighted; 2]> = SmallVec::new();
        for (by, known) in &mut self.known {
            sighted.push(match identity(by, row, key) {
                Some(id) => known.see(id, minute),
                None => Sighted::After(0),
            });
        }
        for (at, judged) in self.judged.iter_mut().enumerate() {
            let rule = Arc::clone(&judged.rule);
            if let Some(of) = rule.share_of() {
                judged.populate(of, row);
            }
            if !rule.means(row, self.rules.catalogue()) || !counted::write_key(&rule.by, row, key) {
                continue;
            }
            let seen = self.known.iter().position(|(by, _)| *by == rule.by);
            let seen = seen
                .and_then(|at| sighted.get(at))
                .copied()
                .unwrap_or(Sighted::After(0));
            let place = if rule.makes_cell(seen) {
                Some(judged.place(key, row.dimensions.team))
            } else {
                judged.find(key)
            };
            let Some(place) = place else { continue };
            let Some(cell) = judged.cell_mut(place) else { continue };
            if cell.take(&rule, row, seen, is_young(&rule, minute, self.since)) {
                let due = self.now.map_or(minute, |now| minute.max(now));
                // A look sees to what lies ahead of it.
                if cell.waits.is_none_or(|waits| due < waits) {
                    cell.waits = Some(due);
                    self.wakes.entry(due).or_default().push((at, place));
                }
                judged.stir(place);
            }
        }
    }

    /// Event time has come so far: gives the alerts whose state changed, in the order they began.
    pub fn advance(&mut self, now: EventTime) -> Vec<Alert> {
        let until = now.minute().0;
        let mut alerts = std::mem::take(&mut self.ended);
        while let Some(due) = self.wakes.first_entry()
            && *due.key() <= until
        {
            let (minute, mut cells) = due.remove_entry();
            cells.sort_unstable();
            cells.dedup();
            // A row that came late is judged as of now.
            let minute = self.now.map_or(minute, |now| minute.max(now)).max(self.looked);
            self.begin(minute);
            for (rule, at) in cells {
                alerts.extend(self.look(rule, at, minute));
            }
        }
        if self.now.is_none_or(|before| before < until) {
            self.now = Some(until);
            self.begin(until);
            self.changed = true;
        }
        alerts.sort_by(in_order);
        alerts
    }

    /// A minute begins: what all series brought before it is what a young one is compared with in it.
    fn begin(&mut self, minute: i64) {
        if minute > self.looked {
            let passed = if self.looked == i64::MIN {
                0
            } else {
                minute - self.looked
            };
            for judged in &mut self.judged {
                judged.parent.pass(passed);
            }
            self.looked = minute;
            self.changed = true;
        }
    }

    /// Looks at a cell in a minute.
    fn look(&mut self, rule: usize, at: u32, minute: i64) -> Option<Alert> {
        let others = self.others(rule, at);
        let judged = self.judged.get_mut(rule)?;
        // By its key, so that a life taken up looks at it when an unbroken one does.
        let turn = (xxh3_64(judged.cell(at)?.key.as_bytes()) % 60).cast_signed();
        let population = if judged.rule.share_of().is_some() {
            judged.population(minute)
        } else {
            0
        };
        let (of, cell, parent) = judged.cell_and_parent(at)?;
        let mut moment = Moment {
            minute,
            gaps: &self.gaps,
            parent,
            population,
            others,
            turn,
        };
        let state = cell.look(of, &mut moment);
        let alert = state
            .filter(|_| of.tells)
            .map(|state| told::alert(&self.rules, of, cell, state));
        let (wake, key) = (cell.wake, state.map(|_| cell.key.clone()));
        match wake {
            Some(next) => {
                self.wakes.entry(next.max(minute + 1)).or_default().push((rule, at));
                judged.stir(at);
            }
            None => judged.drop_cell(at),
        }
        if let Some(key) = key {
            self.tell_composites(rule, &key, minute);
        }
        alert
    }

    /// Of a composite: whether its rules hold for this key.
    fn others(&self, rule: usize, at: u32) -> bool {
        let Some(judged) = self.judged.get(rule) else {
            return false;
        };
        let (Condition::Composite { all, of }, Some(cell)) = (&judged.rule.condition, judged.cell(at)) else {
            return false;
        };
        let goes_on = |id: &Arc<str>| {
            let other = self.judged.iter().find(|other| other.rule.id == *id);
            let other = other.and_then(|other| other.cell(other.find(&cell.key)?));
            other.is_some_and(|cell| cell.life.goes_on())
        };
        if *all {
            of.iter().all(goes_on)
        } else {
            of.iter().any(goes_on)
        }
    }

    /// The alert of a key has changed: composites it is part of are looked at in the same minute.
    fn tell_composites(&mut self, rule: usize, key: &str, minute: i64) {
        let Some(composites) = self.part_of.get(rule) else {
            return;
        };
        for composite in composites {
            if let Some(judged) = self.judged.get_mut(*composite) {
                let at = judged.place(key, None);
                self.wakes.entry(minute).or_default().push((*composite, at));
                judged.stir(at);
            }
        }
    }

    /// What goes on, in the order it began.
    #[must_use]
    pub fn firing(&self) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for judged in self.judged.iter().filter(|judged| judged.rule.tells) {
            for (_, cell) in judged.cells().filter(|(_, cell)| cell.life.goes_on()) {
                let state = match cell.life.phase {
                    life::Phase::NoData => State::NoData,
                    life::Phase::Calm | life::Phase::Pending | life::Phase::Firing => State::Firing,
                };
                alerts.push(told::alert(&self.rules, &judged.rule, cell, state));
            }
        }
        alerts.sort_by(in_order);
        alerts
    }

    /// Nobody counted in the minutes that begin at or after `from` and before `to`. To be told before event time is
    /// advanced over them.
    pub fn gap(&mut self, from: EventTime, to: EventTime) {
        const MINUTE: i64 = 60_000_000_000;
        let first_after = |time: EventTime| time.nanos().saturating_add(MINUTE - 1).div_euclid(MINUTE);
        self.gaps.add(first_after(from), first_after(to));
        self.changed = true;
    }
}

/// The id of an error in a key; none where the row does not tell the key.
fn identity(by: &[Dimension], row: &Counted<'_>, key: &mut String) -> Option<u128> {
    let fingerprint = row.identity.fingerprint;
    match by {
        [] => Some(fingerprint.0),
        [Dimension::Job] => Some(IssueId::of(row.job, fingerprint).0),
        _ => {
            let known = counted::write_key(by, row, key);
            known.then(|| xxh3_128(key.as_bytes()) ^ fingerprint.0)
        }
    }
}

/// Whether all is new still: nothing of that is told.
fn is_young(rule: &AlertRule, minute: i64, since: Option<i64>) -> bool {
    match &rule.condition {
        Condition::New(fresh) => since.is_none_or(|since| minute < since.saturating_add(fresh.learning)),
        Condition::Threshold { .. }
        | Condition::Spike(_)
        | Condition::Regression { .. }
        | Condition::Absence { .. }
        | Condition::Share { .. }
        | Condition::Composite { .. } => false,
    }
}

fn composites(one: &Judged, all: &[Judged]) -> Vec<usize> {
    let names_it = |other: &Judged| match &other.rule.condition {
        Condition::Composite { of, .. } => of.contains(&one.rule.id),
        Condition::Threshold { .. }
        | Condition::Spike(_)
        | Condition::New(_)
        | Condition::Regression { .. }
        | Condition::Absence { .. }
        | Condition::Share { .. } => false,
    };
    let numbered = all.iter().enumerate().filter(|(_, other)| names_it(other));
    numbered.map(|(at, _)| at).collect()
}
