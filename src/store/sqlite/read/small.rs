//! Small questions: rejects, totals, notes, markers, values for suggestions.

use super::super::codes::{Column, POSTED, field_code, posting_key};
use super::super::states;
use super::errors::value;
use super::{Snapshot, failed};
use crate::event::{EventTime, IssueId};
use crate::fold::Ledger;
use crate::query::{Field, StateName};
use crate::store::cursor;
use crate::store::values::ValuesAsk;
use crate::store::window::time_text;
use crate::store::{IssueNotes, Marker, Page, ReadError, StoredReject, Totals};
use rusqlite::params;
use std::collections::BTreeMap;

/// Fingerprints that suggestions choose from: those with most issues.
const MOST_FINGERPRINTS: usize = 10_000;

impl Snapshot<'_> {
    pub(super) fn rejects(&self, limit: usize, after: Option<&str>) -> Result<Page<StoredReject>, ReadError> {
        let limit = limit.clamp(1, 500);
        let before: i64 = match after {
            None => i64::MAX,
            Some(cursor) => cursor::number(cursor, "rejects")?,
        };
        let rows = || -> rusqlite::Result<Vec<StoredReject>> {
            let mut read = self.connection.prepare_cached(
                "SELECT id, source, offset, reason, detail, length, bytes, at FROM rejects
                 WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let number = |number: i64| u64::try_from(number).unwrap_or(0);
            let most = i64::try_from(limit).unwrap_or(500).saturating_add(1);
            let rows = read.query_map(params![before, most], |row| {
                let bytes: Vec<u8> = row.get(6)?;
                Ok(StoredReject {
                    id: row.get(0)?,
                    source: row.get(1)?,
                    offset: number(row.get(2)?),
                    reason: row.get(3)?,
                    detail: row.get(4)?,
                    length: number(row.get(5)?),
                    bytes: String::from_utf8_lossy(&bytes).into_owned(),
                    rejected_at: EventTime::from_millis(row.get(7)?).rfc3339(),
                })
            })?;
            rows.collect()
        };
        let mut items = rows().map_err(failed)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items, next })
    }

    pub(super) fn totals(&self) -> Result<Totals, ReadError> {
        let rows = || -> rusqlite::Result<Vec<(String, Ledger)>> {
            let mut read = self
                .connection
                .prepare_cached("SELECT source, records, extra, folded, rejected FROM ledger ORDER BY source")?;
            let number = |number: i64| u64::try_from(number).unwrap_or(0);
            let rows = read.query_map([], |row| {
                Ok((
                    row.get(0)?,
                    Ledger {
                        records: number(row.get(1)?),
                        extra: number(row.get(2)?),
                        folded: number(row.get(3)?),
                        rejected: number(row.get(4)?),
                    },
                ))
            })?;
            rows.collect()
        };
        let sources = rows().map_err(failed)?;
        let mut ledger = Ledger::default();
        sources.iter().for_each(|(_, of_source)| ledger.add(of_source));
        let pragma = |name: &str| -> Result<u64, ReadError> {
            self.connection
                .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
                .map(|number| u64::try_from(number).unwrap_or(0))
                .map_err(failed)
        };
        let alive = self.narrow(Column::IssueFp)?;
        let (first, last) = (self.wide(Column::IssueFirst)?, self.wide(Column::IssueLast)?);
        let living = || {
            (0_u32..)
                .zip(alive.iter())
                .filter(|(_, fp)| **fp != 0)
                .map(|(id, _)| id)
        };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Totals {
            ledger,
            sources,
            issues: count(self.numbers.issues),
            fingerprints: count(self.numbers.fingerprints),
            details: count(self.numbers.details),
            bytes: pragma("page_count")?.saturating_mul(pragma("page_size")?),
            first_seen: living().map(|id| value(&first, id)).min().map(time_text),
            last_seen: living().map(|id| value(&last, id)).max().map(time_text),
        })
    }

    pub(super) fn notes(&self, issue: IssueId) -> Result<IssueNotes, ReadError> {
        let id = self.issue(issue)?;
        Ok(self.said.get(&id).map(states::Said::notes).unwrap_or_default())
    }

    pub(super) fn markers(&self, from: i64, to: i64, job: Option<&str>) -> Result<Vec<Marker>, ReadError> {
        let time = |millis: i64| EventTime::from_millis(millis).rfc3339();
        let rows = || -> rusqlite::Result<Vec<Marker>> {
            let mut read = self.connection.prepare_cached(
                "SELECT id, at, until, title, text, job, kind FROM markers
                 WHERE at < ?2 AND coalesce(until, at) >= ?1 AND (?3 IS NULL OR job IS NULL OR job = ?3)
                 ORDER BY at, id LIMIT 10000",
            )?;
            let rows = read.query_map(params![from, to, job], |row| {
                Ok(Marker {
                    id: row.get(0)?,
                    at: time(row.get(1)?),
                    until: row.get::<_, Option<i64>>(2)?.map(time),
                    title: row.get(3)?,
                    text: row.get(4)?,
                    job: row.get(5)?,
                    kind: row.get(6)?,
                })
            })?;
            rows.collect()
        };
        rows().map_err(failed)
    }

    /// Values with their counts: events for the dimensions of counts, issues for everything else.
    pub(super) fn values(&self, field: &str, prefix: &str, limit: usize) -> Result<Vec<(String, u64)>, ReadError> {
        let ask = ValuesAsk::new(field, prefix, limit)?;
        let known = ask.field;
        let by_fingerprint = [
            (Field::Group, Column::FpGroup),
            (Field::Rule, Column::FpRule),
            (Field::TopFrame, Column::FpTopFrame),
        ];
        let found = if let Some((field, column)) = by_fingerprint.iter().find(|(field, _)| *field == known) {
            self.named(*field, self.issues_by(Some(*column))?)?
        } else if known == Field::State {
            self.states(|name| ask.fits(name))
        } else if known == Field::Fingerprint {
            self.fingerprint_values()?
        } else if known == Field::Stack {
            Vec::new()
        } else if POSTED.contains(&known) {
            self.named(known, self.posted_issues(known)?)?
        } else {
            self.dictionary_values(known)?
        };
        Ok(ask.most_frequent(found))
    }

    /// Fingerprints with their issues.
    fn fingerprint_values(&self) -> Result<Vec<(String, u64)>, ReadError> {
        let mut by_issues: Vec<(u64, u32)> = self
            .issues_by(None)?
            .into_iter()
            .map(|(id, issues)| (issues, id))
            .collect();
        by_issues.sort_unstable_by(|a, b| b.cmp(a));
        let mut found = Vec::new();
        for (issues, id) in by_issues.into_iter().take(MOST_FINGERPRINTS) {
            if let Some(described) = self.described(id)? {
                found.push((described.fingerprint.to_string(), issues));
            }
        }
        Ok(found)
    }

    fn states(&self, fits: impl Fn(&str) -> bool) -> Vec<(String, u64)> {
        let names = StateName::ALL
            .iter()
            .map(|state| state.as_str())
            .filter(|name| fits(name));
        names
            .map(|name| {
                let said = self
                    .said
                    .values()
                    .filter(|said| states::state_name(said.state) == name)
                    .count();
                (name.to_owned(), u64::try_from(said).unwrap_or(0))
            })
            .collect()
    }

    fn dictionary_values(&self, field: Field) -> Result<Vec<(String, u64)>, ReadError> {
        let Some(code) = field_code(field) else {
            return Ok(Vec::new());
        };
        let sql = if field == Field::ExceptionChain {
            "SELECT text, (SELECT count(*) FROM chains WHERE class = id) FROM dictionary WHERE field = ?1"
        } else {
            "SELECT text, events FROM dictionary WHERE field = ?1"
        };
        let rows = || -> rusqlite::Result<Vec<(String, u64)>> {
            let mut read = self.connection.prepare_cached(sql)?;
            let rows = read.query_map([code], |row| {
                Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
            })?;
            rows.collect()
        };
        rows().map_err(failed)
    }

    /// Issues by fingerprint, or by a column of fingerprints.
    fn issues_by(&self, column: Option<Column>) -> Result<BTreeMap<u32, u64>, ReadError> {
        let fps = self.narrow(Column::IssueFp)?;
        let values = column.map(|column| self.narrow(column)).transpose()?;
        let mut sums = BTreeMap::new();
        for fp in fps.iter().filter(|fp| **fp != 0) {
            let key = values.as_ref().map_or(*fp, |values| value(values, *fp));
            *sums.entry(key).or_default() += 1;
        }
        Ok(sums)
    }

    fn posted_issues(&self, field: Field) -> Result<BTreeMap<u32, u64>, ReadError> {
        let code = field_code(field).unwrap_or(0);
        let rows = || -> rusqlite::Result<BTreeMap<u32, u64>> {
            let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
            let mut read = self
                .connection
                .prepare_cached("SELECT key, data FROM postings WHERE key BETWEEN ?1 AND ?2")?;
            let mut rows = read.query([posting_key(code, 0, 0), posting_key(code, u32::MAX, u16::MAX)])?;
            while let Some(row) = rows.next()? {
                let id = u32::try_from(row.get::<_, i64>(0)? >> 16 & 0xffff_ffff).unwrap_or(0);
                let data = row.get_ref(1)?.as_blob().unwrap_or_default();
                *sums.entry(id).or_default() += super::super::postings::count(data);
            }
            Ok(sums)
        };
        rows().map_err(failed)
    }

    fn named(&self, field: Field, sums: BTreeMap<u32, u64>) -> Result<Vec<(String, u64)>, ReadError> {
        let mut named = Vec::with_capacity(sums.len());
        for (id, count) in sums {
            if let Some(name) = self.name(field, id)? {
                named.push((name, count));
            }
        }
        Ok(named)
    }
}
