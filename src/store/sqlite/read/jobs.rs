//! Jobs and how well they are ([`crate::store::health`]).

use super::super::codes::{Column, Dim, FLAG_RESTART, field_code};
use super::super::counts::{Ids, Window, sums};
use super::super::dictionary;
use super::super::write::{part_id, severity_id};
use super::errors::value;
use super::issues::Counted;
use super::{Snapshot, failed};
use crate::event::{Part, Severity};
use crate::query::Field;
use crate::store::cursor;
use crate::store::health::{Fleet, Told, health};
use crate::store::window::time_text;
use crate::store::{Job, JobDetail, JobsAsk, Page, ReadError};
use std::collections::BTreeMap;

/// Issues of a job that are shown with it.
const TOP_ERRORS: usize = 20;

/// What the window says of a job, and the issue seen last: its attributes are those of the job.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    told: Told,
    latest: u32,
    last_nanos: u64,
}

impl Snapshot<'_> {
    /// A tally for every job with an event in the window, and the counts of every issue.
    fn tallies(&self, window: Window) -> Result<(BTreeMap<u32, Tally>, Vec<u64>), ReadError> {
        let counts = sums(self.connection, Dim::Issue, Ids::Below(self.numbers.next_issue), window).map_err(failed)?;
        let (jobs, fps) = (self.narrow(Column::IssueJob)?, self.narrow(Column::IssueFp)?);
        let (first, last) = (self.wide(Column::IssueFirst)?, self.wide(Column::IssueLast)?);
        let (parts, flags) = (self.narrow(Column::FpPart)?, self.narrow(Column::FpFlags)?);
        let severities = self.narrow(Column::FpSeverity)?;
        let noise = part_id(Part::Noise);
        let (critical, high) = (severity_id(Severity::Critical), severity_id(Severity::High));
        let size = jobs.iter().max().map_or(0, |max| max.saturating_add(1));
        let mut tallies = vec![Tally::default(); usize::try_from(size).unwrap_or(0)];
        for (id, count) in (0_u32..).zip(&counts) {
            let fp = value(&fps, id);
            if *count == 0 || fp == 0 {
                continue;
            }
            let job = usize::try_from(value(&jobs, id)).ok();
            let Some(tally) = job.and_then(|job| tallies.get_mut(job)) else {
                continue;
            };
            let last = value(&last, id);
            if tally.latest == 0 || last > tally.last_nanos {
                (tally.latest, tally.last_nanos) = (id, last);
            }
            if value(&flags, fp) & FLAG_RESTART != 0 {
                tally.told.restarts += count;
            }
            if value(&parts, fp) == noise {
                continue;
            }
            tally.told.count += count;
            tally.told.issues += 1;
            let first = value(&first, id);
            tally.told.new += u64::from(first >= window.begin_nanos() && first < window.end_nanos());
            let severity = value(&severities, fp);
            tally.told.critical += u64::from(severity == critical);
            tally.told.high += u64::from(severity == high);
        }
        let tallies = (0_u32..).zip(tallies).filter(|(_, tally)| tally.latest != 0).collect();
        Ok((tallies, counts))
    }

    pub(super) fn jobs(&self, ask: &JobsAsk) -> Result<Page<Job>, ReadError> {
        let limit = ask.limit.clamp(1, 500);
        let window = Window::of_millis(ask.from, ask.to);
        let after = ask
            .after
            .as_deref()
            .map(|after| cursor::read_job(after, |job| u32::from_str_radix(job, 16).ok()))
            .transpose()?;
        let (tallies, _) = self.tallies(window)?;
        let fleet = Fleet::of(tallies.values().map(|tally| &tally.told));
        let wanted = ask.name.to_lowercase();
        let mut found = Vec::new();
        for (job, tally) in &tallies {
            let (health, _) = health(&tally.told, fleet);
            let place = (health, u64::MAX - tally.told.count, *job);
            if after.is_some_and(|after| place <= after) {
                continue;
            }
            if !wanted.is_empty() {
                let name = self.name(Field::Job, *job)?.unwrap_or_default();
                if !name.to_lowercase().contains(&wanted) {
                    continue;
                }
            }
            found.push(place);
        }
        found.sort_unstable();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found
            .last()
            .filter(|_| more)
            .map(|(health, rest, job)| cursor::write_job(*health, *rest, format_args!("{job:x}")));
        let ids: Vec<u32> = found.iter().map(|(_, _, job)| *job).collect();
        let mut lines = if ask.sparkline > 0 {
            let size = ids.iter().max().map_or(0, |max| max.saturating_add(1));
            self.count(Dim::LoudJob, &ids, size, window, ask.sparkline)?
        } else {
            Counted::default()
        };
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(tally) = tallies.get(&id) {
                let line = lines.remove(&id).map(|(_, line)| line).unwrap_or_default();
                items.push(self.shown(id, tally, fleet, line)?);
            }
        }
        Ok(Page { items, next })
    }

    pub(super) fn job(&self, name: &str, window: Window) -> Result<JobDetail, ReadError> {
        let unknown = || ReadError::NotFound(format!("job {:?}", name.chars().take(200).collect::<String>()));
        let code = field_code(Field::Job).unwrap_or(0);
        let id = dictionary::find(self.connection, code, name)
            .map_err(failed)?
            .ok_or_else(unknown)?;
        let (tallies, counts) = self.tallies(window)?;
        let jobs = self.narrow(Column::IssueJob)?;
        let fps = self.narrow(Column::IssueFp)?;
        let last = self.wide(Column::IssueLast)?;
        let mut tally = tallies.get(&id).copied().unwrap_or_default();
        let mut top: Vec<(u64, u32)> = Vec::new();
        for (issue, job) in (0_u32..).zip(jobs.iter()) {
            if *job != id || value(&fps, issue) == 0 {
                continue;
            }
            let nanos = value(&last, issue);
            if tally.latest == 0 || nanos > tally.last_nanos {
                (tally.latest, tally.last_nanos) = (issue, nanos);
            }
            let count = value(&counts, issue);
            if count > 0 {
                top.push((count, issue));
            }
        }
        if tally.latest == 0 {
            return Err(unknown());
        }
        top.sort_unstable_by(|a, b| b.cmp(a));
        top.truncate(TOP_ERRORS);
        let ids: Vec<u32> = top.into_iter().map(|(_, id)| id).collect();
        let now = i64::from(window.to).saturating_mul(60_000);
        Ok(JobDetail {
            job: self.shown(
                id,
                &tally,
                Fleet::of(tallies.values().map(|tally| &tally.told)),
                Vec::new(),
            )?,
            top_errors: self.hydrate(&ids, window, 0, now)?,
        })
    }

    fn shown(&self, id: u32, tally: &Tally, fleet: Fleet, sparkline: Vec<u64>) -> Result<Job, ReadError> {
        let attribute = |column, field| -> Result<Option<String>, ReadError> {
            self.name(field, u32::try_from(self.one(column, tally.latest)?).unwrap_or(0))
        };
        let (health, health_parts) = health(&tally.told, fleet);
        Ok(Job {
            job: self.name(Field::Job, id)?.unwrap_or_else(|| "-".to_owned()),
            team: attribute(Column::IssueTeam, Field::Team)?,
            cluster: attribute(Column::IssueCluster, Field::Cluster)?,
            engine: attribute(Column::IssueEngine, Field::Engine)?,
            count: tally.told.count,
            issues: tally.told.issues,
            new_issues: tally.told.new,
            restarts: tally.told.restarts,
            health,
            health_parts,
            last_seen: time_text(tally.last_nanos),
            sparkline,
        })
    }
}
