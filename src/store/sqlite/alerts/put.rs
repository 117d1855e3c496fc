//! What a step of judging changed, into the tables.

use super::{change_named, pause_millis, state_named};
use crate::alert::{Alert, Change, ChangeKind, Judged, State};
use crate::event::{AlertId, EventTime};
use crate::fold::Flush;
use crate::store::WriteError;
use crate::store::sqlite::write::WriteSide;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Whom an alert's change is told: names of destinations.
pub(crate) type Tell<'a> = &'a dyn Fn(&Alert, ChangeKind) -> Vec<String>;

/// What somebody said when a change was made by hand.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) by: Option<&'a str>,
    pub(super) note: Option<&'a str>,
}

/// How an alert stands before a change.
#[derive(Debug, Default)]
struct Standing {
    state: Option<State>,
    past: bool,
    closed: bool,
    acknowledged: bool,
    silenced_until: Option<i64>,
}

impl WriteSide {
    /// Stores a flush and what was judged from it; reminds of what has gone on for long.
    pub(in super::super) fn apply_judged(
        &mut self,
        flush: Option<&Flush>,
        judged: &Judged,
        tell: Tell<'_>,
    ) -> Result<(), WriteError> {
        self.transaction(|side| {
            if let Some(flush) = flush {
                side.put(flush)?;
            }
            put(&side.connection, judged, tell)?;
            Ok(())
        })
    }
}

fn put(connection: &Connection, judged: &Judged, tell: Tell<'_>) -> rusqlite::Result<()> {
    for change in &judged.changes {
        put_change(connection, change, judged.at, Said::default(), tell)?;
    }
    for (key, data) in &judged.pieces {
        match data {
            Some(data) => connection
                .prepare_cached("INSERT OR REPLACE INTO alert_pieces(key, data) VALUES (?1, ?2)")?
                .execute(params![key, data])?,
            None => connection
                .prepare_cached("DELETE FROM alert_pieces WHERE key = ?1")?
                .execute([key])?,
        };
    }
    remind(connection, judged.at, tell)
}

/// Keeps a change, how the alert stands after it, and whom to tell.
pub(super) fn put_change(
    connection: &Connection,
    change: &Change,
    at: i64,
    said: Said<'_>,
    tell: Tell<'_>,
) -> rusqlite::Result<()> {
    let alert = &change.alert;
    let before = standing(connection, alert.id)?;
    if before.closed {
        // Somebody closed it by hand while what it is about goes on: it may come anew once it is over by itself.
        if change.kind == ChangeKind::Resolved {
            connection
                .prepare_cached("UPDATE alerts SET closed = 0 WHERE id = ?1")?
                .execute([alert.id.to_bytes()])?;
        }
        return Ok(());
    }
    let past = change.past && before.state.is_none_or(|_| before.past);
    put_alert(connection, alert, at, past)?;
    let body = json(alert)?;
    connection
        .prepare_cached("INSERT INTO alert_changes(alert, at, change, by, note, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            alert.id.to_bytes(),
            at,
            change.kind.as_str(),
            said.by,
            said.note,
            body
        ])?;
    let seq = connection.last_insert_rowid();
    let is_silenced = before.silenced_until.is_some_and(|until| until > at);
    let is_told = !past && !is_silenced && change.kind != ChangeKind::Pending;
    if is_told {
        for destination in tell(alert, change.kind) {
            connection
                .prepare_cached("INSERT INTO outbox(destination, alert, seq, due) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![destination, alert.id.to_bytes(), seq, at])?;
        }
    }
    let may_remind = alert.state == State::Firing && !past && !before.acknowledged;
    if may_remind && before.state != Some(State::Firing) {
        connection
            .prepare_cached("UPDATE alerts SET remind_at = ?2 WHERE id = ?1")?
            .execute(params![alert.id.to_bytes(), at.saturating_add(pause_millis(0))])?;
    }
    Ok(())
}

fn put_alert(connection: &Connection, alert: &Alert, at: i64, past: bool) -> rusqlite::Result<()> {
    let time = |text: &str| text.parse::<jiff::Timestamp>().map_or(0, |time| time.as_millisecond());
    connection
        .prepare_cached(
            "INSERT INTO alerts(id, state, level, rule, team, started, ended, updated, body, past)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT(id) DO UPDATE SET state = excluded.state, level = excluded.level, rule = excluded.rule,
                 team = excluded.team, started = excluded.started, ended = excluded.ended, updated = excluded.updated,
                 body = excluded.body, past = excluded.past,
                 remind_at = CASE WHEN excluded.state = 'resolved' THEN NULL ELSE remind_at END",
        )?
        .execute(params![
            alert.id.to_bytes(),
            alert.state.as_str(),
            alert.level.as_str(),
            alert.rule,
            alert.team,
            time(&alert.started_at),
            alert.ended_at.as_deref().map(time),
            at,
            json(alert)?,
            past
        ])?;
    for job in alert.job_name.iter().chain(&alert.jobs) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO alert_jobs(job, alert) VALUES (?1, ?2)")?
            .execute(params![job, alert.id.to_bytes()])?;
    }
    Ok(())
}

fn standing(connection: &Connection, id: AlertId) -> rusqlite::Result<Standing> {
    let row = connection
        .prepare_cached("SELECT state, past, acked_at IS NOT NULL, silenced_until, closed FROM alerts WHERE id = ?1")?
        .query_row([id.to_bytes()], |row| {
            Ok(Standing {
                state: state_named(&row.get::<_, String>(0)?),
                past: row.get(1)?,
                acknowledged: row.get(2)?,
                silenced_until: row.get(3)?,
                closed: row.get(4)?,
            })
        })
        .optional()?;
    Ok(row.unwrap_or_default())
}

/// Tells anew of what has gone on for long and nobody has looked after, in growing intervals.
fn remind(connection: &Connection, now: i64, tell: Tell<'_>) -> rusqlite::Result<()> {
    let due: Vec<([u8; 16], i64, String)> = {
        let mut read = connection.prepare_cached(
            "SELECT id, reminders, body FROM alerts WHERE remind_at <= ?1 ORDER BY remind_at, id LIMIT 1000",
        )?;
        let rows = read.query_map([now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    for (id, reminders, body) in due {
        let reminders = reminders.saturating_add(1);
        connection
            .prepare_cached("UPDATE alerts SET reminders = ?2, remind_at = ?3 WHERE id = ?1")?
            .execute(params![id, reminders, now.saturating_add(pause_millis(reminders))])?;
        let change = Change {
            kind: ChangeKind::Reminded,
            alert: serde_json::from_str(&body).map_err(|error| super::strange(2, error))?,
            past: false,
        };
        put_change(connection, &change, now, Said::default(), tell)?;
    }
    Ok(())
}

/// Removes what is older than `before`, milliseconds since the epoch: alerts that are over with all that was said of
/// them.
pub(in super::super) fn retain(connection: &Connection, before: i64, step: u32) -> rusqlite::Result<usize> {
    let old: Vec<[u8; 16]> = {
        let mut read =
            connection.prepare_cached("SELECT id FROM alerts WHERE state = 'resolved' AND started < ?1 AND coalesce(ended, started) < ?1 ORDER BY started LIMIT ?2")?;
        let rows = read.query_map(params![before, step], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    for id in &old {
        for statement in [
            "DELETE FROM alert_jobs WHERE alert = ?1",
            "DELETE FROM alert_changes WHERE alert = ?1",
            "DELETE FROM deliveries WHERE alert = ?1",
            "DELETE FROM outbox WHERE alert = ?1",
            "DELETE FROM alerts WHERE id = ?1",
        ] {
            connection.prepare_cached(statement)?.execute([id])?;
        }
    }
    Ok(old.len())
}

/// The alert as it is kept.
pub(super) fn json(alert: &Alert) -> rusqlite::Result<String> {
    serde_json::to_string(alert).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A row of `alert_changes`: seq, at, change, by, note, body.
pub(super) fn change_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<crate::store::AlertChange> {
    let kind: String = row.get(2)?;
    let body: String = row.get(5)?;
    Ok(crate::store::AlertChange {
        seq: row.get(0)?,
        at: EventTime::from_millis(row.get(1)?).rfc3339(),
        change: change_named(&kind).ok_or_else(|| super::strange(2, format!("no change is called {kind:?}")))?,
        by: row.get(3)?,
        note: row.get(4)?,
        alert: serde_json::from_str(&body).map_err(|error| super::strange(5, error))?,
    })
}
