//! Java's printed stack: by `printStackTrace`, Log4j2 or Logback, whole or cut, outermost or root first.
//!
//! A frame is a line that begins with a tab or four blanks, then `at `, and has brackets: message lines such as
//! Jackson's ` at [Source: …]` are none. What stands before the first frame of a throwable belongs to its message,
//! however many lines it has.

use crate::event::{Frame, Language, Relation, StackTrace, Throwable};

use super::stack::{MAX_THROWABLES, add_frame, settle, throwable};

/// The class Flink puts around a throwable whose own class the reader may not have.
const SERIALIZED: &str = "org.apache.flink.util.SerializedThrowable";

/// One line, as far as it says what it is.
enum Line<'a> {
    Frame { frame: Frame, skipped: u32 },
    CutFrame,
    CausedBy(&'a str),
    WrappedBy(&'a str),
    Suppressed(&'a str),
    Circular,
    Left { common: u32, omitted: u32 },
    Other,
}

/// Whether only Java writes such a line.
pub(super) fn is_mark(line: &str) -> bool {
    let line = line.trim_end_matches('\r');
    let (depth, rest) = indent(line);
    match classify(depth, rest) {
        Line::Frame { .. } => true,
        Line::CausedBy(header) | Line::WrappedBy(header) => looks_like_class(split_header(after_prefix(header)).0),
        Line::Circular => true,
        Line::CutFrame | Line::Suppressed(_) | Line::Left { .. } | Line::Other => false,
    }
}

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
            Line::Frame { .. } | Line::CutFrame | Line::Left { .. } => {
                return inline.or(first).or(Some(("", rest)));
            }
            Line::CausedBy(_) | Line::WrappedBy(_) | Line::Suppressed(_) | Line::Circular => {
                // A stack whose beginning is lost still has its causes.
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

/// What stands before the class: `Exception in thread "x" `, logback's `<#f2ea9b0d> `, Py4J's `: `.
pub(super) fn after_prefix(header: &str) -> &str {
    let mut header = header;
    if let Some(rest) = header.strip_prefix("Exception in thread \"") {
        header = rest.split_once("\" ").map_or(header, |(_, after)| after);
    }
    header = header.strip_prefix(": ").unwrap_or(header);
    if let Some(rest) = header.strip_prefix("<#") {
        if let Some((hash, after)) = rest.split_once("> ") {
            if !hash.is_empty() && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
                header = after;
            }
        }
    }
    header
}

/// Splits `a.b.C: message` in class and message.
pub(super) fn split_header(header: &str) -> (&str, Option<&str>) {
    let header = header.trim_end();
    let own_to_string = header
        .split_once('{')
        .filter(|(name, rest)| rest.ends_with('}') && looks_like_class(name));
    if let Some((class, rest)) = own_to_string {
        return (class, rest.strip_suffix('}'));
    }
    match header.split_once(": ") {
        Some((class, message)) if is_class_token(class) => (class, Some(message)),
        Some(_) | None => {
            let bare = header.strip_suffix(':').unwrap_or(header);
            if is_class_token(bare) {
                return (bare, None);
            }
            match header.split_once(char::is_whitespace) {
                Some((first, message)) => {
                    let first = first.strip_suffix(':').unwrap_or(first);
                    (first, Some(message.trim_start()))
                }
                None => (bare, None),
            }
        }
    }
}

fn is_header(header: &str) -> bool {
    let (class, _) = split_header(header);
    let after = header.get(class.len()..).unwrap_or_default();
    looks_like_class(class) && (after.is_empty() || after.starts_with(':') || after.starts_with('{'))
}

/// Letters of any script, digits and what else a class name holds.
fn is_class_token(token: &str) -> bool {
    token
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && token
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '/' | '-' | '+' | '@'))
}

/// Whether a token is a class name: one with a package whose last part is not a lower-case word, or a simple name
/// that says it is a throwable.
pub(super) fn looks_like_class(token: &str) -> bool {
    if !is_class_token(token) || token.ends_with('.') || token.contains("..") {
        return false;
    }
    let simple = token.rsplit('.').next().unwrap_or(token);
    let begins = simple.chars().next().unwrap_or('a');
    if begins.is_lowercase() || !(begins.is_alphabetic() || begins == '_' || begins == '$') {
        return false;
    }
    token.contains('.') || says_throwable(simple)
}

fn says_throwable(simple: &str) -> bool {
    const ENDINGS: [&str; 8] = [
        "Exception",
        "Error",
        "Throwable",
        "Failure",
        "Fault",
        "Interrupt",
        "Warning",
        "异常",
    ];
    ENDINGS.iter().any(|ending| simple.ends_with(ending))
}

/// The header that stands within a line of other text: `… with failure cause: a.b.CException: message`.
pub(super) fn inline_header(line: &str) -> Option<&str> {
    let mut rest = line;
    loop {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        let bare = word.strip_suffix(':').unwrap_or(word);
        let ends = word.len() > bare.len() || after.trim().is_empty();
        if ends && bare.contains('.') && looks_like_class(bare) && says_throwable(bare) {
            return Some(rest);
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return None;
        }
    }
}

/// Depth of the indentation (a tab, or four blanks) and what follows it.
fn indent(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches(['\t', ' ']);
    let white = line.get(..line.len() - rest.len()).unwrap_or_default();
    let tabs = white.bytes().filter(|&b| b == b'\t').count();
    (tabs + (white.len() - tabs) / 4, rest)
}

fn classify(depth: usize, rest: &str) -> Line<'_> {
    if let Some(header) = rest.strip_prefix("Caused by: ") {
        return if header.starts_with("[CIRCULAR REFERENCE") {
            Line::Circular
        } else {
            Line::CausedBy(header)
        };
    }
    if let Some(header) = rest.strip_prefix("Wrapped by: ") {
        return Line::WrappedBy(header);
    }
    if depth == 0 {
        return left_out(rest).unwrap_or(Line::Other);
    }
    if let Some(header) = rest.strip_prefix("Suppressed: ") {
        return if header.starts_with("[CIRCULAR REFERENCE") {
            Line::Circular
        } else {
            Line::Suppressed(header)
        };
    }
    if rest.starts_with("[CIRCULAR REFERENCE") {
        return Line::Circular;
    }
    if let Some(frame) = rest.strip_prefix("at ") {
        return match parse_frame(frame) {
            Some((frame, skipped)) => Line::Frame { frame, skipped },
            None => Line::CutFrame,
        };
    }
    left_out(rest).unwrap_or(Line::Other)
}

/// `... 7 more`, `... 7 common frames omitted`, `... 7 frames truncated (including 6 common frames)`,
/// `... 3 frames excluded`, `... suppressed 5 lines`.
fn left_out(rest: &str) -> Option<Line<'_>> {
    let rest = rest.strip_prefix("... ")?;
    if let Some(lines) = rest.strip_prefix("suppressed ") {
        let omitted = leading_number(lines)?;
        return Some(Line::Left { common: 0, omitted });
    }
    let count = leading_number(rest)?;
    let what = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    if what.starts_with("more") || what.starts_with("common frame") {
        return Some(Line::Left {
            common: count,
            omitted: 0,
        });
    }
    if what.starts_with("frame") || what.starts_with("line") {
        let common = what
            .split_once("(including ")
            .and_then(|(_, including)| leading_number(including))
            .unwrap_or(0);
        return Some(Line::Left {
            common,
            omitted: count.saturating_sub(common),
        });
    }
    None
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// Reads what follows `at `: the frame, and how many frames after it the writer skipped (`[2 skipped]`).
fn parse_frame(text: &str) -> Option<(Frame, u32)> {
    let (qualified, rest) = text.split_once('(')?;
    let (place, tail) = rest.split_once(')')?;
    if qualified.is_empty() || qualified.contains(char::is_whitespace) {
        return None;
    }
    let (module, symbol) = split_module(qualified);
    let (class, method) = symbol.rsplit_once('.')?;
    let (file, line) = split_place(place);
    let mut location = None;
    let mut skipped = 0;
    for part in tail.split('[').skip(1) {
        let inside = part.split_once(']').map_or(part, |(inside, _)| inside);
        match inside.strip_suffix(" skipped").and_then(leading_number) {
            Some(count) => skipped = count,
            None if location.is_none() => location = Some(inside.to_owned()),
            None => {}
        }
    }
    let frame = Frame {
        class: class.to_owned(),
        method: method.to_owned(),
        file: file.map(str::to_owned),
        line,
        module: module.map(str::to_owned),
        location,
    };
    Some((frame, skipped))
}

/// Parts `java.base/`, `app//`, `loader/module@1/` from the symbol. The slash of a hidden class
/// (`X$$Lambda$7/0x00007f…`) is followed by a digit and belongs to the name.
pub(super) fn split_module(qualified: &str) -> (Option<&str>, &str) {
    let mut upto = qualified.len();
    while let Some(at) = qualified.get(..upto).and_then(|part| part.rfind('/')) {
        let (before, after) = (qualified.get(..at), qualified.get(at + 1..).unwrap_or_default());
        if !after.starts_with(|c: char| c.is_ascii_digit()) {
            return (before, after);
        }
        upto = at;
    }
    (None, qualified)
}

/// `File.java:12`, `Native Method`, `Unknown Source`, `<generated>`.
fn split_place(place: &str) -> (Option<&str>, Option<i32>) {
    match place {
        "Native Method" => (None, Some(-2)),
        "Unknown Source" | "" => (None, None),
        place => match place.rsplit_once(':') {
            Some((file, line)) => match line.trim().parse() {
                Ok(line) => ((!file.is_empty()).then_some(file), Some(line)),
                Err(_) => (Some(place), None),
            },
            None => (Some(place), None),
        },
    }
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
    truncated: bool,
}

impl Reader {
    fn open_first(&mut self, header: &str) {
        self.open_throwable(header, Relation::Outermost);
        self.open.push((0, 0));
    }

    fn open_throwable(&mut self, header: &str, relation: Relation) -> usize {
        let (class, message) = split_header(after_prefix(header.trim_start()));
        let message = message.map(str::to_owned);
        self.found.push(throwable(class.to_owned(), message, relation));
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
            Line::CutFrame if is_last => self.truncated = true,
            Line::CutFrame | Line::Other => return self.other(line, is_last),
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
        // Another stack begins: it is not part of this one.
        !(line.starts_with(|c: char| !c.is_whitespace()) && is_header(line))
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
        settle(self.found, Language::Java, self.truncated)
    }
}

/// Whether the last line is the beginning of one that was cut: of a cause, of a frame, of a count of frames.
fn is_cut_mark(line: &str) -> bool {
    let bare = line.trim_end_matches('…').trim_start();
    let starts = |whole: &str| !bare.is_empty() && whole.starts_with(bare.trim_end()) && bare.len() < whole.len();
    let depth = indent(line).0;
    (depth == 0 && bare.len() >= 2 && starts("Caused by: "))
        || (depth > 0 && (starts("at ") || starts("Suppressed: ") || starts("Caused by: ")))
        || (bare.starts_with("... ") || bare == "..." || bare == "..") && depth > 0
        || line == "…"
}
