//! Python's printed tracebacks: chained root first, and exception groups drawn as boxes.
//!
//! Python prints the outermost exception last and the innermost call last; a trace holds both the other way round.
//! Each exception's own traceback is read on its level of the box; the sentences between two of them say that the
//! first is the cause (or context) of the second.

use crate::event::{Frame, Language, Relation, StackTrace, Throwable};

use super::java_line;
use super::stack::{MAX_FRAMES, MAX_THROWABLES, add_frame, settle, throwable};

pub(super) const TRACEBACK: &str = "Traceback (most recent call last):";
const GROUP_TRACEBACK: &str = "Exception Group Traceback (most recent call last):";
const CAUSED: &str = "The above exception was the direct cause of the following exception:";
const DURING: &str = "During handling of the above exception, another exception occurred:";

/// Whether only Python writes such a line.
pub(super) fn is_mark(line: &str) -> bool {
    let (_, content) = boxed(line);
    content.starts_with(TRACEBACK) || content.starts_with(GROUP_TRACEBACK)
}

/// A line without the box drawn around it, and how deep in boxes it stands.
fn boxed(line: &str) -> (usize, Content<'_>) {
    let line = line.trim_end_matches('\r');
    let rest = line.trim_start_matches(' ');
    let column = line.len() - rest.len();
    // The outermost group's own box stands at column 2, its members' at 4 and so on.
    let level = (column / 2).saturating_sub(1);
    if column < 2 || column % 2 == 1 {
        return (0, Content(line, Edge::None));
    }
    if let Some(inside) = rest.strip_prefix("| ") {
        return (level, Content(inside, Edge::None));
    }
    if rest == "|" {
        return (level, Content("", Edge::None));
    }
    if let Some(inside) = rest.strip_prefix("+ ") {
        return (level, Content(inside, Edge::None));
    }
    if let Some(edge) = rest.strip_prefix("+-+--") {
        return (level + 1, Content("", separator(edge)));
    }
    if let Some(edge) = rest.strip_prefix("+--") {
        return (level, Content("", separator(edge)));
    }
    (0, Content(line, Edge::None))
}

fn separator(edge: &str) -> Edge {
    let number = edge.trim_matches('-').trim();
    if number.is_empty() {
        Edge::End
    } else if number == "..." || number.bytes().all(|b| b.is_ascii_digit()) {
        Edge::Member
    } else {
        Edge::None
    }
}

/// What is drawn between the members of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    None,
    Member,
    End,
}

/// The text of a line and the edge of the box it is.
struct Content<'a>(&'a str, Edge);

impl Content<'_> {
    fn starts_with(&self, text: &str) -> bool {
        self.0.starts_with(text)
    }
}

/// Reads a traceback. `None` when no exception stands in it.
pub(super) fn parse(text: &str) -> Option<StackTrace> {
    let mut reader = Reader::default();
    reader.levels.push(Level::default());
    for line in text.split('\n') {
        if !reader.line(line) {
            break;
        }
    }
    reader.finish(text)
}

/// One level of boxes: the chain of exceptions that is being read on it.
#[derive(Default)]
struct Level {
    /// The group whose member this chain is.
    group: Option<usize>,
    /// The exception read before, and whether a sentence said that the next one follows from it.
    last: Option<usize>,
    linked: bool,
    /// Where the reading of the present exception stands.
    state: State,
    frames: Vec<Frame>,
    omitted: u32,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before an exception: text that is no traceback's.
    #[default]
    Outside,
    /// A class without a traceback may follow (after a sentence, in a group).
    Expecting,
    /// Among the frames.
    Frames,
    /// After the line of class and message.
    Message,
}

#[derive(Default)]
struct Reader {
    found: Vec<Throwable>,
    levels: Vec<Level>,
    /// Whether a group was met: before that a bar is source code, not a box.
    boxes: bool,
    truncated: bool,
}

impl Reader {
    /// Takes one line; `false` ends the reading.
    fn line(&mut self, line: &str) -> bool {
        if self.found.len() >= MAX_THROWABLES {
            self.truncated = true;
            return false;
        }
        self.boxes |= line
            .trim_start()
            .trim_start_matches(['+', '|', ' '])
            .starts_with(GROUP_TRACEBACK);
        let (level, Content(content, edge)) = if self.boxes {
            boxed(line)
        } else {
            (0, Content(line.trim_end_matches('\r'), Edge::None))
        };
        // A member's box can only stand one deeper than what is open.
        let level = level.min(self.levels.len());
        match edge {
            Edge::Member => self.open_member(level),
            Edge::End => self.levels.truncate(level.max(1)),
            Edge::None => {
                if level >= self.levels.len() {
                    self.open_member(level);
                }
                self.levels.truncate(level + 1);
                self.content(content);
            }
        }
        true
    }

    fn open_member(&mut self, level: usize) {
        let level = level.max(1);
        self.levels.truncate(level);
        let group = self.levels.last().and_then(|above| above.last);
        self.levels.push(Level {
            group,
            state: State::Expecting,
            ..Level::default()
        });
    }

    fn content(&mut self, content: &str) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        let trimmed = content.trim();
        if trimmed == CAUSED || trimmed == DURING {
            level.linked = level.last.is_some();
            level.state = State::Expecting;
            return;
        }
        if content.starts_with(TRACEBACK) || content.starts_with(GROUP_TRACEBACK) {
            level.frames.clear();
            level.omitted = 0;
            level.state = State::Frames;
            return;
        }
        match level.state {
            State::Outside | State::Expecting => {
                let may = level.state == State::Expecting || java_line::looks_like_class(class_of(content).0);
                if may && !trimmed.is_empty() && !content.starts_with(' ') {
                    self.exception(content);
                }
            }
            State::Frames => {
                if let Some(frame) = parse_frame(trimmed) {
                    if level.frames.len() >= MAX_FRAMES {
                        // The first frames of an endless recursion are worth less than its last ones, but either
                        // end tells the same.
                        level.omitted = level.omitted.saturating_add(1);
                    } else {
                        level.frames.push(frame);
                    }
                } else if let Some(times) = repeated(trimmed) {
                    level.omitted = level.omitted.saturating_add(times);
                } else if !trimmed.is_empty() && !content.starts_with(' ') {
                    self.exception(content);
                }
            }
            State::Message => {
                if let Some(last) = level.last.and_then(|last| self.found.get_mut(last)) {
                    let message = last.message.get_or_insert_default();
                    message.push('\n');
                    message.push_str(content);
                }
            }
        }
    }

    /// Takes the line of class and message, which ends a traceback.
    fn exception(&mut self, content: &str) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        let (class, message) = class_of(content);
        let index = self.found.len();
        let relation = level.group.map_or(Relation::Outermost, Relation::SuppressedBy);
        let mut exception = throwable(class.to_owned(), message.map(str::to_owned), relation);
        exception.omitted = level.omitted;
        for frame in level.frames.drain(..).rev() {
            add_frame(&mut exception, frame);
        }
        if let Some(last) = level
            .last
            .filter(|_| level.linked)
            .and_then(|last| self.found.get_mut(last))
        {
            last.relation = Relation::CauseOf(index);
        }
        level.last = Some(index);
        level.linked = false;
        level.omitted = 0;
        level.state = State::Message;
        self.found.push(exception);
    }

    fn finish(mut self, text: &str) -> Option<StackTrace> {
        // A cut text ends among the frames: what was thrown is unknown but for its base class.
        let cut = self.levels.last_mut().filter(|level| level.state == State::Frames);
        if let Some(level) = cut {
            level.omitted = level.omitted.saturating_add(1);
            self.truncated = true;
            self.exception("Exception");
        }
        self.truncated |= text.ends_with('…');
        if let Some(last) = self.found.last_mut().filter(|_| self.truncated) {
            last.omitted = last.omitted.max(1);
        }
        for exception in &mut self.found {
            let message = exception.message.take();
            exception.message = message
                .map(|text| text.trim_end().to_owned())
                .filter(|text| !text.is_empty());
        }
        settle(self.found, Language::Python, self.truncated)
    }
}

/// Splits `module.Class: message`.
fn class_of(line: &str) -> (&str, Option<&str>) {
    let line = line.trim_end();
    match line.split_once(": ") {
        Some((class, message)) if !class.contains(' ') => (class, Some(message)),
        Some(_) | None => match line.strip_suffix(':') {
            Some(class) if !class.contains(' ') => (class, None),
            Some(_) | None if line.contains(' ') => ("", Some(line)),
            Some(_) | None => (line, None),
        },
    }
}

/// Reads `File "path", line 3, in function`.
fn parse_frame(line: &str) -> Option<Frame> {
    let (path, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    let (number, method) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(Frame {
        class: path.to_owned(),
        method: method.trim().to_owned(),
        file: Some(path.to_owned()),
        line: number.trim().parse().ok(),
        module: None,
        location: None,
    })
}

/// Reads `[Previous line repeated 970 more times]`.
fn repeated(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("[Previous line repeated ")?;
    rest.split(' ').next()?.parse().ok()
}
