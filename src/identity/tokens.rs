//! The two passes that need no pattern: ids before all other masks, numbers after them.
//!
//! Both walk the spans of [`super::skeleton`], which the memo key walks too.

use super::skeleton::{ID_DIGITS, Kind, is_word, spans};

/// Replaces UUIDs and hexadecimal ids. Expects text with its varying digits zeroed.
#[must_use]
pub(super) fn mask_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans(text) {
        let placeholder = match span.kind {
            Kind::Uuid => "<UUID>",
            Kind::Hex => "<HEX>",
            Kind::Number | Kind::Code | Kind::Named => continue,
        };
        out.push_str(text.get(from..span.start).unwrap_or_default());
        out.push_str(placeholder);
        from = span.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// From this many changes between letters and digits on, a token is an id: `log4j2` has three.
const ID_CHANGES: usize = 4;

/// Replaces numbers and what is made of letters and digits without being a word.
#[must_use]
pub(super) fn mask_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let is_code = |start: usize, codes: &[(usize, usize)]| codes.iter().any(|&(s, _)| s == start);
    let codes: Vec<(usize, usize)> = spans(text)
        .filter(|s| s.kind == Kind::Code)
        .map(|s| (s.start, s.end))
        .collect();
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !alnum(bytes, at) {
            at += 1;
            continue;
        }
        let end = token_end(bytes, at);
        let verdict = if is_code(at, &codes) {
            status_class(bytes, at, end)
        } else {
            judge(bytes, at, end)
        };
        let Some(placeholder) = verdict else {
            at = end;
            continue;
        };
        let (start, end) = match placeholder {
            "<NUM>" => (with_sign(bytes, at, from), number_end(bytes, end)),
            _ => (at, end),
        };
        out.push_str(text.get(from..start).unwrap_or_default());
        out.push_str(placeholder);
        from = end;
        at = end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// An HTTP status stands for its class: 502 and 503 are one error, 404 is another. Other codes stay as they are.
fn status_class(bytes: &[u8], start: usize, end: usize) -> Option<&'static str> {
    let before = bytes
        .get(start.saturating_sub(12)..start)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let http = [b"status".as_slice(), b"http", b"statuscode"]
        .iter()
        .any(|word| memchr::memmem::find(&before, word).is_some())
        && memchr::memmem::find(&before, b"exit").is_none();
    match bytes.get(start..end) {
        Some([b'4', _, _]) if http => Some("<HTTP4XX>"),
        Some([b'5', _, _]) if http => Some("<HTTP5XX>"),
        Some(_) | None => None,
    }
}

fn alnum(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

fn digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

fn token_end(bytes: &[u8], start: usize) -> usize {
    (start..bytes.len()).find(|&i| !alnum(bytes, i)).unwrap_or(bytes.len())
}

/// What a token is to be replaced by.
fn judge(bytes: &[u8], start: usize, end: usize) -> Option<&'static str> {
    let token = bytes.get(start..end)?;
    let leading = token.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = token.get(leading..).unwrap_or_default();
    if leading > 0 {
        let number = match rest {
            [] | [b'L' | b'l' | b'F' | b'f' | b'D' | b'd' | b'e' | b'E'] => true,
            [b'e' | b'E', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        return Some(if number { "<NUM>" } else { "<ID>" });
    }
    let mut changes = 0;
    let mut row = 0;
    let mut longest = 0;
    let mut before = false;
    for byte in token {
        let is_digit = byte.is_ascii_digit();
        changes += usize::from(is_digit != before);
        row = if is_digit { row + 1 } else { 0 };
        longest = longest.max(row);
        before = is_digit;
    }
    let letters = token.len() - token.iter().filter(|b| b.is_ascii_digit()).count();
    let id = longest >= ID_DIGITS || changes >= ID_CHANGES || (letters == 1 && longest >= 2);
    (id && !is_word(token)).then_some("<ID>")
}

/// The start of a number with its sign; a hyphen after a word is no sign (`orders-3`).
fn with_sign(bytes: &[u8], start: usize, from: usize) -> usize {
    let Some(at) = start.checked_sub(1).filter(|&at| at >= from) else {
        return start;
    };
    if !matches!(bytes.get(at), Some(b'-' | b'+')) {
        return start;
    }
    let free = match at.checked_sub(1).and_then(|i| bytes.get(i)) {
        None => true,
        Some(before) => matches!(
            before,
            b' ' | b'(' | b'[' | b'=' | b':' | b',' | b'<' | b'{' | b'"' | b'\'' | b'\t'
        ),
    };
    if free { at } else { start }
}

/// The end of a number: decimals, thousands and exponents belong to it.
fn number_end(bytes: &[u8], mut end: usize) -> usize {
    loop {
        let exponent = matches!(end.checked_sub(1).and_then(|i| bytes.get(i)), Some(b'e' | b'E'));
        let joined = match bytes.get(end) {
            Some(b'.' | b',') => true,
            Some(b'-' | b'+') => exponent,
            _ => false,
        };
        if !joined || !digit(bytes, end + 1) {
            return end;
        }
        let next = token_end(bytes, end + 1);
        if judge(bytes, end + 1, next) != Some("<NUM>") {
            return end;
        }
        end = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_every_form_are_one_placeholder() {
        for (text, masked) in [
            ("took 12 of -3.5 or 1,234,567.89", "took <NUM> of <NUM> or <NUM>"),
            ("x=1.5E-7 y=2e9 z=7L", "x=<NUM> y=<NUM> z=<NUM>"),
            ("orders-3 sku-12", "orders-<NUM> sku-<NUM>"),
            ("S3 log4j2 utf8 SHA256 int8", "S3 log4j2 utf8 SHA256 int8"),
            ("req 49kpjk user123 u42 x2k4q", "req <ID> <ID> <ID> <ID>"),
            ("exit code 137 after 3 tries", "exit code 137 after <NUM> tries"),
            ("1.20.3", "<NUM>"),
            (
                "status 503, HTTP 404: status=200",
                "status <HTTP5XX>, HTTP <HTTP4XX>: status=200",
            ),
            ("a_0_b", "a_<NUM>_b"),
        ] {
            assert_eq!(mask_numbers(text), masked);
            assert_eq!(mask_numbers(masked), masked);
        }
    }

    #[test]
    fn ids_are_replaced_before_anything_else() {
        assert_eq!(
            mask_ids("a0000000000000000000000000000000_b1 00000000-0000-0000-0000-000000000000"),
            "<HEX>_b1 <UUID>"
        );
    }

    proptest! {
        #[test]
        fn both_passes_change_nothing_the_second_time(text in "[a-f0-9 .,:=xE+-]{0,40}|.{0,40}") {
            let once = mask_numbers(&mask_ids(&text));
            prop_assert_eq!(mask_numbers(&mask_ids(&once)), once.clone());
        }
    }
}
