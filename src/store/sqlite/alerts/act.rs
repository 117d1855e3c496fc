//! What people say of alerts.

use super::put::{Said, put_change};
use super::read::{AlertRows, COLUMNS, alert_row};
use crate::alert::{Change, ChangeKind, State};
use crate::event::{AlertId, EventTime};
use crate::store::sqlite::write::WriteSide;
use crate::store::{AlertAct, EditError, StoredAlert, WriteError};
use rusqlite::{OptionalExtension as _, params};

/// Longest name of a person and longest note, in characters.
const LONGEST_NAME: usize = 200;
const LONGEST_NOTE: usize = 10_000;

impl WriteSide {
    /// Says something of an alert; gives how it stands now.
    pub(in super::super) fn act_on_alert(
        &mut self,
        id: AlertId,
        act: &AlertAct,
        now: i64,
    ) -> Result<StoredAlert, EditError> {
        let (by, note) = match act {
            AlertAct::Ack { by, note } | AlertAct::Silence { by, note, .. } | AlertAct::Resolve { by, note } => (
                by.as_deref().filter(|by| !by.is_empty()),
                note.as_deref().filter(|note| !note.is_empty()),
            ),
        };
        let too_long = |text: Option<&str>, most: usize| text.is_some_and(|text| text.chars().count() > most);
        if too_long(by, LONGEST_NAME) || too_long(note, LONGEST_NOTE) {
            return Err(EditError::BadRequest(format!(
                "a name has at most {LONGEST_NAME} characters and a note at most {LONGEST_NOTE}"
            )));
        }
        let refused = self.transaction(|side| {
            side.act_within(id, act, Said { by, note }, now)
                .map_err(WriteError::from)
        })?;
        if let Some(refused) = refused {
            return Err(refused);
        }
        AlertRows(&self.connection)
            .one(id)
            .map_err(|error| EditError::Write(error.into()))?
            .ok_or_else(|| EditError::NotFound(format!("alert {id}")))
    }

    fn act_within(
        &mut self,
        id: AlertId,
        act: &AlertAct,
        said: Said<'_>,
        now: i64,
    ) -> rusqlite::Result<Option<EditError>> {
        let connection = &self.connection;
        let known = connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM alerts WHERE id = ?1"))?
            .query_row([id.to_bytes()], alert_row)
            .optional()?;
        let Some(known) = known else {
            return Ok(Some(EditError::NotFound(format!("alert {id}"))));
        };
        if known.alert.state == State::Resolved {
            let ended = known.alert.ended_at.unwrap_or(known.updated_at);
            return Ok(Some(EditError::BadRequest(format!("the alert is over since {ended}"))));
        }
        let mut alert = known.alert;
        let kind = match act {
            AlertAct::Ack { .. } => ChangeKind::Acknowledged,
            AlertAct::Silence { until, .. } if *until <= now => {
                return Ok(Some(EditError::BadRequest(
                    "until is past; name a time to come".to_owned(),
                )));
            }
            AlertAct::Silence { .. } => ChangeKind::Silenced,
            AlertAct::Resolve { .. } => {
                alert.state = State::Resolved;
                alert.ended_at = Some(EventTime::from_millis(now).rfc3339());
                ChangeKind::Closed
            }
        };
        let change = Change {
            kind,
            alert,
            past: known.past,
        };
        // Who listens hears of it by the routes at the next step; what a person does here is told by the list.
        put_change(connection, &change, now, said, self.tell.as_ref())?;
        match act {
            AlertAct::Ack { .. } => {
                connection
                    .prepare_cached(
                        "UPDATE alerts SET acked_at = ?2, acked_by = ?3, acked_note = ?4, remind_at = NULL WHERE id = ?1",
                    )?
                    .execute(params![id.to_bytes(), now, said.by, said.note])?;
            }
            AlertAct::Silence { until, .. } => {
                connection
                    .prepare_cached(
                        "UPDATE alerts SET silenced_until = ?2, remind_at = CASE WHEN acked_at IS NULL THEN ?2 END
                         WHERE id = ?1",
                    )?
                    .execute(params![id.to_bytes(), until])?;
                // What waits to be told is part of what nobody wants to hear.
                connection
                    .prepare_cached("DELETE FROM outbox WHERE alert = ?1")?
                    .execute([id.to_bytes()])?;
            }
            AlertAct::Resolve { .. } => {
                connection
                    .prepare_cached("UPDATE alerts SET closed = 1 WHERE id = ?1")?
                    .execute([id.to_bytes()])?;
            }
        }
        Ok(None)
    }
}
