//! A piece of text as it stands in the record, unescaped only when somebody asks.

use std::borrow::Cow;

/// Text of a record: borrowed where possible, still JSON-escaped where it was JSON.
///
/// The hot path never unescapes a stack: it hashes and copies the escaped bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text<'a> {
    /// Literal text with nothing to unescape.
    Plain(&'a str),
    /// The inside of a JSON string (without the quotes), known to be validly escaped and to hold an escape.
    Escaped(&'a str),
    /// Literal text made while reading (an unwrapped envelope, joined lines).
    Owned(String),
}

impl<'a> Text<'a> {
    /// The literal text.
    #[must_use]
    pub fn decoded(&self) -> Cow<'_, str> {
        match self {
            Text::Plain(text) => Cow::Borrowed(text),
            Text::Owned(text) => Cow::Borrowed(text),
            Text::Escaped(raw) => Cow::Owned(unescape(raw)),
        }
    }

    /// The bytes as they are held: escaped for `Escaped`, literal otherwise. For hashing and cheap tests only.
    #[must_use]
    pub fn held(&self) -> &str {
        match self {
            Text::Plain(text) | Text::Escaped(text) => text,
            Text::Owned(text) => text,
        }
    }

    /// Whether nothing stands there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    /// Appends the text as the inside of a JSON string (no quotes). Escaped text is copied as it is.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Text::Escaped(raw) => out.extend_from_slice(raw.as_bytes()),
            Text::Plain(text) => escape_into(text, out),
            Text::Owned(text) => escape_into(text, out),
        }
    }

    /// The same text, owned.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        match self {
            Text::Plain(text) => Text::Owned(text.to_owned()),
            Text::Escaped(raw) => Text::Owned(unescape(raw)),
            Text::Owned(text) => Text::Owned(text),
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text::Plain("")
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text::Plain(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text::Owned(text)
    }
}

/// Unescapes the inside of a JSON string. Lone surrogates become U+FFFD, as text in our outputs is UTF-8;
/// an escape that is none (only possible on bytes that were not checked) is kept as it stands.
#[must_use]
pub fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut chars = from.chars();
        chars.next();
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some(c @ ('"' | '\\' | '/')) => out.push(c),
            Some('u') => {
                let (c, after) = unicode_escape(chars.as_str());
                out.push(c);
                rest = after;
                continue;
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Reads what follows `\u`: the character and the rest.
fn unicode_escape(rest: &str) -> (char, &str) {
    let Some((unit, after)) = hex4(rest) else {
        return (char::REPLACEMENT_CHARACTER, rest);
    };
    match unit {
        0xD800..=0xDBFF => {
            let low = after.strip_prefix("\\u").and_then(hex4);
            match low {
                Some((low @ 0xDC00..=0xDFFF, beyond)) => {
                    let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), beyond)
                }
                _ => (char::REPLACEMENT_CHARACTER, after),
            }
        }
        other => (char::from_u32(other).unwrap_or(char::REPLACEMENT_CHARACTER), after),
    }
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    let unit = u32::from_str_radix(digits, 16).ok()?;
    Some((unit, text.get(4..)?))
}

/// Appends `text` as the inside of a JSON string.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(run) = bytes.get(from..).and_then(first_escaped) {
        let at = from + run;
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        if let Some(byte) = bytes.get(at) {
            escape_byte(*byte, out);
        }
        from = at + 1;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

/// Bytes looked at together: plain loops over this many become a few vector instructions.
const TOGETHER: usize = 16;

/// The first byte that JSON wants escaped.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    let (wholes, rest) = bytes.as_chunks::<TOGETHER>();
    let clean = wholes.iter().take_while(|whole| !any_escaped(whole)).count();
    let from = clean * TOGETHER;
    // A rest is looked at together with what stands before it, once more.
    let last = bytes.last_chunk::<TOGETHER>();
    if clean == wholes.len() && (rest.is_empty() || last.is_some_and(|last| !any_escaped(last))) {
        return None;
    }
    let behind = bytes.get(from..)?;
    Some(from + behind.iter().position(|byte| is_escaped(*byte))?)
}

fn any_escaped(bytes: &[u8; TOGETHER]) -> bool {
    bytes.iter().fold(0, |any, byte| any | u8::from(is_escaped(*byte))) != 0
}

fn is_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let high = HEX.get(usize::from(byte >> 4)).copied().unwrap_or(b'0');
            let low = HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_reads_back_as_it_was(text in any::<String>()) {
            let mut out = Vec::new();
            escape_into(&text, &mut out);
            let raw = String::from_utf8(out).unwrap();
            prop_assert_eq!(unescape(&raw), text.clone());
            let via_serde: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
            prop_assert_eq!(via_serde, text);
        }

        #[test]
        fn every_byte_is_escaped_wherever_it_stands(text in "[ -~\\n\\t\\x01\"\\\\é]{0,50}") {
            let mut out = Vec::new();
            escape_into(&text, &mut out);
            let quoted = format!("\"{}\"", String::from_utf8(out).unwrap());
            prop_assert_eq!(quoted, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn unescaping_never_panics(raw in any::<String>()) {
            prop_assert!(unescape(&raw).len() <= raw.len() * 3);
        }
    }

    #[test]
    fn a_surrogate_pair_is_one_character_and_a_lone_one_is_replaced() {
        assert_eq!(unescape(r"\ud83d\ude00"), "😀");
        assert_eq!(unescape(r"\ud83dx"), "\u{fffd}x");
    }
}
