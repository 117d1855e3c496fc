//! A stack glued to the message, split off.
//!
//! Flink up to 1.15 writes `… with failure cause: <class>: …` and the frames into the message, its dispatcher still
//! does, Spark's driver does for lost tasks, the Google Cloud template does for all. Only text that holds frames (or
//! the head of a Python traceback) is split; where the throwable's own first line begins is told by its class name.

use crate::event::{Text, Thrown};

/// Frames as they stand in literal and in escaped text, with what goes before them.
const FRAMES: &[&str] = &["\n\tat ", "\n    at ", "\n\t\tat "];
const FRAMES_ESCAPED: &[&str] = &["\\n\\tat ", "\\n    at ", "\\n\\t\\tat "];
const TRACEBACK: &str = "Traceback (most recent call last):";

/// How a text was divided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split<'t> {
    /// What was said before the throwable.
    pub(crate) message: &'t str,
    /// The throwable with its frames.
    pub(crate) trace: &'t str,
}

/// Whether the text may hold a glued stack. Cheap: most messages have no line break at all.
pub(crate) fn may_hold_stack(text: &Text<'_>) -> bool {
    let held = text.held();
    match text {
        Text::Escaped(_) => {
            let mut breaks = false;
            for at in memchr::memchr_iter(b'\\', held.as_bytes()) {
                let from = held.as_bytes().get(at..).unwrap_or_default();
                if from.starts_with(b"\\n") {
                    breaks = true;
                    if FRAMES_ESCAPED.iter().any(|frame| from.starts_with(frame.as_bytes())) {
                        return true;
                    }
                }
            }
            breaks && held.contains(TRACEBACK)
        }
        Text::Plain(_) | Text::Owned(_) => {
            let mut breaks = false;
            for at in memchr::memchr_iter(b'\n', held.as_bytes()) {
                breaks = true;
                let from = held.as_bytes().get(at..).unwrap_or_default();
                if FRAMES.iter().any(|frame| from.starts_with(frame.as_bytes())) {
                    return true;
                }
            }
            breaks && held.contains(TRACEBACK)
        }
    }
}

/// Splits literal text; `None` where it holds no stack.
pub(crate) fn split(text: &str) -> Option<Split<'_>> {
    // Flink writes Java frames too when a Python function fails; whichever begins first is the throwable.
    let first_frame = memchr::memchr_iter(b'\n', text.as_bytes()).find(|at| {
        let from = text.as_bytes().get(*at..).unwrap_or_default();
        FRAMES.iter().any(|frame| from.starts_with(frame.as_bytes()))
    });
    let head = text.get(..first_frame.unwrap_or(text.len()))?;
    if let Some(at) = memchr::memmem::find(head.as_bytes(), TRACEBACK.as_bytes()) {
        return Some(cut(text, line_start(text, at)));
    }
    first_frame?;
    Some(cut(text, header_start(head)?))
}

/// Cuts a glued stack off the message. It becomes the throwable, unless a trace stands under a key of its own.
pub(crate) fn unglue(message: &mut Text<'_>, thrown: &mut Thrown<'_>) {
    if !may_hold_stack(message) {
        return;
    }
    if let Ok((said, trace)) = split_owned(message.decoded().into_owned()) {
        *message = Text::Owned(said);
        if matches!(thrown, Thrown::Absent | Thrown::Named { .. }) {
            *thrown = Thrown::Text(Text::Owned(trace));
        }
    }
}

/// Splits an owned text: the message and the trace.
pub(crate) fn split_owned(mut text: String) -> Result<(String, String), String> {
    let Some(at) = split(&text).map(|split| text.len() - split.trace.len()) else {
        return Err(text);
    };
    let trace = text.split_off(at);
    text.truncate(text.trim_end().len());
    Ok((text, trace))
}

/// Splits what follows the first line of a text record: there a throwable begins at the start of a line, and may
/// have no frames.
pub(crate) fn split_lines(text: &str) -> Option<Split<'_>> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if at > 0 && (reads_like_header(bare) || bare.trim_start_matches([' ', '+', '|']).ends_with(TRACEBACK)) {
            return Some(cut(text, at));
        }
        at += line.len();
    }
    split(text)
}

/// Whether text under a loose key (`error`, `err`) reads like a throwable.
pub(crate) fn reads_like_throwable(text: &Text<'_>) -> bool {
    if may_hold_stack(text) || text.held().starts_with("  + Exception Group") {
        return true;
    }
    let decoded = text.decoded();
    decoded
        .lines()
        .next()
        .is_some_and(|line| reads_like_header(line.trim_end()))
}

fn cut(text: &str, at: usize) -> Split<'_> {
    let (message, trace) = text.split_at_checked(at).unwrap_or((text, ""));
    Split {
        message: message.trim_end(),
        trace,
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}

/// Whether a line begins a throwable: `java.io.IOException: x`, `ValueError: x`, `Exception in thread "main" a.B`.
pub(crate) fn reads_like_header(line: &str) -> bool {
    let line = line
        .strip_prefix("Exception in thread \"")
        .and_then(|rest| rest.split_once("\" "))
        .map_or(line, |(_, rest)| rest);
    let (name, rest) = class_name(line);
    is_throwable_name(name) && (rest.is_empty() || rest.starts_with(": ") || rest == ":")
}

/// Where the throwable's first line begins in the text before the first frame.
///
/// The first word that is a class name in full and ends like a throwable (`…Exception`, `…Error`) wins; where none
/// ends so, the first dotted class name that a colon or a line end follows.
fn header_start(head: &str) -> Option<usize> {
    let mut dotted_only = None;
    let mut bare = None;
    let mut at = 0;
    let mut follows_break = true;
    while let Some(rest) = head.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        if follows_break && is_name_start(first) {
            let (name, behind) = class_name(rest);
            let ends =
                behind.is_empty() || behind.starts_with(": ") || behind.starts_with(['\n', '\r']) || behind == ":";
            if ends && name.contains('.') {
                if is_throwable_name(name) {
                    return Some(at);
                }
                if dotted_only.is_none() && !name.ends_with('.') {
                    dotted_only = Some(at);
                }
            } else if ends && bare.is_none() && is_throwable_name(name) {
                bare = Some(at);
            }
            at += name.len().max(first.len_utf8());
            follows_break = false;
            continue;
        }
        follows_break = matches!(first, ' ' | '\n' | '\t' | '(' | '[');
        at += first.len_utf8();
    }
    bare.or(dotted_only)
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// The longest class name a text begins with, and what follows it. Letters of any script are legal in Java names.
fn class_name(text: &str) -> (&str, &str) {
    let end = text
        .char_indices()
        .find(|(_, c)| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '$')))
        .map_or(text.len(), |(at, _)| at);
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Whether a class name ends the way throwables are named.
fn is_throwable_name(name: &str) -> bool {
    let simple = name.rsplit(['.', '$']).next().unwrap_or(name);
    const ENDS: &[&str] = &[
        "Exception",
        "Error",
        "Throwable",
        "Failure",
        "Fault",
        "Interrupt",
        "ExceptionGroup",
        "Death",
        "Exit",
        "Warning",
        "异常",
        "错误",
    ];
    name.starts_with(is_name_start) && ENDS.iter().any(|end| simple.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(&str, &str)> {
        split(text).map(|split| (split.message, split.trace))
    }

    #[test]
    fn the_stack_of_a_task_of_flink_1_15_is_split_off() {
        let text = "Map (1/2) (ab) switched from RUNNING to FAILED with failure cause: java.lang.RuntimeException: java.io.IOException: Cannot get a channel.\n\tat x.Y.z(Y.java:1)\nCaused by: java.io.IOException: Cannot get a channel.";
        let (message, trace) = parts(text).unwrap();
        assert_eq!(
            message,
            "Map (1/2) (ab) switched from RUNNING to FAILED with failure cause:"
        );
        assert!(trace.starts_with("java.lang.RuntimeException: java.io.IOException: Cannot"));
    }

    #[test]
    fn the_stack_behind_a_line_break_is_split_off() {
        let text = "Job 00 reached terminal state FAILED.\norg.apache.flink.runtime.JobException: Recovery is suppressed\n\tat a.B.c(B.java:1)";
        let (message, trace) = parts(text).unwrap();
        assert_eq!(message, "Job 00 reached terminal state FAILED.");
        assert!(trace.starts_with("org.apache.flink.runtime.JobException: Recovery"));
    }

    #[test]
    fn a_lost_task_of_spark_keeps_its_place_in_the_message() {
        let text = "Lost task 0.0 in stage 0.0 (TID 0) (host executor driver): org.apache.spark.SparkException: [X] failed due to: java.lang.NullPointerException: n\n\tat a.B.c(B.java:1)";
        let (message, trace) = parts(text).unwrap();
        assert_eq!(message, "Lost task 0.0 in stage 0.0 (TID 0) (host executor driver):");
        assert!(trace.starts_with("org.apache.spark.SparkException: [X]"));
    }

    #[test]
    fn a_class_that_does_not_say_exception_is_found_by_its_shape() {
        assert_eq!(
            parts("m a.Outer: x\n\tat s.F.m(F.java:1)"),
            Some(("m", "a.Outer: x\n\tat s.F.m(F.java:1)"))
        );
        assert_eq!(
            parts("boom Error: x\n    at f (a.js:1:2)"),
            Some(("boom", "Error: x\n    at f (a.js:1:2)"))
        );
    }

    #[test]
    fn a_python_traceback_is_split_off() {
        assert_eq!(
            parts("bad row\nTraceback (most recent call last):\n  File \"x\"\nValueError: bad"),
            Some((
                "bad row",
                "Traceback (most recent call last):\n  File \"x\"\nValueError: bad"
            ))
        );
    }

    #[test]
    fn a_message_without_frames_stays_whole() {
        assert_eq!(parts("java.lang.RuntimeException: x"), None);
        assert_eq!(parts("one\ntwo\n at [Source: (byte[])]"), None);
    }
}
