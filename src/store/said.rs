//! What people said of an issue, and the rules of saying it: the same in every store.

use super::{EditError, IssueNotes, IssueState, Marker, NewMarker, StateChange};
use crate::event::EventTime;

/// What is known of one issue somebody spoke of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) state: IssueState,
    /// Milliseconds since the epoch.
    pub(crate) since: i64,
    pub(crate) until: Option<i64>,
    pub(crate) volume: Option<u64>,
    /// Minutes.
    pub(crate) period: Option<u32>,
    pub(crate) assignee: Option<String>,
    pub(crate) note: Option<String>,
}

impl Said {
    /// The state at a time: a mute that has ended is none.
    pub(crate) fn state_at(&self, now: i64) -> IssueState {
        match self.state {
            IssueState::Muted if self.until.is_some_and(|until| until <= now) => IssueState::Open,
            state @ (IssueState::Open | IssueState::Resolved | IssueState::Muted | IssueState::Regressed) => state,
        }
    }

    pub(crate) fn notes(&self) -> IssueNotes {
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

    /// Of an issue nobody spoke of so far.
    pub(crate) fn new(now: i64) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    /// What is said after a change.
    pub(crate) fn changed(self, change: &StateChange, now: i64) -> Result<Self, EditError> {
        let mut said = self;
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
        Ok(said)
    }
}

/// The name on disk and in searches.
pub(crate) fn state_name(state: IssueState) -> &'static str {
    match state {
        IssueState::Open => "open",
        IssueState::Resolved => "resolved",
        IssueState::Muted => "muted",
        IssueState::Regressed => "regressed",
    }
}

/// The state of a name; open where it is none.
pub(crate) fn state_named(name: &str) -> IssueState {
    let states = [IssueState::Resolved, IssueState::Muted, IssueState::Regressed];
    states
        .into_iter()
        .find(|state| state_name(*state) == name)
        .unwrap_or_default()
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

/// A marker that makes sense, trimmed.
pub(crate) fn checked_marker(marker: &NewMarker) -> Result<NewMarker, EditError> {
    let title = checked("the title", Some(&marker.title), LONGEST_NAME)?
        .ok_or_else(|| EditError::BadRequest("a marker needs a title".to_owned()))?;
    let text = checked("the text", marker.text.as_ref(), LONGEST_TEXT)?;
    let job = checked("the job", marker.job.as_ref(), 1_000)?;
    let kind = checked("the kind", Some(&marker.kind), LONGEST_NAME)?.unwrap_or_else(|| "deployment".to_owned());
    if marker.until.is_some_and(|until| until < marker.at) {
        return Err(EditError::BadRequest("until lies before at".to_owned()));
    }
    Ok(NewMarker {
        at: marker.at,
        until: marker.until,
        title,
        text,
        job,
        kind,
    })
}

/// A marker as it is shown.
pub(crate) fn marker_shown(id: i64, marker: NewMarker) -> Marker {
    let time = |millis: i64| EventTime::from_millis(millis).rfc3339();
    Marker {
        id,
        at: time(marker.at),
        until: marker.until.map(time),
        title: marker.title,
        text: marker.text,
        job: marker.job,
        kind: marker.kind,
    }
}
