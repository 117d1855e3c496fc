//! Lines of text in the patterns frameworks ship: which part is time, level, thread, logger and message.
//!
//! Flink `%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m`, Spark `%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m`, Hadoop
//! `%d %p [%t] %c: %m`, Logback `%d [%t] %-5level %logger - %m`, Spring Boot, Kafka `[%d] %p %m (%c)`, ZooKeeper,
//! Python's `asctime - name - LEVEL - message` and `LEVEL:name:message`, klog. A pattern is not configured but read:
//! a time, then a level among the first words, then what the separators say.

use super::glued;
use super::level;
use super::time::{self, Stamp};

/// A line taken apart. All parts are slices of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'t> {
    /// Date and time; patterns with a time of day only have none.
    pub(crate) stamp: Option<Stamp>,
    pub(crate) level: Option<&'t str>,
    pub(crate) logger: Option<&'t str>,
    pub(crate) thread: Option<&'t str>,
    /// What was said, further lines included, without the stack.
    pub(crate) message: &'t str,
    /// The stack, empty where there is none.
    pub(crate) trace: &'t str,
}

/// Words looked at before the level.
const MAX_WORDS: usize = 6;
/// Bytes of a nested diagnostic context between logger and message.
const MAX_NDC: usize = 100;

/// Takes a record of text apart; `None` where no pattern is seen.
pub(crate) fn parse(text: &str) -> Option<Line<'_>> {
    let (stamp, clock, rest) = stamp(text);
    let timed = stamp.is_some() || clock;
    if let Some(line) = klog(text) {
        return Some(line);
    }
    let mut found = match find_level(rest, timed) {
        Some(found) => found,
        None => return without_level(text, stamp, rest, timed),
    };
    found.read_logger();
    let (body, logger) = match (found.logger, trailing_logger(found.rest)) {
        (None, Some((body, logger))) => (body, Some(logger)),
        (logger, _) => (found.rest, logger),
    };
    let (message, trace) = divide(found.rest, body);
    Some(Line {
        stamp,
        level: Some(found.level),
        logger,
        thread: found.thread,
        message,
        trace,
    })
}

/// A stack with or without a time before it; nothing else is taken for a record without a level.
fn without_level<'t>(text: &'t str, stamp: Option<Stamp>, rest: &'t str, timed: bool) -> Option<Line<'t>> {
    let body = if timed {
        rest.trim_start_matches([' ', '-', ':', '|'])
    } else {
        text
    };
    let starts = glued::reads_like_header(body.lines().next().unwrap_or_default().trim_end());
    let (message, trace) = if starts || body.starts_with("Traceback (most recent call last):") {
        ("", body)
    } else {
        let split = if timed {
            glued::split_lines(body)
        } else {
            glued::split(body)
        }?;
        (split.message, split.trace)
    };
    Some(Line {
        stamp,
        level: None,
        logger: None,
        thread: None,
        message,
        trace,
    })
}

/// The message of a line (with further lines), and the stack behind it. `first` is the message's own text, shorter
/// than `all` where a logger was cut from the end of its first line.
fn divide<'t>(all: &'t str, first: &'t str) -> (&'t str, &'t str) {
    match glued::split_lines(all) {
        Some(split) if first.len() < split.message.len() => (first, split.trace),
        Some(split) => (split.message.trim(), split.trace),
        None if first.len() < all.len() && all.lines().count() == 1 => (first, ""),
        None => (all.trim(), ""),
    }
}

/// The time a line begins with: date and time, or only a time of day.
fn stamp(text: &str) -> (Option<Stamp>, bool, &str) {
    let bare = text.strip_prefix('[').unwrap_or(text);
    let bracketed = bare.len() < text.len();
    let (stamp, clock, rest) = match time::prefix(bare) {
        Some((stamp, rest)) => (Some(stamp), true, rest),
        None => match clock(bare) {
            Some(rest) => (None, true, rest),
            None => return (None, false, text),
        },
    };
    if !bracketed {
        return (stamp, clock, rest);
    }
    match rest.strip_prefix(']') {
        Some(rest) => (stamp, clock, rest),
        None => (None, false, text),
    }
}

/// What follows `HH:mm:ss` with an optional fraction.
fn clock(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let [a, b, b':', c, d, b':', e, f, ..] = bytes else {
        return None;
    };
    if ![a, b, c, d, e, f].iter().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = text.get(8..)?;
    let fraction = rest.strip_prefix(['.', ',']).unwrap_or(rest);
    let rest = if fraction.len() < rest.len() {
        fraction.trim_start_matches(|c: char| c.is_ascii_digit())
    } else {
        rest
    };
    rest.starts_with([' ', ']', '\t']).then_some(rest)
}

/// `E0102 03:04:05.678901    1234 file.go:12] message`: no year, so the time is the envelope's.
fn klog(text: &str) -> Option<Line<'_>> {
    let bytes = text.as_bytes();
    let level = match bytes.first()? {
        b'E' => "ERROR",
        b'W' => "WARNING",
        b'F' => "FATAL",
        b'I' => "INFO",
        _ => return None,
    };
    if !bytes.get(1..5)?.iter().all(u8::is_ascii_digit) || bytes.get(5) != Some(&b' ') {
        return None;
    }
    let rest = clock(text.get(6..)?)?;
    let (head, message) = rest.split_once("] ")?;
    let place = head.split_whitespace().last()?;
    let logger = place.split(':').next();
    let (message, trace) = divide(message, message);
    Some(Line {
        stamp: None,
        level: Some(level),
        logger,
        thread: None,
        message,
        trace,
    })
}

/// What is known once the level was found.
struct Found<'t> {
    level: &'t str,
    thread: Option<&'t str>,
    logger: Option<&'t str>,
    rest: &'t str,
}

/// Looks for a level among the first words.
fn find_level(text: &str, timed: bool) -> Option<Found<'_>> {
    let mut rest = text;
    let mut thread = None;
    let mut logger = None;
    for _ in 0..MAX_WORDS {
        rest = skip_separators(rest);
        if let Some((inside, behind)) = bracketed(rest) {
            let word = inside.trim();
            if level::is_word(word) {
                let rest = behind.strip_prefix(':').unwrap_or(behind);
                return Some(Found {
                    level: word,
                    thread,
                    logger,
                    rest,
                });
            }
            if thread.is_none() && !word.is_empty() && !word.starts_with("myid:") {
                thread = Some(word);
            }
            rest = behind;
            continue;
        }
        let end = rest.find([' ', '\t', '\n', ':', '|']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(end)?;
        let upper = word.bytes().all(|b| b.is_ascii_uppercase());
        if level::is_word(word) && (upper || (behind.starts_with(": ") && word.bytes().all(|b| b.is_ascii_lowercase())))
        {
            if let Some(named) = behind.strip_prefix(':').filter(|_| !timed && logger.is_none()) {
                // Python's basic format, `ERROR:name:message`.
                if let Some((name, message)) = named.split_once(':')
                    && is_logger(name)
                {
                    return Some(Found {
                        level: word,
                        thread,
                        logger: Some(name),
                        rest: message,
                    });
                }
            }
            // A word at the very start of a line without a time is a level only where it stands as one.
            let behind = behind.strip_prefix(':').unwrap_or(behind);
            return Some(Found {
                level: word,
                thread,
                logger,
                rest: behind,
            });
        }
        if !timed || word.is_empty() || behind.starts_with('\n') {
            return None;
        }
        if is_logger(word) && !word.bytes().all(|b| b.is_ascii_digit()) {
            logger = Some(word);
        }
        rest = behind;
    }
    None
}

impl Found<'_> {
    /// Reads thread and logger behind the level, where they stand there.
    fn read_logger(&mut self) {
        let known = self.logger.is_some();
        let mut rest = self.rest.trim_start_matches([' ', '\t']);
        // Spring Boot writes its process id and three dashes first.
        let mut spring = false;
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() < rest.len()
            && let Some(behind) = digits.strip_prefix(" --- ")
        {
            rest = behind.trim_start();
            spring = true;
        }
        let mut dashed = false;
        if let Some(behind) = rest.strip_prefix("- ") {
            rest = behind.trim_start();
            dashed = true;
        }
        while let Some((inside, behind)) = bracketed(rest) {
            if !(behind.starts_with(' ') || behind.starts_with(':')) {
                break;
            }
            let word = inside.trim();
            if !word.is_empty() {
                self.thread = Some(word);
            }
            rest = behind.trim_start_matches([' ', ':']);
        }
        if let Some(behind) = rest.strip_prefix("- ") {
            rest = behind.trim_start();
            dashed = true;
        }
        self.rest = rest;
        if known || (dashed && self.thread.is_none()) {
            return;
        }
        let line = rest.lines().next().unwrap_or_default();
        if glued::reads_like_header(line.trim_end()) {
            return;
        }
        let end = line.find([' ', '\t']).unwrap_or(line.len());
        let Some((word, behind)) = rest.split_at_checked(end) else {
            return;
        };
        if let Some(name) = word.strip_suffix(':').filter(|name| is_logger(name)) {
            self.logger = Some(name);
            self.rest = behind.trim_start_matches([' ', '\t']);
            return;
        }
        if !is_logger(word) && !spring {
            return;
        }
        let padded = behind.trim_start_matches([' ', '\t']);
        for separator in ["- ", ": ", "-\n", "| "] {
            if let Some(message) = padded.strip_prefix(separator) {
                self.logger = Some(word);
                self.rest = message;
                return;
            }
        }
        if !word.contains('.') {
            return;
        }
        // A nested diagnostic context stands between a qualified logger and the dash.
        let first = padded.lines().next().unwrap_or_default();
        if let Some(at) = first.find(" - ").filter(|at| *at <= MAX_NDC) {
            self.logger = Some(word);
            self.rest = padded.get(at + 3..).unwrap_or_default();
        } else if word.matches('.').count() >= 2 {
            self.logger = Some(word);
            self.rest = padded;
        }
    }
}

/// Kafka's pattern ends its first line with the logger in brackets: `… (org.apache.kafka.connect.Worker:212)`.
fn trailing_logger(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find('\n').unwrap_or(rest.len());
    let first = rest.get(..end)?.trim_end();
    let inside = first.strip_suffix(')')?;
    let open = inside.rfind(" (")?;
    let (message, place) = inside.split_at_checked(open)?;
    let place = place.get(2..)?;
    let name = place.split(':').next()?;
    (is_logger(name) && name.contains('.') && !name.ends_with('.')).then_some((message.trim(), name))
}

/// The inside of a bracket the text begins with, and what follows.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let close = match text.as_bytes().first()? {
        b'[' => ']',
        b'<' => '>',
        _ => return None,
    };
    // Threads of tasks hold brackets themselves: `[Source: a[1] -> Map (1/2)#0]`.
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().take(400) {
        match c {
            '\n' => return None,
            '[' | '<' if c == text.chars().next()? => depth += 1,
            _ if c == close => {
                depth -= 1;
                if depth == 0 {
                    return Some((text.get(1..at)?, text.get(at + 1..)?));
                }
            }
            _ => {}
        }
    }
    None
}

/// Blanks, dashes, bars and lone colons between parts.
fn skip_separators(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '-', '|', ':', ','])
}

/// Whether a word could name a logger.
fn is_logger(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 200
        && word.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | '-' | '/' | '@' | '#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'t> = (Option<&'t str>, Option<&'t str>, Option<&'t str>, &'t str);

    fn parts(text: &str) -> Option<Parts<'_>> {
        parse(text).map(|line| (line.level, line.logger, line.thread, line.message))
    }

    #[test]
    fn stock_patterns_are_read_without_configuration() {
        for (text, level, logger, thread, message) in [
            (
                "2026-01-02 03:04:05,678 WARN  org.apache.flink.runtime.taskmanager.Task                    [] - m: a - b",
                "WARN",
                Some("org.apache.flink.runtime.taskmanager.Task"),
                None,
                "m: a - b",
            ),
            (
                "2026-01-02 03:04:05,678 ERROR org.apache.flink.Foo                                          - boom",
                "ERROR",
                Some("org.apache.flink.Foo"),
                None,
                "boom",
            ),
            (
                "2026-01-02 03:04:05,678 ERROR org.apache.flink.Foo         order 17 - boom",
                "ERROR",
                Some("org.apache.flink.Foo"),
                None,
                "boom",
            ),
            (
                "26/01/02 03:04:05 ERROR Executor: Exception in task",
                "ERROR",
                Some("Executor"),
                None,
                "Exception in task",
            ),
            (
                "2026-01-02 03:04:05,678 ERROR [main] org.apache.hadoop.X: bad",
                "ERROR",
                Some("org.apache.hadoop.X"),
                Some("main"),
                "bad",
            ),
            (
                "03:04:05.678 [main] ERROR a.b.C - bad",
                "ERROR",
                Some("a.b.C"),
                Some("main"),
                "bad",
            ),
            (
                "2026-01-02T03:04:05.678+08:00 ERROR 4711 --- [app] [nio-1] c.a.b.C                  : bad",
                "ERROR",
                Some("c.a.b.C"),
                Some("nio-1"),
                "bad",
            ),
            (
                "[2026-01-02 03:04:05,678] ERROR [sink|task-0] Task threw an exception (org.apache.kafka.connect.WorkerTask:212)",
                "ERROR",
                Some("org.apache.kafka.connect.WorkerTask"),
                Some("sink|task-0"),
                "Task threw an exception",
            ),
            (
                "2026-01-02 03:04:05,678 [myid:1] - ERROR [main:QuorumPeer@12] - bad",
                "ERROR",
                None,
                Some("main:QuorumPeer@12"),
                "bad",
            ),
            (
                "2026-01-02 03:04:05,678 - etl.load - ERROR - bad: row",
                "ERROR",
                Some("etl.load"),
                None,
                "bad: row",
            ),
            ("ERROR:etl.load:bad: row", "ERROR", Some("etl.load"), None, "bad: row"),
            (
                "2026-01-02 03:04:05 [error    ] load failed",
                "error",
                None,
                None,
                "load failed",
            ),
            (
                "2026/01/02 03:04:05.170048 juicefs[11790] <ERROR>: load setting [x@y.go:1]",
                "ERROR",
                None,
                None,
                "load setting [x@y.go:1]",
            ),
            (
                "E0102 03:04:05.678901    1234 reflector.go:12] list failed",
                "ERROR",
                Some("reflector.go"),
                None,
                "list failed",
            ),
        ] {
            let got = parts(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (got.0, got.1, got.2, got.3),
                (Some(level), logger, thread, message),
                "{text}"
            );
        }
    }

    #[test]
    fn a_stray_line_is_no_record() {
        for text in [
            "Killed",
            "\tat a.b.C.d(C.java:1)",
            "    ... 12 more",
            "2026-01-02 03:04:05 something happened",
            "Error while waiting",
            "Starting flink on host",
            "[GC pause]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_stack_is_split_from_the_message() {
        let line = parse(
            "2026-01-02 03:04:05,678 WARN  o.a.f.Task  - failed with failure cause:\njava.lang.NullPointerException\n",
        )
        .unwrap();
        assert_eq!(line.message, "failed with failure cause:");
        assert_eq!(line.trace, "java.lang.NullPointerException\n");
    }
}
