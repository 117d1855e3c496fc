//! How failures unfold: a root, then what follows from it, line by line.
//!
//! The order and the distances are those of real runs: a lost TaskManager is told by its peers within half a second
//! and by its heartbeat only after the timeout; a checkpoint expires once per interval until the job is restarted; a
//! data base that is down fails every job that writes to it, again at each restart.

use super::jobs::Platform;
use super::library::Engine;
use super::plan::{Planned, World};
use super::random::Random;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    TaskManagerLost,
    CheckpointSpiral,
    DependencyOutage,
    JobManagerLost,
    CrashLoop,
    /// A restart of a job that always restarted now and then.
    Habit,
    /// One error far more often than usual, and nothing fails.
    Spike,
}

impl Kind {
    /// What `cascade` goes round.
    pub(crate) const ALL: [Kind; 5] = [
        Kind::TaskManagerLost,
        Kind::CheckpointSpiral,
        Kind::DependencyOutage,
        Kind::JobManagerLost,
        Kind::CrashLoop,
    ];

    /// The name in the truth file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::TaskManagerLost => "taskmanager_lost",
            Kind::CheckpointSpiral => "checkpoint_spiral",
            Kind::DependencyOutage => "dependency_outage",
            Kind::JobManagerLost => "jobmanager_lost",
            Kind::CrashLoop => "crash_loop",
            Kind::Habit => "habit",
            Kind::Spike => "spike",
        }
    }
}

/// One failure: what the truth file tells of it beside the counts.
#[derive(Debug, Clone)]
pub(crate) struct Incident {
    pub(crate) kind: Kind,
    /// Who or what failed: a worker, a host name, a job.
    pub(crate) subject: String,
    pub(crate) jobs: Vec<usize>,
    pub(crate) root_family: usize,
    pub(crate) root_job: usize,
    /// How many records it has when it is written to its end.
    pub(crate) planned: u64,
    /// How many alerts are right, where that is known.
    pub(crate) expected: Option<Expected>,
}

/// How many alerts of an incident are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Expected {
    pub(crate) least: u32,
    pub(crate) most: u32,
}

const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// Lines being put together.
struct Script<'a> {
    world: &'a World,
    number: usize,
    lines: Vec<Planned>,
    peer: Option<u64>,
    dependency: Option<u64>,
}

impl<'a> Script<'a> {
    fn new(world: &'a World, number: usize) -> Self {
        Self {
            world,
            number,
            lines: Vec::new(),
            peer: None,
            dependency: None,
        }
    }

    /// One line; a family that does not exist adds nothing (a test finds it).
    fn line(&mut self, nanos: i64, job: usize, family: &str) {
        if let Some(family) = self.world.family(family) {
            self.put(nanos, job, family);
        }
    }

    fn put(&mut self, nanos: i64, job: usize, family: usize) {
        let incident = Some(self.number);
        self.lines.push(Planned {
            nanos,
            job,
            family,
            peer: self.peer,
            dependency: self.dependency,
            incident,
        });
    }

    /// The incident of these lines.
    fn finish(self, kind: Kind, subject: String, job: usize, expected: Expected) -> (Incident, Vec<Planned>) {
        let lines = self.lines;
        let mut jobs: Vec<usize> = lines.iter().map(|line| line.job).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let root = lines.first().copied();
        let incident = Incident {
            kind,
            subject,
            jobs,
            root_family: root.map_or(0, |line| line.family),
            root_job: root.map_or(job, |line| line.job),
            planned: u64::try_from(lines.len()).unwrap_or(u64::MAX),
            expected: Some(expected),
        };
        (incident, lines)
    }

    /// What the JobManager says when a job restarts.
    fn restart(&mut self, nanos: i64, job: usize) {
        self.line(nanos, job, "job_restarting");
        self.line(nanos + 6 * MILLI, job, "checkpoint_suspending");
    }
}

/// Plans incident `number` of `kind`, beginning at `nanos`.
pub(crate) fn plan(
    world: &World,
    random: &mut Random,
    kind: Kind,
    number: usize,
    nanos: i64,
) -> (Incident, Vec<Planned>) {
    let job = flink_job(world, random);
    let (incident, lines) = plan_for(world, random, kind, number, nanos, job);
    let expected = None;
    (Incident { expected, ..incident }, lines)
}

/// The same for a job.
pub(crate) fn plan_for(
    world: &World,
    random: &mut Random,
    kind: Kind,
    number: usize,
    nanos: i64,
    job: usize,
) -> (Incident, Vec<Planned>) {
    let mut script = Script::new(world, number);
    let subject = match kind {
        Kind::TaskManagerLost => task_manager_lost(&mut script, random, job, nanos),
        Kind::CheckpointSpiral => checkpoint_spiral(&mut script, random, job, nanos),
        Kind::DependencyOutage => dependency_outage(&mut script, random, job, nanos),
        Kind::JobManagerLost => job_manager_lost(&mut script, random, job, nanos),
        Kind::CrashLoop => crash_loop(&mut script, random, job, nanos),
        Kind::Habit | Kind::Spike => habit(&mut script, random, job, nanos),
    };
    let expected = match kind {
        Kind::Habit => Expected { least: 0, most: 1 },
        Kind::DependencyOutage => Expected { least: 1, most: 4 },
        Kind::TaskManagerLost | Kind::CheckpointSpiral | Kind::JobManagerLost | Kind::CrashLoop | Kind::Spike => {
            Expected { least: 1, most: 1 }
        }
    };
    script.finish(kind, subject, job, expected)
}

/// An outage of one dependency under these jobs.
pub(crate) fn outage_of(
    world: &World,
    random: &mut Random,
    number: usize,
    nanos: i64,
    jobs: &[usize],
) -> (Incident, Vec<Planned>) {
    let mut script = Script::new(world, number);
    let (family, kind, domain) = random
        .pick(&FAILING)
        .copied()
        .unwrap_or(("pg_down", "pg", "db.internal"));
    let instance = 1 + random.below(5);
    script.dependency = Some(instance);
    let first = jobs.first().copied().unwrap_or_default();
    let org = world.jobs.get(first).map_or("", |job| job.org);
    fail_together(&mut script, random, family, jobs, nanos);
    let subject = format!("{kind}-{org}-{instance}.{domain}");
    script.finish(Kind::DependencyOutage, subject, first, Expected { least: 1, most: 4 })
}

/// A Flink job; large ones fail more often.
fn flink_job(world: &World, random: &mut Random) -> usize {
    for _ in 0..100 {
        let job = world.job_ranks.draw(random);
        if world.jobs.get(job).is_some_and(|job| job.engine == Engine::Flink) {
            return job;
        }
    }
    0
}

fn within(random: &mut Random, from: i64, to: i64) -> i64 {
    let span = u64::try_from(to - from).unwrap_or(0);
    from + i64::try_from(random.below(span.max(1))).unwrap_or(0)
}

fn parallelism(world: &World, job: usize) -> u64 {
    world.jobs.get(job).map_or(1, |job| job.parallelism).min(24)
}

fn task_manager_lost(script: &mut Script<'_>, random: &mut Random, job: usize, at: i64) -> String {
    let peer = random.below(64);
    script.peer = Some(peer);
    let found = script.world.jobs.get(job);
    let subject = found
        .and_then(|job| job.task_manager(peer))
        .map_or(String::new(), |worker| worker.id.clone());
    let on_yarn = found.is_some_and(|job| job.platform == Platform::Yarn);
    if on_yarn {
        script.line(at, job, "tm_heartbeat_lost");
    } else {
        script.line(at, job, "worker_oom_killed");
    }
    for _ in 0..parallelism(script.world, job) {
        script.line(at + within(random, 4 * MILLI, 20 * MILLI), job, "netty_reset");
        script.line(at + within(random, 12 * MILLI, 400 * MILLI), job, "remote_tm_closed");
    }
    script.restart(at + 450 * MILLI, job);
    for try_number in 1..=2 + i64::try_from(random.below(3)).unwrap_or(0) {
        let again = at + try_number * 10 * SECOND;
        script.line(again, job, "recipient_unreachable");
        for _ in 0..2 + random.below(4) {
            script.line(again + within(random, 20 * MILLI, 900 * MILLI), job, "partition_gone");
        }
        script.restart(again + SECOND, job);
        script.line(again + 2 * SECOND, job, "association_gated");
    }
    script.line(at + 45 * SECOND, job, "tm_unreachable");
    if !on_yarn {
        script.line(at + 50 * SECOND, job, "tm_heartbeat_lost");
    }
    subject
}

fn checkpoint_spiral(script: &mut Script<'_>, random: &mut Random, job: usize, at: i64) -> String {
    let interval = within(random, 60 * SECOND, 180 * SECOND);
    let mut now = at;
    for round in 0..3 {
        for _ in 0..2 + random.below(2) {
            script.line(now, job, "checkpoint_expired");
            for _ in 0..1 + random.below(parallelism(script.world, job)) {
                script.line(now + within(random, SECOND, interval), job, "checkpoint_late_ack");
            }
            now += interval;
        }
        script.line(now, job, "checkpoint_tolerable");
        if round < 2 {
            script.restart(now + 3 * MILLI, job);
        } else {
            script.line(now + 3 * MILLI, job, "job_failed");
        }
        now += 2 * interval;
    }
    script.world.jobs.get(job).map_or(String::new(), |job| job.name.clone())
}

/// Families of failing dependencies and how their hosts are called.
const DEPENDENCIES: [(&str, &str, &str); 5] = [
    ("pg_down", "pg", "db.internal"),
    ("redis_refused", "redis", "cache.internal"),
    ("hdfs_refused", "nn", "hdfs.internal"),
    ("mysql_link", "mysql", "db.internal"),
    ("kafka_batch_expired", "kafka", "mq.internal"),
];

/// Those of them with which a job fails that cannot do without.
const FAILING: [(&str, &str, &str); 4] = [
    ("pg_down", "pg", "db.internal"),
    ("kafka_batch_expired", "kafka", "mq.internal"),
    ("es_bulk_rejected", "es", "search.internal"),
    ("hdfs_min_replication", "nn", "hdfs.internal"),
];

fn dependency_outage(script: &mut Script<'_>, random: &mut Random, job: usize, at: i64) -> String {
    let (family, kind, domain) = random
        .pick(&DEPENDENCIES)
        .copied()
        .unwrap_or(("pg_down", "pg", "db.internal"));
    let jobs = &script.world.jobs;
    let Some(first) = jobs.get(job) else {
        return String::new();
    };
    let (org, instance) = (first.org, super::dependency(first));
    let mut hit: Vec<usize> = vec![job];
    for (other, candidate) in jobs.iter().enumerate() {
        let same = candidate.org == org && super::dependency(candidate) == instance;
        if same && candidate.engine == Engine::Flink && other != job && hit.len() < 24 {
            hit.push(other);
        }
    }
    fail_together(script, random, family, &hit, at);
    format!("{kind}-{org}-{instance}.{domain}")
}

/// A dependency is away for so long at most.
pub(crate) const LONGEST_OUTAGE: i64 = 600 * SECOND;

/// Job after job fails with it, and again at each restart until it is back.
fn fail_together(script: &mut Script<'_>, random: &mut Random, family: &str, jobs: &[usize], at: i64) {
    let length = within(random, 90 * SECOND, LONGEST_OUTAGE);
    for (order, job) in jobs.iter().enumerate() {
        let mut now = if order == 0 {
            at
        } else {
            at + within(random, 200 * MILLI, 15 * SECOND)
        };
        while now < at + length {
            for _ in 0..parallelism(script.world, *job).min(4) {
                script.line(
                    now + if script.lines.is_empty() {
                        0
                    } else {
                        within(random, MILLI, 300 * MILLI)
                    },
                    *job,
                    family,
                );
            }
            script.restart(now + 400 * MILLI, *job);
            now += within(random, 20 * SECOND, 70 * SECOND);
        }
    }
}

fn job_manager_lost(script: &mut Script<'_>, random: &mut Random, job: usize, at: i64) -> String {
    script.line(at, job, "heartbeat_jm");
    for _ in 1..parallelism(script.world, job) {
        script.line(at + within(random, MILLI, 600 * MILLI), job, "heartbeat_jm");
    }
    for step in 0..4 {
        script.line(at + SECOND + step * 10 * SECOND, job, "association_gated");
    }
    script.restart(at + 30 * SECOND, job);
    let manager = script.world.jobs.get(job).and_then(|job| job.job_manager());
    manager.map_or(String::new(), |worker| worker.id.clone())
}

/// Failures in a job's own code.
const OWN: [&str; 8] = [
    "npe_in_map",
    "number_format",
    "class_cast",
    "date_parse",
    "index_oob",
    "json_malformed",
    "no_such_method",
    "heap_oom",
];

fn crash_loop(script: &mut Script<'_>, random: &mut Random, job: usize, at: i64) -> String {
    let family = random.pick(&OWN).copied().unwrap_or("npe_in_map");
    let mut now = at;
    for _ in 0..4 + random.below(9) {
        script.line(now, job, family);
        if random.chance(500) {
            script.line(now + 30 * MILLI, job, family);
        }
        script.restart(now + 60 * MILLI, job);
        now += within(random, 10 * SECOND, 14 * SECOND);
    }
    script.line(now, job, family);
    script.line(now + 50 * MILLI, job, "job_failed");
    script.world.jobs.get(job).map_or(String::new(), |job| job.name.clone())
}

/// One task fails, the job restarts, and goes on.
fn habit(script: &mut Script<'_>, random: &mut Random, job: usize, at: i64) -> String {
    for copy in 0..1 + random.below(2) {
        script.line(at + i64::try_from(copy).unwrap_or(0) * 40 * MILLI, job, "async_timeout");
    }
    script.restart(at + 90 * MILLI, job);
    script.world.jobs.get(job).map_or(String::new(), |job| job.name.clone())
}

#[cfg(test)]
mod tests {
    use crate::generate::library;

    #[test]
    fn every_family_an_incident_names_exists() {
        let ids: Vec<String> = library::shipped().unwrap().into_iter().map(|f| f.id).collect();
        let source = include_str!("incidents.rs");
        let code = source.split("#[cfg(test)]").next().unwrap();
        let named = code.split("job, \"").skip(1).filter_map(|rest| rest.split('"').next());
        let listed = super::OWN
            .into_iter()
            .chain(super::DEPENDENCIES.iter().map(|(family, _, _)| *family))
            .chain(super::FAILING.iter().map(|(family, _, _)| *family));
        for name in named.chain(listed) {
            assert!(ids.iter().any(|id| id == name), "{name}");
        }
    }
}
