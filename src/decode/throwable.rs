//! The throwable as it stands in the record: which key of it holds the trace, or that only its name was kept.
//!
//! Nothing is parsed here: a trace is handed on as text or raw JSON and is read only for errors not met before.

use super::glued;
use super::scan::{Object, Scanner, Value};
use crate::event::{Text, Thrown, ThrownShape};
use memchr::memmem;

/// Reads a value that stands under a key of throwables. `sure` tells that the key means nothing else.
pub(crate) fn read<'a>(value: &Value<'a>, sure: bool, max_depth: usize) -> Thrown<'a> {
    match value {
        Value::Str(text) => {
            if super::gather::is_missing(text) || (!sure && !glued::reads_like_throwable(text)) {
                Thrown::Absent
            } else {
                Thrown::Text(text.clone())
            }
        }
        Value::Object(raw) => object(raw, max_depth),
        Value::Array(raw) => array(raw, max_depth),
        Value::Number(_) | Value::Bool(_) | Value::Null => Thrown::Absent,
    }
}

fn object(raw: &str, max_depth: usize) -> Thrown<'_> {
    // Log4j2 writes its elements either all as text or all as lists; the first one tells, and a list need not be
    // walked a second time.
    if element_is_list(raw) {
        return json(raw, ThrownShape::Log4j2);
    }
    let scanner = Scanner::new(raw, max_depth);
    let mut entries = Object::new();
    if scanner.object(0, &mut entries).is_err() {
        match super::general::object(raw, max_depth) {
            Ok(read) => entries = read,
            Err(_) => return Thrown::Absent,
        }
    }
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
        Some(Value::Str(trace)) if !super::gather::is_missing(trace) => Thrown::Text(trace.clone()),
        Some(Value::Array(frames)) => match array(frames, max_depth) {
            Thrown::Absent if class.is_some() => json(raw, ThrownShape::Spark),
            other => other,
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
    let scanner = Scanner::new(raw, max_depth);
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

/// Whether the first `extendedStackTrace` of the object is a list.
fn element_is_list(raw: &str) -> bool {
    const KEY: &[u8] = b"\"extendedStackTrace\"";
    let bytes = raw.as_bytes();
    let Some(at) = memmem::find(bytes, KEY) else {
        return false;
    };
    let behind = bytes.get(at + KEY.len()..).unwrap_or_default();
    let value = behind
        .iter()
        .find(|byte| !matches!(byte, b':' | b' ' | b'\t' | b'\r' | b'\n'));
    // An empty list says nothing yet; the walk over the keys does.
    value == Some(&b'[') && !behind.starts_with(b":[]")
}

fn json(raw: &str, shape: ThrownShape) -> Thrown<'_> {
    Thrown::Json {
        raw: Text::Plain(raw),
        shape,
    }
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
        read(&Value::Object(raw), true, 64)
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
            read(&Value::Array(r#"[{"exc_type":"ValueError"}]"#), true, 9),
            json(r#"[{"exc_type":"ValueError"}]"#, ThrownShape::StructlogDict)
        );
        assert_eq!(
            read(&Value::Array(r#"["a","b"]"#), true, 9),
            json(r#"["a","b"]"#, ThrownShape::Lines)
        );
    }

    #[test]
    fn a_short_error_text_is_no_throwable_unless_it_reads_like_one() {
        assert_eq!(read(&Value::Str("not found".into()), false, 9), Thrown::Absent);
        assert_eq!(
            read(&Value::Str("ValueError: bad".into()), false, 9),
            Thrown::Text("ValueError: bad".into())
        );
    }
}
