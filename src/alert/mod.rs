//! One alert in time, with the cause, and no noise.
//!
//! Comes in: [`Sighting`]s (some events of one error of one job) and how far event time has come. Goes out: [`Alert`]s at
//! each change of their state. What always holds: no clock and no I/O, so the past is judged as the present was; one
//! failure is one alert, however many errors it wrote and in whatever order they came; everything is bounded. What it
//! does not do: deliver.
//!
//! - [`cascade`]: which errors are consequences of others (`rules/cascades.yaml`).
//! - [`failure`]: one failure of one job: its root and its followers.
//! - `one`: one job and the failure it is in.
//! - [`watch`]: all jobs: when a failure begins, becomes an alert, and is over.
//! - `usual`: what a job logs day by day, which is no sign of a failure.
//! - `shared`: jobs that fail together, because something they share has failed.
//! - [`replay`]: the past, played by its own time.
//! - [`judge`]: the spike judge: counts of one series against their own past.
//! - [`backtest`]: the judge over a file of `timestamp,value`.

pub mod backtest;
pub mod cascade;
pub mod failure;
pub mod judge;
mod notice;
mod one;
pub mod replay;
mod shared;
mod sighting;
mod usual;
pub mod watch;

pub use crate::event::AlertId;
pub use cascade::Cascades;
pub use notice::{Alert, Follower, Level, State};
pub use sighting::{Sighting, Subject};
pub use watch::{Patience, Watch};
