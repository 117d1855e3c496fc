//! What was generated, counted while it was written.
//!
//! The truth file is one JSON object:
//!
//! ```text
//! {
//!   "format": 1,
//!   "scenario": "cascade", "seed": 1, "layout": "mix", "start": "2026-11-21T00:00:00.000Z",
//!   "first": "…Z", "last": "…Z",                     event times of the first and the last record (null when none)
//!   "records": 100000,                                records written, one per line (text: one or more lines)
//!   "bytes": 471000000,                               without line ends
//!   "distinct": 43210,                                (job, family) pairs; novel: records, each an error of its own
//!   "every_record_is_new": false,                     true for novel
//!   "levels": {"WARN": 81000, …}, "layouts": {"ecs": 65000, …},
//!   "families": [{"id": "pg_down", "engine": "flink", "level": "WARN", "part": "root",
//!                 "root_class": "org.postgresql.util.PSQLException",      the cause that tells; null without a stack
//!                 "chain": ["java.io.IOException", …],                    outermost first; {pkg} is the job's package
//!                 "error_type": "jdbc_reconnect_failed", "count": 12}, …], error_type null: no type is expected
//!   "jobs": [{"job_id": "32 hex", "job_name": "…", "engine": "flink", "platform": "kubernetes" | "yarn",
//!             "cluster": "…", "namespace": "…" (kubernetes), "team": "…", "package": "com.acme.orders",
//!             "layout": "ecs", "version": "1.20.3", "task": "…", "parallelism": 8,
//!             "workers": ["pod or container", …] (the JobManager first), "count": 9}, …]   jobs that wrote something
//!   "pairs":   [[job, family, count], …]              positions in `jobs` and `families`
//!   "minutes": [[minute, job, family, count], …]      minutes since the epoch; absent unless asked for
//!   "incidents": [{"kind": "taskmanager_lost", "subject": "…", "jobs": [job, …], "complete": true,
//!                  "root": {"job": 3, "family": 17, "at": "…Z"},
//!                  "started_at": "…Z", "ended_at": "…Z", "records": 41,
//!                  "lines": [{"family": 17, "count": 1, "root": true, "first_seen": "…Z", "last_seen": "…Z"}, …]}, …]
//! }
//! ```
//!
//! Incidents of `fleet` say how many alerts are right: `"expected_alerts": {"least": 1, "most": 1}`. Failures of a job
//! (`taskmanager_lost`, `checkpoint_spiral`, `jobmanager_lost`, `crash_loop`) and a `spike` (one error of a job at many
//! times its usual rate, nothing fails) want one; a `dependency_outage` under 3 to 20 jobs wants 1 to 4; a `habit` (a
//! single restart of a job that restarted so every few hours from the beginning) may be told or not. Incidents of one
//! job lie 45 minutes apart; the first three quarters of the time are for learning and hold few. Whatever is in no
//! incident is what healthy jobs log: an alert of it is a false one.
//!
//! All times are RFC 3339 in UTC. `lines` counts every family of an incident: the one with `root: true` is the root and
//! its copies (in other subtasks, at later restarts, in other jobs), the others are followers.

use super::generator::Made;
use super::incidents::{Expected, Incident};
use super::jobs::Platform;
use super::layouts::LayoutKind;
use super::options::{Options, Scenario};
use super::plan::{Planned, World};
use crate::event::EventTime;
use hashbrown::HashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts kept while records are written.
#[derive(Debug)]
pub(crate) struct Tally {
    families: usize,
    pairs: Vec<u32>,
    minutes: Option<HashMap<(i64, usize), u32, foldhash::fast::FixedState>>,
    incidents: Vec<BTreeMap<usize, Line>>,
    layouts: BTreeMap<LayoutKind, u64>,
    records: u64,
    bytes: u64,
    first: Option<i64>,
    last: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    count: u64,
    first: i64,
    last: i64,
}

impl Tally {
    pub(crate) fn new(world: &World, minutes: bool) -> Self {
        let families = world.families.len();
        Self {
            families,
            pairs: vec![0; families.saturating_mul(world.jobs.len())],
            // The seed is fixed, and what comes out is sorted: the order of the table never shows.
            minutes: minutes.then(|| HashMap::with_hasher(foldhash::fast::FixedState::with_seed(1))),
            incidents: Vec::new(),
            layouts: BTreeMap::new(),
            records: 0,
            bytes: 0,
            first: None,
            last: None,
        }
    }

    pub(crate) fn add(&mut self, planned: &Planned, made: Made) {
        let pair = planned.job.saturating_mul(self.families).saturating_add(planned.family);
        if let Some(count) = self.pairs.get_mut(pair) {
            *count += 1;
        }
        let millis = planned.nanos.div_euclid(1_000_000);
        if let Some(minutes) = &mut self.minutes {
            *minutes.entry((millis.div_euclid(60_000), pair)).or_insert(0) += 1;
        }
        if let Some(number) = planned.incident {
            if self.incidents.len() <= number {
                self.incidents.resize_with(number + 1, BTreeMap::new);
            }
            if let Some(lines) = self.incidents.get_mut(number) {
                let line = lines.entry(planned.family).or_insert(Line {
                    count: 0,
                    first: millis,
                    last: millis,
                });
                line.count += 1;
                line.first = line.first.min(millis);
                line.last = line.last.max(millis);
            }
        }
        *self.layouts.entry(made.layout).or_insert(0) += 1;
        self.records += 1;
        self.bytes += u64::try_from(made.bytes).unwrap_or(0);
        self.first = Some(self.first.map_or(millis, |first| first.min(millis)));
        self.last = Some(self.last.map_or(millis, |last| last.max(millis)));
    }

    /// The counts as a truth.
    pub(crate) fn truth(&self, options: &Options, world: &World, incidents: &[Incident]) -> Truth {
        let mut by_family = vec![0_u64; world.families.len()];
        let mut by_job = vec![0_u64; world.jobs.len()];
        for (pair, count) in self.pairs.iter().enumerate() {
            let (job, family) = (pair / self.families.max(1), pair % self.families.max(1));
            if let Some(sum) = by_family.get_mut(family) {
                *sum += u64::from(*count);
            }
            if let Some(sum) = by_job.get_mut(job) {
                *sum += u64::from(*count);
            }
        }
        let mut position = vec![0_usize; world.jobs.len()];
        let mut jobs = Vec::new();
        for (number, (job, count)) in world.jobs.iter().zip(&by_job).enumerate() {
            if *count > 0 {
                if let Some(slot) = position.get_mut(number) {
                    *slot = jobs.len();
                }
                jobs.push(JobTruth {
                    job_id: job.id.clone(),
                    job_name: job.name.clone(),
                    engine: job.engine.as_str(),
                    platform: match job.platform {
                        Platform::Kubernetes => "kubernetes",
                        Platform::Yarn => "yarn",
                    },
                    cluster: job.cluster.clone(),
                    namespace: (job.platform == Platform::Kubernetes).then(|| job.namespace.clone()),
                    team: job.team.clone(),
                    package: job.package.clone(),
                    layout: job.layout.as_str(),
                    version: job.version,
                    task: job.task.clone(),
                    parallelism: job.parallelism,
                    workers: job.workers.iter().map(|worker| worker.id.clone()).collect(),
                    count: *count,
                });
            }
        }
        let place = |job: usize| position.get(job).copied().unwrap_or_default();
        let pairs: Vec<(usize, usize, u32)> = self
            .pairs
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(pair, count)| (place(pair / self.families.max(1)), pair % self.families.max(1), *count))
            .collect();
        let mut levels: BTreeMap<String, u64> = BTreeMap::new();
        for (family, count) in world.families.iter().zip(&by_family).filter(|(_, count)| **count > 0) {
            *levels.entry(family.level.to_uppercase()).or_insert(0) += count;
        }
        let novel = options.scenario == Scenario::Novel;
        Truth {
            format: 1,
            scenario: options.scenario.as_str(),
            seed: options.seed,
            layout: options.layout.to_string(),
            start: rfc3339(options.start_millis),
            first: self.first.map(rfc3339),
            last: self.last.map(rfc3339),
            records: self.records,
            bytes: self.bytes,
            distinct: if novel {
                self.records
            } else {
                u64::try_from(pairs.len()).unwrap_or(u64::MAX)
            },
            every_record_is_new: novel,
            levels,
            layouts: self
                .layouts
                .iter()
                .map(|(layout, count)| (layout.as_str(), *count))
                .collect(),
            families: world
                .families
                .iter()
                .zip(&by_family)
                .map(|(family, count)| FamilyTruth {
                    id: family.id.clone(),
                    engine: family.engine.as_str(),
                    level: family.level.clone(),
                    part: family.part.clone(),
                    root_class: family.root_class(),
                    chain: family.chain().into_iter().map(|link| link.class).collect(),
                    error_type: family.error_type.clone(),
                    count: *count,
                })
                .collect(),
            jobs,
            pairs,
            minutes: self.minutes.as_ref().map(|minutes| self.sorted(minutes, &place)),
            incidents: self
                .incidents
                .iter()
                .zip(incidents)
                .filter(|(lines, _)| !lines.is_empty())
                .map(|(lines, incident)| incident_truth(lines, incident, &place))
                .collect(),
        }
    }

    #[allow(clippy::iter_over_hash_type, reason = "sorted before anybody sees it")]
    fn sorted(
        &self,
        minutes: &HashMap<(i64, usize), u32, foldhash::fast::FixedState>,
        place: &dyn Fn(usize) -> usize,
    ) -> Vec<(i64, usize, usize, u32)> {
        let mut all = Vec::with_capacity(minutes.len());
        for ((minute, pair), count) in minutes {
            all.push((
                *minute,
                place(pair / self.families.max(1)),
                pair % self.families.max(1),
                *count,
            ));
        }
        all.sort_unstable();
        all
    }
}

fn incident_truth(lines: &BTreeMap<usize, Line>, incident: &Incident, place: &dyn Fn(usize) -> usize) -> IncidentTruth {
    let records: u64 = lines.values().map(|line| line.count).sum();
    let started = lines.values().map(|line| line.first).min().unwrap_or_default();
    let ended = lines.values().map(|line| line.last).max().unwrap_or_default();
    IncidentTruth {
        kind: incident.kind.as_str(),
        subject: incident.subject.clone(),
        jobs: incident.jobs.iter().map(|job| place(*job)).collect(),
        complete: records == incident.planned,
        expected_alerts: incident.expected,
        root: RootTruth {
            job: place(incident.root_job),
            family: incident.root_family,
            at: rfc3339(started),
        },
        started_at: rfc3339(started),
        ended_at: rfc3339(ended),
        records,
        lines: lines
            .iter()
            .map(|(family, line)| LineTruth {
                family: *family,
                count: line.count,
                root: *family == incident.root_family,
                first_seen: rfc3339(line.first),
                last_seen: rfc3339(line.last),
            })
            .collect(),
    }
}

fn rfc3339(millis: i64) -> String {
    EventTime::from_millis(millis).rfc3339()
}

/// What was generated. The module says what each field means.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    format: u32,
    scenario: &'static str,
    seed: u64,
    layout: String,
    start: String,
    first: Option<String>,
    last: Option<String>,
    /// Records written.
    pub records: u64,
    /// Bytes written, line ends aside.
    pub bytes: u64,
    /// Distinct errors: (job, family) pairs, or records where every record is new.
    pub distinct: u64,
    every_record_is_new: bool,
    levels: BTreeMap<String, u64>,
    layouts: BTreeMap<&'static str, u64>,
    /// The families, also those that wrote nothing.
    pub families: Vec<FamilyTruth>,
    /// The jobs that wrote something.
    pub jobs: Vec<JobTruth>,
    /// Job, family and count.
    pub pairs: Vec<(usize, usize, u32)>,
    /// Minute since the epoch, job, family and count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<Vec<(i64, usize, usize, u32)>>,
    /// The failures behind the records.
    pub incidents: Vec<IncidentTruth>,
}

/// One kind of failure.
#[derive(Debug, Clone, Serialize)]
pub struct FamilyTruth {
    /// Its name here.
    pub id: String,
    engine: &'static str,
    /// Level as logged.
    pub level: String,
    /// root, symptom or noise.
    pub part: String,
    /// Class of the cause that tells.
    pub root_class: Option<String>,
    /// Classes, outermost first.
    pub chain: Vec<String>,
    /// The type the rule catalogue has.
    pub error_type: Option<String>,
    /// Records.
    pub count: u64,
}

/// One job.
#[derive(Debug, Clone, Serialize)]
pub struct JobTruth {
    /// 32 hex digits.
    pub job_id: String,
    /// Name.
    pub job_name: String,
    engine: &'static str,
    platform: &'static str,
    /// Cluster id or application id.
    pub cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// Team.
    pub team: String,
    package: String,
    layout: &'static str,
    version: &'static str,
    task: String,
    parallelism: u64,
    workers: Vec<String>,
    /// Records.
    pub count: u64,
}

/// One failure.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentTruth {
    /// What kind.
    pub kind: &'static str,
    subject: String,
    /// Positions in `jobs`.
    pub jobs: Vec<usize>,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_alerts: Option<Expected>,
    root: RootTruth,
    started_at: String,
    ended_at: String,
    /// Records that belong to it.
    pub records: u64,
    lines: Vec<LineTruth>,
}

#[derive(Debug, Clone, Serialize)]
struct RootTruth {
    job: usize,
    family: usize,
    at: String,
}

#[derive(Debug, Clone, Serialize)]
struct LineTruth {
    family: usize,
    count: u64,
    root: bool,
    first_seen: String,
    last_seen: String,
}
