//! Renderings of lists, maps, tuples and objects, however many elements they have.

/// A rendering longer than this is left as it stands.
const LONGEST: usize = 16_384;
/// Deeper nesting is looked at as if it were flat.
const DEEPEST: usize = 64;

/// Replaces the inside of lists (`[a, b]`), maps and objects (`{a=1}`, `{"a": 1}`) and value tuples (`VALUES (..)`,
/// `=(..)`, `contains (..)`).
#[must_use]
pub(super) fn mask_collections(text: &str) -> String {
    let pairs = pairs(text.as_bytes());
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (open, close) in pairs {
        if open < from {
            continue;
        }
        let inside = text.get(open + 1..close).unwrap_or_default();
        let before = text.get(from..open).unwrap_or_default();
        let Some(placeholder) = replacement(
            text.as_bytes().get(open).copied(),
            inside,
            text.get(..open).unwrap_or_default(),
        ) else {
            continue;
        };
        out.push_str(before);
        out.push_str(text.get(open..=open).unwrap_or_default());
        out.push_str(placeholder);
        from = close;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Matching brackets on one line, in the order of the opening ones.
fn pairs(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut found = Vec::new();
    for (at, &byte) in bytes.iter().enumerate() {
        let opener = match byte {
            b'[' | b'{' | b'(' => {
                if open.len() < DEEPEST {
                    open.push((byte, at));
                }
                continue;
            }
            b']' => b'[',
            b'}' => b'{',
            b')' => b'(',
            b'\n' => {
                open.clear();
                continue;
            }
            _ => continue,
        };
        if let Some(position) = open.iter().rposition(|(kind, _)| *kind == opener) {
            let start = open.get(position).map_or(at, |(_, start)| *start);
            open.truncate(position);
            if at - start <= LONGEST {
                found.push((start, at));
            }
        }
    }
    found.sort_unstable();
    found
}

fn replacement(opener: Option<u8>, inside: &str, before: &str) -> Option<&'static str> {
    let trimmed = inside.trim();
    match opener {
        Some(b'{') => {
            let rendered = inside.contains([',', '=', ':']) || trimmed.is_empty();
            (rendered && trimmed != "<MAP>").then_some("<MAP>")
        }
        Some(b'[') => {
            if trimmed == "<LIST>" {
                return None;
            }
            // After a word, one thing in brackets is a value too: a list of one element looks so.
            let one = before.ends_with(' ') && !before.trim().is_empty() && !trimmed.contains(' ');
            let value = before.trim_end().ends_with(['=', ':']) || one;
            let statement = trimmed.starts_with("SQL:") || trimmed.starts_with("parameters:");
            let list = statement || inside.contains(',');
            ((list || (value && !is_code(trimmed))) && !sentence(inside)).then_some("<LIST>")
        }
        Some(b'(') => {
            if trimmed == "<LIST>" {
                return None;
            }
            let head = before.trim_end();
            let tuple = ends_with_word(head, "values") || ends_with_word(head, "contains") || head.ends_with(")=");
            let more = head.ends_with("(<LIST>),") || (head.ends_with("),") && before_is_values(head));
            (tuple || more).then_some("<LIST>")
        }
        Some(_) | None => None,
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let tail = text.len().checked_sub(word.len()).and_then(|at| text.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
}

/// Whether the tuples before this one belong to `VALUES`.
fn before_is_values(head: &str) -> bool {
    let tail_from = head.len().saturating_sub(4096);
    let tail = (tail_from..head.len())
        .find_map(|at| head.get(at..))
        .unwrap_or_default();
    tail.rfind("VALUES").or_else(|| tail.rfind("values")).is_some()
}

/// `DIVIDE_BY_ZERO`, `UNRESOLVED_COLUMN.WITH_SUGGESTION`: a code that says what happened.
fn is_code(text: &str) -> bool {
    text.len() > 3
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'.' | b'-'))
}

/// Words in brackets are a remark, not a list: a list has fewer blanks than commas would leave.
fn sentence(inside: &str) -> bool {
    let words = inside.split_whitespace().count();
    let commas = inside.matches(',').count();
    words > 3 * (commas + 1) && !inside.starts_with("SQL:") && !inside.starts_with("parameters:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_and_maps_of_any_length_are_the_same() {
        for (text, masked) in [
            ("for partitions: [a-<NUM>]", "for partitions: [<LIST>]"),
            ("for partitions: [a-<NUM>, b-<NUM>, c]", "for partitions: [<LIST>]"),
            ("state {a=1, b={c=2}} lost", "state {<MAP>} lost"),
            (
                "SparkException: [DIVIDE_BY_ZERO] Division",
                "SparkException: [DIVIDE_BY_ZERO] Division",
            ),
            (
                "[Producer clientId=x] The metadata",
                "[Producer clientId=x] The metadata",
            ),
            (
                "INSERT INTO t (a, b) VALUES (('<STR>'::int8), (1)) was",
                "INSERT INTO t (a, b) VALUES (<LIST>) was",
            ),
            ("Key (id)=(0) already exists", "Key (id)=(<LIST>) already exists"),
            ("Failing row contains (1, null)", "Failing row contains (<LIST>)"),
            (
                "cannot find field x from [a:_col] or [a:b, c:d]",
                "cannot find field x from [<LIST>] or [<LIST>]",
            ),
            ("()[]{}", "()[]{<MAP>}"),
        ] {
            assert_eq!(mask_collections(text), masked);
            assert_eq!(mask_collections(masked), masked);
        }
    }

    proptest! {
        // Brackets that do not match may become a pair once what stood between them is masked; the masks as a whole are
        // applied until nothing changes.
        #[test]
        fn masking_comes_to_rest(text in "[ab,=: \\[\\]{}()\n]{0,40}|.{0,60}") {
            let mut last = mask_collections(&text);
            let mut passes = 0;
            loop {
                let next = mask_collections(&last);
                if next == last {
                    break;
                }
                prop_assert!(passes < 32, "{:?} does not come to rest", text);
                last = next;
                passes += 1;
            }
        }
    }
}
