//! How numbers, times, classes and severities are written on pages.

use crate::serve::time;
use maud::{Markup, html};

/// `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `987`, `12.3k`, `4.5M`: for narrow columns; the exact number stands in the title.
pub(crate) fn short(n: u64) -> String {
    let scaled = |unit: u64, name: &str| {
        let tenths = n / (unit / 10);
        if tenths < 1000 {
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        } else {
            format!("{}{name}", tenths / 10)
        }
    };
    match n {
        0..10_000 => thousands(n),
        10_000..1_000_000 => scaled(1_000, "k"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "M"),
        _ => scaled(1_000_000_000, "G"),
    }
}

/// A count in a narrow column.
pub(crate) fn count(n: u64) -> Markup {
    html! { span.num title=(thousands(n)) { (short(n)) } }
}

/// `1 event`, `2 events`.
pub(crate) fn plural(n: u64, one: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {one}{s}", thousands(n))
}

/// Bytes with a unit a person reads.
pub(crate) fn bytes(n: u64) -> String {
    let tenths = |unit: u64, name: &str| {
        let t = n.saturating_mul(10) / unit;
        format!("{}.{} {name}", t / 10, t % 10)
    };
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => tenths(1024, "KB"),
        1_048_576..1_073_741_824 => tenths(1_048_576, "MB"),
        _ => tenths(1_073_741_824, "GB"),
    }
}

/// The class without its package: `java.net.ConnectException` is `ConnectException`; `.` folded from `$` keeps the
/// outer class (`Outer.Inner`).
pub(crate) fn simple_class(class: &str) -> &str {
    let mut start = 0;
    for (at, _) in class.match_indices('.') {
        let rest = class.get(at + 1..).unwrap_or("");
        let before = class.get(start..at).unwrap_or("");
        // The first part that begins with a capital is a class.
        if before.chars().next().is_some_and(char::is_uppercase) {
            return class.get(start..).unwrap_or(class);
        }
        if !rest.is_empty() {
            start = at + 1;
        }
    }
    class.get(start..).unwrap_or(class)
}

/// First letter in upper case.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// How long ago, with the exact time behind it.
pub(crate) fn ago(rfc3339: &str, now: i64) -> Markup {
    let said = time::millis(rfc3339).map_or_else(|| rfc3339.to_owned(), |then| time::ago(then, now));
    html! { time.ago datetime=(rfc3339) title=(absolute(rfc3339)) { (said) } }
}

/// The time itself.
pub(crate) fn at(rfc3339: &str) -> Markup {
    html! { time.at datetime=(rfc3339) title=(rfc3339) { (absolute(rfc3339)) } }
}

/// `2026-11-21 08:00:00 UTC` of a UTC time as the store writes it.
pub(crate) fn absolute(rfc3339: &str) -> String {
    let date = rfc3339.get(..10);
    let clock = rfc3339.get(11..19);
    match (date, clock) {
        (Some(date), Some(clock)) => format!("{date} {clock} UTC"),
        _ => rfc3339.to_owned(),
    }
}

/// A mark for a severity, readable without colour.
pub(crate) fn severity(severity: crate::event::Severity) -> Markup {
    let name = severity.as_str();
    html! { span.{ "sev sev-" (name) } title={ "severity: " (name) } { span.sr { (name) } } }
}

/// A severity as a word with its colour.
pub(crate) fn severity_word(severity: crate::event::Severity) -> Markup {
    let name = severity.as_str();
    html! { span.{ "pill sev-text-" (name) } { span.{ "dot sev-" (name) } {} (name) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
        for (n, want) in [
            (9_999, "9,999"),
            (12_345, "12.3k"),
            (123_456, "123k"),
            (4_500_000, "4.5M"),
        ] {
            assert_eq!(short(n), want);
        }
        assert_eq!(bytes(1536), "1.5 KB");
    }

    #[test]
    fn the_package_goes_and_outer_classes_stay() {
        for (class, want) in [
            ("java.net.ConnectException", "ConnectException"),
            ("org.apache.flink.util.Outer.Inner", "Outer.Inner"),
            ("ValueError", "ValueError"),
            ("psycopg2.errors.UniqueViolation", "UniqueViolation"),
            ("socket.timeout", "timeout"),
            ("", ""),
            (".", "."),
        ] {
            assert_eq!(simple_class(class), want, "{class}");
        }
    }
}
