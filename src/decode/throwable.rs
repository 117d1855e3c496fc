//! The throwable as it stands in the record: which key of it holds the trace, or that only its name was kept.
//!
//! Nothing is parsed here: a trace is handed on as text or raw JSON and is read only for errors not met before.

use super::scan::{Object, Scanner, Value};
use super::{general, glued};
use crate::event::{Text, Thrown, ThrownShape};
use memchr::memmem;
use std::sync::LazyLock;

/// Reads a value that stands under a key of throwables. `sure` tells that the key means nothing else. The keys of an
/// object may have been read already.
pub(crate) fn read<'a>(value: &Value<'a>, inside: Option<&mut Object<'a>>, sure: bool, max_depth: usize) -> Thrown<'a> {
    match value {
        Value::Str(text) => {
            if super::gather::is_missing(text) || (!sure && !glued::reads_like_throwable(text)) {
                Thrown::Absent
            } else {
                Thrown::Text(text.clone())
            }
        }
        Value::Object(raw) => object(raw, inside, max_depth),
        Value::Array(raw) => array(raw, max_depth),
        Value::Number(_) | Value::Bool(_) | Value::Null => Thrown::Absent,
    }
}

fn object<'a>(raw: &'a str, inside: Option<&mut Object<'a>>, max_depth: usize) -> Thrown<'a> {
    // Log4j2 writes its elements either all as text or all as lists; the first one tells.
    if let Some(shape) = listed(raw) {
        return json(raw, shape);
    }
    let mut own = Object::new();
    let Some(entries) = general::keys_of(raw, inside, &mut own, max_depth) else {
        return Thrown::Absent;
    };
    let get = |wanted: &[&str]| {
        wanted
            .iter()
            .find_map(|key| entries.iter().find(|entry| entry.key == *key))
            .map(|entry| &entry.value)
    };
    let text = |wanted: &[&str]| match get(wanted) {
        Some(Value::Str(text)) if !super::gather::is_missing(text) => Some(text.clone()),
        _ => None,
    };

    let class = text(&[
        "class",
        "exception_class",
        "type",
        "exc_type",
        "className",
        "class_name",
        "name",
        "kind",
    ]);
    let message = text(&[
        "msg",
        "exception_message",
        "message",
        "exc_value",
        "localizedMessage",
        "reason",
    ]);
    if let Some(Value::Str(trace)) = get(&["extendedStackTrace"]) {
        return if super::gather::is_missing(trace) {
            named(class, message)
        } else {
            Thrown::Text(trace.clone())
        };
    }
    if get(&["commonElementCount", "extendedStackTrace"]).is_some() {
        return match get(&["cause", "suppressed", "extendedStackTrace"]) {
            Some(Value::Object(_) | Value::Array(_)) => json(raw, ThrownShape::Log4j2),
            _ => named(class, message),
        };
    }
    if get(&["exc_type"]).is_some() {
        return Thrown::Json {
            raw: Text::Owned(format!("[{raw}]")),
            shape: ThrownShape::StructlogDict,
        };
    }
    // pino's causes are objects of their own and must not be lost, so the object as a whole is the throwable.
    if let Some(Value::Str(_)) = get(&["stack"]) {
        return json(raw, ThrownShape::PinoErr);
    }
    match get(&[
        "stacktrace",
        "stackTrace",
        "stack_trace",
        "trace",
        "stack",
        "backtrace",
        "full_message",
    ]) {
        Some(Value::Str(trace)) if !super::gather::is_missing(trace) => {
            Thrown::Text(with_header(trace.clone(), class.as_ref(), message.as_ref()))
        }
        Some(Value::Array(frames)) => match array(frames, max_depth) {
            Thrown::Absent if class.is_some() => json(raw, ThrownShape::Spark),
            other @ (Thrown::Absent
            | Thrown::Text(_)
            | Thrown::Json { .. }
            | Thrown::Named { .. }
            | Thrown::Parsed(_)) => other,
        },
        _ => match get(&["cause"]) {
            Some(Value::Object(_)) if get(&["type"]).is_some() => json(raw, ThrownShape::PinoErr),
            Some(Value::Object(_)) if class.is_some() => json(raw, ThrownShape::Log4j2),
            _ => named(class, message),
        },
    }
}

/// Lines of one text, or a chain of python exceptions.
fn array(raw: &str, max_depth: usize) -> Thrown<'_> {
    let scanner = Scanner::again(raw, max_depth);
    let mut first = None;
    let walked = scanner.array(0, &mut |value| {
        first = Some(value);
        false
    });
    match (walked, first) {
        (Ok(_), Some(Value::Str(_))) => json(raw, ThrownShape::Lines),
        (Ok(_), Some(Value::Object(inner))) if inner.contains("\"exc_type\"") => json(raw, ThrownShape::StructlogDict),
        _ => Thrown::Absent,
    }
}

/// The shape of an object whose frames are a list of objects, told without walking it: Log4j2 and Spark write each
/// throwable under one key of a name nobody else has.
fn listed(raw: &str) -> Option<ThrownShape> {
    static LOG4J2: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\"extendedStackTrace\""));
    static SPARK: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\"stacktrace\""));
    for (finder, shape) in [(&LOG4J2, ThrownShape::Log4j2), (&SPARK, ThrownShape::Spark)] {
        let bytes = raw.as_bytes();
        let Some(at) = finder.find(bytes) else { continue };
        let behind = bytes.get(at + finder.needle().len()..).unwrap_or_default();
        let mut value = behind
            .iter()
            .filter(|byte| !matches!(byte, b':' | b' ' | b'\t' | b'\r' | b'\n'));
        // A list of lines is another shape, and an empty list says nothing yet: the walk over the keys does.
        return (value.next() == Some(&b'[') && value.next() == Some(&b'{')).then_some(shape);
    }
    None
}

fn json(raw: &str, shape: ThrownShape) -> Thrown<'_> {
    Thrown::Json {
        raw: Text::Plain(raw),
        shape,
    }
}

/// A trace that holds frames only gets its header from class and message that stand beside it: ecs-logging-python and
/// some error reporters write them so.
pub(crate) fn with_header<'a>(trace: Text<'a>, class: Option<&Text<'_>>, message: Option<&Text<'_>>) -> Text<'a> {
    const PYTHON: &[&str] = &["  File \"", "  File \\\""];
    const OTHERS: &[&str] = &["\tat ", "\\tat ", "    at "];
    let held = trace.held();
    let python = PYTHON.iter().any(|frame| held.starts_with(frame));
    let bare = python || OTHERS.iter().any(|frame| held.starts_with(frame));
    let Some(class) = class.filter(|_| bare) else {
        return trace;
    };
    let mut header = class.decoded().into_owned();
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        header.push_str(": ");
        header.push_str(&message.decoded());
    }
    let frames = trace.decoded();
    let frames = frames.trim_end_matches('\n');
    Text::Owned(if python {
        format!("Traceback (most recent call last):\n{frames}\n{header}")
    } else {
        format!("{header}\n{frames}")
    })
}

/// Class and message without a trace.
pub(crate) fn named<'a>(class: Option<Text<'a>>, message: Option<Text<'a>>) -> Thrown<'a> {
    match class {
        Some(class) => Thrown::Named { class, message },
        None => Thrown::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thrown(raw: &str) -> Thrown<'_> {
        read(&Value::Object(raw), None, true, 64)
    }

    #[test]
    fn the_outermost_string_of_log4j2_is_the_whole_trace() {
        let raw = r#"{"commonElementCount":0,"name":"a.B","cause":{"name":"c.D","extendedStackTrace":"c.D\n\tat x"},"extendedStackTrace":"a.B\n\tat y\nCaused by: c.D"}"#;
        assert_eq!(thrown(raw), Thrown::Text(Text::Escaped(r"a.B\n\tat y\nCaused by: c.D")));
    }

    #[test]
    fn a_log4j2_throwable_without_elements_is_a_name() {
        let raw = r#"{"commonElementCount":0,"name":"a.B","message":"m"}"#;
        assert_eq!(thrown(raw), named(Some("a.B".into()), Some("m".into())));
    }

    #[test]
    fn the_shape_of_json_is_told_by_its_keys() {
        for (raw, shape) in [
            (
                r#"{"name":"a.B","extendedStackTrace":[{"class":"x"}]}"#,
                ThrownShape::Log4j2,
            ),
            (
                r#"{"class":"a.B","msg":"m","stacktrace":[{"class":"x"}]}"#,
                ThrownShape::Spark,
            ),
            (
                r#"{"type":"Error","message":"m","stack":"Error: m\n    at x"}"#,
                ThrownShape::PinoErr,
            ),
        ] {
            assert_eq!(thrown(raw), json(raw, shape));
        }
        assert_eq!(
            read(&Value::Array(r#"[{"exc_type":"ValueError"}]"#), None, true, 9),
            json(r#"[{"exc_type":"ValueError"}]"#, ThrownShape::StructlogDict)
        );
        assert_eq!(
            read(&Value::Array(r#"["a","b"]"#), None, true, 9),
            json(r#"["a","b"]"#, ThrownShape::Lines)
        );
    }

    #[test]
    fn a_short_error_text_is_no_throwable_unless_it_reads_like_one() {
        assert_eq!(read(&Value::Str("not found".into()), None, false, 9), Thrown::Absent);
        assert_eq!(
            read(&Value::Str("ValueError: bad".into()), None, false, 9),
            Thrown::Text("ValueError: bad".into())
        );
    }
}
