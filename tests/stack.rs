//! Stacks of every writer, read from files: `<name>.txt` (or `<name>.<shape>.json`) and what must come out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::let_underscore_must_use,
    reason = "a test that meets what it did not expect shall fail loudly"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use seismolog::decode::stack::{MAX_FRAMES, MAX_THROWABLES, render, stack_trace};
use seismolog::event::{Relation, StackTrace, Text, Thrown, ThrownShape};
use serde_json::{Value, json};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stack")
}

/// What a case file compares: enough to see a misreading, little enough to be written by hand.
fn summary(trace: Option<&StackTrace>) -> Value {
    let Some(trace) = trace else {
        return Value::Null;
    };
    let throwables: Vec<Value> = trace
        .throwables
        .iter()
        .map(|throwable| {
            let relation = match throwable.relation {
                Relation::Outermost => "outermost".to_owned(),
                Relation::CauseOf(parent) => format!("cause of {parent}"),
                Relation::SuppressedBy(parent) => format!("suppressed by {parent}"),
            };
            let top = throwable
                .frames
                .first()
                .map(|frame| format!("{}.{}", frame.class, frame.method));
            json!({
                "class": throwable.class,
                "message": throwable.message.as_deref().map(|text| text.lines().next().unwrap_or_default()),
                "message_lines": throwable.message.as_deref().map_or(0, |text| text.lines().count()),
                "frames": throwable.frames.len(),
                "top": top,
                "common": throwable.common,
                "omitted": throwable.omitted,
                "relation": relation,
            })
        })
        .collect();
    json!({ "language": format!("{:?}", trace.language), "truncated": trace.truncated, "throwables": throwables })
}

fn shape(name: &str) -> Option<ThrownShape> {
    Some(match name {
        "log4j2" => ThrownShape::Log4j2,
        "spark" => ThrownShape::Spark,
        "structlog" => ThrownShape::StructlogDict,
        "pino" => ThrownShape::PinoErr,
        "lines" => ThrownShape::Lines,
        _ => return None,
    })
}

fn read(path: &Path) -> Option<StackTrace> {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    match name.split('.').nth(1).and_then(shape) {
        Some(shape) => stack_trace(&Thrown::Json {
            raw: Text::Plain(&text),
            shape,
        }),
        None => stack_trace(&Thrown::Text(Text::Plain(&text))),
    }
}

fn inputs() -> BTreeMap<String, PathBuf> {
    let files = fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| !path.to_str().unwrap().ends_with(".expected.json"))
        .map(|path| {
            (
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .split('.')
                    .next()
                    .unwrap()
                    .to_owned(),
                path,
            )
        })
        .collect()
}

#[test]
fn every_case_file_is_read_as_its_expectation_says() {
    let inputs = inputs();
    assert!(inputs.len() > 20, "the case files are gone");
    let mut wrong = Vec::new();
    for (name, path) in inputs {
        let expected: Value =
            serde_json::from_str(&fs::read_to_string(cases().join(format!("{name}.expected.json"))).unwrap()).unwrap();
        let got = summary(read(&path).as_ref());
        if got != expected {
            wrong.push(format!("{name}: {}", serde_json::to_string_pretty(&got).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rendered_java_trace_reads_back_as_it_was() {
    for (name, path) in inputs() {
        let Some(trace) = read(&path).filter(|trace| format!("{:?}", trace.language) == "Java") else {
            continue;
        };
        let has_files = |trace: &StackTrace| {
            trace
                .throwables
                .iter()
                .any(|t| t.frames.iter().any(|f| f.file.as_ref() == Some(&f.class)))
        };
        if trace.truncated || has_files(&trace) {
            continue;
        }
        let again = stack_trace(&Thrown::Text(Text::Owned(render(&trace)))).unwrap();
        assert_eq!(again.throwables, trace.throwables, "{name}");
    }
}

#[test]
fn a_stack_cut_anywhere_behind_its_first_line_keeps_its_outermost_java_class() {
    for (name, path) in inputs() {
        let text = fs::read_to_string(&path).unwrap();
        let whole = stack_trace(&Thrown::Text(Text::Plain(&text)));
        // Root-first and mixed-language text names its outermost throwable late.
        let first_line = text.find('\n').map_or(text.len(), |at| at + 1);
        let class = whole
            .filter(|trace| format!("{:?}", trace.language) == "Java")
            .map(|trace| trace.throwables[0].class.clone())
            .filter(|class| text[..first_line].contains(class.as_str()));
        let step = 1 + text.len() / 400;
        for at in (0..text.len()).step_by(step).filter(|at| text.is_char_boundary(*at)) {
            let cut = stack_trace(&Thrown::Text(Text::Plain(&text[..at])));
            if let Some(class) = class.as_ref().filter(|_| at >= first_line) {
                let cut = cut.unwrap_or_else(|| panic!("{name} cut at {at} is no stack"));
                let chain: Vec<&str> = cut
                    .throwables
                    .iter()
                    .map(|throwable| throwable.class.as_str())
                    .collect();
                assert!(chain.contains(&class.as_str()), "{name} cut at {at}: {chain:?}");
            }
        }
    }
}

#[test]
fn an_endless_recursion_is_kept_up_to_the_limit_and_the_rest_is_counted() {
    let frames = 10_000;
    let text = format!(
        "java.lang.StackOverflowError\n{}",
        "\tat a.B.c(B.java:1)\n".repeat(frames)
    );
    let trace = stack_trace(&Thrown::Text(Text::Owned(text))).unwrap();
    assert_eq!(trace.throwables[0].frames.len(), MAX_FRAMES);
    assert_eq!(trace.throwables[0].omitted as usize, frames - MAX_FRAMES);
}

#[test]
fn an_endless_chain_is_kept_up_to_the_limit_and_said_to_be_cut() {
    for line in ["Caused by: a.B: c\n", "\tSuppressed: a.B: c\n", "Wrapped by: a.B: c\n"] {
        let text = format!("a.B: c\n{}", line.repeat(5_000));
        let trace = stack_trace(&Thrown::Text(Text::Owned(text))).unwrap();
        assert_eq!(trace.throwables.len(), MAX_THROWABLES);
        assert!(trace.truncated);
    }
}

#[test]
fn languages_nested_in_each_others_messages_without_end_are_read_to_a_bounded_depth() {
    let text = "Traceback (most recent call last):\npy4j.protocol.Py4JJavaError: x\n: a.b.CException: ".repeat(5_000);
    assert!(stack_trace(&Thrown::Text(Text::Owned(text))).is_some());
}

#[test]
fn a_trace_hangs_together_whatever_it_was_read_from() {
    for (name, path) in inputs() {
        let Some(trace) = read(&path) else {
            continue;
        };
        assert_eq!(trace.throwables[0].relation, Relation::Outermost, "{name}");
        for (at, throwable) in trace.throwables.iter().enumerate().skip(1) {
            match throwable.relation {
                Relation::Outermost => panic!("{name}: two outermost throwables"),
                Relation::CauseOf(parent) | Relation::SuppressedBy(parent) => assert!(parent < at, "{name}"),
            }
        }
    }
}

/// Pieces of stacks, so that the property meets more than noise.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "\tat a.B.c(B.java:1)\n",
            "\tat ",
            "Caused by: ",
            "Caused by: a.b.CException: m\n",
            "\tSuppressed: ",
            "\t\tSuppressed: a.BError\n",
            "Wrapped by: x.Y\n",
            "\t... 3 more\n",
            "... 4 frames truncated (including 6",
            "[CIRCULAR REFERENCE: a.B]",
            "Driver stacktrace:\n",
            "a.b.CException: Job aborted due to stage failure: a.BException: m\n",
            "Traceback (most recent call last):\n",
            "  File \"x.py\", line 3, in f\n",
            "ValueError: x\n",
            "  + Exception Group Traceback (most recent call last):\n",
            "  +-+---------------- 1 ----------------\n",
            "    | x.Y: z\n",
            "    +------------------------------------\n",
            "  | ",
            "The above exception was the direct cause of the following exception:\n",
            "    at f (/x.js:1:2)\n",
            "    at async /x.js:1:2 {\n",
            "  [cause]: Error: x\n",
            "  [errors]: [\n",
            "    Error: y\n",
            "    code: 'X'\n",
            "caused by: ",
            "…",
            "\n",
            "\r\n",
            "(",
            ")",
            "/",
            ": ",
            "{",
            "}",
            "<#ab12> ",
            "é规\u{1F600}",
            "org.apache.flink.util.SerializedThrowable: ",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        if let Some(trace) = stack_trace(&Thrown::Text(Text::Plain(&text))) {
            prop_assert!(!trace.throwables.is_empty());
            prop_assert_eq!(trace.throwables[0].relation, Relation::Outermost);
            for (at, throwable) in trace.throwables.iter().enumerate().skip(1) {
                let parent = match throwable.relation {
                    Relation::Outermost => at,
                    Relation::CauseOf(parent) | Relation::SuppressedBy(parent) => parent,
                };
                prop_assert!(parent < at);
            }
            let _ = render(&trace);
        }
    }

    #[test]
    fn no_json_makes_it_panic(raw in any::<String>(), class in any::<String>(), stack in any::<String>()) {
        let tree = json!([{ "name": class, "class": class, "exc_type": class, "type": class, "message": stack,
            "stack": stack, "extendedStackTrace": stack, "cause": { "name": stack }, "suppressed": [1, null] }]);
        for shape in [ThrownShape::Log4j2, ThrownShape::Spark, ThrownShape::StructlogDict, ThrownShape::PinoErr, ThrownShape::Lines] {
            for raw in [raw.clone(), tree.to_string(), tree[0].to_string()] {
                let _ = stack_trace(&Thrown::Json { raw: Text::Plain(&raw), shape });
            }
        }
    }
}
