//! Judges as records come in: what a flush holds becomes changes of alerts.
//!
//! Comes in: flushes, and what time it is. Goes out: [`Judged`], to be kept together with the flush. What always holds:
//! event time decides; the clock of the machine only says how far event time has come while nothing is read, and
//! whether what is found is news. What it does not do: keep, deliver.

use super::says_failed::SaysFailed;
use super::teller::Teller;
use super::{
    Alert, AlertRules, Cascades, Change, ChangeKind, Conditions, Counted, Judged, Patience, Piece, Sighting, State,
    Watch,
};
use crate::event::{AlertId, EventTime};
use crate::fold::Flush;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// Judges as records come in.
#[derive(Debug)]
pub struct Alerter {
    watch: Watch,
    conditions: Conditions,
    teller: Teller,
    says_failed: SaysFailed,
    time: EventClock,
    /// How the alerts that are not over were told last.
    standing: HashMap<AlertId, State, foldhash::fast::RandomState>,
    /// Alerts of a former life that nothing is known of any more.
    orphans: Vec<Alert>,
    /// Whose a job is, as its logs say.
    teams: HashMap<Box<str>, Box<str>, foldhash::fast::RandomState>,
}

/// What came, and what time it is.
#[derive(Debug)]
pub struct Came<'a> {
    /// What was seen of errors, in any order. Whether it says that something failed is found out here.
    pub sightings: Vec<Sighting>,
    /// What was counted, in any order.
    pub counted: Vec<Counted<'a>>,
    /// Milliseconds since the epoch, by the clock of the machine.
    pub wall: i64,
}

/// How far event time has come.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct EventClock {
    /// Latest event, nanoseconds since the epoch, and when it was seen, milliseconds by the machine's clock.
    latest: Option<(i64, i64)>,
}

impl EventClock {
    /// So long after the last record event time is the machine's: nothing is on its way any more.
    const IDLE_MILLIS: i64 = 60_000;

    fn saw(&mut self, event: i64, wall: i64) {
        let known = self.latest.map_or(i64::MIN, |(event, _)| event);
        self.latest = Some((event.max(known), wall));
    }

    /// Nanoseconds since the epoch: none before anything was seen. While nothing is read it goes on as fast as the
    /// machine's clock, so that what was seen last is told and ends in time.
    fn now(&self, wall: i64) -> Option<i64> {
        let (event, seen) = self.latest?;
        let since = wall.saturating_sub(seen).max(0);
        let by_wall = nanos(wall);
        if since >= Self::IDLE_MILLIS {
            return Some(event.max(by_wall));
        }
        let went_on = event.saturating_add(nanos(since));
        Some(went_on.min(by_wall.max(event)))
    }
}

fn nanos(millis: i64) -> i64 {
    millis.saturating_mul(1_000_000)
}

impl Alerter {
    /// What was over for longer than this when it was found out is no news: a backlog was read.
    pub const PAST_MILLIS: i64 = 15 * 60_000;
    /// Jobs whose team is remembered.
    const TEAMS: usize = 100_000;

    /// Judges with these rules.
    #[must_use]
    pub fn new(cascades: Arc<Cascades>, rules: Arc<AlertRules>, patience: Patience) -> Self {
        Self {
            watch: Watch::new(Arc::clone(&cascades), patience),
            conditions: Conditions::new(Arc::clone(&rules)),
            teller: Teller::new(rules),
            says_failed: SaysFailed::new(cascades),
            time: EventClock::default(),
            standing: HashMap::default(),
            orphans: Vec::new(),
            teams: HashMap::default(),
        }
    }

    /// Goes on where a former life ended: what it kept, and the alerts that were not over. One that nothing is known of
    /// any more is over with the next step.
    pub fn restore(&mut self, pieces: Vec<Piece>, open: &[Alert]) {
        let (mut of_watch, mut of_conditions, mut waiting) = (Vec::new(), Vec::new(), None);
        for (key, bytes) in pieces {
            let Some(bytes) = bytes else {
                continue;
            };
            match key.split_once(':') {
                Some(("watch", name)) => of_watch.push((name.to_owned(), bytes)),
                Some(("rules", name)) => of_conditions.push((name.to_owned(), bytes)),
                Some(("teller", _)) => waiting = Some(bytes),
                Some(("time", _)) => self.time = serde_json::from_slice(&bytes).unwrap_or_default(),
                Some(_) | None => {}
            }
        }
        let strange = self.watch.restore(of_watch.into_iter());
        if !strange.is_empty() {
            tracing::warn!(
                pieces = strange.len(),
                "what was known of some failures cannot be read; they are begun anew"
            );
        }
        self.conditions.restore(of_conditions.into_iter());
        let second = self.time.latest.map_or(0, |(event, _)| event / SECOND);
        self.teller.restore(second, open, waiting.as_deref());
        let found: HashSet<AlertId, foldhash::fast::RandomState> =
            self.conditions.firing().iter().map(|alert| alert.id).collect();
        self.standing.extend(open.iter().map(|alert| (alert.id, alert.state)));
        let is_orphan = |alert: &&Alert| !self.watch.knows(alert.id) && !found.contains(&alert.id);
        self.orphans = open.iter().filter(is_orphan).cloned().collect();
    }

    /// From now on judges with these rules; what goes on goes on.
    pub fn set_rules(&mut self, cascades: Arc<Cascades>, rules: Arc<AlertRules>) {
        self.says_failed = SaysFailed::new(Arc::clone(&cascades));
        self.watch.set_cascades(cascades);
        self.conditions.set_rules(Arc::clone(&rules));
        self.teller.set_rules(rules);
    }

    /// What is to be judged of a flush.
    pub fn came_with<'f>(&mut self, flush: &'f Flush, wall: i64) -> Came<'f> {
        for delta in &flush.details {
            if let Some(team) = delta.sample.dimensions.get("team") {
                self.belongs(&delta.job, team);
            }
        }
        Came {
            sightings: flush.details.iter().map(Sighting::of_delta).collect(),
            counted: flush.stats.iter().map(Counted::from).collect(),
            wall,
        }
    }

    /// Judges what came.
    pub fn take(&mut self, came: Came<'_>) -> Judged {
        let Came {
            mut sightings,
            mut counted,
            wall,
        } = came;
        // A clock that is ahead is not believed: the time of what it writes is now.
        let latest = EventTime::new(nanos(wall), 9);
        for seen in &mut sightings {
            seen.first = seen.first.min(latest);
            seen.last = seen.last.min(latest);
            seen.failed |= self.says_failed.of(&seen.identity.template);
        }
        for row in &mut counted {
            row.minute = row.minute.min(latest.minute());
        }
        sightings.sort_by(|a, b| a.by_time().cmp(&b.by_time()));
        counted.sort_by_key(|row| row.minute);
        let mut counted = counted.into_iter().peekable();
        let mut told = Vec::new();
        for seen in sightings {
            // Time goes on between two seconds with errors, as it did when they were written.
            let second = seen.first.nanos().div_euclid(SECOND);
            let known = self.time.latest.map_or(i64::MIN, |(event, _)| event);
            if second.saturating_mul(SECOND) > known {
                told.extend(self.advance(second.saturating_mul(SECOND)));
            }
            while let Some(row) = counted.next_if(|row| row.minute <= seen.first.minute()) {
                self.conditions.take(&row);
            }
            self.time.saw(seen.last.nanos(), wall);
            self.watch.see(seen);
        }
        for row in counted {
            self.time.saw(nanos(row.minute.start_millis()), wall);
            self.conditions.take(&row);
        }
        self.go_on(told, wall)
    }

    /// Judges what follows from nothing having come: what is due is told, what is quiet is over.
    pub fn idle(&mut self, wall: i64) -> Judged {
        self.go_on(Vec::new(), wall)
    }

    fn advance(&mut self, now: i64) -> Vec<Alert> {
        let time = EventTime::new(now, 9);
        let (failures, found) = (self.watch.advance(time), self.conditions.advance(time));
        self.teller.tell(now.div_euclid(SECOND), failures, found, &self.watch)
    }

    fn go_on(&mut self, mut told: Vec<Alert>, wall: i64) -> Judged {
        for mut orphan in std::mem::take(&mut self.orphans) {
            orphan.state = State::Resolved;
            orphan.ended_at = Some(EventTime::from_millis(wall).rfc3339());
            told.push(orphan);
        }
        let now = self.time.now(wall);
        if let Some(now) = now {
            told.extend(self.advance(now));
        }
        let now = now.unwrap_or_else(|| nanos(wall));
        let pieces = self.pieces(now, &told);
        Judged {
            at: wall,
            changes: self.changes(told, now, wall),
            pieces,
        }
    }

    fn pieces(&mut self, now: i64, told: &[Alert]) -> Vec<Piece> {
        let named = |room: &str, pieces: Vec<Piece>| -> Vec<Piece> {
            let named = pieces.into_iter().map(|(key, bytes)| (format!("{room}:{key}"), bytes));
            named.collect()
        };
        let mut pieces = named("watch", self.watch.changed_pieces(EventTime::new(now, 9), told));
        pieces.extend(named("rules", self.conditions.changed_pieces()));
        pieces.extend(named("teller", self.teller.changed_piece().into_iter().collect()));
        if !pieces.is_empty() || !told.is_empty() {
            pieces.push(("time:".to_owned(), serde_json::to_vec(&self.time).ok()));
        }
        pieces
    }

    /// What telling these alerts changes.
    fn changes(&mut self, alerts: Vec<Alert>, now: i64, wall: i64) -> Vec<Change> {
        let is_old = |millis: i64| wall.saturating_sub(millis) > Self::PAST_MILLIS;
        let ended = |alert: &Alert| {
            let time = alert.ended_at.as_deref()?.parse::<jiff::Timestamp>().ok()?;
            Some((alert.id, time.as_millisecond()))
        };
        let over: HashMap<AlertId, i64, foldhash::fast::RandomState> = alerts.iter().filter_map(ended).collect();
        let mut changes = Vec::with_capacity(alerts.len());
        for mut alert in alerts {
            let team = alert.job_name.as_deref().and_then(|job| self.teams.get(job));
            alert.team = alert.team.take().or_else(|| team.map(|team| team.to_string()));
            let before = self.standing.get(&alert.id).copied();
            let kind = ChangeKind::into(alert.state, before);
            if alert.state == State::Resolved {
                self.standing.remove(&alert.id);
            } else {
                self.standing.insert(alert.id, alert.state);
            }
            let past = is_old(over.get(&alert.id).copied().unwrap_or(now / 1_000_000));
            changes.push(Change { kind, alert, past });
        }
        changes
    }

    /// Whose a job is.
    pub fn belongs(&mut self, job: &str, team: &str) {
        let known = self.teams.get(job);
        if known.is_none_or(|known| **known != *team) && (known.is_some() || self.teams.len() < Self::TEAMS) {
            self.teams.insert(job.into(), team.into());
        }
    }
}

const SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests;
