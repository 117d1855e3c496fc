//! Issues as they are shown, from their numbers.

use super::super::codes::{Column, Dim, Level};
use super::super::counts::{Ids, Window, walk};
use super::super::set::IdSet;
use super::super::write::Body;
use super::{Snapshot, failed};
use crate::event::{Fingerprint, Group, IssueId, Part, Severity};
use crate::query::Field;
use crate::store::window::time_text;
use crate::store::{Issue, IssueState, ReadError};
use rusqlite::OptionalExtension as _;
use std::collections::HashMap;

/// Longest window whose sparkline is read minute by minute; beyond, hours fall whole into the bucket they begin in.
const BY_MINUTE: u32 = 48 * 60;

/// Sum and counts by bucket, by id.
pub(super) type Counted = HashMap<u32, (u64, Vec<u64>), foldhash::fast::FixedState>;

/// A fingerprint with what the store keeps of it.
pub(super) struct Described {
    pub(super) fingerprint: Fingerprint,
    pub(super) body: Body,
}

impl Snapshot<'_> {
    /// Issues by number, in the order given. Those that are gone are left out.
    pub(super) fn hydrate(
        &self,
        ids: &[u32],
        window: Window,
        buckets: usize,
        now: i64,
    ) -> Result<Vec<Issue>, ReadError> {
        let mut counted = self.count(Dim::Issue, ids, self.numbers.next_issue, window, buckets)?;
        let mut issues = Vec::with_capacity(ids.len());
        for id in ids {
            let (count, sparkline) = counted.remove(id).unwrap_or_default();
            if let Some(issue) = self.hydrate_one(*id, count, sparkline, now)? {
                issues.push(issue);
            }
        }
        Ok(issues)
    }

    /// Sum and counts by bucket of some ids of a dimension over a window.
    pub(super) fn count(
        &self,
        dim: Dim,
        ids: &[u32],
        size: u32,
        window: Window,
        buckets: usize,
    ) -> Result<Counted, ReadError> {
        self.in_time()?;
        let buckets = buckets.min(1_000);
        let mut set = IdSet::none(size);
        let mut counted = Counted::default();
        for id in ids {
            set.insert(*id);
            counted.insert(*id, (0, vec![0; buckets]));
        }
        let width = u64::from(window.to.saturating_sub(window.from)).max(1);
        let pieces = if buckets > 0 && width <= u64::from(BY_MINUTE) {
            vec![(Level::Minute, window.from, window.to)]
        } else {
            window.pieces()
        };
        let in_all = u64::try_from(buckets).unwrap_or(0);
        walk(self.connection, dim, Ids::In(&set), &pieces, |slot, id, count| {
            if let Some((sum, line)) = counted.get_mut(&id) {
                *sum = sum.saturating_add(count);
                let at = u64::from(slot.saturating_sub(window.from)) * in_all / width;
                if let Some(bucket) = usize::try_from(at).ok().and_then(|at| line.get_mut(at)) {
                    *bucket = bucket.saturating_add(count);
                }
            }
        })
        .map_err(failed)?;
        Ok(counted)
    }

    fn hydrate_one(&self, id: u32, count: u64, sparkline: Vec<u64>, now: i64) -> Result<Option<Issue>, ReadError> {
        let narrow =
            |column| -> Result<u32, ReadError> { self.one(column, id).map(|value| u32::try_from(value).unwrap_or(0)) };
        let fp = narrow(Column::IssueFp)?;
        let key: Option<[u8; 16]> = self
            .connection
            .prepare_cached("SELECT issue FROM issues WHERE id = ?1")
            .and_then(|mut read| read.query_row([id], |row| row.get(0)).optional())
            .map_err(failed)?;
        let (Some(key), Some(described)) = (key, self.described(fp)?) else {
            return Ok(None);
        };
        let of_fp = |column, field| -> Result<Option<String>, ReadError> {
            let value = u32::try_from(self.one(column, fp)?).unwrap_or(0);
            self.name(field, value)
        };
        let of_issue = |column, field| -> Result<Option<String>, ReadError> { self.name(field, narrow(column)?) };
        let group = of_fp(Column::FpGroup, Field::Group)?.and_then(|group| group.parse().ok());
        let severity = self.one(Column::FpSeverity, fp)?;
        let part = self.one(Column::FpPart, fp)?;
        let title = described
            .body
            .exception_template
            .as_ref()
            .unwrap_or(&described.body.template)
            .clone();
        Ok(Some(Issue {
            id: IssueId::from_bytes(key),
            fingerprint: described.fingerprint,
            group: group.unwrap_or(Group(0)),
            job: of_issue(Column::IssueJob, Field::Job)?.unwrap_or_else(|| "-".to_owned()),
            job_id: of_issue(Column::IssueJobId, Field::JobId)?,
            team: of_issue(Column::IssueTeam, Field::Team)?,
            cluster: of_issue(Column::IssueCluster, Field::Cluster)?,
            engine: of_issue(Column::IssueEngine, Field::Engine)?,
            error_type: of_fp(Column::FpErrorType, Field::ErrorType)?.unwrap_or_default(),
            category: of_fp(Column::FpCategory, Field::Category)?.unwrap_or_default(),
            severity: nth(Severity::ALL, severity).unwrap_or(Severity::Medium),
            part: nth(Part::ALL, part).unwrap_or(Part::Root),
            rule: of_fp(Column::FpRule, Field::Rule)?,
            exception: of_fp(Column::FpException, Field::Exception)?,
            top_frame: of_fp(Column::FpTopFrame, Field::TopFrame)?,
            template: described.body.template,
            title,
            count,
            total: self.one(Column::IssueTotal, id)?,
            first_seen: time_text(self.one(Column::IssueFirst, id)?),
            last_seen: time_text(self.one(Column::IssueLast, id)?),
            state: self.said.get(&id).map_or(IssueState::Open, |said| said.state_at(now)),
            sparkline,
        }))
    }

    /// What a fingerprint is; nothing when it is gone.
    pub(super) fn described(&self, fingerprint: u32) -> Result<Option<Described>, ReadError> {
        let row: Option<([u8; 16], String)> = self
            .connection
            .prepare_cached("SELECT fingerprint, body FROM fingerprints WHERE id = ?1")
            .and_then(|mut read| {
                read.query_row([fingerprint], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map_err(failed)?;
        Ok(row.map(|(fingerprint, body)| Described {
            fingerprint: Fingerprint::from_bytes(fingerprint),
            body: serde_json::from_str(&body).unwrap_or_default(),
        }))
    }
}

/// The value with a fixed number.
fn nth<T: Copy>(all: &[T], id: u64) -> Option<T> {
    let at = usize::try_from(id.checked_sub(1)?).ok()?;
    all.get(at).copied()
}
