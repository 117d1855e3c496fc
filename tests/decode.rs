//! Whole records through the decoder: one case per file in `cases/decode`, and what hostile bytes may cost.
//!
//! A case is a record, byte for byte, and `<name>.expected.json` beside it: an object (or an array of them where one
//! record holds several events) of what must hold. Keys left out are not looked at.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use proptest::prelude::*;
use seismolog::decode::{Decoder, Limits};
use seismolog::event::{ErrorEvent, Rejection, Text, Thrown, ThrownShape};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn decoder() -> Decoder {
    Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC)
}

fn outcomes(bytes: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    decoder().decode(bytes, &mut |outcome| found.push(described(outcome)));
    found
}

fn described(outcome: Result<ErrorEvent<'_>, Rejection>) -> Value {
    let event = match outcome {
        Ok(event) => event,
        Err(rejection) => return json!({"reason": rejection.reason.as_str(), "detail": rejection.detail}),
    };
    let text = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.decoded().into_owned());
    let mut fields = Map::new();
    for field in &event.fields {
        // The inner record comes first and an envelope may say the same path again; the first one counts.
        let path = field.path.decoded().into_owned();
        fields
            .entry(path)
            .or_insert_with(|| field.value.decoded().into_owned().into());
    }
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let (thrown, class, line) = match &event.thrown {
        Thrown::Absent => ("absent", None, None),
        Thrown::Text(text) => ("text", None, Some(first_line(&text.decoded()))),
        Thrown::Named { class, message } => ("named", Some(class.decoded().into_owned()), text(message)),
        Thrown::Parsed(_) => ("parsed", None, None),
        Thrown::Json { raw, shape } => {
            let raw: Value = serde_json::from_str(&raw.decoded()).expect("a raw throwable is valid JSON");
            match shape {
                ThrownShape::Log4j2 => ("log4j2", raw["name"].as_str().map(str::to_owned), None),
                ThrownShape::Spark => ("spark", raw["class"].as_str().map(str::to_owned), None),
                ThrownShape::StructlogDict => ("structlog-dict", raw[0]["exc_type"].as_str().map(str::to_owned), None),
                ThrownShape::PinoErr => ("pino", raw["type"].as_str().map(str::to_owned), None),
                ThrownShape::Lines => ("lines", None, raw[0].as_str().map(str::to_owned)),
            }
        }
    };
    json!({
        "layout": event.layout.as_str(),
        "time": event.time.rfc3339(),
        "level": text(&event.level),
        "logger": text(&event.logger),
        "thread": text(&event.thread),
        "message": event.message.decoded(),
        "thrown": thrown,
        "thrown_class": class,
        "thrown_line": line,
        "root_class": text(&event.root_class),
        "root_message": text(&event.root_message),
        "truncated": event.truncated,
        "fields": fields,
    })
}

/// What of `wanted` does not hold in `got`, by path.
fn differences(path: &str, wanted: &Value, got: &Value, found: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(_)) => {
            for (key, wanted) in wanted {
                differences(&format!("{path}.{key}"), wanted, &got[key], found);
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (at, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                differences(&format!("{path}[{at}]"), wanted, got, found);
            }
        }
        _ if wanted == got => {}
        _ => found.push(format!("{path}: wanted {wanted}, got {got}")),
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/decode");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("a case").path())
        .filter(|path| !path.to_string_lossy().ends_with(".expected.json"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_layout_and_envelope_is_read_into_the_right_fields() {
    let mut found = Vec::new();
    let cases = cases();
    assert!(cases.len() > 30, "cases are missing: {}", cases.len());
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(case).expect("a case");
        let expected = fs::read(case.with_extension("expected.json")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted: Value = serde_json::from_slice(&expected).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut got = Value::Array(outcomes(&bytes));
        if !wanted.is_array() {
            assert_eq!(
                got.as_array().map_or(0, Vec::len),
                1,
                "{name}: one outcome is wanted: {got:#}"
            );
            got = got[0].take();
        }
        differences(&name, &wanted, &got, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn reason(bytes: &[u8]) -> String {
    let found = outcomes(bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]["reason"].as_str().unwrap_or("an event").to_owned()
}

#[test]
fn bad_input_is_rejected_with_its_reason() {
    let deep = "[".repeat(100_000);
    let deep_object = format!("{{\"a\":{deep}");
    let deep_odd = format!("{{\"a\":1,\"a\":{deep}{}}}", "]".repeat(100_000));
    for (bytes, wanted) in [
        (&b""[..], "empty"),
        (b" \r\n", "empty"),
        (b"]\r\n", "empty"),
        (b", ", "empty"),
        (b"\xef\xbb\xbf\0", "empty"),
        (b"{", "invalid_json"),
        (b"{\"message\":\"x", "invalid_json"),
        (b"{\"message\":\"x\"} trailing", "invalid_json"),
        (b"[{\"message\":\"x\"", "invalid_json"),
        (b"null", "not_an_object"),
        (b"42", "not_an_object"),
        (b"\"text\"", "not_an_object"),
        (b"[1,2]", "not_an_object"),
        (deep.as_bytes(), "too_deep"),
        (deep_object.as_bytes(), "too_deep"),
        (deep_odd.as_bytes(), "too_deep"),
        (b"{}", "no_timestamp"),
        (b"{\"level\":\"ERROR\",\"message\":\"x\"}", "no_timestamp"),
        (
            b"{\"timestamp\":\"soon\",\"level\":\"ERROR\",\"message\":\"x\"}",
            "bad_timestamp",
        ),
        (
            b"{\"timestamp\":\"1969-12-31T23:59:59Z\",\"level\":\"ERROR\",\"message\":\"x\"}",
            "bad_timestamp",
        ),
        (
            b"{\"timestamp\":\"2262-01-01T00:00:00Z\",\"level\":\"ERROR\",\"message\":\"x\"}",
            "bad_timestamp",
        ),
        (b"{\"timestamp\":1767323045,\"level\":\"ERROR\"}", "no_message"),
        (b"{\"message\":\"\xff\"}", "invalid_utf8"),
        (b"\tat a.B.c(B.java:1)", "unknown_layout"),
        (b"Killed", "unknown_layout"),
    ] {
        assert_eq!(
            reason(bytes),
            wanted,
            "{}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
        );
    }
}

#[test]
fn a_rejection_says_where_and_never_what() {
    let found = outcomes(b"{\"message\":\"secret-7\xff\"}");
    assert_eq!(found[0]["detail"], "not UTF-8 at byte 20");
    let found = outcomes(b"{\"secret-7\": secret-8}");
    let detail = found[0]["detail"].as_str().unwrap();
    assert!(detail.contains("at byte 1") && !detail.contains("secret"), "{detail}");
}

#[test]
fn a_line_of_a_hundred_megabytes_is_rejected_unread() {
    let line = vec![b'x'; 100 << 20];
    assert_eq!(reason(&line), "too_large");
}

#[test]
fn an_object_with_a_million_keys_is_rejected() {
    let mut text = String::from("{");
    for n in 0..1_000_000 {
        text.push_str(&format!("\"k{n}\":1,"));
    }
    text.push_str("\"z\":1}");
    assert_eq!(reason(text.as_bytes()), "too_large");
}

#[test]
fn events_beyond_the_limit_are_rejected_together() {
    let record = r#"{"timeUnixNano":"1767323045678000000","severityText":"ERROR","body":{"stringValue":"m"}}"#;
    let records = vec![record; 20].join(",");
    let bytes = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
    let limits = Limits {
        max_events: 5,
        ..Limits::default()
    };
    let mut found = Vec::new();
    Decoder::new(limits, jiff::tz::TimeZone::UTC)
        .decode(bytes.as_bytes(), &mut |outcome| found.push(described(outcome)));
    assert_eq!(found.len(), 6);
    assert_eq!(found[5]["reason"], "too_large");
}

#[test]
fn what_transports_put_around_a_record_changes_nothing() {
    let bare = r#"{"instant":{"epochSecond":1767323045,"nanoOfSecond":678000000},"level":"ERROR","loggerName":"a.B","message":"m","endOfBatch":false}"#;
    let wanted = outcomes(bare.as_bytes());
    assert_eq!(wanted[0]["layout"], "log4j2-json");
    for (before, behind) in [
        ("", "\r\n"),
        ("\u{feff}", ""),
        ("", "\0"),
        ("[", "\r\n"),
        (", ", "\r\n"),
        ("[\r\n", "\r\n]\r\n"),
        ("", "]"),
        ("  ", ",\r\n"),
    ] {
        let text = format!("{before}{bare}{behind}");
        assert_eq!(outcomes(text.as_bytes()), wanted, "{text:?}");
    }
    let pretty: Value = serde_json::from_str(bare).unwrap();
    let pretty = format!("{pretty:#}").replace('\n', "\r\n");
    assert_eq!(outcomes(pretty.as_bytes()), wanted);
}

#[test]
fn a_list_of_objects_is_one_event_each() {
    let one = r#"{"timestamp":1767323045,"level":"ERROR","message":"m"}"#;
    let found = outcomes(format!("[{one},\n{one} , 7, {one}]").as_bytes());
    assert_eq!(found.len(), 4);
    assert_eq!(found[2]["reason"], "not_an_object");
}

#[test]
fn the_order_of_keys_changes_nothing() {
    for case in cases()
        .iter()
        .filter(|case| case.extension().is_some_and(|end| end == "json"))
    {
        let bytes = fs::read(case).expect("a case");
        // Raw values, since a float written anew may have other digits.
        let Ok(object) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&bytes) else {
            continue;
        };
        let turned: Vec<String> = object
            .iter()
            .rev()
            .map(|(key, raw)| format!("{}:{raw}", json!(key)))
            .collect();
        let mut before = outcomes(&bytes);
        let mut after = outcomes(format!("{{{}}}", turned.join(",")).as_bytes());
        for outcome in before.iter_mut().chain(&mut after) {
            // The place of a mistake moves.
            outcome["detail"] = Value::Null;
        }
        assert_eq!(before, after, "{}", case.display());
    }
}

#[test]
fn a_time_without_a_zone_is_read_in_the_zone_that_is_set() {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("the zone");
    let mut found = Vec::new();
    Decoder::new(Limits::default(), zone).decode(
        b"2026-01-02 11:04:05,678 ERROR org.apache.flink.Foo [] - boom",
        &mut |outcome| found.push(described(outcome)),
    );
    assert_eq!(found[0]["time"], "2026-01-02T03:04:05.678Z");
}

fn seeds() -> Vec<Vec<u8>> {
    cases().iter().map(|case| fs::read(case).expect("a case")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_give_an_outcome_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!outcomes(&bytes).is_empty());
    }

    #[test]
    fn any_text_gives_an_outcome_and_never_a_panic(
        text in any::<String>(),
        line in "[0-9:,.TZ \\[\\]<>A-Za-z()\\n\\t{}\"-]{0,200}",
    ) {
        prop_assert!(!outcomes(text.as_bytes()).is_empty());
        prop_assert!(!outcomes(line.as_bytes()).is_empty());
    }

    #[test]
    fn a_mutated_record_gives_an_outcome_and_never_a_panic(
        seed in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..5, any::<u8>()), 1..6),
    ) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        for (at, kind, put) in edits {
            if bytes.is_empty() { break; }
            let at = at.index(bytes.len());
            match kind {
                0 => { bytes.remove(at); }
                1 => bytes.truncate(at),
                2 => bytes.insert(at, put),
                3 => bytes[at] = put,
                _ => { let copy = bytes[at..(at + 20).min(bytes.len())].to_vec(); bytes.splice(at..at, copy); }
            }
        }
        prop_assert!(!outcomes(&bytes).is_empty());
    }
}
