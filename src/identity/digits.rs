//! Whether a pattern tells one digit from another. Masks must not: the memo replaces every varying digit by 0, and a
//! hit of the memo must equal a miss.

use super::skeleton::COUNTED_DIGITS;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// The first part of the pattern that looks at the value of a digit, or the reason why it does not compile.
///
/// # Errors
/// A text for a person.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let hir = regex_syntax::parse(pattern).map_err(|e| format!("is no regular expression: {e}"))?;
    match culprit(&hir) {
        None => Ok(()),
        Some(what) => Err(what),
    }
}

fn culprit(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(literal) => in_literal(&literal.0),
        HirKind::Class(class) => in_class(class),
        HirKind::Repetition(repetition) => counts_long(repetition).or_else(|| culprit(&repetition.sub)),
        HirKind::Capture(capture) => culprit(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(culprit),
    }
}

/// Numbers of more digits than [`COUNTED_DIGITS`] are not told apart by their length.
fn counts_long(repetition: &Repetition) -> Option<String> {
    let limit = u32::try_from(COUNTED_DIGITS).unwrap_or(u32::MAX);
    let of_digits = matches!(repetition.sub.kind(), HirKind::Class(class) if only_digits(class));
    let counts = repetition.min > limit || repetition.max.is_some_and(|max| max >= limit);
    (of_digits && counts).then(|| format!("counts more than {} digits; write \\d{{{limit},}}", limit - 1))
}

fn only_digits(class: &Class) -> bool {
    let low_and_high: Vec<(u32, u32)> = match class {
        Class::Unicode(set) => set.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect(),
        Class::Bytes(set) => set.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect(),
    };
    let ascii = low_and_high.iter().filter(|(low, _)| *low < 0x80);
    ascii.eq(&[(u32::from(b'0'), u32::from(b'9'))])
}

/// A digit behind a letter (`S3`) never varies, so it may stand in a pattern.
fn in_literal(bytes: &[u8]) -> Option<String> {
    let mut in_word = false;
    for &byte in bytes {
        if byte.is_ascii_digit() && !in_word {
            return Some(format!("looks for the digit {}", char::from(byte)));
        }
        in_word = byte.is_ascii_alphabetic() || (in_word && byte.is_ascii_digit());
    }
    None
}

fn in_class(class: &Class) -> Option<String> {
    let count = |ranges: &mut dyn Iterator<Item = (u32, u32)>| -> u32 {
        ranges
            .map(|(start, end)| {
                let low = start.max(u32::from(b'0'));
                let high = end.min(u32::from(b'9'));
                (high + 1).saturating_sub(low)
            })
            .sum()
    };
    let digits = match class {
        Class::Unicode(set) => count(&mut set.iter().map(|r| (u32::from(r.start()), u32::from(r.end())))),
        Class::Bytes(set) => count(&mut set.iter().map(|r| (u32::from(r.start()), u32::from(r.end())))),
    };
    (digits != 0 && digits != 10).then(|| format!("has a set with {digits} of the ten digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_look_at_a_digit_are_found() {
        for pattern in [r"\d{13}", r"\d{1,9}", "port 80", "[1-5]xx", "(?:a|[0-8]+)b", "x{2}7"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        for pattern in [r"\d{6,}", r"\d{1,5}", "[0-9a-f]+", "S3|log4j2", "[^a-z]+", r"\w+", "."] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }
}
