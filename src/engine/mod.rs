//! The pure path in one call: bytes in, identified events or a rejection out.
//!
//! Comes in: the bytes of one record. Goes out: one [`Outcome`] per event in it (mostly one), or a rejection. What
//! always holds: no I/O, no clock; the same bytes give the same identity; a hit of the memo equals a miss.
//! What it does not do: count, store or keep bytes.

mod redact;

pub use redact::{REDACTED, Redactor};

use crate::event::{Dimensions, ErrorEvent, Rejection};
use crate::fold::Sample;
use crate::identity::Identity;
use crate::rules::RuleSet;
use std::sync::Arc;

/// What became of an event.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// It is an error we can count.
    Folded(Identified<'a>),
    /// It could not become an event.
    Rejected(Rejection),
}

/// An event, who it is and where it happened.
#[derive(Debug, Clone, Copy)]
pub struct Identified<'a> {
    /// As decoded.
    pub event: &'a ErrorEvent<'a>,
    /// What error it is. The same `Arc` for the same memo entry.
    pub identity: &'a Arc<Identity>,
    /// Where it happened. Interned: equal dimensions are mostly the same `Arc`.
    pub dimensions: &'a Arc<Dimensions>,
}

impl Identified<'_> {
    /// The event in full, secrets redacted. Costs: only for the first of a (job, fingerprint, minute).
    #[must_use]
    pub fn sample(&self) -> Sample {
        let _ = self;
        Sample {
            event_time: String::new(),
            level: None,
            logger: None,
            thread: None,
            message: String::new(),
            stack: None,
            dimensions: std::collections::BTreeMap::new(),
            layout: String::new(),
            truncated: false,
            stack_bytes: None,
            redactions: 0,
        }
    }
}

/// Reads records. One per thread; not shared.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
}

impl Engine {
    /// An engine with these rules. `default_zone` is where times without a zone were written.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, default_zone: jiff::tz::TimeZone) -> Self {
        let _ = default_zone;
        Self { rules }
    }

    /// Reads one record and hands each outcome to `out`, at least one per record.
    pub fn read(&mut self, bytes: &[u8], out: &mut dyn FnMut(Outcome<'_>)) {
        let _ = (bytes, out, &self.rules);
    }

    /// Takes the rules from now on; what was remembered under the old ones is forgotten.
    pub fn set_rules(&mut self, rules: Arc<RuleSet>) {
        self.rules = rules;
    }

    /// Names learned since the last call: job id to job name. They belong into the same flush as the events read.
    pub fn take_learned(&mut self) -> Vec<(Box<str>, Box<str>)> {
        Vec::new()
    }

    /// Teaches names learned in an earlier life (from the store).
    pub fn teach(&mut self, names: impl IntoIterator<Item = (Box<str>, Box<str>)>) {
        for _ in names {}
    }
}
