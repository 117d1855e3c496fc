//! One alert in time, with the cause, and no noise.
//!
//! Comes in: [`Sighting`]s (some events of one error of one job) and how far event time has come. Goes out: [`Alert`]s at
//! each change of their state. What always holds: no clock and no I/O, so the past is judged as the present was; one
//! failure is one alert, however many errors it wrote and in whatever order they came; everything is bounded. What it
//! does not do: deliver; that is [`notify`]'s, which alone here has a clock and a network.
//!
//! - [`alerter`]: judges as records come in: flushes become changes of alerts.
//! - [`cascade`]: which errors are consequences of others (`rules/cascades.yaml`).
//! - [`failure`]: one failure of one job: its root and its followers.
//! - `one`: one job and the failure it is in.
//! - [`watch`]: all jobs: when a failure begins, becomes an alert, and is over.
//! - `usual`: what a job logs day by day, which is no sign of a failure.
//! - `shared`: jobs that fail together, because something they share has failed.
//! - [`part_of`]: which alerts of rules are part of a failure.
//! - `teller`: one failure is one alert: what is told of failures and of what rules found.
//! - [`replay`]: the past, played by its own time.
//! - [`condition`]: the rules of `rules/alerts`, judged over counts by the minute.
//! - [`judge`]: the spike judge: counts of one series against their own past.
//! - [`backtest`]: the judge over a file of `timestamp,value`.
//! - [`notify`]: who is told of what (`rules/routes.yaml`), in which form, and the telling itself.

pub mod alerter;
pub mod backtest;
pub mod cascade;
mod change;
pub mod condition;
pub mod failure;
pub mod judge;
mod notice;
pub mod notify;
mod one;
pub mod part_of;
pub mod replay;
mod says_failed;
mod shared;
mod sighting;
mod teller;
mod usual;
pub mod watch;

pub use crate::event::AlertId;
pub use alerter::{Alerter, Came};
pub use cascade::Cascades;
pub use change::{Change, ChangeKind, Judged, Piece};
pub use condition::{AlertRules, Conditions, Counted};
pub use notice::{Alert, Follower, Level, State};
pub use sighting::{Sighting, Subject};
pub use watch::{Patience, Watch};
