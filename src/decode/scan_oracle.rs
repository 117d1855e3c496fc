//! The scanner against `serde_json`: whatever it accepts is valid and read the same.

use super::general;
use super::scan::{MAX_DEPTH, Object, Odd, Scanner, Value};
use proptest::prelude::*;
use serde_json::Value as Json;

/// What the scanner reads, if it is the whole text.
fn scanned(text: &str) -> Result<Object<'_>, Odd> {
    let scanner = Scanner::new(text, MAX_DEPTH);
    let mut out = Object::new();
    let end = scanner.object(0, &mut out)?;
    if scanner.skip_space(end) == text.len() {
        Ok(out)
    } else {
        Err(Odd::Unusual)
    }
}

fn as_json(value: &Value<'_>) -> Option<Json> {
    Some(match value {
        Value::Str(text) => Json::String(text.decoded().into_owned()),
        Value::Null => Json::Null,
        Value::Bool(raw) | Value::Number(raw) | Value::Object(raw) | Value::Array(raw) => {
            serde_json::from_str(raw).ok()?
        }
    })
}

/// Accepted by the scanner: valid for serde_json, equal to the general path and to serde_json's own reading.
fn agrees(text: &str) -> Result<(), TestCaseError> {
    let Ok(entries) = scanned(text) else { return Ok(()) };
    prop_assert!(general::is_json(text), "{text:?}");
    let general = general::object(text, MAX_DEPTH);
    prop_assert!(general.is_ok(), "{text:?}");
    prop_assert_eq!(&entries, &general.unwrap(), "{:?}", text);
    // Lone surrogates and numbers beyond f64 are valid JSON that serde_json has no value for.
    if let Ok(Json::Object(map)) = serde_json::from_str::<Json>(text) {
        prop_assert_eq!(entries.len(), map.len());
        for entry in &entries {
            let read = as_json(&entry.value);
            prop_assert_eq!(read.as_ref(), map.get(&*entry.key), "{:?}", text);
        }
    }
    Ok(())
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|n| Json::Number(n.into())),
        any::<f64>().prop_map(|n| serde_json::Number::from_f64(n).map_or(Json::Null, Json::Number)),
        "[ -~\\n\\t\"\\\\é中😀]{0,60}".prop_map(Json::String),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::vec(("[a-z.@_\"é]{0,12}", inner), 0..6)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Objects of frames as Log4j2 and Spark write them, nearly or quite.
fn frames_text() -> impl Strategy<Value = String> {
    let frame = (
        prop::sample::select(vec![
            "",
            "\"classLoaderName\":\"app\",",
            "\"module\":\"java.base\",\"moduleVersion\":\"17.0.15\",",
            "\"classLoaderName\":\"app\",\"module\":\"m\",",
            " ",
            "\"module\":\"m\\n\",",
        ]),
        "[a-z.$é]{0,70}",
        prop::sample::select(vec!["\"file\":\"F.java\",", "", "\"file\":null,", "\"file\":\"\\\"\","]),
        prop::sample::select(vec!["1", "-2", "\"7\"", "01", "1.5", "x"]),
        prop::sample::select(vec![
            "",
            ",\"exact\":true,\"location\":\"a.jar\",\"version\":\"?\"",
            ",\"exact\":false,\"location\":\"?\"",
            ",\"exact\":truely,\"location\":\"?\",\"version\":\"1\"",
        ]),
    )
        .prop_map(|(module, class, file, line, rest)| {
            format!("{{{module}\"class\":\"{class}\",\"method\":\"m\",{file}\"line\":{line}{rest}}}")
        });
    prop::collection::vec(frame, 1..4).prop_map(|frames| format!("{{\"s\":[{}]}}", frames.join(",")))
}

fn object_text() -> impl Strategy<Value = String> {
    (prop::collection::vec(("[a-z.@_]{1,12}", json()), 0..8), any::<bool>()).prop_map(|(pairs, pretty)| {
        let object = Json::Object(pairs.into_iter().collect());
        if pretty {
            format!("{object:#}")
        } else {
            object.to_string()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn valid_objects_without_odd_keys_are_accepted_and_read_right(text in object_text()) {
        prop_assert!(scanned(&text).is_ok(), "{text}");
        agrees(&text)?;
    }

    #[test]
    fn frames_read_as_literals_are_valid_and_read_right(text in frames_text()) {
        prop_assert_eq!(scanned(&text).is_ok(), general::is_json(&text), "{}", &text);
        agrees(&text)?;
    }

    #[test]
    fn whatever_is_accepted_is_valid_and_read_right(
        text in prop_oneof![object_text(), frames_text()],
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8, "[\\x00-\\x7f]"), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, kind, put) in edits {
            if bytes.is_empty() { break; }
            let at = at.index(bytes.len());
            match kind {
                0 => { bytes.remove(at); }
                1 => bytes.truncate(at),
                2 => bytes.insert(at, put.as_bytes()[0]),
                3 => bytes.insert(at, b'\\'),
                4 => bytes.insert(at, b'"'),
                5 => { let copy = bytes[at]; bytes.insert(at, copy); }
                6 => bytes[at] = b"{}[]:,\"\\"[usize::from(put.as_bytes()[0]) % 8],
                _ => bytes[at] = put.as_bytes()[0],
            }
        }
        agrees(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn the_scanner_never_panics(text in any::<String>(), json_like in "[{}\\[\\]\":,\\\\ue0-9tfn\\x01 ]{0,40}") {
        agrees(&text)?;
        agrees(&json_like)?;
    }
}

#[test]
fn what_json_forbids_is_not_accepted() {
    for text in [
        "{\"a\":\"\u{1}\"}",
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\"}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":-}"#,
        r#"{"a":+1}"#,
        r#"{"a":1e}"#,
        r#"{"a":nul}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":{"b":1]}"#,
        r#"{"a":{"b"}}"#,
        r#"{"a":1}}"#,
        r#"{"a":1"#,
        r#"{a:1}"#,
    ] {
        assert!(scanned(text).is_err(), "{text}");
    }
}

#[test]
fn nesting_is_counted_without_recursion() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(scanned(&deep), Err(Odd::TooDeep));
    let fits = format!("{{\"a\":{}1{}}}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
    assert!(scanned(&fits).is_ok());
}
