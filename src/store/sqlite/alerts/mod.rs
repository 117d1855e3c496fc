//! Alerts in the embedded store: how each stands, its changes, who is still to be told and who was.
//!
//! Comes in: what a step of judging changed, in the transaction of the flush it was judged from; what people say; what
//! came of telling. Goes out: answers. What always holds: a change, the state the alerter needs to go on after it, and
//! what is to be told of it are committed together, so that a process killed at any moment loses no change and makes
//! none up.

mod act;
mod outbox;
mod put;
mod read;

pub(crate) use outbox::ALERTS_TOPIC;
pub(super) use outbox::Due;
pub(super) use put::retain;
pub(super) use read::AlertRows;

use crate::alert::{ChangeKind, State};
use crate::event::EventTime;
use rusqlite::types::Type;

/// Milliseconds until somebody is reminded for the n-th time: 1, 4, 12 hours, then every day.
fn pause_millis(reminders: i64) -> i64 {
    const HOUR: i64 = 3_600_000;
    match reminders {
        ..=0 => HOUR,
        1 => 4 * HOUR,
        2 => 12 * HOUR,
        3.. => 24 * HOUR,
    }
}

/// A time as everybody reads it.
fn shown(millis: i64) -> String {
    EventTime::from_millis(millis).rfc3339()
}

/// A value of the file that this program did not write.
fn strange(column: usize, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

/// The state with this name.
fn state_named(name: &str) -> Option<State> {
    let all = [State::Pending, State::Firing, State::NoData, State::Resolved];
    all.into_iter().find(|state| state.as_str() == name)
}

fn change_named(name: &str) -> Option<ChangeKind> {
    ChangeKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

#[cfg(test)]
mod tests;
