//! Times and sizes as people write them.

use std::time::Duration;

/// Reads `250ms`, `1s`, `5m`, `2h`, `30d`, also `1h30m`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut millis = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = number(rest)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at_checked(letters)?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        millis = millis.checked_add(number.checked_mul(factor)?)?;
        rest = after.trim_start();
    }
    Some(Duration::from_millis(millis))
}

/// Reads `48MB`, `20 GB`, `512KiB`, `1000` (bytes). Units are powers of 1,024, as memory is counted.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number(text.trim())?;
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit
        .strip_suffix("ib")
        .or_else(|| unit.strip_suffix('b'))
        .unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_as_people_write_them() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(duration("30d"), Some(Duration::from_secs(30 * 86_400)));
        for none in [
            "",
            "1",
            "s",
            "1y",
            "-1s",
            "1.5s",
            "99999999999999999999d",
            "99999999999999d",
        ] {
            assert_eq!(duration(none), None, "{none:?}");
        }
        assert_eq!(bytes("48MB"), Some(48 << 20));
        assert_eq!(bytes("20 GiB"), Some(20 << 30));
        assert_eq!(bytes("1000"), Some(1_000));
        for none in ["", "MB", "1PB", "-1", "99999999999999999999", "99999999999TB"] {
            assert_eq!(bytes(none), None, "{none:?}");
        }
    }
}
