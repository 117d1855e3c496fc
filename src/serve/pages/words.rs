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

/// A measured value: whole where it is, else with three digits that say something.
pub(crate) fn measure(value: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() || value.abs() >= EXACT {
        return format!("{value:.2e}");
    }
    if value.fract() == 0.0 || value.abs() >= 100.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 2^53")]
        let whole = value.round() as i64;
        let sign = if whole < 0 { "−" } else { "" };
        return format!("{sign}{}", thousands(whole.unsigned_abs()));
    }
    match value.abs() {
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        0.001.. => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

/// How often chance alone does what has this probability.
pub(crate) fn by_chance(probability: f64) -> String {
    if probability.is_nan() {
        return "how often by chance is not known".to_owned();
    }
    if probability >= 0.01 {
        return format!("by chance {:.0} times in 100", (probability * 100.0).min(100.0));
    }
    if probability < 1e-12 {
        return "practically never by chance".to_owned();
    }
    // Two digits say enough of a probability.
    let once_in = 1.0 / probability;
    let digit = 10_f64.powf(once_in.log10().floor() - 1.0);
    let once_in = (once_in / digit).round() * digit;
    let (scaled, unit) = match once_in {
        1e9.. => (once_in / 1e9, " billion"),
        1e6.. => (once_in / 1e6, " million"),
        _ => (once_in, ""),
    };
    format!("by chance once in {}{unit}", measure(scaled))
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
    fn measures_and_chances_are_written_for_people() {
        for (value, want) in [
            (12.0, "12"),
            (1234.6, "1,235"),
            (-3.0, "−3"),
            (12.34, "12.3"),
            (0.2, "0.20"),
            (0.004, "0.0040"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(measure(value), want);
        }
        for (probability, want) in [
            (0.25, "by chance 25 times in 100"),
            (0.0005, "by chance once in 2,000"),
            (1.0 / 1_234_567.0, "by chance once in 1.20 million"),
            (1e-10, "by chance once in 10 billion"),
            (0.0, "practically never by chance"),
        ] {
            assert_eq!(by_chance(probability), want);
        }
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
