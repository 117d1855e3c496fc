//! One line of Java's printed stack: what it says, taken alone.
//!
//! A frame is a line that begins with a tab or four blanks, then `at `, and has brackets: message lines such as
//! Jackson's ` at [Source: …]` are none.

use crate::event::Frame;

/// One line, as far as it says what it is.
pub(super) enum Line<'a> {
    Frame {
        frame: Frame,
        skipped: u32,
    },
    /// A frame that is not whole, as far as it is known.
    CutFrame(Option<Frame>),
    CausedBy(&'a str),
    WrappedBy(&'a str),
    Suppressed(&'a str),
    Circular,
    Left {
        common: u32,
        omitted: u32,
    },
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
        Line::CutFrame(_) | Line::Suppressed(_) | Line::Left { .. } | Line::Other => false,
    }
}

/// What stands before the class: `Exception in thread "x" `, logback's `<#f2ea9b0d> `, Py4J's `: `.
pub(super) fn after_prefix(header: &str) -> &str {
    let mut header = header;
    if let Some(rest) = header.strip_prefix("Exception in thread \"") {
        header = rest.split_once("\" ").map_or(header, |(_, after)| after);
    }
    header = header.strip_prefix(": ").unwrap_or(header);
    let hashed = header.strip_prefix("<#").and_then(|rest| rest.split_once("> "));
    if let Some((_, after)) = hashed.filter(|(hash, _)| hash.bytes().all(|b| b.is_ascii_hexdigit())) {
        header = after;
    }
    header
}

/// Splits `a.b.C: message` in class and message.
pub(super) fn split_header(header: &str) -> (&str, Option<&str>) {
    let header = header.trim_end();
    // `TimerException{cause}`, `MetaException(message:…)`: a toString of its own.
    let own = header.find(['{', '(']).and_then(|at| header.split_at_checked(at));
    if let Some((class, text)) = own.filter(|(class, _)| looks_like_class(class)) {
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let inside = inside.or_else(|| text.strip_prefix('(').and_then(|text| text.strip_suffix(')')));
        return (class, Some(inside.unwrap_or(text)));
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

pub(super) fn is_header(header: &str) -> bool {
    let (class, _) = split_header(header);
    let after = header.get(class.len()..).unwrap_or_default();
    looks_like_class(class) && (after.is_empty() || after.starts_with(':') || after.starts_with(['{', '(']))
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
pub(super) fn indent(line: &str) -> (usize, &str) {
    let rest = line.trim_start_matches(['\t', ' ']);
    let white = line.get(..line.len() - rest.len()).unwrap_or_default();
    let tabs = white.bytes().filter(|&b| b == b'\t').count();
    (tabs + (white.len() - tabs) / 4, rest)
}

pub(super) fn classify(depth: usize, rest: &str) -> Line<'_> {
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
            None => Line::CutFrame(cut_frame(frame)),
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

/// The class and method of a frame that was cut behind them.
fn cut_frame(text: &str) -> Option<Frame> {
    let (qualified, _) = text.split_once('(')?;
    let (frame, _) = parse_frame(&format!("{qualified}()"))?;
    Some(frame)
}

/// Parts `java.base/`, `app//`, `loader/module@1/` from the symbol. The slash of a hidden class
/// (`X$$Lambda$7/0x00007f…`) is followed by a digit and belongs to the name.
pub(crate) fn split_module(qualified: &str) -> (Option<&str>, &str) {
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

/// Whether the last line is the beginning of one that was cut: of a cause, of a frame, of a count of frames.
pub(super) fn is_cut_mark(line: &str) -> bool {
    let bare = line.trim_end_matches('…').trim_start();
    let starts = |whole: &str| !bare.is_empty() && whole.starts_with(bare.trim_end()) && bare.len() < whole.len();
    let depth = indent(line).0;
    (depth == 0 && bare.len() >= 2 && starts("Caused by: "))
        || (depth > 0 && (starts("at ") || starts("Suppressed: ") || starts("Caused by: ")))
        || (bare.starts_with("... ") || bare == "..." || bare == "..") && depth > 0
        || line == "…"
}
