//! Words: what text is cut into, when it is indexed and when it is asked for, in every store alike.
//!
//! Words are runs of letters and digits, lower case. So `com.acme.Job` is three words in a row, `checkpoint_expired`
//! two; a search for either is a phrase of its words. The parts of a name in camel case (`NoClassDefFoundError`: no,
//! class, def, found, error) are kept apart from them, so that they are found and phrases stay true. Chinese, Japanese
//! and Korean have no spaces: their runs are cut into overlapping pairs, and a search for a run is the phrase of its
//! pairs.

use std::collections::HashSet;

/// Most bytes of one text that are indexed; what stands behind is stored and shown, not found by words.
pub(crate) const INDEXED_BYTES: usize = 65_536;

/// Parts of names in camel case, each once.
#[derive(Default)]
pub(crate) struct Parts {
    /// The parts, each followed by a space.
    pub(crate) text: String,
    seen: HashSet<String, foldhash::fast::FixedState>,
}

impl Parts {
    fn add(&mut self, word: &str) {
        if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            // No border inside.
            return;
        }
        let mut from = 0;
        let mut before = None;
        let mut pieces = 0;
        let mut chars = word.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next_lower = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
            let begins = before.is_some_and(|before: char| {
                (c.is_uppercase() && (!before.is_uppercase() || next_lower)) || (c.is_numeric() != before.is_numeric())
            });
            if begins {
                self.piece(word.get(from..at).unwrap_or_default());
                from = at;
                pieces += 1;
            }
            before = Some(c);
        }
        if pieces > 0 {
            self.piece(word.get(from..).unwrap_or_default());
        }
    }

    fn piece(&mut self, piece: &str) {
        if piece.chars().nth(1).is_none() || piece.starts_with(|c: char| c.is_numeric()) {
            return;
        }
        let lower = piece.to_lowercase();
        if !self.seen.contains(&lower) {
            self.text.push_str(&lower);
            self.text.push(' ');
            self.seen.insert(lower);
        }
    }
}

/// The words of a text, separated by spaces; notes the parts of names.
pub(crate) fn cut(text: &str, parts: &mut Parts) -> String {
    let text = crop(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut known: HashSet<&str, foldhash::fast::FixedState> = HashSet::default();
    for run in runs(text) {
        match run {
            Run::Word(word) => {
                if known.insert(word) {
                    parts.add(word);
                }
                push_lower(word, &mut out);
            }
            Run::Dense(dense) => push_pairs(dense, true, &mut out),
        }
    }
    out
}

/// Appends a word in lower case.
pub(crate) fn push_lower(word: &str, out: &mut String) {
    if word.is_ascii() {
        let at = out.len();
        out.push_str(word);
        if let Some(pushed) = out.get_mut(at..) {
            pushed.make_ascii_lowercase();
        }
    } else {
        out.push_str(&word.to_lowercase());
    }
    out.push(' ');
}

/// Overlapping pairs; the last character alone too, so that every character begins a word.
pub(crate) fn push_pairs(dense: &str, with_last: bool, out: &mut String) {
    let chars: Vec<char> = dense.chars().collect();
    for pair in chars.windows(2) {
        out.extend(pair);
        out.push(' ');
    }
    if let Some(last) = chars.last()
        && (with_last || chars.len() == 1)
    {
        out.push(*last);
        out.push(' ');
    }
}

fn crop(text: &str) -> &str {
    let mut end = text.len().min(INDEXED_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A stretch of a text.
pub(crate) enum Run<'a> {
    /// A word.
    Word(&'a str),
    /// A run of a script written without spaces.
    Dense(&'a str),
}

/// Whether a character belongs to a script written without spaces.
pub(crate) fn is_dense(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x2fdf | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// Runs of letters and digits; runs of dense scripts apart.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = first_of(rest, u8::is_ascii_alphanumeric, char::is_alphanumeric)?;
        rest = rest.get(from..)?;
        let dense = rest.starts_with(is_dense);
        let end = first_of(
            rest,
            |byte| dense || !byte.is_ascii_alphanumeric(),
            |c| !c.is_alphanumeric() || is_dense(c) != dense,
        )
        .unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(if dense { Run::Dense(run) } else { Run::Word(run) })
    })
}

/// Where the first character stands for which it holds: asked byte by byte as far as the text is ASCII.
fn first_of(text: &str, ascii: impl Fn(&u8) -> bool, other: impl Fn(char) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|byte| !byte.is_ascii() || ascii(byte))?;
    match bytes.get(at) {
        Some(byte) if byte.is_ascii() => Some(at),
        _ => text.get(at..)?.find(other).map(|found| at + found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> (String, String) {
        let mut parts = Parts::default();
        let words = cut(text, &mut parts);
        (words.trim().to_owned(), parts.text.trim().to_owned())
    }

    #[test]
    fn names_are_cut_into_words_and_parts() {
        for (text, expected, parts) in [
            ("com.acme.Job", "com acme job", ""),
            ("checkpoint_expired", "checkpoint expired", ""),
            (
                "java.lang.NoClassDefFoundError: org/apache/Foo",
                "java lang noclassdeffounderror org apache foo",
                "no class def found error",
            ),
            ("HTTPServer v2", "httpserver v2", "http server"),
            ("检查点超时 at 5s", "检查 查点 点超 超时 时 at 5s", ""),
            ("ÜberJob", "überjob", "über job"),
            ("-- ?", "", ""),
        ] {
            assert_eq!(words(text), (expected.to_owned(), parts.to_owned()), "{text}");
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let text = "検".repeat(INDEXED_BYTES);
        assert!(crop(&text).len() <= INDEXED_BYTES && !crop(&text).is_empty());
    }
}
