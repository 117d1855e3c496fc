//! A throwable as it stands in a record, to a trace: whatever language wrote it, as text or as JSON.
//!
//! What always holds: `throwables[0]` is the outermost one, every other hangs on one before it, and the reading of
//! any bytes ends in time linear in their number with at most [`MAX_THROWABLES`] throwables of at most
//! [`MAX_FRAMES`] frames each. What is left out by these limits is counted in `omitted`, never silently lost.

use std::fmt::Write as _;

use crate::event::{Frame, Language, Relation, StackTrace, Throwable, Thrown};

use super::{java_line, java_stack, node_stack, python_stack, thrown_json};

pub(crate) use super::java_line::split_module;

/// Frames kept of one throwable. A `StackOverflowError` holds 1,024 by default; more than this is repetition.
pub const MAX_FRAMES: usize = 4096;

/// Throwables kept of one trace.
pub const MAX_THROWABLES: usize = 1000;

/// Reads the throwable of an event. `None` when there is none, or when the text is not a stack of any kind known.
///
/// ```
/// use seismolog::decode::stack::stack_trace;
/// use seismolog::event::{Text, Thrown};
///
/// let text = "java.io.IOException: unable to open JDBC writer\n\
///     \tat org.apache.flink.connector.jdbc.internal.JdbcOutputFormat.open(JdbcOutputFormat.java:98)\n\
///     Caused by: java.net.ConnectException: Connection refused\n\
///     \t... 20 more\n";
/// let trace = stack_trace(&Thrown::Text(Text::Plain(text))).unwrap();
/// let deepest = *trace.chain().last().unwrap();
/// assert_eq!(trace.throwables[deepest].class, "java.net.ConnectException");
/// assert_eq!(trace.throwables[deepest].common, 20);
/// ```
#[must_use]
pub fn stack_trace(thrown: &Thrown<'_>) -> Option<StackTrace> {
    match thrown {
        Thrown::Absent => None,
        Thrown::Text(text) => from_text(&text.decoded()),
        Thrown::Json { raw, shape } => thrown_json::parse(&raw.decoded(), *shape),
        Thrown::Named { class, message } => {
            let class = class.decoded();
            let class = class.trim();
            if class.is_empty() {
                return None;
            }
            let message = message.as_ref().map(|message| message.decoded().into_owned());
            Some(named(class.to_owned(), message))
        }
        Thrown::Parsed(trace) => (!trace.throwables.is_empty()).then(|| trace.as_ref().clone()),
    }
}

fn named(class: String, message: Option<String>) -> StackTrace {
    let language = language_of_class(&class);
    let mut throwable = throwable(class, message, Relation::Outermost);
    java_stack::unwrap_serialized(&mut throwable);
    StackTrace {
        throwables: vec![throwable],
        language,
        truncated: false,
    }
}

/// Reads stack text of any language.
pub(super) fn from_text(text: &str) -> Option<StackTrace> {
    let trace = match recognize(text)? {
        Language::Java => java_stack::parse(text),
        Language::Python => python_stack::parse(text),
        Language::Node => node_stack::parse(text),
    };
    trace.map(unfold)
}

/// Who wrote the text: the first line that only one of them writes decides. A text without any such line may still
/// be the header of a throwable without frames.
fn recognize(text: &str) -> Option<Language> {
    for line in text.lines() {
        if python_stack::is_mark(line) {
            return Some(Language::Python);
        }
        if java_line::is_mark(line) {
            return Some(Language::Java);
        }
        if node_stack::is_mark(line) {
            return Some(Language::Node);
        }
    }
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let (class, _) = java_line::split_header(java_line::after_prefix(first.trim()));
    let class = class.split(" [").next().unwrap_or(class);
    (java_line::looks_like_class(class) || java_line::inline_header(first).is_some()).then(|| language_of_class(class))
}

/// The language of a class known by its name alone. Names with a package are taken for Java, since Python's and
/// Node's own errors have none.
fn language_of_class(class: &str) -> Language {
    const PYTHON: [&str; 20] = [
        "ArithmeticError",
        "AssertionError",
        "AttributeError",
        "BaseException",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "FileNotFoundError",
        "ImportError",
        "IndexError",
        "KeyError",
        "KeyboardInterrupt",
        "LookupError",
        "MemoryError",
        "ModuleNotFoundError",
        "NameError",
        "OSError",
        "PermissionError",
        "RuntimeError",
        "ValueError",
        "ZeroDivisionError",
    ];
    const NODE: [&str; 7] = [
        "AggregateError",
        "DOMException",
        "Error",
        "EvalError",
        "RangeError",
        "ReferenceError",
        "URIError",
    ];
    if PYTHON.contains(&class) {
        Language::Python
    } else if NODE.contains(&class) {
        Language::Node
    } else {
        Language::Java
    }
}

/// A throwable without frames.
pub(super) fn throwable(class: String, message: Option<String>, relation: Relation) -> Throwable {
    Throwable {
        class,
        message,
        frames: Vec::new(),
        common: 0,
        omitted: 0,
        relation,
    }
}

/// Adds a frame, or counts it once the limit is reached.
pub(super) fn add_frame(throwable: &mut Throwable, frame: Frame) {
    if throwable.frames.len() < MAX_FRAMES {
        throwable.frames.push(frame);
    } else {
        throwable.omitted = throwable.omitted.saturating_add(1);
    }
}

/// Puts throwables in the order of the contract: each after the one it hangs on, its suppressed ones before its
/// cause, as Java prints them. What hangs on nothing reachable is left out.
pub(super) fn settle(found: Vec<Throwable>, language: Language, truncated: bool) -> Option<StackTrace> {
    let mut suppressed: Vec<Vec<usize>> = vec![Vec::new(); found.len()];
    let mut causes: Vec<Vec<usize>> = vec![Vec::new(); found.len()];
    let mut root = None;
    for (index, throwable) in found.iter().enumerate() {
        match throwable.relation {
            Relation::Outermost => root = root.or(Some(index)),
            Relation::CauseOf(parent) => push_child(&mut causes, parent, index),
            Relation::SuppressedBy(parent) => push_child(&mut suppressed, parent, index),
        }
    }
    let mut found: Vec<Option<Throwable>> = found.into_iter().map(Some).collect();
    let mut settled: Vec<Throwable> = Vec::with_capacity(found.len());
    let mut waiting = vec![(root?, Relation::Outermost)];
    while let Some((index, relation)) = waiting.pop() {
        let Some(mut throwable) = found.get_mut(index).and_then(Option::take) else {
            continue;
        };
        throwable.relation = relation;
        let at = settled.len();
        settled.push(throwable);
        let causes = causes.get(index).into_iter().flatten().rev();
        waiting.extend(causes.map(|&child| (child, Relation::CauseOf(at))));
        let suppressed = suppressed.get(index).into_iter().flatten().rev();
        waiting.extend(suppressed.map(|&child| (child, Relation::SuppressedBy(at))));
    }
    Some(StackTrace {
        throwables: settled,
        language,
        truncated,
    })
}

/// How often one language may call another within one trace: Python, through Py4J Java, whose worker is Python.
const MAX_FOREIGN: usize = 3;

/// Hangs on a trace what stands as text in its messages: the Java stack that Py4J gives, the Python traceback that
/// PySpark and PyFlink give. The trace's language is then that of the deepest cause.
pub(super) fn unfold(mut trace: StackTrace) -> StackTrace {
    for _ in 0..MAX_FOREIGN {
        let Some(carried) = trace
            .throwables
            .iter()
            .enumerate()
            .find_map(|(at, throwable)| carried(at, throwable))
        else {
            break;
        };
        trace = hang(trace, carried);
    }
    trace
}

fn hang(mut trace: StackTrace, carried: Carried) -> StackTrace {
    let by = carried.by;
    if let Some(carrier) = trace.throwables.get_mut(by) {
        carrier.message = carried.said;
    }
    // A cause of its own is the same once more.
    if trace
        .throwables
        .iter()
        .any(|throwable| throwable.relation == Relation::CauseOf(by))
    {
        return trace;
    }
    let first = trace.throwables.len();
    for mut below in carried.trace.throwables {
        below.relation = match below.relation {
            Relation::Outermost => Relation::CauseOf(by),
            Relation::CauseOf(parent) => Relation::CauseOf(parent + first),
            Relation::SuppressedBy(parent) => Relation::SuppressedBy(parent + first),
        };
        trace.throwables.push(below);
    }
    trace.language = carried.trace.language;
    trace.truncated |= carried.trace.truncated;
    trace
}

/// A trace in the text of a message.
struct Carried {
    by: usize,
    /// The message without the trace.
    said: Option<String>,
    trace: StackTrace,
}

fn carried(by: usize, throwable: &Throwable) -> Option<Carried> {
    let message = throwable.message.as_deref()?;
    let (said, trace) = if throwable.class.ends_with("Py4JJavaError") {
        let (said, java) = message.split_once("\n: ")?;
        (said, java_stack::parse(java)?)
    } else {
        let at = message.find(python_stack::TRACEBACK)?;
        let (said, python) = message.split_at_checked(at)?;
        (said, python_stack::parse(python)?)
    };
    let said = said.trim_end().trim_end_matches(':');
    Some(Carried {
        by,
        said: (!said.is_empty()).then(|| said.to_owned()),
        trace,
    })
}

fn push_child(children: &mut [Vec<usize>], parent: usize, child: usize) {
    if let Some(list) = children.get_mut(parent) {
        list.push(child);
    }
}

/// The trace as text, in the form Java prints, for samples.
#[must_use]
pub fn render(trace: &StackTrace) -> String {
    let mut out = String::new();
    let depths = depths(trace);
    for (throwable, depth) in trace.throwables.iter().zip(depths) {
        let tabs = "\t".repeat(depth);
        let label = match throwable.relation {
            Relation::Outermost => "",
            Relation::CauseOf(_) => "Caused by: ",
            Relation::SuppressedBy(_) => "Suppressed: ",
        };
        out.extend([tabs.as_str(), label, &throwable.class]);
        if let Some(message) = &throwable.message {
            out.extend([": ", message]);
        }
        out.push('\n');
        for frame in &throwable.frames {
            out.extend([tabs.as_str(), "\tat "]);
            render_frame(frame, &mut out);
            out.push('\n');
        }
        if throwable.omitted > 0 {
            write_line(&mut out, &tabs, throwable.omitted, "frames truncated");
        }
        if throwable.common > 0 {
            write_line(&mut out, &tabs, throwable.common, "more");
        }
    }
    out
}

fn write_line(out: &mut String, tabs: &str, count: u32, what: &str) {
    // Writing to a String cannot fail.
    writeln!(out, "{tabs}\t... {count} {what}").unwrap_or_default();
}

/// How far each throwable is indented: one more below each one that suppressed it.
fn depths(trace: &StackTrace) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(trace.throwables.len());
    for throwable in &trace.throwables {
        let depth = match throwable.relation {
            Relation::Outermost => 0,
            Relation::CauseOf(parent) => depths.get(parent).copied().unwrap_or(0),
            Relation::SuppressedBy(parent) => depths.get(parent).copied().unwrap_or(0) + 1,
        };
        depths.push(depth);
    }
    depths
}

fn render_frame(frame: &Frame, out: &mut String) {
    if let Some(module) = &frame.module {
        out.extend([module, "/"]);
    }
    // Python's and Node's classes are files, which stand in the brackets.
    if frame.file.as_deref() != Some(frame.class.as_str()) {
        out.push_str(&frame.class);
        if !frame.class.is_empty() && !frame.method.is_empty() {
            out.push('.');
        }
    }
    out.push_str(&frame.method);
    out.push('(');
    match (&frame.file, frame.line) {
        (_, Some(-2)) => out.push_str("Native Method"),
        (Some(file), Some(line)) => write!(out, "{file}:{line}").unwrap_or_default(),
        (Some(file), None) => out.push_str(file),
        (None, Some(line)) => write!(out, ":{line}").unwrap_or_default(),
        (None, None) => out.push_str("Unknown Source"),
    }
    out.push(')');
    if let Some(location) = &frame.location {
        out.extend([" [", location, "]"]);
    }
}
