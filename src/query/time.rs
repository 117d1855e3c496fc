//! Times in a search: a day, an instant, or so long before now.

use std::fmt;

/// A point in time, absolute or relative to the time of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Milliseconds since the epoch.
    At(i64),
    /// So many milliseconds before now; negative lies in the future.
    Ago(i64),
}

impl When {
    /// Milliseconds since the epoch, for a question asked at `now`.
    #[must_use]
    pub fn millis(self, now: i64) -> i64 {
        match self {
            When::At(millis) => millis,
            When::Ago(millis) => now.saturating_sub(millis),
        }
    }
}

const UNITS: &[(&str, i64)] = &[
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            When::At(millis) => f.write_str(&crate::event::EventTime::from_millis(millis).rfc3339()),
            When::Ago(0) => f.write_str("now"),
            When::Ago(millis) => {
                let sign = if millis < 0 { '+' } else { '-' };
                let size = millis.unsigned_abs();
                let fitting = UNITS.iter().find(|(_, unit)| size % unit.unsigned_abs() == 0);
                let (name, unit) = fitting.copied().unwrap_or(("ms", 1));
                write!(f, "{sign}{}{name}", size / unit.unsigned_abs())
            }
        }
    }
}

/// Reads a time and how long it lasts when meant as a span: a day for `2026-11-20`, a minute for `2026-11-20T10:00`,
/// nothing for relative times.
pub(super) fn read(text: &str) -> Option<(When, Option<i64>)> {
    if text.eq_ignore_ascii_case("now") {
        return Some((When::Ago(0), None));
    }
    if text.starts_with(['-', '+']) {
        return relative(text).map(|when| (when, None));
    }
    let upper = text.to_ascii_uppercase();
    if let Ok(instant) = upper.parse::<jiff::Timestamp>() {
        let lasts = if upper.contains('.') { 1 } else { 1_000 };
        return in_range(instant).map(|at| (At(at), Some(lasts)));
    }
    let zoneless = |text: &str| text.parse::<jiff::civil::DateTime>().ok();
    let instant = zoneless(&upper)?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let lasts = match upper.len() {
        0..=10 => 86_400_000,
        11..=16 => 60_000,
        17..=19 => 1_000,
        _ => 1,
    };
    in_range(instant).map(|at| (At(at), Some(lasts)))
}

use When::At;

/// Years 1 to 9999, so that printing gives four digits again.
fn in_range(instant: jiff::Timestamp) -> Option<i64> {
    let millis = instant.as_millisecond();
    (-62_135_596_800_000..253_402_300_800_000 - 86_400_000)
        .contains(&millis)
        .then_some(millis)
}

fn relative(text: &str) -> Option<When> {
    let (sign, rest) = text.split_at_checked(1)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = rest.split_at_checked(digits)?;
    let number: i64 = number.parse().ok()?;
    let (_, size) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let millis = number
        .checked_mul(*size)
        .filter(|millis| *millis < 100 * 366 * 86_400_000)?;
    Some(When::Ago(if sign == "-" { millis } else { -millis }))
}
