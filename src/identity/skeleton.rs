//! What varies in a text by its shape alone: hexadecimal ids, UUIDs and numbers.
//!
//! Two users share these spans, and that they share them is what makes a memo hit equal a miss: the memo key is the
//! text with the spans zeroed ([`zero_into`]), and the masks replace the same spans by placeholders, ids before any
//! other mask looks, numbers after all others. So nothing that is zeroed in the key can be seen in a template.
//!
//! - A *token* is a maximal run of ASCII letters and digits.
//! - A *UUID* is 8-4-4-4-12 hexadecimal digits between token borders.
//! - A *hex id* is a token of at least [`HEX_ID_LENGTH`] hexadecimal digits in one case with a decimal digit and a
//!   letter among them, or `0x` and hexadecimal digits.
//! - A *number* is the run of decimal digits a token begins with: `S3`, `log4j2` and `e17` keep theirs.
//! - A *name with a number* is a token of small letters and at least [`ID_DIGITS`] digits that stands alone: `user1234`.
//! - A *code* is a token of 1 to 3 decimal digits after a word such as `code`, `status` or `exit`: it says what
//!   happened, so it is kept.

/// From this length on a token of hexadecimal digits is an id: identity hashes have 8 (`Foo@1a2b3c4d`).
pub const HEX_ID_LENGTH: usize = 8;

/// From this many digits in a row on, letters and digits are an id: `user123`.
pub(super) const ID_DIGITS: usize = 3;

/// Words that hold digits, in lower case: what they name does not vary.
const WORDS_WITH_DIGITS: &[&str] = &[
    "aes128",
    "aes192",
    "aes256",
    "amd64",
    "arm64",
    "base32",
    "base58",
    "base64",
    "big5",
    "cp1252",
    "crc32",
    "ed25519",
    "float32",
    "float64",
    "gb18030",
    "gb2312",
    "h264",
    "h265",
    "int16",
    "int32",
    "int64",
    "int128",
    "iso8859",
    "latin1",
    "pkcs12",
    "ripemd160",
    "rc4",
    "secp256k1",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "uint16",
    "uint32",
    "uint64",
    "utf16",
    "utf32",
    "utf8mb4",
    "win32",
    "x509",
    "x86",
];

/// Words after which a short number says what happened.
const CODE_WORDS: &[&str] = &[
    "code",
    "status",
    "http",
    "exit",
    "errno",
    "signal",
    "exitcode",
    "statuscode",
    "returncode",
    "exitstatus",
];

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// A hexadecimal id.
    Hex,
    /// A number that varies.
    Number,
    /// A number that says what happened.
    Code,
    /// The digits of a name with a number.
    Named,
}

/// A span of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
}

/// How the bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As they are.
    Literal,
    /// As the inside of a JSON string. Escapes are borders and stay as they are.
    Escaped,
}

const DIGIT: u8 = 1;
const LOWER_HEX: u8 = 2;
const UPPER_HEX: u8 = 4;
const LETTER: u8 = 8;
const HEX: u8 = DIGIT | LOWER_HEX | UPPER_HEX;

const fn class_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' => LOWER_HEX,
        b'A'..=b'F' => UPPER_HEX,
        b'g'..=b'z' | b'G'..=b'Z' => LETTER,
        _ => 0,
    }
}

const CLASSES: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0u8;
    loop {
        #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[byte as usize] = class_of(byte);
        }
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

#[inline]
fn class(bytes: &[u8], at: usize) -> u8 {
    bytes
        .get(at)
        .and_then(|&b| CLASSES.get(usize::from(b)))
        .copied()
        .unwrap_or(0)
}

/// The spans of a text, in order, not overlapping.
#[derive(Debug, Clone)]
pub struct Spans<'a> {
    bytes: &'a [u8],
    at: usize,
    written: Written,
}

/// The spans of literal text.
#[must_use]
pub fn spans(text: &str) -> Spans<'_> {
    Spans {
        bytes: text.as_bytes(),
        at: 0,
        written: Written::Literal,
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let bytes = self.bytes;
        // Every span holds a decimal digit, so the search goes from digit to digit.
        while let Some(digit) = next_digit(bytes, self.at) {
            let mut start = token_start(bytes, self.at, digit);
            if self.written == Written::Escaped && start > self.at {
                start += escape_letters(bytes, start);
                if start > digit {
                    // The digit belonged to an escape.
                    self.at = start;
                    continue;
                }
            }
            let mut seen = 0;
            let mut end = start;
            for byte in bytes.get(start..).unwrap_or_default() {
                let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
                if class == 0 {
                    break;
                }
                seen |= class;
                end += 1;
            }
            // A UUID may begin with eight letters; its first digit is then found one token too late.
            let led = start
                .checked_sub(9)
                .filter(|&lead| lead >= self.at && end - start == 4 && is_uuid(bytes, lead));
            if let Some(lead) = led {
                self.at = lead + UUID_LENGTH;
                return Some(Span {
                    start: lead,
                    end: self.at,
                    kind: Kind::Uuid,
                });
            }
            if end - start == 8 && is_uuid(bytes, start) {
                self.at = start + UUID_LENGTH;
                return Some(Span {
                    start,
                    end: self.at,
                    kind: Kind::Uuid,
                });
            }
            self.at = end;
            if is_hex_id(bytes, start, end, seen) {
                return Some(Span {
                    start,
                    end,
                    kind: Kind::Hex,
                });
            }
            if digit > start && named(bytes, start, digit, end, self.written) {
                return Some(Span {
                    start: digit,
                    end,
                    kind: Kind::Named,
                });
            }
            if digit == start {
                let digits = (start..end).take_while(|&i| class(bytes, i) == DIGIT).count();
                let whole = start + digits == end;
                let kind = if whole && digits <= 3 && after_code_word(bytes, start, self.written) {
                    Kind::Code
                } else {
                    Kind::Number
                };
                return Some(Span {
                    start,
                    end: start + digits,
                    kind,
                });
            }
        }
        None
    }
}

/// Whether a token with digits is a word.
pub(super) fn is_word(token: &[u8]) -> bool {
    WORDS_WITH_DIGITS
        .iter()
        .any(|word| word.as_bytes().eq_ignore_ascii_case(token))
}

/// Whether the token is a name with a number.
fn named(bytes: &[u8], start: usize, digit: usize, end: usize, written: Written) -> bool {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let token = bytes.get(start..end).unwrap_or_default();
    let (name, number) = token.split_at_checked(digit - start).unwrap_or((token, &[]));
    number.len() >= ID_DIGITS
        && number.iter().all(u8::is_ascii_digit)
        && name.iter().all(u8::is_ascii_lowercase)
        && matches!(before, None | Some(b' ' | b'=' | b'(' | b'"' | b'\'' | b':' | b','))
        && closes(bytes, end, written)
        && !is_word(token)
}

/// The first decimal digit at or after `from`. Blocks without one are passed over as vectors.
pub(super) fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_digit = |byte: &u8| byte.wrapping_sub(b'0') < 10;
    let rest = bytes.get(from..)?;
    let (blocks, last) = rest.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let mut any = false;
        for byte in block {
            any |= is_digit(byte);
        }
        if any {
            return Some(from + number * BLOCK + first_digit(block)?);
        }
    }
    Some(from + blocks.len() * BLOCK + first_digit(last)?)
}

/// The first decimal digit, eight bytes at a time.
fn first_digit(bytes: &[u8]) -> Option<usize> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Added to a byte below 10 it stays below 0x80; to one from 10 to 0x7f it does not.
    const ABOVE: u64 = 0x7676_7676_7676_7676;
    let (words, last) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word) ^ ZEROS;
        let digits = !(((word & LOW) + ABOVE) | word) & HIGH;
        if digits != 0 {
            return Some(number * 8 + digits.trailing_zeros() as usize / 8);
        }
    }
    last.iter().position(u8::is_ascii_digit).map(|at| words.len() * 8 + at)
}

/// Where the token of the byte at `at` begins, not before `from`.
fn token_start(bytes: &[u8], from: usize, at: usize) -> usize {
    let before = bytes.get(from..at).unwrap_or_default();
    at - before.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// How many letters at the beginning of a token of escaped text belong to an escape: `n` of `\n12`.
fn escape_letters(bytes: &[u8], start: usize) -> usize {
    let before = bytes.get(..start).unwrap_or_default();
    let backslashes = before.iter().rev().take_while(|&&b| b == b'\\').count();
    match bytes.get(start) {
        Some(_) if backslashes % 2 == 0 => 0,
        Some(b'u') => 5,
        Some(_) => 1,
        None => 0,
    }
}

fn is_hex_id(bytes: &[u8], start: usize, end: usize, seen: u8) -> bool {
    if matches!(bytes.get(start..start + 2), Some(b"0x" | b"0X")) {
        return end - start > 2 && (start + 2..end).all(|i| class(bytes, i) & HEX != 0);
    }
    end - start >= HEX_ID_LENGTH && (seen == DIGIT | LOWER_HEX || seen == DIGIT | UPPER_HEX)
}

/// Length of a UUID as text.
const UUID_LENGTH: usize = 36;

fn is_uuid(bytes: &[u8], from: usize) -> bool {
    let Some(text) = bytes.get(from..from + UUID_LENGTH) else {
        return false;
    };
    if [8, 13, 18, 23].iter().any(|&at| text.get(at) != Some(&b'-')) {
        return false;
    }
    let mut parts = text.split(|&b| b == b'-');
    let shaped =
        parts.all(|part| part.iter().all(u8::is_ascii_hexdigit)) && text.iter().filter(|&&b| b == b'-').count() == 4;
    let borders = |at: Option<usize>| at.is_none_or(|at| class(bytes, at) == 0);
    shaped && borders(from.checked_sub(1)) && borders(Some(from + UUID_LENGTH))
}

fn after_code_word(bytes: &[u8], start: usize, written: Written) -> bool {
    // An escaped quote is two bytes, so twice as many are allowed: what is kept in literal text must be kept here.
    let reach = match written {
        Written::Literal => 3,
        Written::Escaped => 6,
    };
    let mut at = start;
    while at > 0 && start - at < reach {
        let separator = match bytes.get(at - 1) {
            Some(b' ' | b':' | b'=' | b'#' | b'(' | b'"' | b'\'') => true,
            Some(b'\\') => written == Written::Escaped,
            _ => false,
        };
        if !separator {
            break;
        }
        at -= 1;
    }
    if at == start {
        return false;
    }
    let letters = (0..at)
        .rev()
        .take(12)
        .take_while(|&i| class(bytes, i) & !DIGIT != 0)
        .count();
    let word = bytes.get(at - letters..at).unwrap_or_default();
    CODE_WORDS
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// Whether an escape `\u00xx` stands in the bytes. May say yes where a backslash before it makes it none.
fn spells_out_ascii(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', bytes).any(|at| bytes.get(at + 1..at + 4) == Some(b"u00"))
}

/// Appends the bytes with every varying digit replaced by `0` and long numbers cut to one length: equal results mean equal templates.
///
/// Escaped text that writes an ASCII character as `\u00xx` is copied as it is, since its borders cannot be told
/// without unescaping.
pub fn zero_into(bytes: &[u8], written: Written, out: &mut Vec<u8>) {
    if written == Written::Escaped && spells_out_ascii(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut from = 0;
    for span in (Spans { bytes, at: 0, written }) {
        if span.start < from {
            // A part of an address.
            continue;
        }
        out.extend_from_slice(bytes.get(from..span.start).unwrap_or_default());
        if span.kind == Kind::Number
            && let Some(length) = address_length(bytes, span.start)
        {
            out.extend_from_slice(b"0.0.0.0");
            from = span.start + length;
            continue;
        }
        let inside = bytes.get(span.start..span.end).unwrap_or_default();
        match span.kind {
            Kind::Code => out.extend_from_slice(inside),
            // A zero before an x would make the prefix of a hex id.
            Kind::Number if matches!(bytes.get(span.end), Some(b'x' | b'X')) => {
                out.extend(inside.iter().map(|_| b'1'));
            }
            Kind::Named => push_zeros(ID_DIGITS, out),
            Kind::Number => push_zeros(shown_digits(bytes, &span, written), out),
            Kind::Uuid => out.extend(inside.iter().map(|&b| if b == b'-' { b } else { b'0' })),
            Kind::Hex => push_hex(
                inside.len(),
                inside.get(..2).is_some_and(|p| p.eq_ignore_ascii_case(b"0x")),
                out,
            ),
        }
        from = span.end;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

/// From this length on numbers are not told apart by their length. Below it a mask may count digits: days, years, ports.
/// Patterns that count more digits than this are refused (masks) or looked at anew for each event (rules).
pub const COUNTED_DIGITS: usize = 6;

/// A number that stands alone is short (a day, a count) or long (a year, an amount), and shown with so many digits.
const ALONE: (usize, usize) = (2, 4);
/// Up to this many digits a number is short. Parts of addresses and of versions have no more.
const SHORT: usize = 3;

/// How many digits of a number the zeroed text shows. Where nothing counts them they are shown as if they were as many as
/// in any other text: a message with `9 records` is the one with `120 records`.
///
/// Masks count digits of dates, times, ports and ids, whose parts stand beside `-`, `:`, `.` and `_`. Numbers of
/// subtasks `(3/128)` and of attempts `…_3_1)` are one digit whatever their length.
fn shown_digits(bytes: &[u8], span: &Span, written: Written) -> usize {
    let digits = span.end - span.start;
    let before = span.start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = bytes.get(span.end);
    let opens = matches!(before, None | Some(b' ' | b'=' | b'(' | b'[' | b'"' | b'\'' | b'#'));
    if opens && closes(bytes, span.end, written) {
        return if digits <= SHORT { ALONE.0 } else { ALONE.1 };
    }
    if digits > COUNTED_DIGITS {
        // A mask may take a number and its neighbours together (addresses, pods, dates).
        return digits;
    }
    let numbered = matches!(
        (before, after),
        (Some(b'('), Some(b'/')) | (Some(b'/'), Some(b')')) | (Some(b'_'), Some(b')' | b'_'))
    );
    if digits <= SHORT && numbered { 1 } else { digits }
}

/// Whether the text at `at` ends a number that stands alone: the same in literal and in escaped text.
fn closes(bytes: &[u8], at: usize, written: Written) -> bool {
    let mut at = at;
    // The end of a sentence, no fraction.
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        if matches!(bytes.get(at), Some(b',' | b';' | b')' | b']')) {
            return false;
        }
    }
    match (bytes.get(at), written) {
        (None | Some(b' ' | b',' | b';' | b')' | b']' | b'\''), _)
        | (Some(b'"' | b'\n' | b'\t' | b'\r'), Written::Literal) => true,
        (Some(b'\\'), Written::Escaped) => matches!(bytes.get(at + 1), Some(b'"' | b'n' | b't' | b'r')),
        (Some(_), _) => false,
    }
}

/// Length of the address `1.2.3.4` that begins with the number at `start`, if one does.
fn address_length(bytes: &[u8], start: usize) -> Option<usize> {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    if matches!(before, Some(b'.' | b'-' | b'_')) {
        return None;
    }
    let mut at = start;
    for group in 0..4 {
        if group > 0 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let digits = bytes
            .iter()
            .skip(at)
            .take(SHORT + 1)
            .take_while(|b| b.is_ascii_digit())
            .count();
        if digits == 0 || digits > SHORT {
            return None;
        }
        at += digits;
    }
    let whole = class(bytes, at) == 0 && !matches!(bytes.get(at), Some(b'.' | b'-' | b'_'));
    whole.then_some(at - start)
}

fn push_zeros(count: usize, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b'0', count));
}

/// A hex id without its digits: `a000…`, so that it is still one and no number of the same length equals it.
fn push_hex(length: usize, prefixed: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if prefixed { b"0x" } else { b"a0" });
    out.extend(std::iter::repeat_n(b'0', length.saturating_sub(2)));
}

/// The text with every varying digit replaced by `0` (a hex id becomes `a000…`).
#[must_use]
pub fn zeroed(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    zero_into(text.as_bytes(), Written::Literal, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The text with the digits of hexadecimal ids and UUIDs taken out and everything else kept: what rules look at, so that a
/// rule cannot depend on an id.
#[must_use]
pub fn without_ids(text: &str) -> std::borrow::Cow<'_, str> {
    let mut out: Option<Vec<u8>> = None;
    let mut from = 0;
    let bytes = text.as_bytes();
    for span in spans(text) {
        let out = match span.kind {
            Kind::Number | Kind::Code | Kind::Named => continue,
            Kind::Uuid | Kind::Hex => out.get_or_insert_with(|| Vec::with_capacity(text.len())),
        };
        out.extend_from_slice(bytes.get(from..span.start).unwrap_or_default());
        zero_into(
            bytes.get(span.start..span.end).unwrap_or_default(),
            Written::Literal,
            out,
        );
        from = span.end;
    }
    match out {
        None => std::borrow::Cow::Borrowed(text),
        Some(mut out) => {
            out.extend_from_slice(bytes.get(from..).unwrap_or_default());
            String::from_utf8(out).map_or(std::borrow::Cow::Borrowed(text), std::borrow::Cow::Owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<(&str, Kind)> {
        spans(text)
            .map(|s| (text.get(s.start..s.end).unwrap(), s.kind))
            .collect()
    }

    #[test]
    fn ids_numbers_and_codes_are_told_apart() {
        assert_eq!(
            found("job 3f1c0de2a44b0e0c9b7d5a1f6e8c2b10 failed"),
            [("3f1c0de2a44b0e0c9b7d5a1f6e8c2b10", Kind::Hex)]
        );
        assert_eq!(found("(0x7f3a)"), [("0x7f3a", Kind::Hex)]);
        assert_eq!(
            found("d99c5668-1b65-4973-bb36-60be9a086824."),
            [("d99c5668-1b65-4973-bb36-60be9a086824", Kind::Uuid)]
        );
        assert_eq!(
            found("exit code 137, HTTP 503, status=404 in 12 s"),
            [
                ("137", Kind::Code),
                ("503", Kind::Code),
                ("404", Kind::Code),
                ("12", Kind::Number)
            ]
        );
        assert_eq!(found("S3 log4j2 e17 x509"), []);
        assert_eq!(
            found("12ms 20251111"),
            [("12", Kind::Number), ("20251111", Kind::Number)]
        );
        assert_eq!(found("decade facade added deadbeef"), []);
    }

    #[test]
    fn attempt_ids_joined_by_underscores_are_four_spans() {
        let text = "f8475e1786d29c1badb0f510e14ebe04_cbc357ccb763df2852fee8c4fc7d55f2_0_12";
        let kinds: Vec<Kind> = spans(text).map(|s| s.kind).collect();
        assert_eq!(kinds, [Kind::Hex, Kind::Hex, Kind::Number, Kind::Number]);
    }

    proptest! {
        #[test]
        fn equal_escaped_keys_mean_equal_literal_keys(
            text in prop_oneof![".{0,60}", "([0-9]{1,7}|[a-z]|[ .,:;()_#'\"/\\\\\n\t-]){0,40}"],
            digits in "[0-9]{0,40}",
        ) {
            // The same text with other digits in it: where the escaped keys are equal the literal keys must be too.
            let mut digits = digits.chars().cycle();
            let other: String = text.chars().map(|c| if c.is_ascii_digit() { digits.next().unwrap_or(c) } else { c }).collect();
            let escaped = |t: &str| {
                let mut raw = Vec::new();
                crate::event::escape_into(t, &mut raw);
                let mut key = Vec::new();
                zero_into(&raw, Written::Escaped, &mut key);
                key
            };
            if escaped(&text) == escaped(&other) {
                prop_assert_eq!(zeroed(&text), zeroed(&other));
            }
        }

        #[test]
        fn numbers_of_any_length_are_equal_where_nothing_counts_them(a in 0_u32..1000, b in 0_u32..1000, c in 1000_u64.., d in 1000_u64..) {
            for text in [" {} records", "x={}, y", "took {}.", "(#{})", "[{}]\n", "10.{}.0.1:99", "_{}_"] {
                prop_assert_eq!(
                    zeroed(&text.replace("{}", &(a % 256).to_string())),
                    zeroed(&text.replace("{}", &(b % 256).to_string()))
                );
            }
            for text in ["offset {}", "id={}, y", "user=u{}, y"] {
                prop_assert_eq!(zeroed(&text.replace("{}", &c.to_string())), zeroed(&text.replace("{}", &d.to_string())));
            }
        }

        #[test]
        fn a_hex_id_never_equals_a_number(number in "[0-9]{8,40}", id in "[0-9a-f]{8,40}") {
            prop_assume!(id.bytes().any(|b| b.is_ascii_lowercase()) && id.bytes().any(|b| b.is_ascii_digit()));
            prop_assert_ne!(zeroed(&number), zeroed(&id));
        }

        #[test]
        fn zeroing_twice_changes_nothing(text in any::<String>()) {
            let once = zeroed(&text);
            prop_assert_eq!(zeroed(&once), once);
        }
    }
}
