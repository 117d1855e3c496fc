//! The vocabulary: what an error is once it has been read. No I/O, no clock, no learned state.
//!
//! Comes in: nothing. Goes out: the types every other room speaks in. What always holds: a value here is
//! plain data, and the same bytes always give the same value.
//!
//! `ErrorEvent` borrows from the record it was read from; whatever outlives the record is owned.

mod dimensions;
mod error_event;
mod ids;
mod outcome;
mod severity;
mod stack_trace;
mod text;
mod time;

pub use dimensions::{Dimensions, JobKey};
pub use error_event::{ErrorEvent, Field, Layout, Thrown, ThrownShape};
pub use ids::{AlertId, Fingerprint, Group, IssueId, ParseIdError};
pub use outcome::{Reason, Rejection};
pub use severity::{Part, Severity, UnknownName};
pub use stack_trace::{Frame, Language, Relation, StackTrace, Throwable};
pub use text::{Text, escape_into, unescape};
pub use time::{EventTime, Minute};
