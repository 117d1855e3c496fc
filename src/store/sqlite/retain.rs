//! Retention: by age and by size, a bounded step per call.
//!
//! What is older than a whole hour goes hour by hour: details first, then the counts of those hours, then issues last
//! seen before, then fingerprints no issue has any more. All-time totals of issues that live and the ledger stay.

use super::codes::{
    COLUMN_CHUNK, COUNT_CHUNK, Column, Dim, Doc, Level, POSTED, column_key, count_key, detail_key, field_code,
    posting_key,
};
use super::columns::{self, Patches};
use super::error::WriteError;
use super::text;
use super::write::WriteSide;
use rusqlite::{Connection, OptionalExtension as _, params};

/// What is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Older events go. None: age does not matter.
    pub max_age_ms: Option<i64>,
    /// Above so many bytes the oldest hours go. None: size does not matter.
    pub max_bytes: Option<u64>,
}

/// What one step removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Detail rows removed.
    pub details: u64,
    /// Issues removed.
    pub issues: u64,
    /// Fingerprints removed.
    pub fingerprints: u64,
    /// Rejects removed.
    pub rejects: u64,
    /// Whether there is more to remove: call again.
    pub more: bool,
}

/// Rows removed in one step, so that a step stays well below a second.
const STEP: u32 = 20_000;

/// Free pages given back to the system in one step.
const PAGES: u32 = 4_096;

/// Learned names kept: the latest.
const LEARNED_KEPT: i64 = 200_000;

impl WriteSide {
    /// One step of retention.
    pub(super) fn retain(&mut self, now_ms: i64, retention: &Retention) -> Result<Retained, WriteError> {
        let retained = self.transaction(|side| Ok(side.retain_step(now_ms, retention)?))?;
        if retained != Retained::default() {
            self.forget();
        }
        // Every step of the statement gives one page back.
        let mut vacuum = self
            .connection
            .prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
        drop(pages);
        drop(vacuum);
        Ok(retained)
    }

    /// The minute before which everything goes, on a whole hour; none when all may stay.
    fn cutoff(&self, now_ms: i64, retention: &Retention) -> rusqlite::Result<Option<u32>> {
        let hour = |millis: i64| u32::try_from(millis.max(0) / 3_600_000).unwrap_or(0) * 60;
        let by_age = retention
            .max_age_ms
            .map(|age| hour(now_ms.saturating_sub(age)))
            .filter(|cutoff| *cutoff > 0);
        let mut by_size = None;
        if let Some(most) = retention.max_bytes
            && used_bytes(&self.connection)? > most
        {
            let oldest: Option<i64> = self
                .connection
                .query_row("SELECT key FROM details ORDER BY key LIMIT 1", [], |row| row.get(0))
                .optional()?;
            by_size = oldest.map(|key| u32::try_from(key >> 32).unwrap_or(0) / 60 * 60 + 60);
        }
        Ok(by_age.max(by_size))
    }

    fn retain_step(&mut self, now_ms: i64, retention: &Retention) -> rusqlite::Result<Retained> {
        self.states.end_mutes(&self.connection, now_ms)?;
        let mut retained = Retained::default();
        let Some(cutoff) = self.cutoff(now_ms, retention)? else {
            return Ok(retained);
        };
        let removed = self
            .connection
            .prepare_cached(
                "DELETE FROM details WHERE key IN (SELECT key FROM details WHERE key < ?1 ORDER BY key LIMIT ?2)",
            )?
            .execute(params![detail_key(cutoff, 0), STEP])?;
        retained.details = u64::try_from(removed).unwrap_or(0);
        self.numbers.details -= i64::try_from(removed).unwrap_or(0);
        let cutoff_ms = i64::from(cutoff) * 60_000;
        let rejects = self
            .connection
            .prepare_cached(
                "DELETE FROM rejects WHERE id IN (SELECT id FROM rejects WHERE at < ?1 ORDER BY id LIMIT ?2)",
            )?
            .execute(params![cutoff_ms, STEP])?;
        retained.rejects = u64::try_from(rejects).unwrap_or(0);
        if removed >= usize::try_from(STEP).unwrap_or(usize::MAX) {
            retained.more = true;
        } else {
            self.retain_counts(cutoff)?;
            self.retain_issues(cutoff, &mut retained)?;
            if super::alerts::retain(&self.connection, cutoff_ms, STEP)? >= usize::try_from(STEP).unwrap_or(usize::MAX)
            {
                retained.more = true;
            }
            self.connection.execute(
                "DELETE FROM markers WHERE at < ?1 AND coalesce(until, 0) < ?1",
                [cutoff_ms],
            )?;
            self.connection.execute(
                "DELETE FROM learned WHERE rowid <= (SELECT max(rowid) FROM learned) - ?1",
                [LEARNED_KEPT],
            )?;
            let above = retention
                .max_bytes
                .is_some_and(|most| used_bytes(&self.connection).is_ok_and(|used| used > most));
            retained.more |= above && self.numbers.details > 0;
        }
        self.numbers.write(&self.connection)?;
        Ok(retained)
    }

    fn retain_counts(&self, cutoff: u32) -> rusqlite::Result<()> {
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM counts WHERE key >= ?1 AND key < ?2")?;
        let mut next = self
            .connection
            .prepare_cached("SELECT key FROM counts WHERE key >= ?1 AND key < ?2 LIMIT 1")?;
        for dim in Dim::ALL {
            for (level, slot) in [(Level::Minute, cutoff), (Level::Hour, cutoff / 60)] {
                // Chunks that exist, found one after the other.
                let end = count_key(*dim, level, 0x7f_ffff, u32::MAX);
                let mut from = count_key(*dim, level, 0, 0);
                while let Some(key) = next.query_row([from, end], |row| row.get::<_, i64>(0)).optional()? {
                    let first = key >> 32 << 32;
                    delete.execute([first, first | i64::from(slot)])?;
                    from = first + (1 << 32);
                }
            }
        }
        Ok(())
    }

    fn retain_issues(&mut self, cutoff: u32, retained: &mut Retained) -> rusqlite::Result<()> {
        let size = self.numbers.next_issue;
        let mut fingerprints: Vec<u32> = columns::whole(&self.connection, Column::IssueFp, size)?;
        let last: Vec<u64> = columns::whole(&self.connection, Column::IssueLast, size)?;
        let cutoff_nanos = u64::from(cutoff) * 60_000_000_000;
        let most = usize::try_from(STEP).unwrap_or(usize::MAX);
        let gone: Vec<u32> = (0_u32..)
            .zip(fingerprints.iter().zip(&last))
            .filter(|(_, (fingerprint, last))| **fingerprint != 0 && **last < cutoff_nanos)
            .map(|(id, _)| id)
            .take(most)
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        retained.more |= gone.len() == most;
        let mut patches = Patches::default();
        let mut delete = self.connection.prepare_cached("DELETE FROM issues WHERE id = ?1")?;
        let mut maybe: Vec<u32> = Vec::new();
        for issue in &gone {
            delete.execute([issue])?;
            text::remove(&self.connection, Doc::Issue(*issue))?;
            self.states.remove(&self.connection, *issue)?;
            patches.set(Column::IssueFp, *issue, 0);
            if let Some(fingerprint) = usize::try_from(*issue).ok().and_then(|at| fingerprints.get_mut(at)) {
                maybe.push(std::mem::take(fingerprint));
            }
        }
        patches.write(&self.connection)?;
        retained.issues = u64::try_from(gone.len()).unwrap_or(0);
        self.numbers.issues -= i64::try_from(gone.len()).unwrap_or(0);
        maybe.sort_unstable();
        maybe.dedup();
        fingerprints.sort_unstable();
        maybe.retain(|fingerprint| fingerprints.binary_search(fingerprint).is_err());
        for fingerprint in &maybe {
            self.connection
                .prepare_cached("DELETE FROM fingerprints WHERE id = ?1")?
                .execute([fingerprint])?;
            text::remove(&self.connection, Doc::Fingerprint(*fingerprint))?;
            text::remove(&self.connection, Doc::LateStack(*fingerprint))?;
        }
        if !maybe.is_empty() {
            let gone = serde_json::to_string(&maybe).unwrap_or_default();
            self.connection.execute(
                "DELETE FROM chains WHERE fingerprint IN (SELECT value FROM json_each(?1))",
                [gone],
            )?;
        }
        retained.fingerprints = u64::try_from(maybe.len()).unwrap_or(0);
        self.numbers.fingerprints -= i64::try_from(maybe.len()).unwrap_or(0);
        self.retain_series(&gone)?;
        self.retain_chunks()
    }

    /// Removes the series of issues that are gone.
    fn retain_series(&self, gone: &[u32]) -> rusqlite::Result<()> {
        let issues: Vec<u32> = columns::whole(&self.connection, Column::SeriesIssue, self.numbers.next_series)?;
        let mut patches = Patches::default();
        let mut delete = self.connection.prepare_cached("DELETE FROM series WHERE id = ?1")?;
        for (series, issue) in (0_u32..).zip(issues) {
            if issue != 0 && gone.binary_search(&issue).is_ok() {
                delete.execute([series])?;
                patches.set(Column::SeriesIssue, series, 0);
            }
        }
        patches.write(&self.connection)
    }

    /// Removes what only names ids that are gone: columns and postings of chunks in which nothing lives, and the
    /// values of samples no posting names any more.
    fn retain_chunks(&self) -> rusqlite::Result<()> {
        let connection = &self.connection;
        let issues: Vec<u32> = columns::whole(connection, Column::IssueFp, self.numbers.next_issue)?;
        let series: Vec<u32> = columns::whole(connection, Column::SeriesIssue, self.numbers.next_series)?;
        let mut delete = connection.prepare_cached("DELETE FROM columns WHERE key = ?1")?;
        let wide = usize::try_from(COLUMN_CHUNK).unwrap_or(usize::MAX);
        for (chunk, values) in (0_u32..).zip(issues.chunks_exact(wide)) {
            if values.iter().all(|value| *value == 0) {
                for column in Column::ALL.iter().filter(|column| (16..32).contains(&column.code())) {
                    delete.execute([column_key(*column, chunk)])?;
                }
            }
        }
        for (chunk, values) in (0_u32..).zip(series.chunks_exact(wide)) {
            if values.iter().all(|value| *value == 0) {
                for column in Column::ALL.iter().filter(|column| column.code() >= 32) {
                    delete.execute([column_key(*column, chunk)])?;
                }
            }
        }
        let dead: Vec<i64> = issues
            .chunks(1 << 16)
            .zip(0_i64..)
            .filter(|(values, _)| values.len() == 1 << 16 && values.iter().all(|value| *value == 0))
            .map(|(_, chunk)| chunk)
            .collect();
        if dead.is_empty() {
            return Ok(());
        }
        let dead = serde_json::to_string(&dead).unwrap_or_default();
        connection.execute(
            "DELETE FROM postings WHERE key & 65535 IN (SELECT value FROM json_each(?1))",
            [dead],
        )?;
        for code in POSTED.iter().filter_map(|field| field_code(*field)) {
            connection.execute(
                "DELETE FROM dictionary WHERE field = ?1 AND NOT EXISTS
                    (SELECT 1 FROM postings WHERE key >= ?2 + (id << 16) AND key <= ?2 + (id << 16) + 65535)",
                params![code, posting_key(code, 0, 0)],
            )?;
        }
        Ok(())
    }
}

/// Bytes in use: pages that hold something, and the write-ahead log is not counted as it is cut back.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| -> rusqlite::Result<u64> {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .map(|n| u64::try_from(n).unwrap_or(0))
    };
    let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
    Ok(pages.saturating_mul(number("page_size")?))
}

/// Chunks of counts hold whole chunks of ids; kept together so that neither is changed alone.
const _: () = assert!(COUNT_CHUNK.is_multiple_of(64));
