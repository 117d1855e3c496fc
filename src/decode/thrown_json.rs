//! Throwables written as JSON: Log4j2's tree, Spark's object, structlog's list, pino's `err`, a list of lines.
//!
//! The reader of JSON bounds the depth of nesting itself (128), and every tree is walked with a list of what waits.

use serde_json::Value;

use crate::event::{Frame, Language, Relation, StackTrace, Throwable, ThrownShape};

use super::stack::{self, MAX_THROWABLES, add_frame, settle, throwable};
use super::{java_line, java_stack, node_stack};

/// Reads a raw JSON value of a known shape. `None` when it does not hold a throwable.
pub(super) fn parse(raw: &str, shape: ThrownShape) -> Option<StackTrace> {
    let value: Value = serde_json::from_str(raw).ok()?;
    match shape {
        ThrownShape::Log4j2 => log4j2(&value).map(stack::unfold),
        ThrownShape::Spark => spark(&value).map(stack::unfold),
        ThrownShape::StructlogDict => structlog(&value).map(stack::unfold),
        ThrownShape::PinoErr => pino(&value),
        ThrownShape::Lines => stack::from_text(&lines(&value)?),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn message(value: &Value, key: &str) -> Option<String> {
    text(value, key)
        .map(str::trim_end)
        .filter(|text| !text.is_empty() && *text != "null")
        .map(str::to_owned)
}

fn number<T: TryFrom<i64> + std::str::FromStr>(value: &Value, key: &str) -> Option<T> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64().and_then(|number| T::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn lines(value: &Value) -> Option<String> {
    let lines: Vec<&str> = match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => vec![text.as_str()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    // Elements may keep their own line end.
    Some(
        lines
            .iter()
            .map(|line| line.trim_end_matches(['\n', '\r']))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// Log4j2's tree. With stacks as text the outermost text holds the whole chain.
fn log4j2(value: &Value) -> Option<StackTrace> {
    let outer_text = text(value, "extendedStackTrace").and_then(stack::from_text);
    if let Some(trace) = outer_text.filter(|trace| !trace.truncated) {
        return Some(trace);
    }
    let mut found = Vec::new();
    let mut truncated = false;
    let mut waiting = vec![(value, Relation::Outermost)];
    while let Some((value, relation)) = waiting.pop() {
        if found.len() >= MAX_THROWABLES {
            truncated = true;
            break;
        }
        let Some(class) = text(value, "name") else {
            continue;
        };
        let message = message(value, "message").or_else(|| message(value, "localizedMessage"));
        let mut node = throwable(class.to_owned(), message, relation);
        java_stack::unwrap_serialized(&mut node);
        node.common = number(value, "commonElementCount").unwrap_or(0);
        match value.get("extendedStackTrace") {
            Some(Value::Array(frames)) => frames
                .iter()
                .filter_map(log4j2_frame)
                .for_each(|f| add_frame(&mut node, f)),
            Some(Value::String(text)) => {
                if let Some(own) = stack::from_text(text).and_then(|trace| trace.throwables.into_iter().next()) {
                    node.frames = own.frames;
                    node.omitted = own.omitted;
                }
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {}
        }
        let index = found.len();
        found.push(node);
        if let Some(cause) = value.get("cause") {
            waiting.push((cause, Relation::CauseOf(index)));
        }
        if let Some(Value::Array(suppressed)) = value.get("suppressed") {
            waiting.extend(
                suppressed
                    .iter()
                    .rev()
                    .map(|value| (value, Relation::SuppressedBy(index))),
            );
        }
    }
    settle(found, Language::Java, truncated)
}

fn log4j2_frame(value: &Value) -> Option<Frame> {
    let location = text(value, "location").map(|jar| match text(value, "version") {
        Some(version) => format!("{jar}:{version}"),
        None => jar.to_owned(),
    });
    Some(Frame {
        module: text(value, "module").map(str::to_owned),
        location,
        ..java_frame(value)?
    })
}

fn java_frame(value: &Value) -> Option<Frame> {
    let (_, class) = java_line::split_module(text(value, "class")?);
    let line = number(value, "line").filter(|line| *line != -1);
    Some(Frame {
        class: class.to_owned(),
        method: text(value, "method").unwrap_or_default().to_owned(),
        // As in text, where `Native Method` stands in the place of file and line.
        file: text(value, "file").filter(|_| line != Some(-2)).map(str::to_owned),
        line,
        module: None,
        location: None,
    })
}

/// Spark's object: the outermost throwable only, except that a `Py4JJavaError` holds Java's whole text in `msg`.
fn spark(value: &Value) -> Option<StackTrace> {
    let class = text(value, "class")?;
    let mut outer = throwable(class.to_owned(), message(value, "msg"), Relation::Outermost);
    if let Some(Value::Array(frames)) = value.get("stacktrace") {
        frames
            .iter()
            .filter_map(spark_frame)
            .for_each(|frame| add_frame(&mut outer, frame));
    }
    let is_python = outer
        .frames
        .first()
        .is_some_and(|frame| frame.file.as_deref() == Some(frame.class.as_str()));
    let language = if is_python { Language::Python } else { Language::Java };
    settle(vec![outer], language, false)
}

/// A frame of the JVM, or one of Python's, which has no class and the whole path as its file.
fn spark_frame(value: &Value) -> Option<Frame> {
    java_frame(value).or_else(|| {
        let path = text(value, "file")?;
        Some(Frame {
            class: path.to_owned(),
            method: text(value, "method").unwrap_or_default().to_owned(),
            file: Some(path.to_owned()),
            line: number(value, "line"),
            module: None,
            location: None,
        })
    })
}

/// structlog's list, the outermost exception first, each the cause of the one before it.
fn structlog(value: &Value) -> Option<StackTrace> {
    let mut found: Vec<Throwable> = Vec::new();
    let mut truncated = false;
    let mut waiting = vec![(value, Relation::Outermost)];
    while let Some((value, first)) = waiting.pop() {
        let mut relation = first;
        for entry in entries(value) {
            if found.len() >= MAX_THROWABLES {
                truncated = true;
                break;
            }
            let class = text(entry, "exc_type").unwrap_or_default();
            let mut node = throwable(class.to_owned(), message(entry, "exc_value"), relation);
            if let Some(Value::Array(frames)) = entry.get("frames") {
                frames
                    .iter()
                    .rev()
                    .filter_map(python_frame)
                    .for_each(|frame| add_frame(&mut node, frame));
            }
            let index = found.len();
            found.push(node);
            relation = Relation::CauseOf(index);
            if let Some(Value::Array(members)) = entry.get("exceptions") {
                waiting.extend(
                    members
                        .iter()
                        .rev()
                        .map(|member| (member, Relation::SuppressedBy(index))),
                );
            }
        }
    }
    settle(found, Language::Python, truncated)
}

/// The exceptions of a chain, whether it stands as a list, below `stacks`, or alone.
fn entries(value: &Value) -> &[Value] {
    match value {
        Value::Array(entries) => entries,
        Value::Object(object) => match object.get("stacks") {
            Some(Value::Array(entries)) => entries,
            Some(_) | None => std::slice::from_ref(value),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    }
}

fn python_frame(value: &Value) -> Option<Frame> {
    let path = text(value, "filename")?;
    Some(Frame {
        class: path.to_owned(),
        method: text(value, "name").unwrap_or_default().to_owned(),
        file: Some(path.to_owned()),
        line: number(value, "lineno"),
        module: None,
        location: None,
    })
}

/// pino's `err`: the stack text has the joined causes, or `cause` nests them.
fn pino(value: &Value) -> Option<StackTrace> {
    if let Value::String(text) = value {
        let thrown = || throwable("string".to_owned(), Some(text.clone()), Relation::Outermost);
        return stack::from_text(text).or_else(|| settle(vec![thrown()], Language::Node, false));
    }
    let mut found: Vec<Throwable> = Vec::new();
    let mut truncated = false;
    let mut waiting = vec![(value, Relation::Outermost)];
    while let Some((value, relation)) = waiting.pop() {
        if found.len() >= MAX_THROWABLES {
            truncated = true;
            break;
        }
        let index = found.len();
        let own = text(value, "stack").and_then(node_stack::parse);
        let joined = own.as_ref().is_some_and(|trace| trace.chain().len() > 1);
        truncated |= own.as_ref().is_some_and(|trace| trace.truncated);
        let mut parsed = own.map(|trace| trace.throwables).unwrap_or_default();
        if parsed.is_empty() {
            let Some(class) = text(value, "type")
                .or_else(|| text(value, "name"))
                .or(text(value, "message").map(|_| "Error"))
            else {
                continue;
            };
            parsed.push(throwable(class.to_owned(), message(value, "message"), relation));
        }
        for (at, mut error) in parsed.into_iter().enumerate() {
            error.relation = match error.relation {
                Relation::Outermost => relation,
                Relation::CauseOf(parent) => Relation::CauseOf(parent + index),
                Relation::SuppressedBy(parent) => Relation::SuppressedBy(parent + index),
            };
            if at == 0 {
                name(&mut error, value);
            }
            found.push(error);
        }
        if let Some(cause) = value.get("cause").filter(|cause| cause.is_object() && !joined) {
            waiting.push((cause, Relation::CauseOf(index)));
        }
        for key in ["aggregateErrors", "errors"] {
            if let Some(Value::Array(members)) = value.get(key) {
                waiting.extend(
                    members
                        .iter()
                        .rev()
                        .map(|member| (member, Relation::SuppressedBy(index))),
                );
            }
        }
    }
    settle(found, Language::Node, truncated)
}

/// The constructor's name is the class, unless the stack says the same and more (`TypeError [ERR_X]`).
fn name(error: &mut Throwable, value: &Value) {
    if let Some(kind) = text(value, "type").filter(|kind| *kind != "Object") {
        let says_more = error
            .class
            .strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with(" ["));
        if !says_more {
            error.class = kind.to_owned();
        }
    }
    let code = text(value, "code").map(str::to_owned);
    let code = code.or_else(|| Some(node_stack::system_code(error.message.as_deref()?)?.to_owned()));
    if let Some(code) = code {
        node_stack::add_code(error, &code);
    }
}
