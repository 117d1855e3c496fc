//! What people say of issues, and markers: the small writing side of pages and API.

use super::{IssueState, ReadError};
use crate::event::IssueId;
use serde::{Deserialize, Serialize};

/// What somebody says of an issue: the body of `POST /errors/{id}/state`.
///
/// ```
/// use seismolog::store::StateChange;
/// let change: StateChange = serde_json::from_str(r#"{"do":"mute","events":100,"minutes":60}"#).unwrap();
/// assert_eq!(change, StateChange::Mute { until: None, events: Some(100), minutes: Some(60) });
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum StateChange {
    /// It is mended. Seen again later, it becomes regressed.
    Resolve,
    /// Do not show it: until a time, or until it has so many events in so many minutes, whichever comes first;
    /// with neither, until somebody reopens it.
    Mute {
        /// Milliseconds since the epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
        /// Events, together with `minutes`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        events: Option<u64>,
        /// The period in minutes, 1 to 10,080.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minutes: Option<u32>,
    },
    /// It is open again.
    Reopen,
    /// Who looks after it; nobody when absent.
    Assign {
        /// A name, at most 200 characters.
        #[serde(default)]
        to: Option<String>,
    },
    /// A note for whoever comes next; none when absent or empty.
    Note {
        /// At most 10,000 characters.
        #[serde(default)]
        text: Option<String>,
    },
}

/// What people said of an issue so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IssueNotes {
    /// The state.
    pub state: IssueState,
    /// When it came into that state, RFC 3339; absent while nobody said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Muted until, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Muted until so many events …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// … in so many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Who looks after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// A note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A deployment or another event to be shown on charts: the body of `POST /markers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMarker {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Its end, where it lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// One line, at most 200 characters.
    pub title: String,
    /// More, at most 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The job it concerns; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// deployment, maintenance, … as the sender calls it; `deployment` when absent.
    #[serde(default = "deployment")]
    pub kind: String,
}

fn deployment() -> String {
    "deployment".to_owned()
}

/// A marker as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marker {
    /// Its number.
    pub id: i64,
    /// When, RFC 3339.
    pub at: String,
    /// Its end, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// One line.
    pub title: String,
    /// More.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The job it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What kind.
    pub kind: String,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// No such issue or marker.
    #[error("{0} is not known")]
    NotFound(String),
    /// It cannot be done as asked.
    #[error("{0}")]
    BadRequest(String),
    /// The store could not be written.
    #[error(transparent)]
    Write(#[from] super::WriteError),
}

impl From<EditError> for ReadError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotFound(what) => ReadError::NotFound(what),
            EditError::BadRequest(what) => ReadError::BadRequest(what),
            EditError::Write(error) => ReadError::Store(error.to_string()),
        }
    }
}

/// Changes people make. Calls block, for as long as a flush being written takes (well below a second); async callers
/// use `spawn_blocking`.
pub trait Editor: Send + Sync {
    /// Says something of an issue and gives what is now said of it. `now` in milliseconds since the epoch.
    ///
    /// # Errors
    /// The issue is not known, the change makes no sense, or the store could not be written.
    fn set_state(&self, issue: IssueId, change: &StateChange, now: i64) -> Result<IssueNotes, EditError>;

    /// Stores a marker.
    ///
    /// # Errors
    /// The marker makes no sense, or the store could not be written.
    fn add_marker(&self, marker: &NewMarker) -> Result<Marker, EditError>;

    /// Removes a marker.
    ///
    /// # Errors
    /// There is none of this number, or the store could not be written.
    fn remove_marker(&self, id: i64) -> Result<(), EditError>;
}
