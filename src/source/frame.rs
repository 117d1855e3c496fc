//! A stream of bytes to records with positions.
//!
//! - One JSON object a line is the common case: it costs the search for the line's end, a look at its first and last
//!   byte, and no copy.
//! - A line that opens an object and does not end in `}` is joined with the lines after it until its braces are
//!   balanced (printed-out layouts, ECS `stackTraceAsArray`). A writer that died in the middle of a line must not
//!   swallow what others wrote after it, so the join ends early, and the broken record stands alone, at a string
//!   without its end (no writer breaks a line inside a string), at a line that begins an object at column 0, and at a
//!   line that JSON does not allow.
//! - A line with a time or a level in front begins a text record; the lines after it belong to it until the next
//!   such line or a JSON record. Text without such a beginning is a record per line, with its frames.
//! - Blank lines and stray array punctuation are no records. CR, NUL and a byte order mark are tolerated.
//!
//! Every decision is made once per line, so the cost is linear in the bytes whatever they are, and it depends on the
//! bytes alone, not on how they were cut into reads.

use super::line::{self, LineKind};
use std::io::{self, Read};

/// A record with its place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The bytes, without their line end. Of a record above the limit only the first [`FrameLimits::kept`].
    pub bytes: &'a [u8],
    /// Where it begins.
    pub offset: u64,
    /// Where the next one may begin.
    pub next: u64,
    /// How long it was, when it was above the limit and only its beginning is here.
    pub too_large: Option<u64>,
    /// Whether its line end was there. The last record of a file that is still written may lack it.
    pub terminated: bool,
}

/// What is known of the bytes after those at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// More may come at once: what is incomplete waits.
    More,
    /// Nothing came for a while: a text record whose last line is complete is complete.
    Idle,
    /// Nothing comes any more: what is there is all.
    End,
}

/// Bounds of the framing.
#[derive(Debug, Clone, Copy)]
pub struct FrameLimits {
    /// Longest line and longest JSON record. Beyond: a reject with its length and first bytes.
    pub record: usize,
    /// Longest text record. Beyond: it ends there, the rest is records of its own.
    pub text: usize,
    /// Most lines of a text record, likewise.
    pub lines: usize,
    /// How much of a too long record is kept.
    pub kept: usize,
}

impl Default for FrameLimits {
    /// 16 MB is sixteen times what a default Kafka broker takes; 10,000 lines are ten full JVM stacks.
    fn default() -> Self {
        Self {
            record: 16 * 1024 * 1024,
            text: 4 * 1024 * 1024,
            lines: 10_000,
            kept: crate::fold::Reject::KEPT_BYTES,
        }
    }
}

/// How much is asked of the input at once: enough that the call does not show, small enough for the cache.
const CHUNK: usize = 512 * 1024;

/// How many bytes before the present record stay at hand, to recognise the file by later.
pub(super) const HISTORY: usize = 1024;

/// Cuts a stream into records.
#[derive(Debug)]
pub struct Framer {
    limits: FrameLimits,
    /// Bytes at hand: `buffer[..end]`.
    buffer: Vec<u8>,
    end: usize,
    /// Place of `buffer[0]` in the stream.
    base: u64,
    /// Where the present record begins in the buffer.
    begin: usize,
    /// First byte of the buffer that was not looked at as a line yet.
    scan: usize,
    /// Up to where the line at `scan` was searched for its end.
    searched: usize,
    open: Open,
}

/// What the lines from `begin` to `scan` are.
#[derive(Debug)]
enum Open {
    /// None.
    Nothing,
    /// An object whose braces are not balanced.
    Json { depth: u64 },
    /// A text record. `end` leaves out blank lines behind it.
    Text(TextRecord),
    /// A line above the limit: its beginning was kept, the rest streams past.
    Skipped { offset: u64, length: u64, head: Vec<u8> },
}

#[derive(Debug, Clone, Copy)]
struct TextRecord {
    lines: usize,
    /// End of its last line that is not blank.
    end: usize,
    began: TextBegan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextBegan {
    /// With a time or level: takes any text after it.
    Stamped,
    /// With a traceback's first line: takes indented lines and the one that names the exception.
    Traceback,
    /// With anything else: takes frames and causes only.
    Loose,
}

/// A record as a range of the buffer.
pub(super) struct Span {
    from: usize,
    to: usize,
    pub(super) offset: u64,
    pub(super) next: u64,
    too_large: Option<u64>,
    pub(super) terminated: bool,
}

/// A line as a range of the buffer.
#[derive(Clone, Copy)]
struct Line {
    from: usize,
    /// End without the terminator.
    to: usize,
    /// Behind the terminator.
    after: usize,
    terminated: bool,
}

impl Framer {
    /// A framer for a stream from its beginning.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self::resumed(limits, 0, &[])
    }

    /// A framer for the rest of a stream from `position`; `history` are the bytes before it, if at hand.
    #[must_use]
    pub fn resumed(limits: FrameLimits, position: u64, history: &[u8]) -> Self {
        let behind = u64::try_from(history.len()).unwrap_or(0);
        Self {
            limits,
            buffer: history.to_vec(),
            end: history.len(),
            base: position.saturating_sub(behind),
            begin: history.len(),
            scan: history.len(),
            searched: history.len(),
            open: Open::Nothing,
        }
    }

    /// Reads once from the input; says how many bytes came, 0 at its end.
    ///
    /// # Errors
    /// Those of the input. What was read before stays.
    pub fn fill(&mut self, input: &mut dyn Read) -> io::Result<usize> {
        self.make_room();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = loop {
            match input.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count.min(room.len());
        Ok(count)
    }

    /// The next record, or `None` when it takes more bytes (or there are none at [`Tail::End`]).
    pub fn next(&mut self, tail: Tail) -> Option<Record<'_>> {
        let span = self.advance(tail)?;
        Some(self.hand_out(&span))
    }

    /// The record of a span just found.
    pub(super) fn hand_out(&self, span: &Span) -> Record<'_> {
        let bytes = match &self.open {
            Open::Skipped { head, .. } => head,
            Open::Nothing | Open::Json { .. } | Open::Text(_) => &self.buffer,
        };
        let bytes = bytes.get(span.from..span.to).unwrap_or_default();
        Record {
            bytes,
            offset: span.offset,
            next: span.next,
            too_large: span.too_large,
            terminated: span.terminated,
        }
    }

    /// Where reading goes on after the records handed out so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.at(self.begin)
    }

    /// Bytes handed in so far, seen from the beginning of the stream.
    #[must_use]
    pub fn received(&self) -> u64 {
        match &self.open {
            Open::Skipped { offset, length, .. } => offset + length + self.at(self.end) - self.at(self.begin),
            Open::Nothing | Open::Json { .. } | Open::Text(_) => self.at(self.end),
        }
    }

    /// Up to [`HISTORY`] bytes before a position not long past.
    pub(super) fn history(&self, position: u64) -> &[u8] {
        let to = position
            .checked_sub(self.base)
            .and_then(|to| usize::try_from(to).ok())
            .filter(|to| *to <= self.end);
        let Some(to) = to else {
            return &[];
        };
        self.buffer.get(to.saturating_sub(HISTORY)..to).unwrap_or_default()
    }

    /// Completes `head`, the first bytes of the stream, from what is at hand.
    pub(super) fn complete_head(&self, head: &mut Vec<u8>, wanted: usize) {
        if head.len() >= wanted {
            return;
        }
        let from = u64::try_from(head.len())
            .ok()
            .and_then(|length| length.checked_sub(self.base))
            .and_then(|from| usize::try_from(from).ok());
        let more = from
            .and_then(|from| self.buffer.get(from..self.end))
            .unwrap_or_default();
        let missing = wanted - head.len();
        head.extend_from_slice(more.get(..missing).unwrap_or(more));
    }

    /// Whether nothing waits to become a record.
    pub(super) fn is_idle(&self) -> bool {
        self.begin == self.end && !matches!(self.open, Open::Skipped { length, .. } if length != u64::MAX)
    }

    /// Lets go of the buffer while nothing waits in it, but for the history.
    pub(super) fn relax(&mut self) {
        if !self.is_idle() || self.buffer.len() <= HISTORY {
            return;
        }
        let from = self.begin.saturating_sub(HISTORY);
        let history = self.buffer.get(from..self.begin).unwrap_or_default().to_vec();
        self.base = self.at(from);
        self.end = history.len();
        self.buffer = history;
        self.open = Open::Nothing;
        self.pass(self.end);
    }

    fn at(&self, index: usize) -> u64 {
        self.base + u64::try_from(index).unwrap_or(0)
    }

    /// Moves what is still needed to the front and makes room for a chunk behind it.
    fn make_room(&mut self) {
        let keep_from = self.begin.saturating_sub(HISTORY);
        if keep_from > 0 && self.buffer.len() - self.end < CHUNK {
            self.buffer.copy_within(keep_from..self.end, 0);
            self.base = self.at(keep_from);
            self.end -= keep_from;
            self.begin -= keep_from;
            self.scan -= keep_from;
            self.searched -= keep_from;
            if let Open::Text(text) = &mut self.open {
                text.end -= keep_from;
            }
        }
        if self.buffer.len() - self.end < CHUNK {
            self.buffer.resize(self.end + 2 * CHUNK, 0);
        }
    }

    /// Finds the next record and goes behind it.
    pub(super) fn advance(&mut self, tail: Tail) -> Option<Span> {
        loop {
            if matches!(self.open, Open::Skipped { .. }) {
                match self.skip_on(tail) {
                    Skip::Ended(span) => return Some(span),
                    Skip::Handed => self.open = Open::Nothing,
                    Skip::Starved => return None,
                }
            }
            let Some(line) = self.next_line(tail) else {
                return self.starved(tail);
            };
            match self.take_line(line) {
                Taken::GoesOn => {}
                Taken::Complete(span) => return Some(span),
            }
        }
    }

    /// No line at hand: what is open may be complete all the same, or the line may be too long.
    fn starved(&mut self, tail: Tail) -> Option<Span> {
        let waiting = self.end - self.scan;
        if waiting > self.limits.record {
            if let Some(span) = self.close() {
                return Some(span);
            }
            let length = u64::try_from(waiting).unwrap_or(u64::MAX);
            let kept = self.scan + self.limits.kept.min(waiting);
            self.open = Open::Skipped {
                offset: self.at(self.scan),
                length,
                head: self.buffer.get(self.scan..kept).unwrap_or_default().to_vec(),
            };
            self.pass(self.end);
            return None;
        }
        match (tail, &self.open) {
            (Tail::End, _) => self.close(),
            // A half-written line behind it may still belong to it.
            (Tail::Idle, Open::Text(_)) if waiting == 0 => self.close(),
            _ => None,
        }
    }

    /// Goes on past a line above the limit.
    fn skip_on(&mut self, tail: Tail) -> Skip {
        if let Open::Skipped { length: u64::MAX, .. } = self.open {
            return Skip::Handed;
        }
        let fresh = self.buffer.get(self.begin..self.end).unwrap_or_default();
        let found = memchr::memchr(b'\n', fresh);
        let count = found.map_or(fresh.len(), |at| at + 1);
        self.pass(self.begin + count);
        let next = self.at(self.begin);
        let Open::Skipped { offset, length, head } = &mut self.open else {
            return Skip::Handed;
        };
        let passed = u64::try_from(count).unwrap_or(u64::MAX);
        *length += passed;
        if found.is_none() && tail != Tail::End {
            return Skip::Starved;
        }
        let span = Span {
            from: 0,
            to: head.len(),
            offset: *offset,
            next,
            too_large: Some(*length - u64::from(found.is_some())),
            terminated: found.is_some(),
        };
        // Marks it as handed out; the head stays until the caller has read it.
        *length = u64::MAX;
        Skip::Ended(span)
    }

    fn pass(&mut self, to: usize) {
        self.begin = to;
        self.scan = to;
        self.searched = to;
    }

    /// The line at `scan`, if its end is at hand or nothing comes any more.
    fn next_line(&mut self, tail: Tail) -> Option<Line> {
        let mut from = self.searched;
        loop {
            let rest = self.buffer.get(from..self.end)?;
            let Some(found) = memchr::memchr2(b'\n', 0, rest) else {
                self.searched = self.end;
                break;
            };
            let at = from + found;
            let line = self.buffer.get(self.scan..at).unwrap_or_default();
            let newline = rest.get(found) == Some(&b'\n');
            if newline || (line.len() <= self.limits.record && ends_record_at_nul(line)) {
                self.searched = at + 1;
                return Some(Line {
                    from: self.scan,
                    to: at,
                    after: at + 1,
                    terminated: true,
                });
            }
            from = at + 1;
        }
        let waits = self.scan == self.end || tail != Tail::End;
        if waits || self.end - self.scan > self.limits.record {
            return None;
        }
        Some(Line {
            from: self.scan,
            to: self.end,
            after: self.end,
            terminated: false,
        })
    }

    /// Joins a line to what is open, or closes that, or begins anew.
    fn take_line(&mut self, line: Line) -> Taken {
        if line.to - line.from > self.limits.record {
            return match self.open {
                Open::Nothing | Open::Skipped { .. } => self.too_long(line),
                Open::Json { .. } | Open::Text(_) => self.complete_before(line),
            };
        }
        match self.open {
            Open::Nothing | Open::Skipped { .. } => self.begin_with(line),
            Open::Json { depth } => self.join_json(line, depth),
            Open::Text(text) => self.join_text(line, text),
        }
    }

    fn bytes(&self, line: Line) -> &[u8] {
        self.buffer.get(line.from..line.to).unwrap_or_default()
    }

    fn begin_with(&mut self, line: Line) -> Taken {
        let bytes = self.bytes(line);
        // The common case first: an object on one line.
        if bytes.first() == Some(&b'{') && line::trim_end(bytes).last() == Some(&b'}') {
            return self.complete(line, line.to);
        }
        let began = match line::kind(bytes) {
            LineKind::Blank => {
                self.pass(line.after);
                return Taken::GoesOn;
            }
            LineKind::Json | LineKind::LoneBrace => {
                return match balance(bytes, 0) {
                    Balance::Open(depth) if line.terminated => {
                        self.open = Open::Json { depth };
                        self.scan = line.after;
                        Taken::GoesOn
                    }
                    Balance::Open(_) | Balance::Closed | Balance::Broken => self.complete(line, line.to),
                };
            }
            LineKind::Start => TextBegan::Stamped,
            LineKind::Traceback => TextBegan::Traceback,
            LineKind::Continuation | LineKind::Other => TextBegan::Loose,
        };
        self.open = Open::Text(TextRecord {
            lines: 1,
            end: line.to,
            began,
        });
        self.go_on(line)
    }

    fn join_json(&mut self, line: Line, depth: u64) -> Taken {
        let bytes = self.bytes(line);
        let kind = line::kind(bytes);
        let at_column_0 = !matches!(bytes.first(), Some(b' ' | b'\t'));
        let begins_anew = at_column_0 && matches!(kind, LineKind::Json | LineKind::LoneBrace);
        if begins_anew || !line::goes_on_as_json(bytes) {
            return self.complete_before(line);
        }
        match balance(bytes, depth) {
            Balance::Open(depth) if line.terminated => {
                if line.after - self.begin > self.limits.record {
                    return self.complete(line, line.to);
                }
                self.open = Open::Json { depth };
                self.scan = line.after;
                Taken::GoesOn
            }
            Balance::Open(_) | Balance::Closed | Balance::Broken => self.complete(line, line.to),
        }
    }

    fn join_text(&mut self, line: Line, mut text: TextRecord) -> Taken {
        let kind = line::kind(self.bytes(line));
        let joins = match (kind, text.began) {
            // Decided by the line after it.
            (LineKind::Blank, _) => {
                return self.go_on(line);
            }
            (LineKind::Json | LineKind::Start, _) => false,
            (LineKind::LoneBrace | LineKind::Other, TextBegan::Stamped) => true,
            (LineKind::Continuation | LineKind::Traceback, _) => true,
            (LineKind::Other, TextBegan::Traceback) => text.end + 1 >= self.scan || !self.blank_before(text.end),
            (LineKind::LoneBrace, TextBegan::Traceback | TextBegan::Loose) | (LineKind::Other, TextBegan::Loose) => {
                false
            }
        };
        if !joins {
            return self.complete_before(line);
        }
        text.began = match (text.began, kind) {
            (TextBegan::Stamped, _) => TextBegan::Stamped,
            (_, LineKind::Traceback) => TextBegan::Traceback,
            // The line that names the exception: after it only causes may follow.
            (TextBegan::Traceback, LineKind::Other) => TextBegan::Loose,
            (began, _) => began,
        };
        text.lines += 1;
        text.end = line.to;
        self.open = Open::Text(text);
        self.go_on(line)
    }

    /// Whether a blank line stands between `end` and the present line.
    fn blank_before(&self, end: usize) -> bool {
        let between = self.buffer.get(end..self.scan).unwrap_or_default();
        memchr::memchr_iter(b'\n', between).count() > 1
    }

    /// Goes behind a line of an open text record, and closes it at its bounds.
    fn go_on(&mut self, line: Line) -> Taken {
        self.scan = line.after;
        let full = match &self.open {
            Open::Text(text) => text.lines >= self.limits.lines || line.after - self.begin >= self.limits.text,
            Open::Nothing | Open::Json { .. } | Open::Skipped { .. } => false,
        };
        if full || !line.terminated {
            let terminated = line.terminated;
            return match self.close() {
                Some(mut span) => {
                    span.terminated = terminated;
                    Taken::Complete(span)
                }
                None => Taken::GoesOn,
            };
        }
        Taken::GoesOn
    }

    /// A line above the limit that is at hand all the same: treated as one that streams past.
    fn too_long(&mut self, line: Line) -> Taken {
        let length = line.to - line.from;
        let span = Span {
            from: line.from,
            to: line.from + self.limits.kept.min(length),
            offset: self.at(line.from),
            next: self.at(line.after),
            too_large: u64::try_from(length).ok(),
            terminated: line.terminated,
        };
        self.open = Open::Nothing;
        self.pass(line.after);
        Taken::Complete(span)
    }

    /// The record from `begin` up to and with this line.
    fn complete(&mut self, line: Line, to: usize) -> Taken {
        let mut span = self.span(to, line.after);
        span.terminated = line.terminated;
        self.open = Open::Nothing;
        self.pass(line.after);
        Taken::Complete(span)
    }

    /// The record from `begin` up to this line, which is looked at again as the first of the next.
    fn complete_before(&mut self, line: Line) -> Taken {
        self.scan = line.from;
        self.searched = line.from;
        match self.close() {
            Some(span) => Taken::Complete(span),
            None => Taken::GoesOn,
        }
    }

    /// Closes what is open.
    fn close(&mut self) -> Option<Span> {
        let span = match self.open {
            Open::Nothing | Open::Skipped { .. } => None,
            Open::Json { .. } => Some(self.span(self.scan, self.scan)),
            // Blank lines behind it are nobody's; the position goes behind them all the same.
            Open::Text(text) => Some(self.span(text.end, self.scan)),
        };
        if span.is_some() {
            self.open = Open::Nothing;
            self.begin = self.scan;
        }
        span
    }

    fn span(&self, to: usize, after: usize) -> Span {
        let bytes = self.buffer.get(self.begin..to).unwrap_or_default();
        let length = line::trim_end(bytes).len();
        let too_large = length > self.limits.record;
        let shown = if too_large {
            self.limits.kept.min(length)
        } else {
            length
        };
        Span {
            from: self.begin,
            to: self.begin + shown,
            offset: self.at(self.begin),
            next: self.at(after),
            too_large: too_large.then(|| u64::try_from(length).unwrap_or(u64::MAX)),
            terminated: true,
        }
    }
}

enum Taken {
    GoesOn,
    Complete(Span),
}

enum Skip {
    Ended(Span),
    /// It was handed out before.
    Handed,
    Starved,
}

/// A NUL ends a record only where one may end: behind an object (Log4j2 `includeNullDelimiter`) or another end.
fn ends_record_at_nul(line: &[u8]) -> bool {
    matches!(line::trim_end(line).last(), None | Some(b'}'))
}

#[derive(Debug, PartialEq, Eq)]
enum Balance {
    /// So many braces are open.
    Open(u64),
    /// All are closed.
    Closed,
    /// A string does not end on this line.
    Broken,
}

/// Counts braces outside strings over one line.
fn balance(line: &[u8], mut depth: u64) -> Balance {
    let mut rest = line;
    while let Some(at) = memchr::memchr3(b'"', b'{', b'}', rest) {
        let (_, from) = rest.split_at_checked(at).unwrap_or_default();
        let Some((byte, after)) = from.split_first() else {
            break;
        };
        rest = after;
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => match after_string(after) {
                Some(after) => rest = after,
                None => return Balance::Broken,
            },
        }
    }
    if depth == 0 {
        Balance::Closed
    } else {
        Balance::Open(depth)
    }
}

/// What stands behind the closing quote.
fn after_string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest)?;
        let skip = if rest.get(at) == Some(&b'"') { at + 1 } else { at + 2 };
        let quote = skip == at + 1;
        rest = rest.get(skip..)?;
        if quote {
            return Some(rest);
        }
    }
}

#[cfg(test)]
mod tests;
