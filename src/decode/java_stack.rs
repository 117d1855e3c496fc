//! Java's printed stack: by `printStackTrace`, Log4j2 or Logback, whole or cut, outermost or root first.
//!
//! What stands before the first frame of a throwable belongs to its message,
//! however many lines it has.

use crate::event::{Language, Relation, StackTrace, Throwable};

use super::java_line::{
    Line, after_prefix, classify, indent, inline_header, is_cut_mark, is_header, looks_like_class, split_header,
};
use super::stack::{MAX_THROWABLES, add_frame, settle, throwable};

/// The class Flink puts around a throwable whose own class the reader may not have.
const SERIALIZED: &str = "org.apache.flink.util.SerializedThrowable";

/// Reads stack text. `None` when no line of it is a throwable's.
pub(super) fn parse(text: &str) -> Option<StackTrace> {
    let mut reader = Reader::default();
    let (header, rest) = first_header(text)?;
    reader.open_first(header);
    let mut lines = rest.split('\n').peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        if !reader.line(line.trim_end_matches('\r'), is_last) {
            break;
        }
    }
    reader.finish(text)
}

/// Finds the header of the outermost throwable: the first line that looks like one before the first frame. Text
/// before it (a log line's own beginning) is passed over. Returns the header and what follows its line.
fn first_header(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    let mut inline = None;
    let mut first = None;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim();
        let (depth, body) = indent(line.trim_end_matches('\r'));
        match classify(depth, body) {
            Line::Frame { .. } | Line::CutFrame(_) | Line::Left { .. } => {
                return inline.or(first).or(Some(("", rest)));
            }
            // A stack whose beginning is lost still has its causes.
            Line::CausedBy(_) | Line::WrappedBy(_) | Line::Suppressed(_) | Line::Circular => {
                return inline.or(first).or(Some(("", rest)));
            }
            Line::Other => {}
        }
        let header = after_prefix(trimmed);
        if is_header(header) {
            return Some((header, after));
        }
        if inline.is_none() {
            inline = inline_header(trimmed).map(|header| (header, after));
        }
        if first.is_none() && !trimmed.is_empty() {
            first = Some((trimmed, after));
        }
        rest = after;
    }
    inline
}

/// Puts the real class and message in the place of Flink's wrapper, whose message begins with them.
pub(super) fn unwrap_serialized(throwable: &mut Throwable) {
    // Bounded, since a wrapper may have been wrapped again, but not without end.
    for _ in 0..8 {
        let is_wrapper = throwable
            .class
            .strip_prefix(SERIALIZED)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('$'));
        let Some(message) = throwable.message.as_deref().filter(|_| is_wrapper) else {
            return;
        };
        let (first, more) = message
            .split_once('\n')
            .map_or((message, None), |(first, more)| (first, Some(more)));
        let (class, real) = split_header(first);
        if !looks_like_class(class) {
            return;
        }
        let real = match (real, more) {
            (Some(real), Some(more)) => Some(format!("{real}\n{more}")),
            (Some(text), None) | (None, Some(text)) => Some(text.to_owned()),
            (None, None) => None,
        };
        throwable.class = class.to_owned();
        throwable.message = real.filter(|text| text != "null");
    }
}

/// Reads lines into throwables.
#[derive(Default)]
struct Reader {
    found: Vec<Throwable>,
    /// The throwables that may still get causes, by the depth of their header.
    open: Vec<(usize, usize)>,
    /// The throwable that gets the next frame, and its message while no frame of it came.
    current: usize,
    in_message: bool,
    /// A throwable made from the copy of a stack in Spark's message, and the one whose message it was.
    copied: Option<Copied>,
    driver_seen: bool,
    truncated: bool,
}

/// See [`Reader::driver_stack`].
struct Copied {
    owner: usize,
    first: usize,
}

impl Reader {
    fn open_first(&mut self, header: &str) {
        self.open_throwable(header, Relation::Outermost);
        self.open.push((0, 0));
    }

    fn open_throwable(&mut self, header: &str, relation: Relation) -> usize {
        let header = after_prefix(header.trim_start()).trim_end();
        let (class, message) = split_header(header);
        let is_class = class.contains('.') || looks_like_class(class) || (message.is_none() && !class.is_empty());
        self.found.push(if is_class {
            throwable(class.to_owned(), message.map(str::to_owned), relation)
        } else {
            // The header is lost, or is the throwable's own prose: that much of it is sure.
            let message = (!header.is_empty()).then(|| header.to_owned());
            throwable("java.lang.Throwable".to_owned(), message, relation)
        });
        self.current = self.found.len() - 1;
        self.in_message = true;
        self.current
    }

    /// Takes one line; `false` ends the reading.
    fn line(&mut self, line: &str, is_last: bool) -> bool {
        let (depth, rest) = indent(line);
        let is_full = self.found.len() >= MAX_THROWABLES;
        match classify(depth, rest) {
            Line::CausedBy(_) | Line::WrappedBy(_) | Line::Suppressed(_) if is_full => {
                self.truncated = true;
                return false;
            }
            Line::CausedBy(header) => {
                let parent = self.parent_at(depth + 1);
                self.forget_copy(parent);
                let index = self.open_throwable(header, Relation::CauseOf(parent));
                self.replace_top(depth, index);
            }
            Line::WrappedBy(header) => {
                let wrapped = self.parent_at(depth + 1);
                let relation = self.found.get(wrapped).map_or(Relation::Outermost, |t| t.relation);
                let index = self.open_throwable(header, relation);
                if let Some(wrapped) = self.found.get_mut(wrapped) {
                    wrapped.relation = Relation::CauseOf(index);
                }
                self.replace_top(depth, index);
            }
            Line::Suppressed(header) => {
                let parent = self.parent_at(depth);
                let index = self.open_throwable(header, Relation::SuppressedBy(parent));
                self.open.push((depth, index));
            }
            Line::Frame { frame, skipped } => {
                self.in_message = false;
                if let Some(throwable) = self.found.get_mut(self.current) {
                    add_frame(throwable, frame);
                    throwable.omitted = throwable.omitted.saturating_add(skipped);
                }
            }
            Line::Left { common, omitted } => {
                self.in_message = false;
                if let Some(throwable) = self.found.get_mut(self.current) {
                    throwable.common = throwable.common.saturating_add(common);
                    throwable.omitted = throwable.omitted.saturating_add(omitted);
                }
            }
            Line::Circular => self.in_message = false,
            Line::CutFrame(frame) if is_last => {
                self.in_message = false;
                self.truncated = true;
                if let (Some(throwable), Some(frame)) = (self.found.get_mut(self.current), frame) {
                    add_frame(throwable, frame);
                }
            }
            Line::CutFrame(_) | Line::Other => return self.other(line, is_last),
        }
        true
    }

    /// A line that is nobody's: of the message, a cut end, or after the stack.
    fn other(&mut self, line: &str, is_last: bool) -> bool {
        if is_last && !line.is_empty() && is_cut_mark(line) {
            self.truncated = true;
            return true;
        }
        if self.in_message {
            if let Some(throwable) = self.found.get_mut(self.current) {
                let message = throwable.message.get_or_insert_default();
                message.push('\n');
                message.push_str(line);
            }
            return true;
        }
        if line.trim_end() == "Driver stacktrace:" {
            self.driver_stack();
            return true;
        }
        // Another stack begins: it is not part of this one.
        !(line.starts_with(|c: char| !c.is_whitespace()) && is_header(line))
    }

    /// Spark's driver puts the executor's whole stack in its message, then `Driver stacktrace:` and its own frames. What
    /// was read so far is the executor's: it becomes the cause, until a cause of the driver's own comes.
    fn driver_stack(&mut self) {
        if std::mem::replace(&mut self.driver_seen, true) {
            return;
        }
        let owner = self.found.iter().rposition(|throwable| {
            throwable
                .message
                .as_deref()
                .is_some_and(|message| message.contains("stage failure"))
        });
        let Some(owner) = owner else {
            return;
        };
        self.current = owner;
        self.replace_top(0, owner);
        let said = self.found.get(owner).and_then(|driver| driver.message.as_deref());
        let Some((class, message)) = said
            .and_then(|text| inline_header(text.lines().next()?))
            .map(split_header)
        else {
            return;
        };
        let mut copy = throwable(class.to_owned(), message.map(str::to_owned), Relation::CauseOf(owner));
        let first = self.found.len();
        if let Some(driver) = self.found.get_mut(owner) {
            copy.frames = std::mem::take(&mut driver.frames);
            copy.common = std::mem::take(&mut driver.common);
            copy.omitted = std::mem::take(&mut driver.omitted);
        }
        for throwable in &mut self.found {
            if throwable.relation == Relation::CauseOf(owner) {
                throwable.relation = Relation::CauseOf(first);
            }
        }
        self.found.push(copy);
        self.copied = Some(Copied { owner, first });
    }

    /// Drops what [`Reader::driver_stack`] made, once the driver's own cause comes.
    fn forget_copy(&mut self, parent: usize) {
        let Some(copied) = self.copied.take_if(|copied| copied.owner == parent) else {
            return;
        };
        if let Some(copy) = self.found.get_mut(copied.first) {
            // Hanging on itself it hangs on nothing, and is left out with all that hangs on it.
            copy.relation = Relation::CauseOf(copied.first);
        }
    }

    /// The innermost open throwable above `depth`; deeper ones are closed.
    fn parent_at(&mut self, depth: usize) -> usize {
        while self.open.len() > 1 && self.open.last().is_some_and(|(d, _)| *d >= depth) {
            self.open.pop();
        }
        self.open.last().map_or(0, |(_, index)| *index)
    }

    fn replace_top(&mut self, depth: usize, index: usize) {
        match self.open.last_mut() {
            Some(top) => top.1 = index,
            None => self.open.push((depth, index)),
        }
    }

    fn finish(mut self, text: &str) -> Option<StackTrace> {
        let last_line = text.rsplit('\n').next().unwrap_or_default();
        if last_line.ends_with('…') {
            self.truncated = true;
        }
        let current = self.current;
        if let Some(last) = self.found.get_mut(current) {
            let header_cut = self.in_message && last.message.is_none() && !looks_like_class(&last.class);
            self.truncated |= header_cut && current > 0;
            if self.truncated {
                last.omitted = last.omitted.max(1);
            }
        }
        for throwable in &mut self.found {
            let message = throwable.message.take();
            throwable.message = message
                .map(|text| text.trim_end_matches(['\n', '\r', '\t', ' ']).to_owned())
                .filter(|text| !text.is_empty() && text != "null");
            unwrap_serialized(throwable);
        }
        drop_doubled_classes(&mut self.found);
        settle(self.found, Language::Java, self.truncated)
    }
}

/// Flink's serialized throwables print `a.C: a.C: message` once they were thrown on. The same is printed of a throwable
/// made from a cause of its own class, where it is no doubling.
fn drop_doubled_classes(found: &mut [Throwable]) {
    let mut cause_class = vec![None; found.len()];
    for throwable in found.iter() {
        if let Relation::CauseOf(parent) = throwable.relation
            && let Some(class) = cause_class.get_mut(parent)
        {
            *class = Some(throwable.class.clone());
        }
    }
    for (throwable, cause_class) in found.iter_mut().zip(cause_class) {
        let rest = throwable
            .message
            .as_deref()
            .and_then(|message| message.strip_prefix(throwable.class.as_str()));
        let Some(rest) = rest.filter(|_| cause_class.as_ref() != Some(&throwable.class)) else {
            continue;
        };
        if rest.is_empty() {
            throwable.message = None;
        } else if let Some(message) = rest.strip_prefix(": ") {
            throwable.message = Some(message.to_owned());
        }
    }
}
