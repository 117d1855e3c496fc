//! The general path: the same object, read by `serde_json`, for whatever the scanner found odd.
//!
//! Slower, and always right: escaped keys are unescaped, of a repeated key the last one counts, and what is broken
//! is named with its place.

use super::scan::{Entry, MAX_KEYS, Object, Scanner, Value};
use crate::event::{Reason, Rejection, Text};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads `text`, which must be one object and nothing else.
pub(crate) fn object<'a>(text: &'a str, max_depth: usize) -> Result<Object<'a>, Rejection> {
    if nests_deeper(text, max_depth) {
        return Err(too_deep(max_depth));
    }
    let pairs: Pairs<'a> = serde_json::from_str(text).map_err(|error| broken(text, &error))?;
    if pairs.0.len() > MAX_KEYS {
        return Err(too_many_keys());
    }
    // Walked backwards, so that the last of a repeated key is the one that stays.
    let mut seen = foldhash::HashSet::default();
    let mut out = Object::new();
    for (key, raw) in pairs.0.into_iter().rev() {
        if seen.insert(key.clone()) {
            let value = value(raw.get());
            out.push(Entry { key, value });
        }
    }
    out.reverse();
    Ok(out)
}

/// The keys of a raw object of a record that was read: those in `inside`, where somebody read them before, else those
/// that are read now into `own`. Nothing where they cannot be read.
pub(crate) fn keys_of<'m, 'a>(
    raw: &'a str,
    inside: Option<&'m mut Object<'a>>,
    own: &'m mut Object<'a>,
    max_depth: usize,
) -> Option<&'m mut Object<'a>> {
    if inside.is_some() {
        return inside;
    }
    if Scanner::again(raw, max_depth).object(0, own).is_err() {
        *own = object(raw, max_depth).ok()?;
    }
    Some(own)
}

/// Whether `text` is valid JSON of any kind.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The rejection of what nests too deeply.
pub(crate) fn too_deep(max_depth: usize) -> Rejection {
    Rejection::new(Reason::TooDeep, format!("nested deeper than {max_depth} levels"))
}

/// The rejection of an object with too many keys.
pub(crate) fn too_many_keys() -> Rejection {
    Rejection::new(Reason::TooLarge, format!("more than {MAX_KEYS} keys in one object"))
}

/// Whether brackets outside strings nest deeper than `max_depth`. Holds for broken JSON as well.
pub(crate) fn nests_deeper(text: &str, max_depth: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > max_depth {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// A raw value by its first byte; the text is known to be valid.
fn value(raw: &str) -> Value<'_> {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            if inside.contains('\\') {
                Value::Str(Text::Escaped(inside))
            } else {
                Value::Str(Text::Plain(inside))
            }
        }
        Some(b'{') => Value::Object(raw),
        Some(b'[') => Value::Array(raw),
        Some(b't' | b'f') => Value::Bool(raw),
        Some(b'n') | None => Value::Null,
        Some(_) => Value::Number(raw),
    }
}

/// The rejection of broken JSON. The messages of syntax errors are constant, so no payload gets out.
fn broken(text: &str, error: &serde_json::Error) -> Rejection {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let at = before + error.column();
    match error.classify() {
        serde_json::error::Category::Eof => Rejection::new(
            Reason::InvalidJson,
            format!("the JSON ends too early, at byte {}", text.len()),
        ),
        serde_json::error::Category::Data => Rejection::new(Reason::NotAnObject, "not a JSON object"),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            let said = error.to_string();
            let what = said.split(" at line ").next().unwrap_or("broken JSON");
            Rejection::new(Reason::InvalidJson, format!("{what}, at byte {at}"))
        }
    }
}

/// The keys of an object with their raw values, repeated keys included; one more than allowed is kept to tell.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    let raw = map.next_value::<&'de RawValue>()?;
                    if pairs.len() <= MAX_KEYS {
                        pairs.push((key.0, raw));
                    }
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// A key, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}
