//! What people said of issues, and what events make of it: a resolved issue that is seen again has regressed, a muted
//! one that grows past its volume is open again.

use super::codes::{Dim, Level};
use super::counts::{Ids, walk};
use super::set::IdSet;
use super::write::{Touched, WriteSide};
use crate::event::{EventTime, IssueId};
use crate::store::{EditError, IssueNotes, IssueState, Marker, NewMarker, StateChange, WriteError};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

/// What is known of one issue somebody spoke of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) state: IssueState,
    /// Milliseconds since the epoch.
    pub(super) since: i64,
    pub(super) until: Option<i64>,
    pub(super) volume: Option<u64>,
    /// Minutes.
    pub(super) period: Option<u32>,
    pub(super) assignee: Option<String>,
    pub(super) note: Option<String>,
}

impl Said {
    /// The state at a time: a mute that has ended is none.
    pub(super) fn state_at(&self, now: i64) -> IssueState {
        match self.state {
            IssueState::Muted if self.until.is_some_and(|until| until <= now) => IssueState::Open,
            state @ (IssueState::Open | IssueState::Resolved | IssueState::Muted | IssueState::Regressed) => state,
        }
    }

    pub(super) fn notes(&self) -> IssueNotes {
        IssueNotes {
            state: self.state,
            since: Some(EventTime::from_millis(self.since).rfc3339()),
            until: self.until.map(|until| EventTime::from_millis(until).rfc3339()),
            events: self.volume,
            minutes: self.period,
            assignee: self.assignee.clone(),
            note: self.note.clone(),
        }
    }

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

/// The name on disk and in searches.
pub(super) fn state_name(state: IssueState) -> &'static str {
    match state {
        IssueState::Open => "open",
        IssueState::Resolved => "resolved",
        IssueState::Muted => "muted",
        IssueState::Regressed => "regressed",
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
    let states = [IssueState::Resolved, IssueState::Muted, IssueState::Regressed];
    let state = states
        .into_iter()
        .find(|state| state_name(*state) == name)
        .unwrap_or_default();
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

const LONGEST_NAME: usize = 200;
const LONGEST_TEXT: usize = 10_000;

fn checked(what: &str, text: Option<&String>, longest: usize) -> Result<Option<String>, EditError> {
    let text = text.map(|text| text.trim()).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.chars().count() > longest => Err(EditError::BadRequest(format!(
            "{what} is longer than {longest} characters"
        ))),
        text => Ok(text.map(str::to_owned)),
    }
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
        let mut said = old.unwrap_or_else(|| Said {
            since: now,
            ..Said::default()
        });
        let unmuted = |said: Said, state| Said {
            state,
            since: now,
            until: None,
            volume: None,
            period: None,
            ..said
        };
        match change {
            StateChange::Resolve => said = unmuted(said, IssueState::Resolved),
            StateChange::Reopen => said = unmuted(said, IssueState::Open),
            StateChange::Mute { until, events, minutes } => {
                if until.is_some_and(|until| until <= now) {
                    return Err(EditError::BadRequest("until lies in the past".to_owned()));
                }
                if events.is_some() != minutes.is_some() {
                    return Err(EditError::BadRequest("events and minutes belong together".to_owned()));
                }
                if *events == Some(0) || minutes.is_some_and(|minutes| !(1..=10_080).contains(&minutes)) {
                    let message = "events must be at least 1, minutes 1 to 10080";
                    return Err(EditError::BadRequest(message.to_owned()));
                }
                said = unmuted(said, IssueState::Muted);
                (said.until, said.volume, said.period) = (*until, *events, *minutes);
            }
            StateChange::Assign { to } => said.assignee = checked("the name", to.as_ref(), LONGEST_NAME)?,
            StateChange::Note { text } => said.note = checked("the note", text.as_ref(), LONGEST_TEXT)?,
        }
        self.transaction(|side| Ok(said.write(&side.connection, id)?))?;
        self.states.note(id, said.clone());
        Ok(said.notes())
    }

    pub(super) fn add_marker(&mut self, marker: &NewMarker) -> Result<Marker, EditError> {
        let title = checked("the title", Some(&marker.title), LONGEST_NAME)?
            .ok_or_else(|| EditError::BadRequest("a marker needs a title".to_owned()))?;
        let text = checked("the text", marker.text.as_ref(), LONGEST_TEXT)?;
        let job = checked("the job", marker.job.as_ref(), 1_000)?;
        let kind = checked("the kind", Some(&marker.kind), LONGEST_NAME)?.unwrap_or_else(|| "deployment".to_owned());
        if marker.until.is_some_and(|until| until < marker.at) {
            return Err(EditError::BadRequest("until lies before at".to_owned()));
        }
        let id = self.transaction(|side| {
            side.connection.execute(
                "INSERT INTO markers(at, until, title, text, job, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![marker.at, marker.until, title, text, job, kind],
            )?;
            Ok(side.connection.last_insert_rowid())
        })?;
        Ok(Marker {
            id,
            at: EventTime::from_millis(marker.at).rfc3339(),
            until: marker.until.map(|until| EventTime::from_millis(until).rfc3339()),
            title,
            text,
            job,
            kind,
        })
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
