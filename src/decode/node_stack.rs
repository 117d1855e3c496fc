//! Node's printed stack: `Error: message`, frames ending in line and column, causes as pino or `util.inspect` join
//! them, properties in braces.

use crate::event::{Frame, Language, Relation, StackTrace, Throwable};

use super::stack::{MAX_THROWABLES, add_frame, settle, throwable};

/// Whether only Node writes such a line.
pub(super) fn is_mark(line: &str) -> bool {
    let line = line.trim_end_matches('\r');
    line.starts_with("    ") && frame_line(line.trim()).is_some()
}

/// Reads stack text. `None` when nothing in it is an error.
pub(super) fn parse(text: &str) -> Option<StackTrace> {
    let mut reader = Reader::default();
    for line in text.split('\n') {
        if !reader.line(line.trim_end_matches('\r')) {
            break;
        }
    }
    reader.finish(text)
}

#[derive(Default)]
struct Reader {
    found: Vec<Throwable>,
    /// Errors that may still get properties and causes: column of their header, index.
    open: Vec<(usize, usize)>,
    /// Column of an `[errors]: [` list and the error it belongs to.
    members: Option<(usize, usize)>,
    current: usize,
    in_message: bool,
    before: Option<String>,
    truncated: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> bool {
        if self.found.len() >= MAX_THROWABLES {
            self.truncated = true;
            return false;
        }
        let content = line.trim();
        let column = line.len() - line.trim_start().len();
        if self.found.is_empty() {
            return self.before_first(content, column);
        }
        if column >= 4
            && let Some(frame) = frame_line(content)
        {
            self.in_message = false;
            if let Some(error) = self.found.get_mut(self.current) {
                add_frame(error, frame);
            }
            return true;
        }
        let cause = content
            .strip_prefix("[cause]: ")
            .or_else(|| content.strip_prefix("caused by: "))
            .or_else(|| content.strip_prefix("Caused by: "));
        if let Some(header) = cause {
            // Joined causes stand at column 0, one below the other; inspected ones two deeper than their error.
            let parent = if column == 0 {
                self.last_at(usize::MAX)
            } else {
                self.last_at(column)
            };
            self.open(header, column, Relation::CauseOf(parent));
        } else if content.starts_with("[errors]: [") {
            let parent = self.last_at(column);
            self.members = Some((column, parent));
            self.in_message = false;
        } else if let Some(code) = content.strip_prefix("code: ").filter(|_| column >= 2) {
            let owner = self.last_at(column);
            self.in_message = false;
            if let Some(error) = self.found.get_mut(owner) {
                add_code(error, code.trim_end_matches(',').trim_matches(['\'', '"']));
            }
        } else if let Some((_, group)) = self.members.filter(|(at, _)| column == at + 2 && is_header(content)) {
            self.open(content, column, Relation::SuppressedBy(group));
        } else if let Some(error) = self.found.get_mut(self.current).filter(|_| self.in_message) {
            let message = error.message.get_or_insert_default();
            message.push('\n');
            message.push_str(line);
        }
        true
    }

    /// Lines before the first error: the first that looks like a header, or the one right before the first frame.
    fn before_first(&mut self, content: &str, column: usize) -> bool {
        if is_header(content) {
            self.open(content, column, Relation::Outermost);
        } else if let Some(frame) = frame_line(content) {
            let header = self.before.take().unwrap_or_default();
            self.open(&header, column, Relation::Outermost);
            self.in_message = false;
            if let Some(error) = self.found.first_mut() {
                add_frame(error, frame);
            }
        } else if !content.is_empty() && self.before.is_none() {
            self.before = Some(content.to_owned());
        }
        true
    }

    fn open(&mut self, header: &str, column: usize, relation: Relation) {
        let (class, message) = split_header(header);
        self.found
            .push(throwable(class.to_owned(), message.map(str::to_owned), relation));
        self.current = self.found.len() - 1;
        self.open.push((column, self.current));
        self.in_message = true;
    }

    /// The innermost error whose header stands left of `column`.
    fn last_at(&mut self, column: usize) -> usize {
        while self.open.len() > 1 && self.open.last().is_some_and(|(at, _)| *at >= column) {
            self.open.pop();
        }
        self.open.last().map_or(0, |(_, index)| *index)
    }

    fn finish(mut self, text: &str) -> Option<StackTrace> {
        self.truncated |= text.ends_with('…');
        for error in &mut self.found {
            let message = error.message.take();
            error.message = message
                .map(|text| text.trim_end().to_owned())
                .filter(|text| !text.is_empty());
            if let Some(code) = error.message.as_deref().and_then(system_code).map(str::to_owned) {
                add_code(error, &code);
            }
        }
        let current = self.current;
        if let Some(last) = self.found.get_mut(current).filter(|_| self.truncated) {
            last.omitted = last.omitted.max(1);
        }
        settle(self.found, Language::Node, self.truncated)
    }
}

/// Adds a code to the one class that says nothing itself: `Error` becomes `Error [ECONNREFUSED]`.
pub(super) fn add_code(error: &mut Throwable, code: &str) {
    let is_code =
        code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && code.bytes().any(|b| b.is_ascii_alphabetic());
    if is_code && error.class == "Error" {
        error.class = format!("Error [{code}]");
    }
}

/// The code of a system error as its message has it, since text does not show the property: `connect ECONNREFUSED
/// 127.0.0.1:1`, `ENOENT: no such file or directory, open 'x'`.
pub(super) fn system_code(message: &str) -> Option<&str> {
    let mut words = message.split(' ');
    let first = words.next()?;
    let code = match first.strip_suffix(':') {
        Some(code) => code,
        None => words.next()?,
    };
    let is_code =
        code.len() > 3 && code.starts_with('E') && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_code.then_some(code)
}

/// Splits `Name [CODE]: message`. The code stays with the class.
pub(super) fn split_header(header: &str) -> (&str, Option<&str>) {
    let header = header.strip_prefix("Uncaught ").unwrap_or(header).trim_end();
    let header = header.strip_suffix(" {").unwrap_or(header);
    let (class, message) = match header.split_once(": ") {
        Some((class, message)) => (class, Some(message)),
        None => (header.strip_suffix(':').unwrap_or(header), None),
    };
    if is_name(class) {
        return (class, message.filter(|message| !message.is_empty()));
    }
    ("Error", Some(header).filter(|header| !header.is_empty()))
}

fn is_header(content: &str) -> bool {
    let content = content.strip_prefix("Uncaught ").unwrap_or(content);
    let class = content.split_once(": ").map_or(content, |(class, _)| class);
    let class = class.strip_suffix(" {").unwrap_or(class);
    let simple = class.split(' ').next().unwrap_or(class);
    is_name(class) && (simple.ends_with("Error") || simple.ends_with("Exception") || class.ends_with(']'))
}

/// `Error`, `my.Name`, `TypeError [ERR_X]`.
fn is_name(class: &str) -> bool {
    let (name, code) = class
        .split_once(" [")
        .map_or((class, None), |(name, code)| (name, Some(code)));
    let code_is_one = code.is_none_or(|code| {
        code.strip_suffix(']')
            .is_some_and(|code| code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    });
    code_is_one
        && name
            .chars()
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
}

/// Reads `at fn (place)` or `at place`, whatever stands after it.
fn frame_line(content: &str) -> Option<Frame> {
    let rest = content.strip_prefix("at ")?;
    let rest = rest.trim_end_matches([' ', '{', ',', ']']);
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let rest = rest.strip_prefix("new ").unwrap_or(rest);
    match rest.strip_suffix(')').and_then(|open| open.split_once(" (")) {
        Some((function, place)) => {
            let method = function.split(" [as ").next().unwrap_or(function);
            if !is_place(place) || method.is_empty() {
                return None;
            }
            Some(frame(method, place))
        }
        None => {
            let place = rest;
            let numbered = place.bytes().last().is_some_and(|b| b.is_ascii_digit()) && split_place(place).1.is_some();
            (numbered && !place.contains(' ') || place == "<anonymous>").then(|| frame("", place))
        }
    }
}

fn is_place(place: &str) -> bool {
    split_place(place).1.is_some()
        || matches!(place, "<anonymous>" | "native" | "internal" | "unknown location")
        || place.starts_with("index ")
        || place.starts_with("eval at ")
        || place.starts_with("native:")
}

fn frame(method: &str, place: &str) -> Frame {
    let (file, line) = split_place(place);
    Frame {
        class: file.to_owned(),
        method: method.to_owned(),
        file: Some(file.to_owned()),
        line,
        module: None,
        location: None,
    }
}

/// Splits `file:line:column`.
fn split_place(place: &str) -> (&str, Option<i32>) {
    let Some((before, column)) = place.rsplit_once(':') else {
        return (place, None);
    };
    if column.parse::<u32>().is_err() {
        return (place, None);
    }
    match before
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, line.parse().ok()?)))
    {
        Some((file, line)) => (file, Some(line)),
        None => (before, column.parse().ok()),
    }
}
