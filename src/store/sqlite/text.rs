//! Words: what the text index holds and how a search for text asks it.
//!
//! The index is FTS5 without content, fed with words cut here: runs of letters and digits, lower case. So
//! `com.acme.Job` is three words in a row, `checkpoint_expired` two; a search for either is a phrase of its words.
//! The parts of a name in camel case (`NoClassDefFoundError`: no, class, def, found, error) stand in a column of
//! their own, so that they are found and phrases stay true. Chinese, Japanese and Korean have no spaces: their runs
//! are cut into overlapping pairs, and a search for a run is the phrase of its pairs.
//!
//! Words, not trigrams: an index of trigrams finds pieces inside words, and costs one posting per character where
//! this costs one per word; parts and `*` find what people look for.

use super::codes::Doc;
use crate::query::{Pattern, Piece};
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// Most bytes of one text that are indexed; what stands behind is stored and shown, not found by words.
pub(super) const INDEXED_BYTES: usize = 65_536;

/// What is indexed of a document.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts<'a> {
    pub(super) message: &'a str,
    pub(super) template: &'a str,
    pub(super) exception: &'a str,
    pub(super) stack: &'a str,
}

/// Indexes a document.
pub(super) fn insert(connection: &Connection, doc: Doc, texts: &Texts<'_>) -> rusqlite::Result<()> {
    let mut parts = Parts::default();
    let message = cut(texts.message, &mut parts);
    let template = cut(texts.template, &mut parts);
    let exception = cut(texts.exception, &mut parts);
    let stack = cut(texts.stack, &mut parts);
    connection
        .prepare_cached(
            "INSERT INTO texts(rowid, message, template, exception, stack, parts) VALUES (?1,?2,?3,?4,?5,?6)",
        )?
        .execute(params![doc.row(), message, template, exception, stack, parts.text])?;
    Ok(())
}

/// Removes a document.
pub(super) fn remove(connection: &Connection, doc: Doc) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM texts WHERE rowid = ?1")?
        .execute([doc.row()])?;
    Ok(())
}

/// Parts of names in camel case, each once.
#[derive(Default)]
struct Parts {
    text: String,
    seen: HashSet<String, foldhash::fast::FixedState>,
}

impl Parts {
    fn add(&mut self, word: &str) {
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
fn cut(text: &str, parts: &mut Parts) -> String {
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

fn push_lower(word: &str, out: &mut String) {
    if word.is_ascii() {
        out.extend(word.chars().map(|c| c.to_ascii_lowercase()));
    } else {
        out.push_str(&word.to_lowercase());
    }
    out.push(' ');
}

/// Overlapping pairs; the last character alone too, so that every character begins a word.
fn push_pairs(dense: &str, with_last: bool, out: &mut String) {
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

enum Run<'a> {
    Word(&'a str),
    /// A run of a script written without spaces.
    Dense(&'a str),
}

fn is_dense(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x2fdf | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// Runs of letters and digits; runs of dense scripts apart.
fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.find(char::is_alphanumeric)?;
        rest = rest.get(from..)?;
        let dense = rest.starts_with(is_dense);
        let end = rest
            .find(|c: char| !c.is_alphanumeric() || is_dense(c) != dense)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(if dense { Run::Dense(run) } else { Run::Word(run) })
    })
}

/// Which columns a search for text looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Anything,
    Message,
    Template,
    Stack,
}

impl Within {
    fn filter(self) -> &'static str {
        match self {
            Within::Anything => "{message template exception stack}",
            Within::Message => "{message}",
            Within::Template => "{template}",
            Within::Stack => "{stack}",
        }
    }
}

/// What to ask the index for a pattern; nothing when the pattern holds no word (punctuation only).
///
/// # Errors
/// What cannot be asked, for a person.
pub(super) fn ask(connection: &Connection, pattern: &Pattern, within: Within) -> Result<Option<String>, AskError> {
    // Words of the pattern; the last one may go on (`check*`), others with a star inside are looked up in the index.
    let mut phrase: Vec<String> = Vec::new();
    let mut open = false;
    let mut text = String::new();
    let mut starred = false;
    for piece in pattern.pieces() {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Star => {
                text.push(STAR);
                starred = true;
            }
        }
    }
    if starred {
        let body = text.strip_suffix(STAR).unwrap_or(&text);
        if body.contains(STAR) || text.strip_suffix(STAR).is_none() {
            return wild(connection, pattern, within);
        }
        open = body.ends_with(char::is_alphanumeric);
        text = body.to_owned();
    }
    let mut last_dense = false;
    for run in runs(&text) {
        let mut words = String::new();
        match run {
            Run::Word(word) => {
                push_lower(word, &mut words);
                last_dense = false;
            }
            Run::Dense(dense) => {
                push_pairs(dense, false, &mut words);
                last_dense = dense.chars().nth(1).is_none();
            }
        }
        phrase.extend(words.split_whitespace().map(str::to_owned));
    }
    if phrase.is_empty() {
        return Ok(None);
    }
    // One character of a dense script begins the pairs it stands in.
    let star = if open || last_dense { "*" } else { "" };
    let quoted = phrase.join(" ");
    let filter = within.filter();
    let parts = within == Within::Anything && phrase.len() == 1;
    Ok(Some(if parts {
        format!("({filter} : \"{quoted}\"{star}) OR ({{parts}} : \"{quoted}\"{star})")
    } else {
        format!("{filter} : \"{quoted}\"{star}")
    }))
}

/// A character that stands in no word.
const STAR: char = '\u{1}';

/// Most words a wildcard may stand for.
const MOST_WORDS: usize = 2_000;

/// Why a text cannot be asked for.
#[derive(Debug)]
pub(super) enum AskError {
    /// For a person.
    TooWide(String),
    /// The index could not be read.
    Store(rusqlite::Error),
}

impl From<rusqlite::Error> for AskError {
    fn from(error: rusqlite::Error) -> Self {
        AskError::Store(error)
    }
}

/// A star elsewhere than at the end of one word: the words of the index that match, any of them.
fn wild(connection: &Connection, pattern: &Pattern, within: Within) -> Result<Option<String>, AskError> {
    let one_word = pattern.pieces().iter().all(|piece| match piece {
        Piece::Text(text) => text.chars().all(|c| c.is_alphanumeric() && !is_dense(c)),
        Piece::Star => true,
    });
    if !one_word {
        let message = format!("{pattern}: in text, * stands inside one word or at the end of a phrase");
        return Err(AskError::TooWide(message));
    }
    let mut read = connection.prepare_cached("SELECT term FROM words WHERE term >= ?1")?;
    let prefix = pattern.prefix().to_lowercase();
    let mut rows = read.query([&prefix])?;
    let mut found: Vec<String> = Vec::new();
    while let Some(row) = rows.next()? {
        let term = row.get_ref(0)?.as_str().unwrap_or_default();
        if !term.starts_with(&prefix) {
            break;
        }
        if pattern.matches(term) {
            if found.len() >= MOST_WORDS {
                let message = format!("{pattern} stands for more than {MOST_WORDS} words; write more of it");
                return Err(AskError::TooWide(message));
            }
            found.push(format!("\"{term}\""));
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let filter = within.filter();
    Ok(Some(format!("{filter} : ({})", found.join(" OR "))))
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
