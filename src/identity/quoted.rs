//! Quoted values: `'..'`, `".."` and backticks.
//!
//! What stands in quotes is nearly always a value. What is kept: names of the program itself (qualified classes and
//! methods, option keys), since they say which error it is.

/// A quoted text longer than this is looked at no further: its quotes are taken for apostrophes.
const LONGEST: usize = 4096;

/// Replaces quoted values by `<STR>` and leaves their quotes.
#[must_use]
pub(super) fn mask_quoted(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut at = 0;
    // A quote without an end is not searched for again, so that many of them cost linear time.
    let mut open_ended = [false; 3];
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr3(b'\'', b'"', b'`', rest))
    {
        let open = at + found;
        at = open + 1;
        let quote = bytes.get(open).copied().unwrap_or(b'"');
        let slot = match quote {
            b'\'' => 0,
            b'"' => 1,
            _ => 2,
        };
        let hopeless = open_ended.get(slot).copied().unwrap_or(true);
        if hopeless || !opens(bytes, open) {
            continue;
        }
        let Some(close) = closing(bytes, open, quote) else {
            if let Some(flag) = open_ended.get_mut(slot) {
                *flag = true;
            }
            continue;
        };
        let value = text.get(open + 1..close).unwrap_or_default();
        at = close + 1;
        if is_program_name(value) {
            continue;
        }
        out.push_str(text.get(from..=open).unwrap_or_default());
        out.push_str("<STR>");
        from = close;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Whether a quote here may open a value: not inside a word (`doesn't`).
fn opens(bytes: &[u8], at: usize) -> bool {
    match at.checked_sub(1).and_then(|i| bytes.get(i)) {
        None => true,
        // A placeholder stands for a word.
        Some(before) => !(before.is_ascii_alphanumeric() || matches!(before, b'_' | b'>') || *before >= 0x80),
    }
}

/// The quote that ends a value: the next of its kind on the line that no word follows.
fn closing(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    let stop = bytes.len().min(at.saturating_add(LONGEST));
    while let Some(found) = bytes.get(at..stop).and_then(|rest| memchr::memchr2(quote, b'\n', rest)) {
        let close = at + found;
        if bytes.get(close) == Some(&b'\n') {
            return None;
        }
        let in_word = bytes
            .get(close + 1)
            .is_some_and(|after| after.is_ascii_alphanumeric() || matches!(after, b'_' | b'<'));
        if !in_word {
            return Some(close);
        }
        at = close + 1;
    }
    None
}

/// Qualified class or method names (`com.acme.Job$X.map()`) and option keys (`execution.checkpointing.interval`).
fn is_program_name(value: &str) -> bool {
    let name = value.split('(').next().unwrap_or(value);
    let mut parts = 0;
    let mut class_like = false;
    for part in name.split(['.', '$']) {
        if !part.starts_with(|c: char| c.is_alphabetic()) {
            return false;
        }
        if !part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
            return false;
        }
        class_like |= part.starts_with(char::is_uppercase);
        parts += 1;
    }
    if parts < 3 {
        return false;
    }
    let plain = |c: char| c.is_ascii_lowercase() || c == '.' || c == '-';
    class_like || name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_go_and_names_of_the_program_stay() {
        for (text, masked) in [
            ("For input string: \"12,50 EUR\"", "For input string: \"<STR>\""),
            (
                "Text '2025/11/13' could not be parsed",
                "Text '<STR>' could not be parsed",
            ),
            ("doesn't support 'x' and can't", "doesn't support '<STR>' and can't"),
            (
                "key 'taskmanager.memory.task.heap.size' is not set",
                "key 'taskmanager.memory.task.heap.size' is not set",
            ),
            (
                "Cannot invoke \"com.acme.Job$P.level()\" because \"p\" is null",
                "Cannot invoke \"com.acme.Job$P.level()\" because \"<STR>\" is null",
            ),
            ("table 'ods.orders'", "table '<STR>'"),
            ("\"a\":\"b\"", "\"<STR>\":\"<STR>\""),
            ("it's the users' own", "it's the users' own"),
            ("''", "'<STR>'"),
        ] {
            assert_eq!(mask_quoted(text), masked);
            assert_eq!(mask_quoted(masked), masked);
        }
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing(text in "[a-c'\"`. =\n]{0,40}|.{0,60}") {
            let once = mask_quoted(&text);
            prop_assert_eq!(mask_quoted(&once), once.clone());
        }
    }
}
