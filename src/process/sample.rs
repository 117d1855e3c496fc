//! The sample logs: played once per store, moved in time so that they end now.
//!
//! How moved times and exactly-once go together: the shift is chosen at the first start of a store, from the latest
//! event of all sample files, and is written as a position of its own in the very first flush of the sample
//! ([`SHIFT_KEY`]). Every later start takes the shift from there and goes on at the files' positions. So each record
//! is counted once, and always at the same moved time. The key also marks the store as one that holds sample data.

use super::ProcessError;
use super::pipeline::{Pipeline, Reads};
use crate::engine::Outcome;
use crate::fold::SourcePosition;
use crate::source::{FrameLimits, Framer, SourceError, Tail, discover, open_unpacked};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The position that holds the shift. A store that has it holds sample data.
pub const SHIFT_KEY: &str = "sample:shift";

/// Whether these positions tell of a store with sample data.
#[must_use]
pub fn is_in(positions: &[SourcePosition]) -> bool {
    positions.iter().any(|position| &*position.source == SHIFT_KEY)
}

/// What the shift's position says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Shift {
    /// Milliseconds added to every event time.
    sample_shift_ms: i64,
}

/// The sample logs of a folder.
#[derive(Debug)]
pub(super) struct Sample {
    folder: PathBuf,
    limits: FrameLimits,
    shift: Option<Shift>,
    /// Next byte by name.
    positions: BTreeMap<Arc<str>, u64>,
    /// Files still to be played, the next one last; absent until looked for.
    waiting: Option<Vec<PathBuf>>,
    playing: Option<Playing>,
    moved: BTreeMap<Arc<str>, SourcePosition>,
}

struct Playing {
    name: Arc<str>,
    input: Box<dyn Read + Send>,
    framer: Framer,
    tail: Tail,
}

impl std::fmt::Debug for Playing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playing")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Sample {
    pub(super) fn new(folder: &Path, positions: &[SourcePosition], limits: FrameLimits) -> Self {
        let shift = positions
            .iter()
            .find(|position| &*position.source == SHIFT_KEY)
            .and_then(|position| serde_json::from_str(&position.identity).ok());
        Self {
            folder: folder.to_owned(),
            limits,
            shift,
            positions: positions.iter().map(|p| (Arc::clone(&p.source), p.next)).collect(),
            waiting: None,
            playing: None,
            moved: BTreeMap::new(),
        }
    }

    /// Plays up to `budget` records; `false` when all was played.
    pub(super) fn play<E: Reads>(
        &mut self,
        pipeline: &mut Pipeline<E>,
        now: i64,
        budget: usize,
    ) -> Result<bool, ProcessError> {
        let shift = self.prepare(pipeline, now)?;
        for _ in 0..budget {
            if pipeline.is_full() {
                return Ok(true);
            }
            let Some(playing) = &mut self.playing else {
                if !self.open_next()? {
                    return Ok(false);
                }
                continue;
            };
            match playing.framer.next(playing.tail) {
                Some(record) => {
                    let next = record.next;
                    pipeline.take_moved(&playing.name, &record, shift, &mut |_| {});
                    self.moved.insert(
                        Arc::clone(&playing.name),
                        SourcePosition {
                            source: Arc::clone(&playing.name),
                            next,
                            identity: "{\"sample\":true}".into(),
                        },
                    );
                }
                None if playing.tail == Tail::End => self.playing = None,
                None => {
                    let filled = playing.framer.fill(&mut *playing.input);
                    if filled.map_err(|error| unreadable(&self.folder, error))? == 0 {
                        playing.tail = Tail::End;
                    }
                }
            }
        }
        Ok(true)
    }

    /// Positions moved since the last call.
    pub(super) fn moved(&mut self) -> Vec<SourcePosition> {
        std::mem::take(&mut self.moved).into_values().collect()
    }

    /// Finds the files and, in a fresh store, chooses the shift.
    fn prepare<E: Reads>(&mut self, pipeline: &mut Pipeline<E>, now: i64) -> Result<i64, ProcessError> {
        if self.waiting.is_none() {
            let mut files = discover(&[self.folder.to_string_lossy()])?.files;
            files.reverse();
            self.waiting = Some(files);
        }
        if let Some(shift) = self.shift {
            return Ok(shift.sample_shift_ms);
        }
        let mut latest = None;
        for file in self.waiting.iter().flatten() {
            let mut input = open_unpacked(file).map_err(|error| unreadable(file, error))?;
            let mut framer = Framer::new(self.limits);
            let mut tail = Tail::More;
            while let Some(bytes) = next_bytes(&mut framer, &mut *input, &mut tail) {
                pipeline.engine.read(&bytes, &mut |outcome| {
                    if let Outcome::Folded(identified) = outcome {
                        latest = latest.max(Some(identified.event.time.millis()));
                    }
                });
            }
        }
        let shift = Shift {
            sample_shift_ms: latest.map_or(0, |latest| now.saturating_sub(latest)),
        };
        self.shift = Some(shift);
        self.moved.insert(
            SHIFT_KEY.into(),
            SourcePosition {
                source: SHIFT_KEY.into(),
                next: 0,
                identity: serde_json::to_string(&shift).unwrap_or_default(),
            },
        );
        Ok(shift.sample_shift_ms)
    }

    /// Opens the next file where it was left; `false` when there is none.
    fn open_next(&mut self) -> Result<bool, ProcessError> {
        let Some(path) = self.waiting.as_mut().and_then(Vec::pop) else {
            return Ok(false);
        };
        let below = path.strip_prefix(&self.folder).unwrap_or(&path);
        let name: Arc<str> = format!("sample:{}", below.to_string_lossy()).into();
        let from = self.positions.get(&name).copied().unwrap_or(0);
        let mut input = open_unpacked(&path).map_err(|error| unreadable(&path, error))?;
        std::io::copy(&mut input.by_ref().take(from), &mut std::io::sink())
            .map_err(|error| unreadable(&path, error))?;
        self.playing = Some(Playing {
            name,
            input,
            framer: Framer::resumed(self.limits, from, &[]),
            tail: Tail::More,
        });
        Ok(true)
    }
}

/// The bytes of the next record; nothing where the file breaks (playing it tells).
fn next_bytes(framer: &mut Framer, input: &mut dyn Read, tail: &mut Tail) -> Option<Vec<u8>> {
    loop {
        if let Some(record) = framer.next(*tail) {
            return Some(record.bytes.to_vec());
        }
        if *tail == Tail::End {
            return None;
        }
        if !matches!(framer.fill(input), Ok(count) if count > 0) {
            *tail = Tail::End;
        }
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> ProcessError {
    ProcessError::Source(SourceError::Open {
        path: path.to_owned(),
        error,
    })
}
