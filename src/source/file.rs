//! One file, from where it was left.

use super::SourceError;
use super::frame::{FrameLimits, Framer, HISTORY, Record, Tail};
use super::identity::{FileIdentity, HEAD, KnownFile, KnownFiles, Mark, Node, Stamp};
use super::open::{Packing, sniffed, unpacked};
use crate::fold::SourcePosition;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads the records of one file or stream.
pub struct FileReader {
    /// For ledgers, rejects and people: the path as given, or `stdin`.
    name: Arc<str>,
    /// Under which its position is stored; absent for streams, which have none.
    file: Option<OpenFile>,
    path: PathBuf,
    packing: Packing,
    input: Box<dyn Read + Send>,
    framer: Framer,
    state: InputState,
}

/// What the input did last.
enum InputState {
    /// It gave bytes.
    Flowing,
    /// It gave its last byte so far.
    Ended,
    /// It broke; told when the records before the damage were handed out.
    Broken(Option<io::Error>),
}

/// What only a file with a position has.
struct OpenFile {
    key: Arc<str>,
    node: Node,
    /// The first bytes of the unpacked stream, as far as they were seen.
    head: Vec<u8>,
    /// A line without its end that was told as a reject: where it begins and how long it was.
    unfinished: Option<(u64, u64)>,
    /// A packed file's size and time of change when it was opened.
    stamp: Option<Stamp>,
    /// What was last given as a position.
    given: Option<SourcePosition>,
    /// Whether it was known when it was opened.
    known: bool,
}

/// What [`FileReader::next`] found.
#[derive(Debug)]
pub enum Next<'a> {
    /// A record.
    Record(Record<'a>),
    /// Nothing more for now.
    Nothing,
}

impl std::fmt::Debug for FileReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileReader")
            .field("name", &self.name)
            .field("position", &self.framer.position())
            .finish_non_exhaustive()
    }
}

impl FileReader {
    /// Opens a file and goes on where it was left, if it is known. Pipes and devices are read as streams.
    ///
    /// # Errors
    /// When it cannot be opened or its beginning not be read.
    pub fn open(path: &Path, known: &mut KnownFiles, limits: FrameLimits) -> Result<Self, SourceError> {
        let cannot = |error| SourceError::Open {
            path: path.to_owned(),
            error,
        };
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(cannot(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::stream(path.to_string_lossy().into(), Box::new(file), limits).map_err(cannot);
        }
        let text = path_text(path);
        let node = Node::of(&metadata);
        let raw_head = read_up_to(&mut file, HEAD).map_err(cannot)?;
        let packing = Packing::of(&raw_head);
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        let stamp = (packing != Packing::Plain).then(|| Stamp::of(&metadata));
        let head = match packing {
            Packing::Plain => raw_head,
            Packing::Gzip | Packing::Zstd => head_of_packed(&file, packing).map_err(cannot)?,
        };
        let open = |key, head, unfinished| OpenFile {
            key,
            node,
            head,
            unfinished,
            stamp,
            given: None,
            known: false,
        };
        for candidate in known.candidates(&text, node, &head) {
            let Some((input, framer)) = go_on(&file, packing, &candidate, stamp, limits).map_err(cannot)? else {
                continue;
            };
            known.claim(&candidate.key);
            let unfinished = candidate.identity.unfinished.map(|length| (candidate.next, length));
            let mut opened = open(Arc::clone(&candidate.key), head, unfinished);
            // Known under another path or inode: the position is written anew with the first flush.
            opened.known = true;
            opened.given = Some(SourcePosition {
                source: candidate.key,
                next: candidate.next,
                identity: serde_json::to_string(&candidate.identity).unwrap_or_default(),
            });
            return Ok(Self::with(path, Some(opened), packing, input, framer));
        }
        let key = known.new_key(&text, node, &head);
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        let input = unpacked(file, packing).map_err(cannot)?;
        Ok(Self::with(
            path,
            Some(open(key, head, None)),
            packing,
            input,
            Framer::new(limits),
        ))
    }

    /// A stream without a position: stdin or a pipe, packed or not.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn stream(name: Arc<str>, input: Box<dyn Read + Send>, limits: FrameLimits) -> io::Result<Self> {
        let (input, packing) = sniffed(input)?;
        let path = PathBuf::from(&*name);
        Ok(Self {
            name,
            ..Self::with(&path, None, packing, input, Framer::new(limits))
        })
    }

    fn with(
        path: &Path,
        file: Option<OpenFile>,
        packing: Packing,
        input: Box<dyn Read + Send>,
        framer: Framer,
    ) -> Self {
        Self {
            name: path.to_string_lossy().into(),
            path: path.to_owned(),
            file,
            packing,
            input,
            framer,
            state: InputState::Flowing,
        }
    }

    /// For ledgers, rejects and people.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether it was read before, so that a position was known when it was opened.
    #[must_use]
    pub fn was_known(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.known)
    }

    /// Where it stands now (after a rename).
    pub(super) fn renamed_to(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn packing(&self) -> Packing {
        self.packing
    }

    /// The first bytes seen, to tell whether the file was written anew.
    pub(super) fn head(&self) -> &[u8] {
        self.file.as_ref().map_or(&[], |file| &file.head)
    }

    /// How many bytes of the unpacked stream came in.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.framer.received()
    }

    /// The next record. `tail` says what the caller knows of what comes after the bytes there are now;
    /// [`Tail::More`] means: find out, the end of the input is no end.
    ///
    /// # Errors
    /// When the input breaks; the records before that were handed out, and the position stands behind them.
    pub fn next(&mut self, tail: Tail) -> Result<Next<'_>, SourceError> {
        loop {
            let now = match self.state {
                InputState::Ended => tail,
                InputState::Flowing | InputState::Broken(_) => Tail::More,
            };
            let Some(span) = self.framer.advance(now) else {
                match &mut self.state {
                    InputState::Flowing => self.fill(),
                    InputState::Ended => return Ok(Next::Nothing),
                    InputState::Broken(error) => {
                        return match error.take() {
                            Some(error) => Err(self.broken(error)),
                            None => Ok(Next::Nothing),
                        };
                    }
                }
                continue;
            };
            let unfinished = self.file.as_ref().and_then(|file| file.unfinished);
            let told_before = !span.terminated
                && unfinished.is_some_and(|(offset, length)| span.offset == offset && span.next - offset == length);
            if !told_before {
                return Ok(Next::Record(self.framer.hand_out(&span)));
            }
        }
    }

    fn fill(&mut self) {
        match self.framer.fill(&mut *self.input) {
            Ok(0) => self.state = InputState::Ended,
            Ok(_) => {
                if let Some(file) = &mut self.file {
                    self.framer.complete_head(&mut file.head, HEAD);
                }
            }
            Err(error) => self.state = InputState::Broken(Some(error)),
        }
    }

    fn broken(&self, error: io::Error) -> SourceError {
        let path = self.path.clone();
        let at = self.framer.received();
        match self.packing {
            Packing::Plain => SourceError::Read { path, at, error },
            packing @ (Packing::Gzip | Packing::Zstd) => SourceError::Damaged {
                path,
                packing,
                at,
                error,
            },
        }
    }

    /// Looks for bytes behind the end found before: the file may have grown.
    pub fn look_again(&mut self) {
        if let InputState::Ended = self.state {
            self.state = InputState::Flowing;
        }
    }

    /// Takes no further bytes: the file was overwritten in place, what comes now is another's.
    pub(super) fn seal(&mut self) {
        self.input = Box::new(io::empty());
        self.state = InputState::Ended;
    }

    /// Lets go of memory not needed while nothing comes.
    pub(super) fn relax(&mut self) {
        self.framer.relax();
    }

    /// Says that the last record handed out lacked its line end and was rejected: it is probably half written, so
    /// the position stays in front of it until the file has grown.
    pub fn was_unfinished(&mut self, offset: u64, next: u64) {
        if let Some(file) = &mut self.file {
            file.unfinished = Some((offset, next.saturating_sub(offset)));
        }
    }

    /// The position behind what was handed out, if it is another than was given before.
    pub fn moved(&mut self) -> Option<SourcePosition> {
        let reached = self.framer.position();
        let file = self.file.as_mut()?;
        let unfinished = file.unfinished.filter(|(offset, length)| offset + length >= reached);
        let next = unfinished.map_or(reached, |(offset, _)| offset);
        if next == 0 && unfinished.is_none() {
            return None;
        }
        let given = file.given.as_ref();
        let same_place = given.is_some_and(|given| given.next == next);
        // The history may be out of reach where nothing was read since the position was stored.
        let tail = self.framer.history(next);
        let before = given.and_then(|given| serde_json::from_str::<FileIdentity>(&given.identity).ok());
        let tail = match before {
            Some(before) if same_place => before.tail,
            _ => Mark::of(tail),
        };
        let finished = matches!(self.state, InputState::Ended) && self.framer.is_idle();
        let identity = FileIdentity {
            path: path_text(&self.path),
            node: file.node,
            head: Mark::of(&file.head),
            tail,
            unfinished: unfinished.map(|(_, length)| length),
            whole: file.stamp.filter(|_| finished),
        };
        let position = SourcePosition {
            source: Arc::clone(&file.key),
            next,
            identity: serde_json::to_string(&identity).unwrap_or_default(),
        };
        if file.given.as_ref() == Some(&position) {
            return None;
        }
        file.given = Some(position.clone());
        Some(position)
    }
}

/// The absolute path: a position must mean the same from whatever folder it is asked.
fn path_text(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .to_string_lossy()
        .into_owned()
}

/// Goes on at a known position if the bytes say that it is this file's.
fn go_on(
    file: &File,
    packing: Packing,
    candidate: &KnownFile,
    stamp: Option<Stamp>,
    limits: FrameLimits,
) -> io::Result<Option<(Box<dyn Read + Send>, Framer)>> {
    let identity = &candidate.identity;
    let behind = u64::try_from(identity.tail.bytes).unwrap_or(0).min(candidate.next);
    let mut file = file.try_clone()?;
    if packing == Packing::Plain {
        if file.metadata()?.len() < candidate.next {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(candidate.next - behind))?;
        let history = read_up_to(&mut file, identity.tail.bytes)?;
        if !identity.tail.ends(&history) {
            return Ok(None);
        }
        let framer = Framer::resumed(limits, candidate.next, &history);
        return Ok(Some((Box::new(file), framer)));
    }
    file.seek(SeekFrom::Start(0))?;
    if stamp.is_some() && stamp == identity.whole && identity.node == Node::of(&file.metadata()?) {
        // Unchanged since it was read to its end.
        let framer = Framer::resumed(limits, candidate.next, &[]);
        return Ok(Some((Box::new(io::empty()), framer)));
    }
    let mut input = unpacked(file, packing)?;
    let skipped = io::copy(&mut input.by_ref().take(candidate.next - behind), &mut io::sink());
    if skipped.is_err() {
        // Damaged before the position was reached: nothing new can come of it, and reading it anew finds the damage.
        return Ok(None);
    }
    let history = read_up_to(&mut input, identity.tail.bytes).unwrap_or_default();
    if !identity.tail.ends(&history) {
        return Ok(None);
    }
    let framer = Framer::resumed(limits, candidate.next, &history);
    Ok(Some((input, framer)))
}

fn read_up_to(input: &mut dyn Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    input.take(u64::try_from(count).unwrap_or(0)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first unpacked bytes, as many as can be had: damage is told when it is met in reading.
fn head_of_packed(file: &File, packing: Packing) -> io::Result<Vec<u8>> {
    // Clones share one cursor: whoever reads after this seeks first.
    let mut input = unpacked(file.try_clone()?, packing)?;
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while let Some(room) = head.get_mut(filled..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    head.truncate(filled);
    Ok(head)
}

const _: () = assert!(HEAD <= HISTORY);

#[cfg(test)]
mod tests;
