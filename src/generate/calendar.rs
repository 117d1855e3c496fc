//! When what fails in a fleet, so that each failure can be told from every other: no job has two within
//! [`APART_NANOS`], and no two shared outages lie closer.
//!
//! The first three quarters of the time are for learning and hold few failures; the last quarter holds most, so that
//! what an alerter says there can be judged.

use super::background::Background;
use super::incidents::{self, Expected, Incident, Kind};
use super::library::Engine;
use super::plan::{Planned, World};
use super::random::Random;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000_000;
/// Longer than anybody waits until a failure is over: what comes after it is another one.
const APART_NANOS: i64 = 45 * MINUTE;
/// How many jobs shared outages hit, one after the other.
const OUTAGES: [usize; 5] = [15, 3, 8, 20, 5];
/// One Flink job in so many restarts now and then, and always did.
const HABITUAL: usize = 40;
/// How often a place is looked for before an incident is given up.
const TRIES: usize = 40;
/// A spike multiplies the usual rate by one of these, and has so many records a minute at least.
const FACTORS: [u64; 4] = [12, 20, 30, 40];
const LEAST_A_MINUTE: u64 = 12;

/// What is to be planned.
pub(crate) struct Span {
    pub(crate) start_nanos: i64,
    pub(crate) minutes: i64,
    /// Lines of all incidents together, at most.
    pub(crate) room: usize,
    /// Records of the background.
    pub(crate) records: u64,
}

/// Incidents and their lines.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    pub(crate) incidents: Vec<Incident>,
    pub(crate) lines: Vec<Planned>,
    /// When something shared is away.
    outages: Vec<(i64, i64)>,
    /// When which job is taken.
    taken: BTreeMap<usize, Vec<(i64, i64)>>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Failure(Kind),
    Spike,
    Outage(usize),
}

/// Plans the incidents of a fleet.
pub(crate) fn plan(world: &World, background: &Background, random: &mut Random, span: &Span) -> Calendar {
    let mut calendar = Calendar::default();
    let learned = span.start_nanos + span.minutes * 3 / 4 * MINUTE;
    let end = span.start_nanos + span.minutes * MINUTE;
    calendar.habits(world, random, span, end);
    let jobs = world.jobs.len();
    let learning = wishes(1 + jobs / 16, 1 + jobs / 40, 1);
    let judged = wishes(1 + jobs / 5, 1 + jobs / 8, OUTAGES.len().min(1 + jobs / 40));
    // What is judged comes first: where there is little room it is the rest that has none.
    for (wishes, from, to) in [
        (judged, learned + 15 * MINUTE, end),
        (learning, span.start_nanos + 15 * MINUTE, learned),
    ] {
        for wish in wishes {
            // The last begin early enough to end within the time.
            let minutes = u64::try_from((to - from) / MINUTE - 30).unwrap_or(0).max(1);
            for _ in 0..TRIES {
                let at = from + i64::try_from(random.below(minutes * 60_000)).unwrap_or(0) * 1_000_000;
                if calendar.try_one(world, background, random, span, wish, at) {
                    break;
                }
            }
        }
    }
    calendar
}

/// Outages first: they need most jobs that are free.
fn wishes(failures: usize, spikes: usize, outages: usize) -> Vec<Wish> {
    const KINDS: [Kind; 4] = [
        Kind::CrashLoop,
        Kind::TaskManagerLost,
        Kind::CheckpointSpiral,
        Kind::JobManagerLost,
    ];
    let outages = OUTAGES.into_iter().take(outages).map(Wish::Outage);
    let kinds = KINDS.into_iter().cycle().take(failures).map(Wish::Failure);
    outages.chain(kinds).chain((0..spikes).map(|_| Wish::Spike)).collect()
}

impl Calendar {
    fn try_one(
        &mut self,
        world: &World,
        background: &Background,
        random: &mut Random,
        span: &Span,
        wish: Wish,
        at: i64,
    ) -> bool {
        let number = self.incidents.len();
        let planned = match wish {
            Wish::Failure(kind) => {
                flink_job(world, random).map(|job| incidents::plan_for(world, random, kind, number, at, job))
            }
            Wish::Spike => spike(world, background, random, span, number, at),
            Wish::Outage(jobs) => self.outage(world, random, number, at, jobs),
        };
        planned.is_some_and(|(incident, lines)| self.take(span, incident, lines))
    }

    /// Takes an incident in, unless a job of it has another one about that time or there is no room.
    fn take(&mut self, span: &Span, incident: Incident, lines: Vec<Planned>) -> bool {
        let (from, to) = extent(&lines);
        let end = span.start_nanos + span.minutes * MINUTE;
        let mut fits = to < end && self.lines.len() + lines.len() <= span.room;
        if incident.kind == Kind::DependencyOutage {
            // Two at once would be one to everybody who only sees what they do.
            let apart = |(begun, over): &(i64, i64)| to + APART_NANOS < *begun || over + APART_NANOS < from;
            fits &= self.outages.iter().all(apart);
        }
        if lines.is_empty() || !fits || !incident.jobs.iter().all(|job| self.is_free(*job, from, to)) {
            return false;
        }
        if incident.kind == Kind::DependencyOutage {
            self.outages.push((from, to));
        }
        for job in &incident.jobs {
            self.taken.entry(*job).or_default().push((from, to));
        }
        self.incidents.push(incident);
        self.lines.extend(lines);
        true
    }

    fn is_free(&self, job: usize, from: i64, to: i64) -> bool {
        let apart = |(begun, over): &(i64, i64)| to + APART_NANOS < *begun || over + APART_NANOS < from;
        self.taken.get(&job).is_none_or(|taken| taken.iter().all(apart))
    }

    /// Restarts of jobs that always did, every three to six hours.
    fn habits(&mut self, world: &World, random: &mut Random, span: &Span, end: i64) {
        let flink = world
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.engine == Engine::Flink);
        let habitual: Vec<usize> = flink.map(|(job, _)| job).skip(7).step_by(HABITUAL).collect();
        for job in habitual {
            let every = 180 + i64::try_from(random.below(180)).unwrap_or(0);
            let mut at = span.start_nanos + every * MINUTE / 2;
            while at + 5 * MINUTE < end {
                let number = self.incidents.len();
                let (incident, lines) = incidents::plan_for(world, random, Kind::Habit, number, at, job);
                self.take(span, incident, lines);
                at += (every - 20 + i64::try_from(random.below(40)).unwrap_or(0)) * MINUTE;
            }
        }
    }

    /// An outage of one dependency under so many jobs of one organisation, fewer where it has not as many.
    fn outage(
        &self,
        world: &World,
        random: &mut Random,
        number: usize,
        at: i64,
        jobs: usize,
    ) -> Option<(Incident, Vec<Planned>)> {
        let org = world.jobs.get(flink_job(world, random)?)?.org;
        let until = at + incidents::LONGEST_OUTAGE;
        let fellows =
            world.jobs.iter().enumerate().filter(|(number, job)| {
                job.org == org && job.engine == Engine::Flink && self.is_free(*number, at, until)
            });
        let mut free: Vec<usize> = fellows.map(|(number, _)| number).collect();
        let mut hit = Vec::new();
        while hit.len() < jobs && !free.is_empty() {
            hit.push(free.swap_remove(random.index(free.len())));
        }
        (hit.len() >= 3 && hit.len() >= jobs.min(15)).then(|| incidents::outage_of(world, random, number, at, &hit))
    }
}

/// First and last moment of lines.
fn extent(lines: &[Planned]) -> (i64, i64) {
    let all = || lines.iter().map(|line| line.nanos);
    (all().min().unwrap_or(0), all().max().unwrap_or(0))
}

/// Any Flink job: in a fleet the small ones fail as well.
fn flink_job(world: &World, random: &mut Random) -> Option<usize> {
    (0..100)
        .map(|_| random.index(world.jobs.len()))
        .find(|job| world.jobs.get(*job).is_some_and(|job| job.engine == Engine::Flink))
}

/// One error of a healthy job at a multiple of its usual rate, for some minutes.
fn spike(
    world: &World,
    background: &Background,
    random: &mut Random,
    span: &Span,
    number: usize,
    at: i64,
) -> Option<(Incident, Vec<Planned>)> {
    let job = random.index(world.jobs.len());
    // Logs of Node name their process alone: nobody could say which job spikes.
    world.jobs.get(job).filter(|job| job.engine != Engine::Node)?;
    let (family, percent) = background.spiking(world, random, job)?;
    let minutes = 5 + random.below(8);
    let factor = random.pick(&FACTORS).copied().unwrap_or(20);
    let usual = world.share_of(job) * span.records as f64 * percent as f64 / 100.0 / span.minutes.max(1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate times minutes is a count far below 2^53"
    )]
    let records = ((usual * (factor * minutes) as f64).round() as u64).max(LEAST_A_MINUTE * minutes);
    let lines: Vec<Planned> = (0..records)
        .map(|record| {
            let later = if record == 0 { 0 } else { random.below(minutes * 60_000) };
            Planned {
                nanos: at + i64::try_from(later).unwrap_or(0) * 1_000_000,
                job,
                family,
                peer: None,
                dependency: None,
                incident: Some(number),
            }
        })
        .collect();
    let incident = Incident {
        kind: Kind::Spike,
        subject: world.jobs.get(job)?.name.clone(),
        jobs: vec![job],
        root_family: family,
        root_job: job,
        planned: records,
        expected: Some(Expected { least: 1, most: 1 }),
    };
    Some((incident, lines))
}
