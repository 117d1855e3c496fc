//! Detail rows: one per (issue, minute), merged where the minute was flushed before.

use super::WriteSide;
use super::identities::Met;
use crate::fold::DetailDelta;
use crate::store::sqlite::codes::{Column, Dim, detail_key};
use crate::store::sqlite::columns::{Patch, Patches};
use crate::store::sqlite::counts::Gathered;
use crate::store::sqlite::sample::{self, Seen};
use rusqlite::params;

/// An issue a flush added to.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::sqlite) struct Touched {
    pub(in crate::store::sqlite) issue: u32,
    pub(in crate::store::sqlite) last_nanos: i64,
    pub(in crate::store::sqlite) minute: u32,
}

impl WriteSide {
    pub(super) fn put_details(
        &mut self,
        deltas: &[DetailDelta],
        met: &mut Met,
        patches: &mut Patches,
        counts: &mut Gathered,
    ) -> rusqlite::Result<Vec<Touched>> {
        let mut rows: Vec<(i64, u32, u32, &DetailDelta)> = Vec::with_capacity(deltas.len());
        let mut touched = Vec::new();
        for delta in deltas {
            let minute = minute_of(delta.minute.0);
            let fingerprint = self.fingerprint(&delta.identity, Some(&delta.sample), met, patches)?;
            let issue = self.issue(delta, fingerprint, minute, patches)?;
            let last_nanos = delta.last_seen.nanos();
            patches.push(Column::IssueFirst, issue, Patch::Min(nanos(delta.first_seen.nanos())));
            patches.push(Column::IssueLast, issue, Patch::Max(nanos(last_nanos)));
            patches.push(Column::IssueTotal, issue, Patch::Add(delta.count));
            if self.states.watches(issue) {
                touched.push(Touched {
                    issue,
                    last_nanos,
                    minute,
                });
            }
            rows.push((detail_key(minute, issue), issue, fingerprint, delta));
        }
        let minute_of_key = |key: i64| u32::try_from(key >> 32).unwrap_or(0);
        counts.add(
            Dim::Issue,
            rows.iter()
                .map(|(key, issue, _, delta)| (minute_of_key(*key), *issue, delta.count)),
        );
        // In the order of the table, so that neighbours are written together.
        rows.sort_by_key(|(key, ..)| *key);
        for (key, issue, fingerprint, delta) in rows {
            self.put_detail(key, issue, fingerprint, delta)?;
        }
        Ok(touched)
    }

    fn put_detail(&mut self, key: i64, issue: u32, fingerprint: u32, delta: &DetailDelta) -> rusqlite::Result<()> {
        let seen = Seen::of(
            &self.connection,
            &mut self.dictionary,
            &mut self.postings,
            issue,
            &delta.seen_on,
        )?;
        let base = self.base_stack(delta.fingerprint(), fingerprint, &delta.sample)?;
        let body = sample::encode(
            &self.connection,
            &mut self.dictionary,
            &mut self.postings,
            issue,
            &delta.sample,
            &base,
        )?;
        let count = i64::try_from(delta.count).unwrap_or(i64::MAX);
        let (first, last) = (delta.first_seen.nanos(), delta.last_seen.nanos());
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO details(key, count, first_seen, last_seen, seen, sample) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT(key) DO NOTHING",
            )?
            .execute(params![key, count, first, last, seen.encode(), body])?;
        if inserted > 0 {
            self.numbers.details += 1;
            return Ok(());
        }
        let (old_first, old_seen): (i64, Vec<u8>) = self
            .connection
            .prepare_cached("SELECT first_seen, seen FROM details WHERE key = ?1")?
            .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let old_seen_set = Seen::decode(&old_seen).unwrap_or_default();
        let mut merged = old_seen_set.clone();
        merged.merge(&self.connection, &seen)?;
        if first < old_first {
            self.connection
                .prepare_cached("UPDATE details SET sample = ?2 WHERE key = ?1")?
                .execute(params![key, body])?;
        }
        if merged != old_seen_set {
            self.connection
                .prepare_cached("UPDATE details SET seen = ?2 WHERE key = ?1")?
                .execute(params![key, merged.encode()])?;
        }
        self.connection
            .prepare_cached(
                "UPDATE details SET count = count + ?2, first_seen = min(first_seen, ?3), last_seen = max(last_seen, ?4)
                 WHERE key = ?1",
            )?
            .execute(params![key, count, first, last])?;
        Ok(())
    }
}

/// Minutes before 1970 do not come out of the decoder; they would count as the first.
pub(super) fn minute_of(minute: i64) -> u32 {
    u32::try_from(minute.clamp(0, i64::from(i32::MAX))).unwrap_or(0)
}

fn nanos(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap_or(0)
}
