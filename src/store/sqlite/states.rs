//! What people said of issues, and what events make of it: a resolved issue that is seen again has regressed, a muted
//! one that grows past its volume is open again.

use super::codes::{Dim, Level};
use super::counts::{Ids, walk};
use super::set::IdSet;
use super::write::{Touched, WriteSide};
use crate::event::IssueId;
pub(super) use crate::store::said::{Said, state_name};
use crate::store::said::{checked_marker, marker_shown, state_named};
use crate::store::{EditError, IssueNotes, IssueState, Marker, NewMarker, StateChange, WriteError};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

impl Said {
    fn write(&self, connection: &Connection, issue: u32) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO states(issue, state, since, until, volume, period, assignee, note)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                issue,
                state_name(self.state),
                self.since,
                self.until,
                self.volume.map(|volume| i64::try_from(volume).unwrap_or(i64::MAX)),
                self.period,
                self.assignee,
                self.note
            ])?;
        Ok(())
    }
}

/// Reads everything that was said.
pub(super) fn read_all(connection: &Connection) -> rusqlite::Result<BTreeMap<u32, Said>> {
    let mut read =
        connection.prepare_cached("SELECT issue, state, since, until, volume, period, assignee, note FROM states")?;
    let rows = read.query_map([], |row| Ok((row.get(0)?, said(row, 1)?)))?;
    rows.collect()
}

/// Reads what was said of one issue.
pub(super) fn read_one(connection: &Connection, issue: u32) -> rusqlite::Result<Option<Said>> {
    connection
        .prepare_cached("SELECT state, since, until, volume, period, assignee, note FROM states WHERE issue = ?1")?
        .query_row([issue], |row| said(row, 0))
        .optional()
}

fn said(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Said> {
    let name: String = row.get(from)?;
    let state = state_named(&name);
    Ok(Said {
        state,
        since: row.get(from + 1)?,
        until: row.get(from + 2)?,
        volume: row
            .get::<_, Option<i64>>(from + 3)?
            .and_then(|volume| u64::try_from(volume).ok()),
        period: row.get(from + 4)?,
        assignee: row.get(from + 5)?,
        note: row.get(from + 6)?,
    })
}

/// The issues whose state an event may change: resolved and muted ones. As many as people spoke of.
#[derive(Debug, Default)]
pub(super) struct States {
    watched: BTreeMap<u32, Said>,
}

impl States {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let watched = read_all(connection)?
            .into_iter()
            .filter(|(_, said)| is_watched(said.state))
            .collect();
        Ok(Self { watched })
    }

    pub(super) fn watches(&self, issue: u32) -> bool {
        self.watched.contains_key(&issue)
    }

    fn note(&mut self, issue: u32, said: Said) {
        if is_watched(said.state) {
            self.watched.insert(issue, said);
        } else {
            self.watched.remove(&issue);
        }
    }

    /// Changes what the events of a flush change. Called when its counts are written.
    pub(super) fn after_flush(&mut self, connection: &Connection, touched: &[Touched]) -> rusqlite::Result<()> {
        for touch in touched {
            let Some(said) = self.watched.get(&touch.issue) else {
                continue;
            };
            let at = touch.last_nanos.div_euclid(1_000_000);
            let state = match said.state {
                IssueState::Resolved if at > said.since => IssueState::Regressed,
                IssueState::Muted if mute_ends(connection, touch, said)? => IssueState::Open,
                IssueState::Open | IssueState::Resolved | IssueState::Muted | IssueState::Regressed => continue,
            };
            let changed = Said {
                state,
                since: at,
                until: None,
                volume: None,
                period: None,
                ..said.clone()
            };
            changed.write(connection, touch.issue)?;
            self.note(touch.issue, changed);
        }
        Ok(())
    }

    /// Ends the mutes whose time has come.
    pub(super) fn end_mutes(&mut self, connection: &Connection, now: i64) -> rusqlite::Result<()> {
        let ended: Vec<(u32, Said)> = self
            .watched
            .iter()
            .filter(|(_, said)| said.state == IssueState::Muted && said.state_at(now) == IssueState::Open)
            .map(|(issue, said)| (*issue, said.clone()))
            .collect();
        for (issue, said) in ended {
            let changed = Said {
                state: IssueState::Open,
                since: said.until.unwrap_or(now),
                until: None,
                volume: None,
                period: None,
                ..said
            };
            changed.write(connection, issue)?;
            self.note(issue, changed);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, connection: &Connection, issue: u32) -> rusqlite::Result<()> {
        self.watched.remove(&issue);
        connection
            .prepare_cached("DELETE FROM states WHERE issue = ?1")?
            .execute([issue])?;
        Ok(())
    }
}

fn is_watched(state: IssueState) -> bool {
    matches!(state, IssueState::Resolved | IssueState::Muted)
}

/// Whether a muted issue has grown past its volume in the period that ends with the minute it was seen in, or was
/// seen after its mute ended.
fn mute_ends(connection: &Connection, touch: &Touched, said: &Said) -> rusqlite::Result<bool> {
    if said
        .until
        .is_some_and(|until| touch.last_nanos.div_euclid(1_000_000) >= until)
    {
        return Ok(true);
    }
    let (Some(volume), Some(period)) = (said.volume, said.period) else {
        return Ok(false);
    };
    let since = u32::try_from(said.since.max(0) / 60_000).unwrap_or(0);
    let to = touch.minute.saturating_add(1);
    let from = to.saturating_sub(period).max(since.min(to));
    let mut only = IdSet::none(touch.issue.saturating_add(1));
    only.insert(touch.issue);
    let mut sum = 0_u64;
    walk(
        connection,
        Dim::Issue,
        Ids::In(&only),
        &[(Level::Minute, from, to)],
        |_, _, count| {
            sum = sum.saturating_add(count);
        },
    )?;
    Ok(sum >= volume)
}

impl WriteSide {
    pub(super) fn set_state(
        &mut self,
        issue: IssueId,
        change: &StateChange,
        now: i64,
    ) -> Result<IssueNotes, EditError> {
        let id: Option<u32> = self
            .connection
            .query_row("SELECT id FROM issues WHERE issue = ?1", [issue.to_bytes()], |row| {
                row.get(0)
            })
            .optional()
            .map_err(WriteError::from)?;
        let id = id.ok_or_else(|| EditError::NotFound(format!("issue {issue}")))?;
        let old = read_one(&self.connection, id).map_err(WriteError::from)?;
        let said = old.unwrap_or_else(|| Said::new(now)).changed(change, now)?;
        self.transaction(|side| Ok(said.write(&side.connection, id)?))?;
        self.states.note(id, said.clone());
        Ok(said.notes())
    }

    pub(super) fn add_marker(&mut self, marker: &NewMarker) -> Result<Marker, EditError> {
        let marker = checked_marker(marker)?;
        let id = self.transaction(|side| {
            side.connection.execute(
                "INSERT INTO markers(at, until, title, text, job, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    marker.at,
                    marker.until,
                    marker.title,
                    marker.text,
                    marker.job,
                    marker.kind
                ],
            )?;
            Ok(side.connection.last_insert_rowid())
        })?;
        Ok(marker_shown(id, marker))
    }

    pub(super) fn remove_marker(&mut self, id: i64) -> Result<(), EditError> {
        let removed =
            self.transaction(|side| Ok(side.connection.execute("DELETE FROM markers WHERE id = ?1", [id])?))?;
        if removed == 0 {
            return Err(EditError::NotFound(format!("marker {id}")));
        }
        Ok(())
    }
}
