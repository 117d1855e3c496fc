//! One record to its fate: read by the engine, folded or rejected, entered into the ledger.

use super::push::{RecordOutcome, Told};
use super::writer::{Answer, Job};
use crate::clock::Clock;
use crate::engine::{Engine, Outcome};
use crate::event::{EventTime, Reason, Rejection};
use crate::fold::{FoldLimits, Folder, Reject, SourcePosition};
use crate::rules::RuleSet;
use crate::source::Record;
use std::sync::Arc;

/// What the pipeline needs of an engine; tests bring their own.
pub trait Reads: Send {
    /// Reads one record, hands out at least one outcome.
    fn read(&mut self, bytes: &[u8], out: &mut dyn FnMut(Outcome<'_>));
    /// Takes the rules from now on.
    fn set_rules(&mut self, rules: Arc<RuleSet>);
    /// Names learned since the last call.
    fn take_learned(&mut self) -> Vec<(Box<str>, Box<str>)>;
    /// Teaches names learned earlier.
    fn teach(&mut self, names: Vec<(Box<str>, Box<str>)>);
}

impl Reads for Engine {
    fn read(&mut self, bytes: &[u8], out: &mut dyn FnMut(Outcome<'_>)) {
        Engine::read(self, bytes, out);
    }

    fn set_rules(&mut self, rules: Arc<RuleSet>) {
        Engine::set_rules(self, rules);
    }

    fn take_learned(&mut self) -> Vec<(Box<str>, Box<str>)> {
        Engine::take_learned(self)
    }

    fn teach(&mut self, names: Vec<(Box<str>, Box<str>)>) {
        Engine::teach(self, names);
    }
}

/// What a record came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) folded: u64,
    pub(super) rejected: u64,
}

/// Engine and fold of one thread.
pub(super) struct Pipeline<E> {
    pub(super) engine: E,
    folder: Folder,
    clock: Clock,
}

impl<E: Reads> Pipeline<E> {
    pub(super) fn new(engine: E, limits: FoldLimits, clock: Clock) -> Self {
        Self {
            engine,
            folder: Folder::new(limits),
            clock,
        }
    }

    /// Reads one record of a source.
    pub(super) fn take(&mut self, source: &Arc<str>, record: &Record<'_>) -> Fate {
        self.take_moved(source, record, 0, &mut |_| {})
    }

    /// The same, with event times moved by so many milliseconds, and each outcome told.
    pub(super) fn take_moved(
        &mut self,
        source: &Arc<str>,
        record: &Record<'_>,
        moved: i64,
        tell: &mut dyn FnMut(Told<'_, '_>),
    ) -> Fate {
        let mut fate = Fate::default();
        let folder = &mut self.folder;
        let clock = self.clock;
        let reject = |folder: &mut Folder, rejection: Rejection, length: u64| {
            folder.reject(Reject {
                source: Arc::clone(source),
                offset: record.offset,
                reason: rejection.reason,
                detail: rejection.detail,
                length,
                bytes: record.bytes.get(..Reject::KEPT_BYTES).unwrap_or(record.bytes).to_vec(),
                rejected_at: clock.now_millis(),
            });
        };
        if let Some(length) = record.too_large {
            let detail = format!("the record has {length} bytes");
            let rejection = Rejection::new(Reason::TooLarge, detail);
            tell(Told::Rejected(&rejection));
            reject(folder, rejection, length);
            fate.rejected = 1;
        } else {
            let length = u64::try_from(record.bytes.len()).unwrap_or(u64::MAX);
            self.engine.read(record.bytes, &mut |outcome| match outcome {
                Outcome::Folded(identified) => {
                    fate.folded += 1;
                    tell(Told::Folded(&identified));
                    if moved == 0 {
                        folder.add(&identified, source);
                    } else {
                        folder.add_at(moved_by(identified.event.time, moved), &identified, source);
                    }
                }
                Outcome::Rejected(rejection) => {
                    fate.rejected += 1;
                    tell(Told::Rejected(&rejection));
                    reject(folder, rejection, length);
                }
            });
        }
        self.folder.record(source, fate.folded + fate.rejected);
        fate
    }

    /// Reads one record of a push and says what became of it.
    pub(super) fn take_pushed(&mut self, source: &Arc<str>, record: &Record<'_>) -> RecordOutcome {
        let mut outcome = RecordOutcome::default();
        self.take_moved(source, record, 0, &mut |told| outcome.hear(&told));
        outcome
    }

    pub(super) fn is_full(&self) -> bool {
        self.folder.is_full()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.folder.is_empty()
    }

    /// Takes the fold, with the positions behind it and the answers that wait for it.
    pub(super) fn take_job(&mut self, positions: Vec<SourcePosition>, answers: Vec<Answer>) -> Job {
        Job {
            fold: self.folder.take_fold(),
            positions,
            learned: self.engine.take_learned(),
            answers,
        }
    }
}

fn moved_by(time: EventTime, millis: i64) -> EventTime {
    let nanos = time.nanos().saturating_add(millis.saturating_mul(1_000_000));
    EventTime::new(nanos, time.digits())
}
