//! Whether everything adds up: every record has one fate, and every count is the same wherever it stands.
//!
//! Comes in: the topics, the offsets of the groups, Druid, the search node; or the embedded store. Goes out: a
//! [`Report`] with one check per place and per input partition. What always holds: nothing is written; a number that
//! could not be had is a failed check, never a passed one; every wait ends. What it does not do: mend anything.
//!
//! A running system counts on while it is looked at, and its parts are not looked at in one moment. So every number
//! is a [`Span`]: what it was before all others were read, and what it was after. Numbers that mean the same must
//! share a value; what is behind is waited for up to the offsets that were read first. Looking is repeated until all
//! is exact or the time is over; a system that never rests may end with "agrees up to what is in flight".
//!
//! - [`span`], [`report`]: numbers and checks.
//! - [`counted`]: what the topics say, record by record.
//! - [`topics`]: reads them, going on where it ended.
//! - [`checks`]: what must equal what; pure.
//! - [`servers`]: asks all of them, again and again.
//! - [`embedded`]: the same for the embedded store.

pub mod checks;
pub mod counted;
pub mod embedded;
pub mod report;
pub mod servers;
pub mod span;
mod topics;

pub use embedded::verify_store;
pub use report::{Check, Report, Verdict};
pub use servers::{VerifyError, VerifyOptions, verify_servers};
pub use span::Span;
