//! Alerts: one in time, with the cause, and no noise.
//!
//! What comes in: counts of errors by event time, one series for each job, type or other dimension.
//! What goes out: verdicts ([`judge::Verdict`]) on what is stranger than the series' own past.
//!
//! - [`judge`]: the spike judge, pure: no clock, no I/O.
//! - [`backtest`]: the judge over a file of `timestamp,value`, as `seismolog alerts backtest` shows it.

pub mod backtest;
pub mod judge;
