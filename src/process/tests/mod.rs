//! An engine and a store for tests: `{"t":seconds,"j":"job","m":"message"}` is an event, everything else is rejected.

mod ingest;
mod service;

use super::*;
use crate::clock::Clock;
use crate::engine::{Identified, Outcome};
use crate::event::{
    Dimensions, ErrorEvent, EventTime, Fingerprint, Group, Layout, Part, Reason, Rejection, Severity, Text, Thrown,
};
use crate::fold::{Flush, FoldLimits, Ledger, SourcePosition};
use crate::identity::Identity;
use crate::rules::RuleSet;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Interns nothing: the worst case for the fold.
#[derive(Debug, Default)]
struct LineEngine {
    taught: usize,
}

impl Reads for LineEngine {
    fn read(&mut self, bytes: &[u8], out: &mut dyn FnMut(Outcome<'_>)) {
        let Ok(line) = serde_json::from_slice::<serde_json::Value>(bytes) else {
            return out(Outcome::Rejected(Rejection::new(Reason::InvalidJson, "not JSON")));
        };
        let Some(seconds) = line.get("t").and_then(serde_json::Value::as_i64) else {
            return out(Outcome::Rejected(Rejection::new(Reason::NoTimestamp, "no t")));
        };
        let text = |key: &str| {
            line.get(key)
                .and_then(serde_json::Value::as_str)
                .unwrap_or("-")
                .to_owned()
        };
        // A box given away for good: the event must live as long as what it borrows from.
        let event: &'static ErrorEvent<'static> = Box::leak(Box::new(ErrorEvent {
            layout: Layout::GenericJson,
            time: EventTime::new(seconds * 1_000_000_000, 0),
            level: None,
            logger: None,
            thread: None,
            message: Text::Owned(text("m")),
            thrown: Thrown::Absent,
            root_class: None,
            root_message: None,
            fields: Default::default(),
            truncated: false,
        }));
        let identity = Arc::new(Identity {
            error_type: "unclassified".into(),
            category: "unclassified".into(),
            severity: Severity::Medium,
            part: Part::Root,
            rule: None,
            template: text("m"),
            exception: None,
            exception_chain: vec![],
            top_frame: None,
            exception_template: None,
            fingerprint: Fingerprint(xxhash_rust::xxh3::xxh3_128(text("m").as_bytes())),
            group: Group(0),
        });
        let dimensions = Arc::new(Dimensions {
            job_name: Some(text("j").into()),
            ..Dimensions::default()
        });
        let (identity, dimensions) = (Box::leak(Box::new(identity)), Box::leak(Box::new(dimensions)));
        out(Outcome::Folded(Identified::new(event, identity, dimensions)));
    }

    fn set_rules(&mut self, _rules: Arc<RuleSet>) {}

    fn take_learned(&mut self) -> Vec<(Box<str>, Box<str>)> {
        Vec::new()
    }

    fn teach(&mut self, names: Vec<(Box<str>, Box<str>)>) {
        self.taught += names.len();
    }
}

/// What a store holds.
#[derive(Debug, Default)]
struct Held {
    positions: BTreeMap<Arc<str>, SourcePosition>,
    /// By (job, message, second of the first event).
    counts: BTreeMap<(String, String), u64>,
    minutes: BTreeMap<i64, u64>,
    ledger: Ledger,
    rejects: Vec<String>,
    flushes: usize,
    /// Refuses the flush of this number, counted from 0, and all after it.
    refuse_from: Option<(usize, SinkError)>,
}

/// A store in memory; clones are the same store.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Held>>);

impl Memory {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(self.clone())
    }

    fn counts(&self) -> BTreeMap<(String, String), u64> {
        self.0.lock().unwrap().counts.clone()
    }

    fn folded(&self) -> u64 {
        self.counts().values().sum()
    }
}

impl Sink for Memory {
    fn apply(&mut self, flush: &Flush) -> Result<(), SinkError> {
        let mut held = self.0.lock().unwrap();
        if let Some((from, error)) = &held.refuse_from
            && held.flushes >= *from
        {
            return Err(error.clone());
        }
        held.flushes += 1;
        for delta in &flush.details {
            let key = (delta.job.to_string(), delta.identity.template.clone());
            *held.counts.entry(key).or_default() += delta.count;
            *held.minutes.entry(delta.minute.0).or_default() += delta.count;
        }
        for ledger in flush.ledger.values() {
            assert!(ledger.adds_up());
            held.ledger.add(ledger);
        }
        for reject in &flush.rejects {
            held.rejects.push(String::from_utf8_lossy(&reject.bytes).into_owned());
        }
        for position in &flush.positions {
            held.positions.insert(Arc::clone(&position.source), position.clone());
        }
        Ok(())
    }

    fn positions(&self) -> Result<Vec<SourcePosition>, SinkError> {
        Ok(self.0.lock().unwrap().positions.values().cloned().collect())
    }

    fn learned(&self) -> Result<flush::LearnedNames, SinkError> {
        Ok(Vec::new())
    }
}

fn line(seconds: u64, job: &str, message: &str) -> String {
    format!("{{\"t\":{seconds},\"j\":\"{job}\",\"m\":\"{message}\"}}\n")
}

fn clock() -> Clock {
    Clock::Fixed(1_800_000_000_000)
}
