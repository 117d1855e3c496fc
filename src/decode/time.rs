//! Times in every form emitters write them, read exactly: no float, no guess about digits.

use crate::event::EventTime;
use jiff::civil;
use jiff::tz::TimeZone;

/// The first second of the year 2262: from here on a time is no time of a log.
const END_SECONDS: i64 = 9_214_646_400;
const NANOS: i64 = 1_000_000_000;

/// What a whole number of a time field counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Told by its size: seconds, milliseconds, microseconds or nanoseconds.
    Guessed,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// Reads a number or a text as a time. Texts without a zone were written in `zone`.
pub(crate) fn parse(text: &str, unit: Unit, zone: &TimeZone) -> Option<EventTime> {
    if let Some(time) = usual(text) {
        return Some(time);
    }
    let text = text.trim();
    let number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if number && let Some(time) = parse_number(text, unit) {
        return Some(time);
    }
    match prefix(text) {
        Some((stamp, rest)) if rest.trim().is_empty() => stamp.at(zone),
        _ => None,
    }
}

/// The form nearly all layouts write, `2026-01-02T03:04:05.678Z` or `…+0000`, read in one go.
fn usual(text: &str) -> Option<EventTime> {
    let (stamp, zone) = text.as_bytes().split_first_chunk::<23>()?;
    if !matches!(zone, b"Z" | b"+0000" | b"+00:00") {
        return None;
    }
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'.',
        f1,
        f2,
        f3,
    ] = *stamp
    else {
        return None;
    };
    let digits =
        [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, f1, f2, f3].map(|byte| byte.wrapping_sub(b'0'));
    if digits.iter().fold(0, |most, digit| most.max(*digit)) > 9 {
        return None;
    }
    let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, f1, f2, f3] = digits.map(i64::from);
    let (hour, minute, second) = (h1 * 10 + h2, n1 * 10 + n2, s1 * 10 + s2);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let year = y1 * 1000 + y2 * 100 + y3 * 10 + y4;
    let day = days(year, m1 * 10 + m2, d1 * 10 + d2)?;
    let millis = f1 * 100 + f2 * 10 + f3;
    bounded(day * 86_400 + hour * 3600 + minute * 60 + second, millis * 1_000_000, 3)
}

/// `instant` of Log4j2: whole seconds and nanoseconds of the second.
pub(crate) fn from_parts(seconds: i64, nanos: i64) -> Option<EventTime> {
    if !(0..NANOS).contains(&nanos) {
        return None;
    }
    bounded(seconds, nanos, nano_digits(nanos))
}

/// Digits of the second a count of nanoseconds tells: clocks tick in thousands.
fn nano_digits(nanos: i64) -> u8 {
    match nanos {
        n if n % 1_000_000 == 0 => 3,
        n if n % 1000 == 0 => 6,
        _ => 9,
    }
}

fn bounded(seconds: i64, nanos: i64, digits: u8) -> Option<EventTime> {
    if !(0..END_SECONDS).contains(&seconds) {
        return None;
    }
    Some(EventTime::new(seconds * NANOS + nanos, digits))
}

/// An epoch number with or without fraction and exponent, to the last digit.
fn parse_number(text: &str, unit: Unit) -> Option<EventTime> {
    if text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit()) {
        return whole_number(text.parse().ok()?, unit);
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => {
            let (mantissa, exponent) = text.split_at(at);
            let exponent: i32 = exponent.get(1..)?.trim_start_matches('+').parse().ok()?;
            (mantissa, exponent)
        }
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 30 || fraction.len() > 30 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    // The digits as one whole number and where its decimal point stands.
    let mut digits = String::with_capacity(whole.len() + fraction.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    if !(0..=30).contains(&point) {
        return None;
    }
    let point = usize::try_from(point).ok()?;
    while digits.len() < point {
        digits.push('0');
    }
    let (whole, fraction) = digits.split_at_checked(point)?;
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let power = unit.power(whole);
    let per_second = 10_i64.pow(power);
    let seconds = whole / per_second;
    let rest = whole % per_second;
    // Whatever stands behind the point goes on behind the digits the whole number gave.
    let width = usize::try_from(power).ok()?;
    let mut of_second = if width == 0 {
        String::new()
    } else {
        format!("{rest:0width$}")
    };
    of_second.push_str(fraction);
    let given = u8::try_from(of_second.len().min(9)).ok()?;
    let nanos = fraction_nanos(&of_second)?;
    let given = if power == 9 { nano_digits(nanos) } else { given };
    bounded(seconds, nanos, given)
}

/// A whole number counted from the epoch.
fn whole_number(whole: i64, unit: Unit) -> Option<EventTime> {
    let power = unit.power(whole);
    let per_second = 10_i64.pow(power);
    let nanos = whole % per_second * (NANOS / per_second);
    let digits = if power == 9 {
        nano_digits(nanos)
    } else {
        u8::try_from(power).ok()?
    };
    bounded(whole / per_second, nanos, digits)
}

impl Unit {
    /// The power of ten of a second that a whole number counts. Guessed: years 1970 to 2261 in one unit are years
    /// nobody logs in any other.
    fn power(self, whole: i64) -> u32 {
        match self {
            Unit::Millis => 3,
            Unit::Micros => 6,
            Unit::Nanos => 9,
            Unit::Guessed => match whole {
                ..100_000_000_000 => 0,
                100_000_000_000..100_000_000_000_000 => 3,
                100_000_000_000_000..100_000_000_000_000_000 => 6,
                _ => 9,
            },
        }
    }
}

/// Nanoseconds of the digits behind a point; digits beyond the ninth are cut off.
fn fraction_nanos(digits: &str) -> Option<i64> {
    let mut nanos = 0_i64;
    let mut count = 0;
    for byte in digits.bytes().take(9) {
        nanos = nanos * 10 + i64::from(byte.checked_sub(b'0').filter(|d| *d <= 9)?);
        count += 1;
    }
    Some(nanos * 10_i64.pow(9 - count))
}

/// A date and time of day as read from text, with its offset where one was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
    nanos: i64,
    digits: u8,
    /// Seconds east of UTC.
    offset: Option<i64>,
}

impl Stamp {
    /// The instant; without an offset the time was written in `zone`.
    pub(crate) fn at(self, zone: &TimeZone) -> Option<EventTime> {
        let local = days(self.year, self.month, self.day)? * 86_400 + self.second_of_day;
        let offset = match self.offset {
            Some(offset) => offset,
            None if *zone == TimeZone::UTC => 0,
            None => self.offset_in(zone, local)?,
        };
        bounded(local - offset, self.nanos, self.digits)
    }

    /// The offset of `zone` at this local time (`local` seconds), chosen as RFC 5545 says where clocks are turned.
    fn offset_in(self, zone: &TimeZone, local: i64) -> Option<i64> {
        let date = civil::Date::new(
            i16::try_from(self.year).ok()?,
            i8::try_from(self.month).ok()?,
            i8::try_from(self.day).ok()?,
        )
        .ok()?;
        let time = civil::Time::new(
            i8::try_from(self.second_of_day / 3600).ok()?,
            i8::try_from(self.second_of_day / 60 % 60).ok()?,
            i8::try_from(self.second_of_day % 60).ok()?,
            0,
        )
        .ok()?;
        let zoned = zone.to_ambiguous_zoned(date.to_datetime(time)).compatible().ok()?;
        Some(local - zoned.timestamp().as_second())
    }
}

/// Days since the epoch of a date, if there is such a date.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let of_cycle = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + of_cycle - 719_468)
}

/// Reads the date and time a text begins with; gives it and what follows.
///
/// `2026-01-02T03:04:05.678Z`, `2026-01-02 03:04:05,678`, `2026/01/02 03:04:05`, `26/01/02 03:04:05`,
/// `…+0800`, `…+08:00`, `… UTC`, `…+08:00[Asia/Shanghai]`.
pub(crate) fn prefix(text: &str) -> Option<(Stamp, &str)> {
    let mut read = Read { rest: text.as_bytes() };
    let year_digits = read.rest.iter().take(5).take_while(|b| b.is_ascii_digit()).count();
    let year = match year_digits {
        4 => read.number(4)?,
        2 => 2000 + read.number(2)?,
        _ => return None,
    };
    let separator = read.any(b"-/.")?;
    if year_digits == 2 && separator != b'/' {
        return None;
    }
    let month = read.number(2)?;
    if read.any(&[separator])? != separator {
        return None;
    }
    let day = read.number(2)?;
    read.any(b"T t_")?;
    let hour = read.number(2)?;
    read.any(b":")?;
    let minute = read.number(2)?;
    let mut second = 0;
    let mut nanos = 0;
    let mut digits = 0;
    if read.any(b":").is_some() {
        second = read.number(2)?;
        let (fraction, count) = read.fraction();
        nanos = fraction;
        digits = count;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = read.offset()?;
    let rest = read.rest;
    let text = text.get(text.len().checked_sub(rest.len())?..)?;
    let stamp = Stamp {
        year,
        month,
        day,
        // A leap second is folded into the second before it, as POSIX time has none.
        second_of_day: hour * 3600 + minute * 60 + second.min(59),
        nanos,
        digits,
        offset,
    };
    Some((stamp, text))
}

/// What is left to read.
struct Read<'a> {
    rest: &'a [u8],
}

impl<'a> Read<'a> {
    /// Exactly `count` digits.
    fn number(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        let mut value = 0;
        for byte in digits {
            value = value * 10 + i64::from(byte.checked_sub(b'0').filter(|d| *d <= 9)?);
        }
        self.rest = rest;
        Some(value)
    }

    /// One byte of `wanted`.
    fn any(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.rest = rest;
        Some(*first)
    }

    /// A point or comma and digits behind it: nanoseconds and how many digits there were.
    fn fraction(&mut self) -> (i64, u8) {
        let [b'.' | b',', rest @ ..] = self.rest else {
            return (0, 0);
        };
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return (0, 0);
        }
        let mut nanos = 0_i64;
        for byte in rest.iter().take(count.min(9)) {
            nanos = nanos * 10 + i64::from(byte - b'0');
        }
        let kept = u8::try_from(count.min(9)).unwrap_or(9);
        self.rest = rest.get(count..).unwrap_or_default();
        (nanos * 10_i64.pow(u32::from(9 - kept)), kept)
    }

    /// `Z`, `+08:00`, `+0800`, `+08`, `UTC`, `GMT`, or nothing. `None` where an offset is out of range.
    fn offset(&mut self) -> Option<Option<i64>> {
        let blank = usize::from(self.rest.first() == Some(&b' '));
        let from = self.rest.get(blank..).unwrap_or_default();
        let sign = match from {
            [b'Z' | b'z', rest @ ..] if blank == 0 || !rest.first().is_some_and(u8::is_ascii_alphanumeric) => {
                self.rest = rest;
                return Some(Some(0));
            }
            [b'U', b'T', b'C', rest @ ..] | [b'G', b'M', b'T', rest @ ..]
                if !rest
                    .first()
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-')) =>
            {
                self.rest = rest;
                return Some(Some(0));
            }
            [b'+', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => 1,
            // Behind a blank a minus is a separator (`12:00:00 - name`), unless four digits follow.
            [b'-', a, b, c, d, ..]
                if [a, b, d].iter().all(|x| x.is_ascii_digit()) && (*c == b':' || c.is_ascii_digit()) =>
            {
                -1
            }
            _ => return Some(None),
        };
        let mut read = Read {
            rest: from.get(1..).unwrap_or_default(),
        };
        let hours = read.number(2)?;
        let minutes = match read.rest {
            [b':', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
                read.any(b":")?;
                read.number(2)?
            }
            [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => read.number(2)?,
            _ => 0,
        };
        if hours > 18 || minutes > 59 {
            return None;
        }
        if let [b'[', inner @ ..] = read.rest
            && let Some(end) = inner.iter().position(|b| *b == b']')
        {
            read.rest = inner.get(end + 1..).unwrap_or_default();
        }
        self.rest = read.rest;
        Some(Some(sign * (hours * 3600 + minutes * 60)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(text: &str) -> Option<String> {
        parse(text, Unit::Guessed, &TimeZone::UTC).map(EventTime::rfc3339)
    }

    #[test]
    fn every_form_of_the_field_reads_as_the_same_instant() {
        for (given, wanted) in [
            ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T11:04:05.678+08:00", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05.678+0000", "2026-01-02T03:04:05.678Z"),
            ("2026-01-01T22:04:05.678-0500", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T11:04:05.678+08", "2026-01-02T03:04:05.678Z"),
            (
                "2026-01-02T11:04:05.678+08:00[Asia/Shanghai]",
                "2026-01-02T03:04:05.678Z",
            ),
            ("2026-01-02 03:04:05,678", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02 03:04:05.678 UTC", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02 03:04:05.678901 +0000", "2026-01-02T03:04:05.678901Z"),
            ("2026/01/02 03:04:05", "2026-01-02T03:04:05Z"),
            ("26/01/02 03:04:05", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04Z", "2026-01-02T03:04:00Z"),
            ("2026-01-02T03:04:05.678901234Z", "2026-01-02T03:04:05.678901234Z"),
            ("1767323045", "2026-01-02T03:04:05Z"),
            ("1767323045.678", "2026-01-02T03:04:05.678Z"),
            ("1767323045.678000000", "2026-01-02T03:04:05.678000000Z"),
            ("1.767323045678E9", "2026-01-02T03:04:05.678Z"),
            ("1767323045678", "2026-01-02T03:04:05.678Z"),
            ("1767323045678.25", "2026-01-02T03:04:05.67825Z"),
            ("1767323045678901", "2026-01-02T03:04:05.678901Z"),
            ("1767323045678901234", "2026-01-02T03:04:05.678901234Z"),
            ("1767323045678000000", "2026-01-02T03:04:05.678Z"),
        ] {
            assert_eq!(utc(given).as_deref(), Some(wanted), "{given}");
        }
    }

    #[test]
    fn what_is_no_time_of_a_log_is_refused() {
        for given in [
            "",
            "yesterday",
            "-1",
            "1969-12-31T23:59:59Z",
            "2262-01-01T00:00:00Z",
            "2026-13-02T03:04:05Z",
            "2026-02-29T03:04:05Z",
            "2026-01-02T24:04:05Z",
            "2026-01-02T03:04:05+25:00",
            "99999999999999999999",
            "1e300",
            "2026-01-02",
            "NaN",
            "1767323045678901234567",
        ] {
            assert_eq!(utc(given), None, "{given}");
        }
        assert!(utc("1970-01-01T00:00:00Z").is_some());
        assert!(utc("2261-12-31T23:59:59.999999999Z").is_some());
    }

    #[test]
    fn a_time_without_zone_is_read_in_the_default_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let time = parse("2026-01-02 11:04:05,678", Unit::Guessed, &zone).unwrap();
        assert_eq!(time.rfc3339(), "2026-01-02T03:04:05.678Z");
    }

    proptest! {
        #[test]
        fn a_local_time_agrees_with_jiff(seconds in 0_i64..END_SECONDS) {
            let zone = TimeZone::get("America/New_York").unwrap();
            let zoned = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(zone.clone());
            let text = zoned.datetime().to_string();
            let ours = parse(&text, Unit::Guessed, &zone).unwrap();
            let theirs = zone.to_ambiguous_zoned(zoned.datetime()).compatible().unwrap();
            prop_assert_eq!(i128::from(ours.nanos()), theirs.timestamp().as_nanosecond());
        }

        #[test]
        fn the_usual_form_is_read_as_any_other(
            stamp in "[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}",
            zone in prop::sample::select(vec!["Z", "+0000", "+00:00"]),
        ) {
            let text = format!("{stamp}{zone}");
            let slowly = prefix(&text).and_then(|(stamp, _)| stamp.at(&TimeZone::UTC));
            prop_assert_eq!(parse(&text, Unit::Guessed, &TimeZone::UTC), slowly);
            if let Some(read) = usual(&text) {
                prop_assert_eq!(Some(read), slowly);
            }
        }

        #[test]
        fn reading_a_time_never_panics(text in any::<String>(), digits in "[0-9:T.,+Ze -]{0,40}") {
            let _ = utc(&text);
            let _ = utc(&digits);
        }
    }
}
