//! What a step of judging changed.

use super::{Alert, State};
use serde::{Deserialize, Serialize};

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Its condition holds, not yet for long enough.
    Pending,
    /// It is told.
    Fired,
    /// A better root, a worse error or more jobs: it is told anew.
    Updated,
    /// It still goes on: who was told is reminded.
    Reminded,
    /// Nobody counts what it is about.
    NoData,
    /// It is over.
    Resolved,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody wants to hear nothing of it for a while.
    Silenced,
    /// Somebody says that it is over.
    Closed,
}

impl ChangeKind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Pending => "pending",
            ChangeKind::Fired => "fired",
            ChangeKind::Updated => "updated",
            ChangeKind::Reminded => "reminded",
            ChangeKind::NoData => "no_data",
            ChangeKind::Resolved => "resolved",
            ChangeKind::Acknowledged => "acknowledged",
            ChangeKind::Silenced => "silenced",
            ChangeKind::Closed => "closed",
        }
    }
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [ChangeKind; 9] = [
        ChangeKind::Pending,
        ChangeKind::Fired,
        ChangeKind::Updated,
        ChangeKind::Reminded,
        ChangeKind::NoData,
        ChangeKind::Resolved,
        ChangeKind::Acknowledged,
        ChangeKind::Silenced,
        ChangeKind::Closed,
    ];

    /// What an alert's coming into a state is, as it was told `before`, if it was.
    #[must_use]
    pub fn into(state: State, before: Option<State>) -> Self {
        match (state, before) {
            (State::Pending, _) => ChangeKind::Pending,
            (State::Firing, Some(State::Firing | State::NoData)) => ChangeKind::Updated,
            (State::Firing, Some(State::Pending | State::Resolved) | None) => ChangeKind::Fired,
            (State::NoData, _) => ChangeKind::NoData,
            (State::Resolved, _) => ChangeKind::Resolved,
        }
    }
}

/// A change to be kept and told.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The alert as it stands after it.
    pub alert: Alert,
    /// What it is about was over long before it was known: it is kept, nobody is told.
    pub past: bool,
}

/// A piece of what the alerter must know in its next life: bytes under a name, or a name that is no more.
pub type Piece = (String, Option<Vec<u8>>);

/// What a step of judging changed: kept together, or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// Milliseconds since the epoch, by the clock of the alerter.
    pub at: i64,
    /// Changes of alerts, in the order they are told.
    pub changes: Vec<Change>,
    /// What the alerter must know in its next life, as far as it changed.
    pub pieces: Vec<Piece>,
}

impl Judged {
    /// Takes in what was judged after it.
    pub fn join(&mut self, later: Judged) {
        self.at = later.at;
        self.changes.extend(later.changes);
        self.pieces.extend(later.pieces);
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.pieces.is_empty()
    }
}
