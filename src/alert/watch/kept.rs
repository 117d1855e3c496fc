//! What the watch must know in its next life, in pieces: only what changed is written.
//!
//! | piece | what |
//! |---|---|
//! | `g` | when the watch began, and how many bursts it told while it was young |
//! | `i` | incidents |
//! | `s.<subject>` | the failure of a job or process that goes on, and the one that may come again |
//! | `u.<subject>` | what it logs day by day |
//!
//! Whatever was told is written in the same step. What was only counted since is written every ten seconds of event
//! time, and what is usual every five minutes: killed in between, a failure that goes on has counted a little less.
//! What was seen lately and belongs to no failure is not kept: a failure that begins within two minutes after a start
//! may miss what came before it.

use super::Watch;
use crate::alert::one::{One, Open, Unkept};
use crate::alert::{Alert, Piece, Subject};
use crate::event::{AlertId, EventTime};
use serde::{Deserialize, Serialize};

/// Nanoseconds of event time between two writings of what was only counted, and of what is usual.
const COUNTED_EVERY: i64 = 10_000_000_000;
const USUAL_EVERY: i64 = 300_000_000_000;

/// When what was written last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    counted: EventTime,
    usual: EventTime,
}

impl Default for Written {
    fn default() -> Self {
        let never = EventTime::from_millis(0);
        Self {
            counted: never,
            usual: never,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct General {
    began: Option<EventTime>,
    early_bursts: u32,
}

impl Watch {
    /// What changed since the last call and is to be kept in the same transaction as `told`.
    pub fn changed_pieces(&mut self, now: EventTime, told: &[Alert]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        pieces.extend(std::mem::take(&mut self.gone).into_iter().map(|key| (key, None)));
        let is_due = |last: EventTime, every: i64| now.nanos() >= last.nanos().saturating_add(every);
        let counted_too = is_due(self.written.counted, COUNTED_EVERY);
        if counted_too {
            self.written.counted = now;
        }
        for (subject, one) in &mut self.subjects {
            let is_due = one.unkept.told || (counted_too && one.unkept.changed);
            if !is_due {
                continue;
            }
            let key = subject_key('s', subject);
            if one.open.is_none() && one.over.is_none() {
                if std::mem::take(&mut one.unkept.is_written) {
                    pieces.push((key, None));
                }
            } else if let Some(bytes) = bytes(&(&one.open, &one.over)) {
                one.unkept.is_written = true;
                pieces.push((key, Some(bytes)));
            }
            (one.unkept.changed, one.unkept.told) = (false, false);
        }
        if self.incidents.is_changed(counted_too, told) {
            pieces.extend(bytes(&self.incidents).map(|bytes| ("i".to_owned(), Some(bytes))));
        }
        if is_due(self.written.usual, USUAL_EVERY) {
            self.written.usual = now;
            for subject in std::mem::take(&mut self.usual_changed) {
                let known = self.usual.get(&subject).and_then(bytes);
                pieces.push((subject_key('u', &subject), known));
            }
            let general = General {
                began: self.began,
                early_bursts: self.early_bursts,
            };
            pieces.extend(bytes(&general).map(|bytes| ("g".to_owned(), Some(bytes))));
        }
        pieces.sort();
        pieces
    }

    /// Takes back what a former life kept. Gives the names of pieces that cannot be read: they are begun anew.
    pub fn restore(&mut self, pieces: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<String> {
        let mut strange = Vec::new();
        for (key, bytes) in pieces {
            if self.take_back(&key, &bytes).is_none() {
                strange.push(key);
            }
        }
        strange
    }

    fn take_back(&mut self, key: &str, bytes: &[u8]) -> Option<()> {
        match key.split_once('.') {
            None if key == "g" => {
                let general: General = read(bytes)?;
                self.began = general.began;
                self.early_bursts = general.early_bursts;
            }
            None if key == "i" => self.incidents = read(bytes)?,
            Some(("s", name)) => {
                let (open, over): (Option<Open>, Option<Open>) = read(bytes)?;
                let one = One {
                    open,
                    over,
                    unkept: Unkept {
                        is_written: true,
                        ..Unkept::default()
                    },
                    ..One::default()
                };
                self.subjects.insert(subject_named(name)?, one);
            }
            Some(("u", name)) => {
                self.usual.insert(subject_named(name)?, read(bytes)?);
            }
            None | Some(_) => return None,
        }
        Some(())
    }

    /// Whether it goes on with an alert, or may.
    #[must_use]
    pub fn knows(&self, id: AlertId) -> bool {
        let has = |open: &Option<Open>| open.as_ref().is_some_and(|open| open.id == id);
        self.incidents.knows(id) || self.subjects.values().any(|one| has(&one.open) || has(&one.over))
    }

    /// A subject is no more: so is its piece.
    pub(super) fn forget_piece(&mut self, subject: &Subject, one: &One) {
        if one.unkept.is_written {
            self.gone.push(subject_key('s', subject));
        }
    }
}

fn bytes<T: Serialize>(what: &T) -> Option<Vec<u8>> {
    postcard::to_allocvec(what).ok()
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

/// Name of the piece of a subject: jobs and processes may share a name.
fn subject_key(piece: char, subject: &Subject) -> String {
    match subject {
        Subject::Job(name) => format!("{piece}.j{name}"),
        Subject::Process(name) => format!("{piece}.p{name}"),
    }
}

fn subject_named(name: &str) -> Option<Subject> {
    if let Some(job) = name.strip_prefix('j') {
        return Some(Subject::Job(job.into()));
    }
    name.strip_prefix('p').map(|process| Subject::Process(process.into()))
}
