//! What a line is to the framing: does a record begin here, or does it go on?
//!
//! Looks at the beginning of a line and nothing else; costs a few bytes' look for JSON and at most some 40 for text.

/// What a line looks like from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Nothing but white space and stray array punctuation: no record, and nothing that ends one.
    Blank,
    /// A JSON object begins.
    Json,
    /// A lone `{`: a printed-out object, or the text of a message.
    LoneBrace,
    /// A text record begins: a time or a level stands in front.
    Start,
    /// A Python traceback or a box of an exception group begins.
    Traceback,
    /// Goes on with what was before: a frame, a cause, an indented line.
    Continuation,
    /// Any other text.
    Other,
}

/// Classifies a line (without its terminator).
pub(super) fn kind(line: &[u8]) -> LineKind {
    let text = trim_start(line);
    let Some(&first) = text.first() else {
        return LineKind::Blank;
    };
    if matches!(first, b'{' | b'[' | b',' | b']' | b'\xEF') {
        let inner = trim_punctuation(text);
        match inner.first() {
            None | Some(b']') if trim_closing(inner).is_empty() => return LineKind::Blank,
            Some(b'{') => match trim_start(inner.get(1..).unwrap_or_default()).first() {
                None => return LineKind::LoneBrace,
                Some(b'"' | b'}') => return LineKind::Json,
                Some(_) => {}
            },
            _ => {}
        }
    }
    let indented = text.len() < line.len();
    if indented {
        return if text.starts_with(b"+ Exception Group Traceback") {
            LineKind::Traceback
        } else {
            LineKind::Continuation
        };
    }
    if text.starts_with(b"Traceback (most recent call last)") {
        return LineKind::Traceback;
    }
    if CONTINUATIONS.iter().any(|prefix| text.starts_with(prefix)) {
        return LineKind::Continuation;
    }
    if starts_record(text) {
        return LineKind::Start;
    }
    LineKind::Other
}

/// What stands at column 0 though it belongs to a stack (log-shapes 1.3, beside-flink 3.16 to 3.20).
const CONTINUATIONS: &[&[u8]] = &[
    b"Caused by:",
    b"caused by:",
    b"Wrapped by:",
    b"Suppressed:",
    b"at ",
    b"... ",
    b"The above exception was",
    b"During handling of the above exception",
    b"[CIRCULAR REFERENCE:",
];

/// Whether a multi-line JSON record may go on with this line: what JSON allows outside a string.
pub(super) fn goes_on_as_json(line: &[u8]) -> bool {
    let text = trim_start(line);
    match text.first() {
        None | Some(b'"' | b'}' | b']' | b':' | b'{' | b',') => true,
        Some(b'[' | b'-' | b'0'..=b'9') => !starts_record(text),
        Some(b't') => text.starts_with(b"true"),
        Some(b'f') => text.starts_with(b"false"),
        Some(b'n') => text.starts_with(b"null"),
        Some(_) => false,
    }
}

pub(super) fn trim_start(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|b| is_blank(**b)).count();
    bytes.get(blank..).unwrap_or_default()
}

/// Without white space, carriage returns and NULs at the end.
pub(super) fn trim_end(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().rev().take_while(|b| is_blank(**b)).count();
    bytes.get(..bytes.len() - blank).unwrap_or_default()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0x0b | 0x0c)
}

/// Without a byte order mark and the `[` and `,` of an array written record by record.
fn trim_punctuation(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let stray = bytes
        .iter()
        .take_while(|b| is_blank(**b) || matches!(b, b'[' | b','))
        .count();
    bytes.get(stray..).unwrap_or_default()
}

fn trim_closing(bytes: &[u8]) -> &[u8] {
    let stray = bytes
        .iter()
        .take_while(|b| is_blank(**b) || matches!(b, b']' | b','))
        .count();
    bytes.get(stray..).unwrap_or_default()
}

/// Whether a time or a level stands in front, in any of the forms log writers use.
fn starts_record(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let text = after_syslog_priority(text);
    if text.starts_with(b"Exception in thread \"") {
        return true;
    }
    let inner = text.strip_prefix(b"[").map_or(text, trim_start);
    match inner.first() {
        Some(b'0'..=b'9') => starts_with_time(inner),
        Some(b'A'..=b'Z') => starts_with_level(inner) || starts_with_month(inner) || starts_like_klog(inner),
        _ => false,
    }
}

/// `<34>1 2026-…` and `<34>Jan …` (RFC 5424, RFC 3164).
fn after_syslog_priority(text: &[u8]) -> &[u8] {
    let Some(rest) = text.strip_prefix(b"<") else {
        return text;
    };
    let digits = count_digits(rest);
    let closed = rest.get(digits) == Some(&b'>');
    if !(1..=3).contains(&digits) || !closed {
        return text;
    }
    let rest = rest.get(digits + 1..).unwrap_or_default();
    rest.strip_prefix(b"1 ").unwrap_or(rest)
}

/// A shape: `d` is a digit, `m` a letter, `s` one of `-/.`, `_` a blank or `T`, `,` any of `.,`; others stand for
/// themselves.
fn has_shape(text: &[u8], shape: &[u8]) -> bool {
    text.len() >= shape.len()
        && text.iter().zip(shape).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            b'm' => byte.is_ascii_alphabetic(),
            b's' => matches!(byte, b'-' | b'/' | b'.'),
            b'_' => matches!(byte, b' ' | b'T' | b't' | b'_' | b','),
            b',' => matches!(byte, b'.' | b','),
            other => byte == other,
        })
}

fn starts_with_time(text: &[u8]) -> bool {
    const SHAPES: &[&[u8]] = &[
        b"ddddsddsdd_dd:dd", // 2026-01-02 03:04, 2026/01/02T03:04
        b"ddsddsdd_dd:dd",   // 26/01/02 03:04 (Spark, JVM launchers)
        b"ddsddsdddd_dd:dd", // 02.01.2026 03:04
        b"ddsmmmsdddd_dd:",  // 02-Jan-2026 03:
        b"ddsmmmsdddd:dd:",  // 02/Jan/2026:03:
        b"dd mmm dddd_dd:",  // 02 Jan 2026 03:
        b"dd mmm dddd_ dd:", // 02 Jan 2026, 03:
        b"dddddddd_dd:dd",   // 20260102 03:04
        b"dddddddd_dddddd",  // 20260102T030405
        b"dd:dd:dd ",        // 03:04:05
        b"dd:dd:dd,ddd",     // 03:04:05.678
        b"dd:dd:dd]",
    ];
    if SHAPES.iter().any(|shape| has_shape(text, shape)) {
        return true;
    }
    // Seconds or milliseconds since the epoch, then a blank: 10, 13 digits, or 10 with a fraction.
    let digits = count_digits(text);
    let after = text.get(digits);
    matches!(digits, 10 | 13) && matches!(after, Some(b' ' | b'.' | b']' | b'\t'))
}

/// `Jan  2 03:04:05`, `Sat Jan 02 03:04:05`, `Jan 02, 2026 3:04:05 AM`.
fn starts_with_month(text: &[u8]) -> bool {
    const MONTHS: &[&[u8]] = &[
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
    ];
    const DAYS: &[&[u8]] = &[b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];
    let text = DAYS.iter().find_map(|day| text.strip_prefix(*day)).unwrap_or(text);
    let Some(rest) = MONTHS.iter().find_map(|month| text.strip_prefix(*month)) else {
        return false;
    };
    has_shape(rest, b" dd dd:dd") || has_shape(rest, b"  d dd:dd") || has_shape(rest, b" d dd:dd") || {
        let day = rest.strip_prefix(b" ").unwrap_or_default();
        let digits = count_digits(day);
        let year = day.get(digits..).unwrap_or_default();
        (1..=2).contains(&digits) && has_shape(year, b", dddd ")
    }
}

/// `ERROR …`, `[WARN ] …`, `ERROR:root:…`, in capitals: lower case words begin sentences.
fn starts_with_level(text: &[u8]) -> bool {
    const LEVELS: &[&[u8]] = &[
        b"ERROR",
        b"WARNING",
        b"WARN",
        b"INFO",
        b"FATAL",
        b"SEVERE",
        b"CRITICAL",
        b"DEBUG",
        b"TRACE",
    ];
    LEVELS
        .iter()
        .find_map(|level| text.strip_prefix(*level))
        .is_some_and(|rest| matches!(rest.first(), Some(b' ' | b':' | b']' | b'\t' | b'|')))
}

/// `E0102 03:04:05.678901` (glog, klog).
fn starts_like_klog(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'I' | b'W' | b'E' | b'F'))
        && has_shape(text.get(1..).unwrap_or_default(), b"dddd dd:dd:dd")
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_by_its_beginning() {
        let cases: &[(&str, LineKind)] = &[
            ("", LineKind::Blank),
            ("  \r", LineKind::Blank),
            ("[", LineKind::Blank),
            ("]", LineKind::Blank),
            (",", LineKind::Blank),
            (" ], ", LineKind::Blank),
            ("{\"a\":1}", LineKind::Json),
            ("[{\"a\":1},", LineKind::Json),
            (", {\"a\":1}", LineKind::Json),
            ("\u{feff}{ \"a\":1}", LineKind::Json),
            ("{}", LineKind::Json),
            ("{", LineKind::LoneBrace),
            ("[ {", LineKind::LoneBrace),
            ("{main} said so", LineKind::Other),
            ("2026-01-02 03:04:05,678 ERROR x", LineKind::Start),
            ("2026-01-02T03:04:05.678Z stdout F x", LineKind::Start),
            ("[2026-01-02 03:04:05] x", LineKind::Start),
            ("26/01/02 03:04:05 WARN Utils: x", LineKind::Start),
            ("03:04:05.678 [main] ERROR a.B -- x", LineKind::Start),
            ("Jan  2 03:04:05 host app: x", LineKind::Start),
            ("Sat Nov 21 03:04:05 2026 x", LineKind::Start),
            ("Nov 21, 2026 3:04:05 AM org.A", LineKind::Start),
            ("<34>1 2026-01-02T03:04:05Z host app", LineKind::Start),
            ("21-Nov-2026 03:04:05.678 SEVERE [main] x", LineKind::Start),
            ("E0102 03:04:05.678901 1 x.go:1] x", LineKind::Start),
            ("ERROR a.B - x", LineKind::Start),
            ("[WARN ] x", LineKind::Start),
            ("ERROR:root:x", LineKind::Start),
            ("1767323045678 ERROR x", LineKind::Start),
            ("Exception in thread \"main\" java.lang.Error", LineKind::Start),
            ("Traceback (most recent call last):", LineKind::Traceback),
            (
                "  + Exception Group Traceback (most recent call last):",
                LineKind::Traceback,
            ),
            ("\tat a.B.c(B.java:1)", LineKind::Continuation),
            ("Caused by: a.B: x", LineKind::Continuation),
            ("Error while opening", LineKind::Other),
            ("java.lang.NullPointerException", LineKind::Other),
            ("ERRORS were found", LineKind::Other),
            ("12 records were skipped", LineKind::Other),
        ];
        for (line, wanted) in cases {
            assert_eq!(kind(line.as_bytes()), *wanted, "{line:?}");
        }
    }

    #[test]
    fn a_log_line_does_not_go_on_as_json() {
        assert!(goes_on_as_json(b"  \"a\": 1,"));
        assert!(goes_on_as_json(b"\t12,"));
        assert!(goes_on_as_json(b"}]"));
        assert!(!goes_on_as_json(b"2026-01-02 03:04:05 ERROR x"));
        assert!(!goes_on_as_json(b"[2026-01-02 03:04:05] x"));
        assert!(!goes_on_as_json(b"Shutting down"));
    }
}
