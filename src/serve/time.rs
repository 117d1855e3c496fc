//! Times and durations as people and scripts write them, and as pages show them.
//!
//! Times are milliseconds since the epoch, durations milliseconds. Nothing here reads a clock.

/// A time or duration that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not a time.
    #[error(
        "{0:?} is not a time: RFC 3339 (2026-11-21T08:00:00Z), milliseconds since 1970, now, or relative (-24h) is wanted"
    )]
    Time(String),
    /// Not a duration.
    #[error("{0:?} is not a duration: a number with s, m, h, d or w is wanted (5m, 1h30m)")]
    Duration(String),
}

/// Longest distance accepted: ten years, in milliseconds. Keeps every sum far from overflow.
const FARTHEST: i64 = 10 * 366 * 86_400_000;
/// Year 2262: beyond it nanoseconds leave 64 bits.
const LATEST: i64 = 9_223_372_036_854;

/// Reads `5m`, `24h`, `1h30m`, `7d`, `2w`, `90s` into milliseconds.
///
/// # Errors
/// It is no duration, or longer than ten years.
///
/// ```
/// use seismolog::serve::time::parse_duration;
/// assert_eq!(parse_duration("1h30m"), Ok(5_400_000));
/// assert!(parse_duration("5").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<i64, TimeError> {
    let wrong = || TimeError::Duration(text.chars().take(64).collect());
    let mut total: i64 = 0;
    let mut number: Option<i64> = None;
    let mut units = 0;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let next = number
                .unwrap_or(0)
                .checked_mul(10)
                .and_then(|n| n.checked_add(i64::from(digit)));
            number = Some(next.filter(|n| *n <= FARTHEST).ok_or_else(wrong)?);
            continue;
        }
        let unit = match c {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return Err(wrong()),
        };
        let amount = number.take().ok_or_else(wrong)?;
        total = amount
            .checked_mul(unit)
            .and_then(|ms| ms.checked_add(total))
            .ok_or_else(wrong)?;
        units += 1;
    }
    if units == 0 || number.is_some() || total > FARTHEST {
        return Err(wrong());
    }
    Ok(total)
}

/// Reads a time: RFC 3339, a UTC date, milliseconds since the epoch, `now`, `-24h`, `+5m`, `now-24h`.
///
/// # Errors
/// It is no time, or lies outside years 1970 to 2261.
///
/// ```
/// use seismolog::serve::time::parse_time;
/// assert_eq!(parse_time("-1h", 7_200_000), Ok(3_600_000));
/// assert_eq!(parse_time("1970-01-01T00:00:01Z", 0), Ok(1_000));
/// assert_eq!(parse_time("1795222384300", 0), Ok(1_795_222_384_300));
/// ```
pub fn parse_time(text: &str, now: i64) -> Result<i64, TimeError> {
    let wrong = || TimeError::Time(text.chars().take(64).collect());
    let text = text.trim();
    let relative = text.strip_prefix("now").unwrap_or(text);
    let found = if text == "now" {
        Some(now)
    } else if let Some(ago) = relative.strip_prefix('-') {
        Some(now.saturating_sub(parse_duration(ago).map_err(|_| wrong())?).max(0))
    } else if let Some(ahead) = relative.strip_prefix('+') {
        Some(now.saturating_add(parse_duration(ahead).map_err(|_| wrong())?))
    } else if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse::<i64>().ok()
    } else if let Ok(time) = text.parse::<jiff::Timestamp>() {
        Some(time.as_millisecond())
    } else if let Ok(date) = text.parse::<jiff::civil::Date>() {
        date.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|z| z.timestamp().as_millisecond())
    } else {
        None
    };
    found.filter(|ms| (0..=LATEST).contains(ms)).ok_or_else(wrong)
}

/// RFC 3339 in UTC, to the millisecond where there are any.
#[must_use]
pub fn rfc3339(millis: i64) -> String {
    let digits = if millis.rem_euclid(1000) == 0 { 0 } else { 3 };
    crate::event::EventTime::new(millis.saturating_mul(1_000_000), digits).rfc3339()
}

/// Milliseconds since the epoch of an RFC 3339 text, as the store writes it.
#[must_use]
pub fn millis(rfc3339: &str) -> Option<i64> {
    rfc3339
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

/// How long ago, in the largest unit that says enough: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`.
#[must_use]
pub fn ago(then: i64, now: i64) -> String {
    let seconds = now.saturating_sub(then).div_euclid(1000);
    match seconds {
        s if s < -60 => format!("in {}", span(-s)),
        s if s < 5 => "now".to_owned(),
        s => format!("{} ago", span(s)),
    }
}

/// A length of time in the largest unit that says enough: `45 s`, `5 min`, `26 h`, `3 d`.
#[must_use]
pub fn span(seconds: i64) -> String {
    match seconds {
        s if s < 90 => format!("{s} s"),
        s if s < 90 * 60 => format!("{} min", (s + 30) / 60),
        s if s < 48 * 3600 => format!("{} h", (s + 1800) / 3600),
        s if s < 365 * 86_400 => format!("{} d", (s + 43_200) / 86_400),
        s => format!("{} y", s / (365 * 86_400)),
    }
}

/// Steps a chart may have, in minutes.
const STEPS: &[i64] = &[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080];

/// The smallest step that gives at most `buckets` buckets over a window (milliseconds), in minutes.
#[must_use]
pub fn step_for(window: i64, buckets: i64) -> i64 {
    let minutes = window.max(0).div_euclid(60_000) + 1;
    STEPS
        .iter()
        .copied()
        .find(|step| minutes <= step.saturating_mul(buckets.max(1)))
        .unwrap_or_else(|| minutes.div_euclid(buckets.max(1)).max(1))
}

/// A step in minutes as a duration text: `5m`, `1h`, `1d`.
#[must_use]
pub fn step_text(minutes: i64) -> String {
    if minutes % 1440 == 0 {
        format!("{}d", minutes / 1440)
    } else if minutes % 60 == 0 {
        format!("{}h", minutes / 60)
    } else {
        format!("{minutes}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_a_unit_for_every_number() {
        for good in [
            ("90s", 90_000),
            ("5m", 300_000),
            ("2w", 1_209_600_000),
            ("1d12h", 129_600_000),
        ] {
            assert_eq!(parse_duration(good.0), Ok(good.1), "{}", good.0);
        }
        for bad in [
            "",
            "5",
            "m",
            "1h5",
            "-5m",
            "5 m",
            "5x",
            "99999999999999999999d",
            "1000000w",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn times_are_read_in_every_documented_form() {
        let now = 1_795_222_384_300;
        for (text, want) in [
            ("now", now),
            ("-24h", now - 86_400_000),
            ("now-5m", now - 300_000),
            ("+5m", now + 300_000),
            ("2026-11-21T00:53:04.300Z", now),
            ("2026-11-21T08:53:04.300+08:00", now),
            ("2026-11-21", 1_795_219_200_000),
            ("1795222384300", now),
        ] {
            assert_eq!(parse_time(text, now), Ok(want), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "-",
            "-5",
            "2026-13-01",
            "99999999999999999999",
            "1969-12-31T00:00:00Z",
        ] {
            assert!(parse_time(bad, now).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_step_never_gives_more_buckets_than_wanted() {
        for minutes in [1, 59, 60, 61, 1440, 10_080, 43_200, 5_000_000] {
            let step = step_for(minutes * 60_000, 120);
            assert!(minutes / step <= 121, "{minutes} min by {step}");
        }
        assert_eq!(step_text(step_for(86_400_000, 120)), "15m");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", now in 0_i64..4_000_000_000_000) {
            drop((parse_time(&text, now), parse_duration(&text), millis(&text)));
        }
    }
}
