//! What a flush holds beside counts: rejects, positions, the ledger, learned names.

use super::WriteSide;
use crate::fold::Flush;
use crate::store::sqlite::counts::Gathered;
use rusqlite::params;

impl WriteSide {
    pub(super) fn put_remainder(&self, flush: &Flush) -> rusqlite::Result<()> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let connection = &self.connection;
        let mut reject = connection.prepare_cached(
            "INSERT INTO rejects(source, offset, reason, detail, length, bytes, at) VALUES (?1,?2,?3,?4,?5,?6,?7)",
        )?;
        for rejected in &flush.rejects {
            reject.execute(params![
                rejected.source.as_ref(),
                number(rejected.offset),
                rejected.reason.as_str(),
                rejected.detail,
                number(rejected.length),
                rejected.bytes,
                rejected.rejected_at
            ])?;
        }
        let mut position = connection
            .prepare_cached("INSERT OR REPLACE INTO positions(source, next, identity) VALUES (?1, ?2, ?3)")?;
        for moved in &flush.positions {
            position.execute(params![moved.source.as_ref(), number(moved.next), moved.identity])?;
        }
        let mut learned =
            connection.prepare_cached("INSERT OR REPLACE INTO learned(job_id, job_name) VALUES (?1, ?2)")?;
        for (job_id, name) in &flush.learned {
            learned.execute(params![job_id.as_ref(), name.as_ref()])?;
        }
        let mut ledger = connection.prepare_cached(
            "INSERT INTO ledger(source, records, extra, folded, rejected) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT(source) DO UPDATE SET records = records + excluded.records, extra = extra + excluded.extra,
                folded = folded + excluded.folded, rejected = rejected + excluded.rejected",
        )?;
        for (source, sum) in &flush.ledger {
            ledger.execute(params![
                source.as_ref(),
                number(sum.records),
                number(sum.extra),
                number(sum.folded),
                number(sum.rejected)
            ])?;
        }
        Ok(())
    }

    /// Events by value, for suggestions.
    pub(super) fn put_suggestions(&self, counts: &Gathered) -> rusqlite::Result<()> {
        let mut add = self
            .connection
            .prepare_cached("UPDATE dictionary SET events = events + ?3 WHERE field = ?1 AND id = ?2")?;
        for ((field, id), events) in counts.by_value() {
            add.execute(params![field, id, i64::try_from(events).unwrap_or(i64::MAX)])?;
        }
        Ok(())
    }
}
