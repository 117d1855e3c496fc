//! Judges as records come in: what a flush holds becomes changes of alerts.
//!
//! Comes in: flushes, and what time it is. Goes out: [`Judged`], to be kept together with the flush. What always holds:
//! event time decides; the clock of the machine only says how far event time has come while nothing is read, and
//! whether what is found is news. What it does not do: keep, deliver.

use super::says_failed::SaysFailed;
use super::{Alert, Cascades, Change, ChangeKind, Judged, Patience, Piece, Sighting, State, Watch};
use crate::event::{AlertId, EventTime};
use crate::fold::{DetailDelta, Flush};
use hashbrown::HashMap;
use std::sync::Arc;

/// Judges as records come in.
#[derive(Debug)]
pub struct Alerter {
    watch: Watch,
    says_failed: SaysFailed,
    time: EventClock,
    /// How the alerts that are not over were told last.
    standing: HashMap<AlertId, State, foldhash::fast::RandomState>,
    /// Whose a job is, as its logs say.
    teams: HashMap<Box<str>, Box<str>, foldhash::fast::RandomState>,
}

/// How far event time has come.
#[derive(Debug, Default)]
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
    pub fn new(cascades: Arc<Cascades>, patience: Patience) -> Self {
        Self {
            watch: Watch::new(Arc::clone(&cascades), patience),
            says_failed: SaysFailed::new(cascades),
            time: EventClock::default(),
            standing: HashMap::default(),
            teams: HashMap::default(),
        }
    }

    /// Goes on where a former life ended: what it kept, and the alerts that were not over. One that nothing is known of
    /// any more is over with the next step.
    pub fn restore(&mut self, pieces: Vec<Piece>, open: &[Alert], wall: i64) {
        drop(pieces);
        self.standing.extend(open.iter().map(|alert| (alert.id, alert.state)));
        let _ = wall;
    }

    /// From now on judges with these rules; what goes on goes on.
    pub fn set_cascades(&mut self, cascades: Arc<Cascades>) {
        self.says_failed = SaysFailed::new(Arc::clone(&cascades));
        self.watch.set_cascades(cascades);
    }

    /// Judges what a flush holds and what else was seen. `wall` in milliseconds since the epoch, by the clock of the
    /// machine.
    pub fn take(&mut self, flush: &Flush, seen: Vec<Sighting>, wall: i64) -> Judged {
        let mut sightings: Vec<Sighting> = flush.details.iter().map(|delta| self.sighting(delta)).collect();
        sightings.extend(seen);
        for seen in &mut sightings {
            // A clock that is ahead is not believed: the time of what it writes is now.
            let latest = EventTime::new(nanos(wall), 9);
            seen.first = seen.first.min(latest);
            seen.last = seen.last.min(latest);
            seen.failed |= self.says_failed.of(&seen.identity.template);
        }
        sightings.sort_by(|a, b| a.by_time().cmp(&b.by_time()));
        let mut alerts = Vec::new();
        for seen in sightings {
            // Time goes on between two seconds with errors, as it did when they were written.
            let second = seen.first.nanos().div_euclid(SECOND).saturating_mul(SECOND);
            let known = self.time.latest.map_or(i64::MIN, |(event, _)| event);
            if second > known {
                alerts.extend(self.watch.advance(EventTime::new(second, 9)));
            }
            self.time.saw(seen.last.nanos(), wall);
            self.watch.see(seen);
        }
        self.go_on(alerts, wall)
    }

    /// Judges what follows from nothing having come: what is due is told, what is quiet is over.
    pub fn idle(&mut self, wall: i64) -> Judged {
        self.go_on(Vec::new(), wall)
    }

    fn go_on(&mut self, mut alerts: Vec<Alert>, wall: i64) -> Judged {
        let Some(now) = self.time.now(wall) else {
            return Judged {
                at: wall,
                ..Judged::default()
            };
        };
        alerts.extend(self.watch.advance(EventTime::new(now, 9)));
        Judged {
            at: wall,
            changes: self.changes(alerts, now, wall),
            pieces: Vec::new(),
        }
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

    fn sighting(&mut self, delta: &DetailDelta) -> Sighting {
        if let Some(team) = delta.sample.dimensions.get("team") {
            self.belongs(&delta.job, team);
        }
        Sighting::of_delta(delta)
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
