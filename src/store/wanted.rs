//! What a search for text asks for, in words as [`super::words`] cuts them: the same in every store.

use super::words::{Run, is_dense, push_lower, push_pairs, runs};
use crate::query::{Pattern, Piece};

/// What a pattern asks of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Punctuation only: nothing is found.
    Nothing,
    /// These words in a row; where `open`, the last one may go on (`check*`).
    Phrase {
        /// Lower case.
        words: Vec<String>,
        /// Whether the last word may go on.
        open: bool,
    },
    /// One word with a star inside or in front.
    Wild,
}

/// A character that stands in no word.
const STAR: char = '\u{1}';

/// What to ask for a pattern.
///
/// # Errors
/// What cannot be asked, for a person.
pub(crate) fn wanted(pattern: &Pattern) -> Result<Wanted, String> {
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
            return wild(pattern);
        }
        open = body.ends_with(char::is_alphanumeric);
        text = body.to_owned();
    }
    let mut last_dense = false;
    let mut phrase: Vec<String> = Vec::new();
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
        return Ok(Wanted::Nothing);
    }
    // One character of a dense script begins the pairs it stands in.
    Ok(Wanted::Phrase {
        words: phrase,
        open: open || last_dense,
    })
}

/// A star elsewhere than at the end of one word.
fn wild(pattern: &Pattern) -> Result<Wanted, String> {
    let one_word = pattern.pieces().iter().all(|piece| match piece {
        Piece::Text(text) => text.chars().all(|c| c.is_alphanumeric() && !is_dense(c)),
        Piece::Star => true,
    });
    if one_word {
        Ok(Wanted::Wild)
    } else {
        Err(format!(
            "{pattern}: in text, * stands inside one word or at the end of a phrase"
        ))
    }
}
