//! Druid: counts by minute, fed by its own Kafka supervisor.
//!
//! Comes in: the addresses of a broker and a coordinator-overlord (or of one router for both), a question. Goes out:
//! a supervisor that reads `error-stats`, its state, and counts. What always holds: sums are sums of `count`, never
//! numbers of rows; values go into SQL as parameters; every wait ends; a datasource nothing was read into yet is
//! empty, a server that does not answer is an error and never an empty answer. What it does not do: reset a
//! supervisor, as that loses or duplicates rows; it tells who must decide.
//!
//! - [`client`], [`error`], [`sql`]: asking; [`about`]: who answers there.
//! - [`consumer`], [`spec`], [`compare`], [`mod@setup`]: the supervisor as we want it, and as it is.
//! - [`status`]: how it fares.
//! - [`filter`], [`trends`]: answers of the reading side.
//! - [`sums`]: what `verify` compares.

mod about;
mod client;
mod compare;
mod consumer;
mod error;
mod filter;
mod setup;
mod spec;
mod sql;
mod status;
mod sums;
mod trends;

pub use about::DruidAbout;
pub use client::DruidClient;
pub use compare::Difference;
pub use error::{DruidError, Service};
pub use filter::answers;
pub use setup::{OtherHands, SetupError, setup};
pub use spec::{SPECIFICATION, specification};
pub use sql::{Parameter, Question};
pub use status::{SupervisorFault, SupervisorStatus};
pub use sums::{InputSums, Sums};
pub use trends::DruidReader;
