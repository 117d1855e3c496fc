//! Files that are still written: growth, rotation by rename and by truncate, new files in folders and patterns.
//!
//! Files are polled, not watched: polling works on every file system (network mounts send no events) and costs one
//! `stat` per file and look. The handle of a file stays open while it is read, so that what is written to it after a
//! rename is not lost; when its path has another file or none and nothing came for [`LAST_WRITES`], it is read to
//! its end and closed.

use super::discover::{Skipped, discover};
use super::file::FileReader;
use super::frame::{FrameLimits, Tail};
use super::identity::{KnownFiles, Node};
use super::open::Packing;
use super::{Next, SourceError};
use crate::fold::SourcePosition;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How long nothing must have come before a text record at the tail counts as complete. Writers hand a stack over at
/// once; what takes longer than this is another record.
const IDLE_MILLIS: i64 = 2_000;

/// How long a renamed or deleted file is still read: its writer may hold it open.
const LAST_WRITES: i64 = 5_000;

/// How often folders and patterns are looked through for new files.
const LOOK_AROUND_MILLIS: i64 = 1_000;

/// Follows a set of files.
#[derive(Debug)]
pub struct Follower {
    meant: Vec<String>,
    limits: FrameLimits,
    known: KnownFiles,
    /// Whether files are read to the end they have and not looked at again.
    once: bool,
    files: BTreeMap<(u64, u64), Followed>,
    /// Files overwritten in place: what was read of their former life and waited for more is handed out as it is.
    former: Vec<Followed>,
    looked_around: Option<i64>,
    /// Faults met while following, for whoever logs them; each once.
    faults: Vec<SourceError>,
    /// What is not there yet, for whoever says so; each once.
    awaited: Vec<String>,
    told: std::collections::HashSet<String>,
    skipped: Vec<Skipped>,
    /// Positions of files closed since they were last asked for.
    closed: Vec<SourcePosition>,
}

#[derive(Debug)]
struct Followed {
    reader: FileReader,
    /// When bytes came last.
    grew: i64,
    received: u64,
    /// Since when its path has another file or none.
    gone: Option<i64>,
    /// Whether it broke, or is packed and was read: not looked at again until it changes its inode.
    done: bool,
    /// Whether it was overwritten in place.
    sealed: bool,
    /// Whether it was read to an end behind which nothing comes.
    finished: bool,
}

impl Follower {
    /// Follows what is meant (names, folders, patterns), from the positions known.
    #[must_use]
    pub fn new(meant: Vec<String>, known: KnownFiles, limits: FrameLimits) -> Self {
        Self {
            meant,
            limits,
            known,
            once: false,
            files: BTreeMap::new(),
            former: Vec::new(),
            looked_around: None,
            faults: Vec::new(),
            awaited: Vec::new(),
            told: std::collections::HashSet::new(),
            skipped: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Reads what is there now to its end, and looks for nothing after that.
    #[must_use]
    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Looks for growth, rotation and new files. `now` in milliseconds.
    pub fn look(&mut self, now: i64) {
        if self.once && self.looked_around.is_some() {
            return;
        }
        let due = self.looked_around.is_none_or(|last| now - last >= LOOK_AROUND_MILLIS);
        if due {
            self.looked_around = Some(now);
            self.look_around(now);
        }
        let mut anew = Vec::new();
        let mut over = Vec::new();
        for (node, file) in &mut self.files {
            match file.look(*node, now) {
                Look::Same => {}
                Look::WrittenAnew => anew.push(*node),
                Look::Over => over.push(*node),
            }
        }
        for node in over {
            if let Some(mut file) = self.files.remove(&node) {
                self.closed.extend(file.reader.moved());
            }
        }
        for node in anew {
            if let Some(mut file) = self.files.remove(&node) {
                let path = file.reader.path().to_owned();
                file.reader.seal();
                file.sealed = true;
                self.former.push(file);
                self.open(&path, now);
            }
        }
        for mut file in self.former.extract_if(.., |file| file.finished) {
            self.closed.extend(file.reader.moved());
        }
    }

    /// Reads on, at most `budget` records of each file, and hands each to `take`. Says whether there was any.
    pub fn read(&mut self, now: i64, budget: usize, take: &mut dyn FnMut(&FollowedRecord<'_>) -> Verdict) -> bool {
        let mut any = false;
        for file in self.former.iter_mut().chain(self.files.values_mut()) {
            if file.done {
                continue;
            }
            for _ in 0..budget {
                match file.step(now, self.once, take) {
                    Step::Read(verdict) if verdict.full => return true,
                    Step::Read(_) => any = true,
                    Step::Nothing => break,
                    Step::Broken(error) => {
                        if self.told.insert(error.to_string()) {
                            self.faults.push(error);
                        }
                        break;
                    }
                }
            }
        }
        any
    }

    /// Positions of all files that moved since the last call.
    pub fn moved(&mut self) -> Vec<SourcePosition> {
        let mut moved = std::mem::take(&mut self.closed);
        let files = self.former.iter_mut().chain(self.files.values_mut());
        moved.extend(files.filter_map(|file| file.reader.moved()));
        moved
    }

    /// Faults met since the last call.
    pub fn faults(&mut self) -> Vec<SourceError> {
        std::mem::take(&mut self.faults)
    }

    /// Names and folders found missing since the last call. They are read once they are there.
    pub fn awaited(&mut self) -> Vec<String> {
        std::mem::take(&mut self.awaited)
    }

    /// What was passed over in folders, as found last.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How many files are followed.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files.len()
    }

    fn look_around(&mut self, now: i64) {
        for meant in self.meant.clone() {
            match discover(&[&meant]) {
                Ok(found) => {
                    self.skipped = found.skipped;
                    for path in found.files {
                        self.open(&path, now);
                    }
                }
                // What is not there yet may come.
                Err(SourceError::Open { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                    if self.told.insert(meant.clone()) {
                        self.awaited.push(meant);
                    }
                }
                Err(error) => self.tell(error),
            }
        }
    }

    fn tell(&mut self, error: SourceError) {
        if self.told.insert(error.to_string()) {
            self.faults.push(error);
        }
    }

    /// Begins to follow a file, or notes that a file followed has a new name.
    fn open(&mut self, path: &Path, now: i64) {
        let Ok(metadata) = fs::metadata(path) else {
            return;
        };
        if !metadata.is_file() {
            return;
        }
        let node = Node::of(&metadata);
        let Entry::Vacant(vacant) = self.files.entry((node.device, node.inode)) else {
            if let Some(file) = self.files.get_mut(&(node.device, node.inode))
                && (file.gone.is_some() || file.reader.path() != path)
                && !file.is_at_its_path((node.device, node.inode))
            {
                file.reader.renamed_to(path);
                file.gone = None;
            }
            return;
        };
        match FileReader::open(path, &mut self.known, self.limits) {
            Ok(reader) => {
                vacant.insert(Followed {
                    received: reader.received(),
                    reader,
                    grew: now,
                    gone: None,
                    done: false,
                    sealed: false,
                    finished: false,
                });
            }
            Err(error) => {
                self.tell(error);
                return;
            }
        }
        self.open_moved(path, node, now);
    }

    /// While we were away the file read last at this path was moved aside: what was written to it after our position
    /// is read from where it stands now, beside its old place.
    fn open_moved(&mut self, path: &Path, node: Node, now: i64) {
        let text = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let moved = self.known.moved_from(&text.to_string_lossy(), node);
        let Some(folder) = text.parent() else {
            return;
        };
        if moved.is_empty() {
            return;
        }
        let beside: Vec<PathBuf> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.metadata().is_ok_and(|there| moved.contains(&Node::of(&there))))
            .map(|entry| entry.path())
            .collect();
        for path in beside {
            self.open(&path, now);
        }
    }
}

/// A record and where it came from.
#[derive(Debug)]
pub struct FollowedRecord<'a> {
    /// Name of the source.
    pub source: &'a std::sync::Arc<str>,
    /// The record.
    pub record: super::Record<'a>,
}

/// What became of a record handed to whoever reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether all of it was rejected: if its line has no end yet, it is read again when it has.
    pub rejected: bool,
    /// Whether there is room for no more for now.
    pub full: bool,
}

enum Step {
    Read(Verdict),
    Nothing,
    Broken(SourceError),
}

enum Look {
    Same,
    /// Truncated or overwritten in place: to be read from its beginning.
    WrittenAnew,
    /// Read to its end and gone, or deleted.
    Over,
}

impl Followed {
    fn step(&mut self, now: i64, once: bool, take: &mut dyn FnMut(&FollowedRecord<'_>) -> Verdict) -> Step {
        let last = self.gone.is_some_and(|since| now - since.max(self.grew) >= LAST_WRITES);
        let tail = if last || once || self.sealed || self.reader.packing() != Packing::Plain {
            Tail::End
        } else if now - self.grew >= IDLE_MILLIS {
            Tail::Idle
        } else {
            Tail::More
        };
        let source = std::sync::Arc::clone(self.reader.name());
        let (verdict, unfinished) = match self.reader.next(tail) {
            Ok(Next::Record(record)) => {
                let verdict = take(&FollowedRecord {
                    source: &source,
                    record,
                });
                let unfinished = !record.terminated && verdict.rejected;
                (verdict, unfinished.then_some((record.offset, record.next)))
            }
            Ok(Next::Nothing) => {
                let received = self.reader.received();
                if received > self.received {
                    self.received = received;
                    self.grew = now;
                }
                self.done = self.reader.packing() != Packing::Plain;
                self.finished = tail == Tail::End;
                self.reader.relax();
                return Step::Nothing;
            }
            Err(error) => {
                self.done = true;
                return Step::Broken(error);
            }
        };
        if let Some((offset, next)) = unfinished {
            self.reader.was_unfinished(offset, next);
        }
        Step::Read(verdict)
    }

    fn is_at_its_path(&self, node: (u64, u64)) -> bool {
        fs::metadata(self.reader.path()).is_ok_and(|there| {
            let there = Node::of(&there);
            (there.device, there.inode) == node
        })
    }

    fn look(&mut self, node: (u64, u64), now: i64) -> Look {
        self.reader.look_again();
        if !self.is_at_its_path(node) {
            self.gone.get_or_insert(now);
            return if self.finished || self.done {
                Look::Over
            } else {
                Look::Same
            };
        }
        self.gone = None;
        if self.reader.packing() != Packing::Plain {
            return Look::Same;
        }
        let Ok(metadata) = fs::metadata(self.reader.path()) else {
            return Look::Same;
        };
        let shorter = metadata.len() < self.reader.received();
        if shorter || (metadata.len() > self.received && !self.begins_as_before()) {
            return Look::WrittenAnew;
        }
        Look::Same
    }

    /// Whether the file still begins as it did: a file truncated and written beyond the old position is another.
    fn begins_as_before(&self) -> bool {
        let head = self.reader.head();
        let mut now = vec![0; head.len()];
        let read = fs::File::open(self.reader.path()).and_then(|mut file| file.read_exact(&mut now));
        read.is_err() || now == head
    }
}

#[cfg(test)]
mod tests;
