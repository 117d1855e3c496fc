//! Questions about alerts.

use super::put::change_row;
use super::{outbox, shown, strange};
use crate::alert::{Alert, Piece, State};
use crate::event::AlertId;
use crate::store::{Acknowledged, AlertChange, AlertDetail, AlertsAsk, Page, ReadError, StoredAlert, cursor};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

/// Most alerts of a page.
const LONGEST_PAGE: usize = 500;
/// Most changes shown of one alert: the latest.
const LONGEST_HISTORY: i64 = 1_000;

/// What [`alert_row`] reads.
pub(super) const COLUMNS: &str =
    "body, updated, acked_at, acked_by, acked_note, silenced_until, inhibited_by, past, started, id";

pub(super) fn alert_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredAlert> {
    let body: String = row.get(0)?;
    let acknowledged = match row.get::<_, Option<i64>>(2)? {
        None => None,
        Some(at) => Some(Acknowledged {
            at: shown(at),
            by: row.get(3)?,
            note: row.get(4)?,
        }),
    };
    Ok(StoredAlert {
        alert: serde_json::from_str(&body).map_err(|error| strange(0, error))?,
        updated_at: shown(row.get(1)?),
        acknowledged,
        silenced_until: row.get::<_, Option<i64>>(5)?.map(shown),
        inhibited_by: row.get::<_, Option<[u8; 16]>>(6)?.map(AlertId::from_bytes),
        past: row.get(7)?,
    })
}

/// Reads alerts on a connection.
pub(in super::super) struct AlertRows<'a>(pub(in super::super) &'a Connection);

impl AlertRows<'_> {
    /// Alerts that match, latest beginning first.
    pub(in super::super) fn list(&self, ask: &AlertsAsk) -> Result<Page<StoredAlert>, ReadError> {
        let limit = ask.limit.clamp(1, LONGEST_PAGE);
        let mut wheres = vec!["1".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        let mut bind = |value: Value| {
            values.push(value);
            format!("?{}", values.len())
        };
        if !ask.states.is_empty() {
            let names: Vec<String> = ask
                .states
                .iter()
                .map(|state| bind(state.as_str().to_owned().into()))
                .collect();
            wheres.push(format!("state IN ({})", names.join(",")));
        }
        for (column, value) in [("team", &ask.team), ("rule", &ask.rule)] {
            if let Some(value) = value {
                wheres.push(format!("{column} = {}", bind(value.clone().into())));
            }
        }
        if let Some(level) = ask.level {
            wheres.push(format!("level = {}", bind(level.as_str().to_owned().into())));
        }
        if let Some(job) = &ask.job {
            wheres.push(format!(
                "id IN (SELECT alert FROM alert_jobs WHERE job = {})",
                bind(job.clone().into())
            ));
        }
        if let Some(from) = ask.from {
            wheres.push(format!(
                "(state <> 'resolved' OR coalesce(ended, started) >= {})",
                bind(from.into())
            ));
        }
        if let Some(to) = ask.to {
            wheres.push(format!("started < {}", bind(to.into())));
        }
        if let Some(after) = &ask.after {
            let (started, id) = read_place(after).ok_or_else(|| cursor::no_cursor(after, "alerts"))?;
            let (started, id) = (bind(started.into()), bind(id.to_bytes().to_vec().into()));
            wheres.push(format!("(started, id) < ({started}, {id})"));
        }
        let most = bind(i64::try_from(limit + 1).unwrap_or(i64::MAX).into());
        let question = format!(
            "SELECT {COLUMNS} FROM alerts WHERE {} ORDER BY started DESC, id DESC LIMIT {most}",
            wheres.join(" AND ")
        );
        let rows = || -> rusqlite::Result<Vec<(StoredAlert, i64)>> {
            let mut read = self.0.prepare_cached(&question)?;
            let rows = read.query_map(params_from_iter(values), |row| Ok((alert_row(row)?, row.get(8)?)))?;
            rows.collect()
        };
        let mut found = rows().map_err(super::super::read::failed)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found
            .last()
            .filter(|_| more)
            .map(|(last, started)| format!("{started}.{}", last.alert.id));
        Ok(Page {
            items: found.into_iter().map(|(alert, _)| alert).collect(),
            next,
        })
    }

    /// One alert as it stands.
    pub(super) fn one(&self, id: AlertId) -> rusqlite::Result<Option<StoredAlert>> {
        self.0
            .prepare_cached(&format!("SELECT {COLUMNS} FROM alerts WHERE id = ?1"))?
            .query_row([id.to_bytes()], alert_row)
            .optional()
    }

    /// One alert with all that is known of it.
    pub(in super::super) fn detail(&self, id: AlertId) -> Result<AlertDetail, ReadError> {
        let read = || -> rusqlite::Result<Option<AlertDetail>> {
            let Some(alert) = self.one(id)? else {
                return Ok(None);
            };
            let mut read = self.0.prepare_cached(
                "SELECT seq, at, change, by, note, body FROM alert_changes WHERE alert = ?1 ORDER BY seq DESC LIMIT ?2",
            )?;
            let rows = read.query_map(params![id.to_bytes(), LONGEST_HISTORY], change_row)?;
            let mut history = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            history.reverse();
            let deliveries = outbox::deliveries(self.0, id)?;
            Ok(Some(AlertDetail {
                alert,
                history,
                deliveries,
            }))
        };
        read()
            .map_err(super::super::read::failed)?
            .ok_or_else(|| ReadError::NotFound(format!("alert {id}")))
    }

    /// Changes above a number, oldest first.
    pub(in super::super) fn changes(&self, after: i64, limit: usize) -> Result<Vec<AlertChange>, ReadError> {
        let rows = || -> rusqlite::Result<Vec<AlertChange>> {
            let mut read = self.0.prepare_cached(
                "SELECT seq, at, change, by, note, body FROM alert_changes WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let rows = read.query_map(params![after, i64::try_from(limit).unwrap_or(i64::MAX)], change_row)?;
            rows.collect()
        };
        rows().map_err(super::super::read::failed)
    }

    /// The number of the latest change.
    pub(in super::super) fn latest_change(&self) -> Result<i64, ReadError> {
        // Not max(seq): retention may have removed the latest.
        self.0
            .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'alert_changes'")
            .and_then(|mut read| read.query_row([], |row| row.get(0)).optional())
            .map(Option::unwrap_or_default)
            .map_err(super::super::read::failed)
    }

    /// What the alerter kept for its next life.
    pub(in super::super) fn pieces(&self) -> rusqlite::Result<Vec<Piece>> {
        let mut read = self.0.prepare("SELECT key, data FROM alert_pieces ORDER BY key")?;
        let rows = read.query_map([], |row| Ok((row.get(0)?, Some(row.get(1)?))))?;
        rows.collect()
    }

    /// Alerts that are not over.
    pub(in super::super) fn open(&self) -> rusqlite::Result<Vec<Alert>> {
        let mut read = self
            .0
            .prepare("SELECT body FROM alerts WHERE state <> ?1 ORDER BY started, id")?;
        let rows = read.query_map([State::Resolved.as_str()], |row| {
            let body: String = row.get(0)?;
            serde_json::from_str(&body).map_err(|error| strange(0, error))
        })?;
        rows.collect()
    }
}

/// Where a page ended: the beginning of its last alert, and its id.
fn read_place(cursor: &str) -> Option<(i64, AlertId)> {
    let (started, id) = cursor.split_once('.')?;
    Some((started.parse().ok()?, id.parse().ok()?))
}
