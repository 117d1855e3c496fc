//! One issue in full, and its samples.

use super::super::codes::{Column, Dim, Level, detail_key};
use super::super::counts::{Ids, Window, walk};
use super::super::sample::{self, Seen};
use super::super::set::IdSet;
use super::super::stack;
use super::errors::value;
use super::{Snapshot, failed};
use crate::event::IssueId;
use crate::query::Field;
use crate::store::cursor;
use crate::store::window::minute_text;
use crate::store::{ErrorAsk, Issue, IssueDetail, Page, ReadError, StoredSample};
use rusqlite::OptionalExtension as _;
use std::collections::BTreeSet;

/// Most hosts, roles and tasks of an issue that are named.
const MOST_NAMES: usize = 100;

/// Detail rows looked at for tasks: the latest of the window.
const ROWS_FOR_TASKS: usize = 200;

impl Snapshot<'_> {
    pub(super) fn error(&self, ask: &ErrorAsk) -> Result<IssueDetail, ReadError> {
        let id = self.issue(ask.id)?;
        let window = Window::of_millis(ask.from, ask.to);
        let now = ask.to;
        let issue = self.hydrate(&[id], window, 0, now)?.pop();
        let issue = issue.ok_or_else(|| ReadError::NotFound(format!("issue {}", ask.id)))?;
        let fp = u32::try_from(self.one(Column::IssueFp, id)?).unwrap_or(0);
        let chain = self
            .described(fp)?
            .map(|described| described.body.chain)
            .unwrap_or_default();
        let minutes = self.minutes(id, window)?;
        let mut tasks = BTreeSet::new();
        for (minute, _) in minutes.iter().rev().take(ROWS_FOR_TASKS) {
            tasks.extend(self.seen(id, *minute)?.tasks);
        }
        let (hosts, roles) = self.places(id)?;
        let last = u32::try_from(self.one(Column::IssueLast, id)? / 60_000_000_000).unwrap_or(0);
        let group = u32::try_from(self.one(Column::FpGroup, fp)?).unwrap_or(0);
        let groups = self.narrow(Column::FpGroup)?;
        let same_group = IdSet::of(&groups, |other| other != 0 && other == group);
        let mut kin = IdSet::none(self.numbers.next_fingerprint);
        same_group
            .iter()
            .filter(|other| *other != fp)
            .for_each(|other| kin.insert(other));
        Ok(IssueDetail {
            exception_chain: chain,
            minutes: minutes
                .iter()
                .map(|(minute, count)| (minute_text(*minute), *count))
                .collect(),
            hosts,
            roles,
            tasks: self.names(Field::Task, tasks)?,
            sample: self.sample(id, fp, last)?,
            same_fingerprint: self.kin(id, |other| other == fp, ask.kin, window, now)?,
            same_group: self.kin(id, |other| kin.contains(other), ask.kin, window, now)?,
            issue,
        })
    }

    /// The latest issues whose fingerprint is wanted, without `but`.
    fn kin(
        &self,
        but: u32,
        wanted: impl Fn(u32) -> bool,
        most: usize,
        window: Window,
        now: i64,
    ) -> Result<Vec<Issue>, ReadError> {
        let fingerprints = self.narrow(Column::IssueFp)?;
        let found = IdSet::of(&fingerprints, |fp| fp != 0 && wanted(fp));
        let last = self.wide(Column::IssueLast)?;
        let mut latest: Vec<(u64, u32)> = found
            .iter()
            .filter(|id| *id != but)
            .map(|id| (value(&last, id), id))
            .collect();
        latest.sort_unstable_by(|a, b| b.cmp(a));
        latest.truncate(most.min(500));
        let ids: Vec<u32> = latest.into_iter().map(|(_, id)| id).collect();
        self.hydrate(&ids, window, 0, now)
    }

    /// Counts by minute, ascending.
    fn minutes(&self, id: u32, window: Window) -> Result<Vec<(u32, u64)>, ReadError> {
        self.slots(id, (Level::Minute, window.from, window.to))
    }

    fn slots(&self, id: u32, piece: (Level, u32, u32)) -> Result<Vec<(u32, u64)>, ReadError> {
        let mut only = IdSet::none(self.numbers.next_issue);
        only.insert(id);
        let mut slots = Vec::new();
        walk(
            self.connection,
            Dim::Issue,
            Ids::In(&only),
            &[piece],
            |slot, _, count| slots.push((slot, count)),
        )
        .map_err(failed)?;
        Ok(slots)
    }

    /// Hosts and roles an issue was ever counted on.
    fn places(&self, id: u32) -> Result<(Vec<String>, Vec<String>), ReadError> {
        let issues = self.narrow(Column::SeriesIssue)?;
        let mut hosts = BTreeSet::new();
        let mut roles = BTreeSet::new();
        for series in IdSet::of(&issues, |issue| issue == id).iter() {
            hosts.insert(u32::try_from(self.one(Column::SeriesHost, series)?).unwrap_or(0));
            roles.insert(u32::try_from(self.one(Column::SeriesRole, series)?).unwrap_or(0));
            if hosts.len() > MOST_NAMES {
                break;
            }
        }
        Ok((self.names(Field::Host, hosts)?, self.names(Field::Role, roles)?))
    }

    fn names(&self, field: Field, ids: BTreeSet<u32>) -> Result<Vec<String>, ReadError> {
        let mut names = Vec::new();
        for id in ids {
            names.extend(self.name(field, id)?);
        }
        names.sort();
        names.truncate(MOST_NAMES);
        Ok(names)
    }

    fn seen(&self, issue: u32, minute: u32) -> Result<Seen, ReadError> {
        let seen: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT seen FROM details WHERE key = ?1")
            .and_then(|mut read| read.query_row([detail_key(minute, issue)], |row| row.get(0)).optional())
            .map_err(failed)?;
        Ok(seen.and_then(|seen| Seen::decode(&seen)).unwrap_or_default())
    }

    /// The sample of a minute.
    fn sample(&self, issue: u32, fingerprint: u32, minute: u32) -> Result<Option<StoredSample>, ReadError> {
        let row: Option<(i64, Vec<u8>)> = self
            .connection
            .prepare_cached("SELECT count, sample FROM details WHERE key = ?1")
            .and_then(|mut read| {
                read.query_row([detail_key(minute, issue)], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map_err(failed)?;
        let Some((count, body)) = row else {
            return Ok(None);
        };
        let mut error = None;
        let mut names = |field, id| {
            self.name(field, id).unwrap_or_else(|first| {
                error = Some(first);
                None
            })
        };
        let mut base = || {
            let packed: Option<Vec<u8>> = self
                .connection
                .prepare_cached("SELECT stack FROM fingerprints WHERE id = ?1")
                .and_then(|mut read| read.query_row([fingerprint], |row| row.get(0)).optional())
                .ok()
                .flatten()
                .flatten();
            packed.and_then(|packed| stack::unpack(&packed)).unwrap_or_default()
        };
        let sample = sample::decode(&body, &mut names, &mut base);
        if let Some(error) = error {
            return Err(error);
        }
        let sample = sample.ok_or_else(|| {
            ReadError::Store(format!(
                "the sample of minute {minute} cannot be read; the store may be damaged"
            ))
        })?;
        Ok(Some(StoredSample {
            minute: minute_text(minute),
            count: u64::try_from(count).unwrap_or(0),
            sample,
        }))
    }

    pub(super) fn samples(
        &self,
        issue: IssueId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StoredSample>, ReadError> {
        let id = self.issue(issue)?;
        let fp = u32::try_from(self.one(Column::IssueFp, id)?).unwrap_or(0);
        let limit = limit.clamp(1, 200);
        let before = match after {
            None => u32::MAX,
            Some(cursor) => cursor::number(cursor, "samples")?,
        };
        let last = u32::try_from(self.one(Column::IssueLast, id)? / 3_600_000_000_000).unwrap_or(0);
        let hours = self.slots(id, (Level::Hour, 0, last.saturating_add(1)))?;
        let mut items: Vec<StoredSample> = Vec::new();
        let mut oldest = None;
        for (hour, _) in hours.iter().rev().filter(|(hour, _)| *hour < before) {
            let minutes = self.slots(id, (Level::Minute, *hour, hour.saturating_add(60).min(before)))?;
            for (minute, _) in minutes.iter().rev() {
                if items.len() >= limit {
                    return Ok(Page {
                        items,
                        next: oldest.map(|minute: u32| minute.to_string()),
                    });
                }
                items.extend(self.sample(id, fp, *minute)?);
                oldest = Some(*minute);
            }
            self.in_time()?;
        }
        Ok(Page { items, next: None })
    }
}
