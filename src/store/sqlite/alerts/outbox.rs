//! Who is still to be told, and who was.

use super::put::change_row;
use crate::event::AlertId;
use crate::store::sqlite::write::WriteSide;
use crate::store::{AlertChange, Delivery, DeliveryOutcome, EditError, Outgoing, WriteError};
use rusqlite::{OptionalExtension as _, params};
use std::collections::HashSet;

/// Name of the destination that is the topic of alerts: no destination of somebody's own may be called so, as it is no
/// word.
pub(crate) const ALERTS_TOPIC: &str = "topic:error-alerts";

/// Which of what is due.
#[derive(Debug)]
pub(in super::super) enum Due<'a> {
    /// For the topic of alerts.
    Topic,
    /// For all others but these.
    Others(&'a HashSet<String>),
}

impl WriteSide {
    /// What is due, for the topic of alerts or for all others. Of one alert at one destination only the oldest: its
    /// changes are told in their order.
    pub(in super::super) fn outbox_due(
        &self,
        now: i64,
        limit: usize,
        what: &Due<'_>,
    ) -> rusqlite::Result<Vec<Outgoing>> {
        let mut read = self.connection.prepare_cached(
            "SELECT c.seq, c.at, c.change, c.by, c.note, c.body, o.id, o.destination, o.attempts
             FROM outbox o JOIN alert_changes c ON c.seq = o.seq
             WHERE o.due <= ?1 AND (o.destination = ?3) = ?4
                 AND o.destination NOT IN (SELECT value FROM json_each(?5)) AND NOT EXISTS (
                 SELECT 1 FROM outbox e WHERE e.destination = o.destination AND e.alert = o.alert AND e.id < o.id)
             ORDER BY o.id LIMIT ?2",
        )?;
        let (of_topic, busy) = match what {
            Due::Topic => (true, "[]".to_owned()),
            Due::Others(busy) => (false, serde_json::to_string(busy).unwrap_or_else(|_| "[]".to_owned())),
        };
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = read.query_map(params![now, most, ALERTS_TOPIC, of_topic, busy], |row| {
            Ok(Outgoing {
                change: change_row(row)?,
                id: row.get(6)?,
                destination: row.get(7)?,
                attempts: row.get(8)?,
            })
        })?;
        rows.collect()
    }

    /// Of each alert that goes on, the change a destination was told last.
    pub(in super::super) fn told_and_going_on(
        &self,
        destination: &str,
        limit: usize,
    ) -> rusqlite::Result<Vec<AlertChange>> {
        let mut read = self.connection.prepare_cached(
            "SELECT c.seq, c.at, c.change, c.by, c.note, c.body
             FROM alerts a
             JOIN deliveries d ON d.id = (
                 SELECT max(e.id) FROM deliveries e
                 WHERE e.alert = a.id AND e.destination = ?1 AND e.outcome IN ('delivered', 'summed'))
             JOIN alert_changes c ON c.seq = d.seq
             WHERE a.state IN ('firing', 'no_data') ORDER BY c.seq LIMIT ?2",
        )?;
        let rows = read.query_map(
            params![destination, i64::try_from(limit).unwrap_or(i64::MAX)],
            change_row,
        )?;
        rows.collect()
    }

    /// Notes what came of a try.
    pub(in super::super) fn note_delivery(
        &mut self,
        id: i64,
        delivery: &Delivery,
        again_at: Option<i64>,
    ) -> Result<(), EditError> {
        let at = delivery
            .at
            .parse::<jiff::Timestamp>()
            .map_err(|_| EditError::BadRequest(format!("{:?} is no time", delivery.at)))?;
        self.transaction(|side| {
            let alert: Option<[u8; 16]> = side
                .connection
                .prepare_cached("SELECT alert FROM outbox WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            // Silenced meanwhile: it was told all the same, which is noted where it can be.
            let alert = match alert {
                Some(alert) => Some(alert),
                None => side
                    .connection
                    .prepare_cached("SELECT alert FROM alert_changes WHERE seq = ?1")?
                    .query_row([delivery.seq], |row| row.get(0))
                    .optional()?,
            };
            let Some(alert) = alert else {
                return Ok(());
            };
            side.connection
                .prepare_cached(
                    "INSERT INTO deliveries(destination, alert, seq, at, outcome, attempt, detail)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    delivery.destination,
                    alert,
                    delivery.seq,
                    at.as_millisecond(),
                    outcome_name(delivery.outcome),
                    delivery.attempt,
                    delivery.detail
                ])?;
            match again_at {
                Some(due) => side
                    .connection
                    .prepare_cached("UPDATE outbox SET due = ?2, attempts = ?3 WHERE id = ?1")?
                    .execute(params![id, due, delivery.attempt])?,
                None => side
                    .connection
                    .prepare_cached("DELETE FROM outbox WHERE id = ?1")?
                    .execute([id])?,
            };
            Ok::<(), WriteError>(())
        })?;
        Ok(())
    }
}

/// Outcomes by name.
const OUTCOMES: [(DeliveryOutcome, &str); 4] = [
    (DeliveryOutcome::Delivered, "delivered"),
    (DeliveryOutcome::Retried, "retried"),
    (DeliveryOutcome::GivenUp, "given_up"),
    (DeliveryOutcome::Summed, "summed"),
];

fn outcome_name(outcome: DeliveryOutcome) -> &'static str {
    OUTCOMES
        .iter()
        .find(|(one, _)| *one == outcome)
        .map_or("", |(_, name)| name)
}

/// Tries to tell of an alert, newest first.
pub(super) fn deliveries(connection: &rusqlite::Connection, id: AlertId) -> rusqlite::Result<Vec<Delivery>> {
    const MOST: i64 = 500;
    let mut read = connection.prepare_cached(
        "SELECT destination, seq, at, outcome, attempt, detail FROM deliveries WHERE alert = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let rows = read.query_map(params![id.to_bytes(), MOST], |row| {
        let name: String = row.get(3)?;
        let outcome = OUTCOMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(outcome, _)| *outcome);
        Ok(Delivery {
            destination: row.get(0)?,
            seq: row.get(1)?,
            at: super::shown(row.get(2)?),
            outcome: outcome.ok_or_else(|| super::strange(3, format!("no outcome is called {name:?}")))?,
            attempt: row.get(4)?,
            detail: row.get(5)?,
        })
    })?;
    rows.collect()
}
