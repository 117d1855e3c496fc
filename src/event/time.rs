//! When an error happened, as precisely as the emitter said.

/// Nanoseconds since 1970-01-01T00:00:00Z and how many digits of a second the input gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct EventTime {
    nanos: i64,
    digits: u8,
}

/// Minutes since 1970-01-01T00:00:00Z (rounded down): the time slot counts are kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Minute(pub i64);

impl EventTime {
    /// `nanos` since the epoch, given with `digits` (0 to 9) digits of the second.
    #[must_use]
    pub fn new(nanos: i64, digits: u8) -> Self {
        Self {
            nanos,
            digits: digits.min(9),
        }
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self::new(millis.saturating_mul(1_000_000), 3)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub fn nanos(self) -> i64 {
        self.nanos
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.nanos.div_euclid(1_000_000)
    }

    /// How many digits of the second the input gave.
    #[must_use]
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// The minute it falls into.
    #[must_use]
    pub fn minute(self) -> Minute {
        Minute(self.nanos.div_euclid(60_000_000_000))
    }

    /// RFC 3339 in UTC with the digits the input had: `2026-11-21T00:53:04.300Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let mut out = Vec::with_capacity(30);
        self.write_rfc3339(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends what [`EventTime::rfc3339`] gives.
    pub fn write_rfc3339(self, out: &mut Vec<u8>) {
        let seconds = self.nanos.div_euclid(1_000_000_000);
        let fraction = self.nanos.rem_euclid(1_000_000_000);
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        let (year, month, day) = civil(days);
        let small = |number: i64| u32::try_from(number).unwrap_or(0);
        let (year, month, day) = (small(year), small(month), small(day));
        let (of_day, fraction) = (small(of_day), small(fraction));
        let digit = |number: u32| b'0' + u8::try_from(number % 10).unwrap_or(0);
        let two = |number: u32| [digit(number / 10), digit(number)];
        let ([y1, y2], [y3, y4]) = (two(year / 100), two(year));
        let ([m1, m2], [d1, d2]) = (two(month), two(day));
        let ([h1, h2], [n1, n2], [s1, s2]) = (two(of_day / 3600), two(of_day / 60 % 60), two(of_day % 60));
        out.extend_from_slice(&[
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
        ]);
        if self.digits > 0 {
            let [f1, f2] = two(fraction / 10_000_000);
            let [f3, f4] = two(fraction / 100_000);
            let [f5, f6] = two(fraction / 1000);
            let [f7, f8] = two(fraction / 10);
            let [_, f9] = two(fraction);
            let written = [b'.', f1, f2, f3, f4, f5, f6, f7, f8, f9];
            out.extend_from_slice(written.get(..=usize::from(self.digits)).unwrap_or_default());
        }
        out.push(b'Z');
    }
}

impl Minute {
    /// Milliseconds since the epoch at which the minute begins.
    #[must_use]
    pub fn start_millis(self) -> i64 {
        self.0.saturating_mul(60_000)
    }
}

/// Days since the epoch to (year, month, day), proleptic Gregorian.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digits_of_the_input_are_kept() {
        assert_eq!(
            EventTime::new(1_795_222_384_300_000_000, 3).rfc3339(),
            "2026-11-21T00:53:04.300Z"
        );
        assert_eq!(
            EventTime::new(1_795_222_384_000_000_000, 0).rfc3339(),
            "2026-11-21T00:53:04Z"
        );
        assert_eq!(
            EventTime::new(1_795_222_384_411_786_627, 9).rfc3339(),
            "2026-11-21T00:53:04.411786627Z"
        );
    }

    proptest! {
        #[test]
        fn fewer_digits_cut_the_text_and_nothing_else(nanos in any::<i64>(), digits in 1_usize..9) {
            let whole = EventTime::new(nanos, 9).rfc3339();
            let cut = EventTime::new(nanos, u8::try_from(digits).unwrap()).rfc3339();
            prop_assert_eq!(cut, format!("{}Z", whole.get(..20 + digits).unwrap()));
        }

        #[test]
        fn the_text_means_the_same_instant(nanos in any::<i64>()) {
            let text = EventTime::new(nanos, 9).rfc3339();
            let parsed: jiff::Timestamp = text.parse().unwrap();
            prop_assert_eq!(parsed.as_nanosecond(), i128::from(nanos));
        }
    }
}
