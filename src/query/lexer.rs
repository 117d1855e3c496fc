//! Characters with their places: what the parser reads from.

use super::error::QueryError;
use super::pattern::Pattern;

/// Walks over the characters of a search.
pub(super) struct Cursor {
    chars: Vec<char>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_over(&self, over: usize) -> Option<char> {
        self.chars.get(self.at + over).copied()
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Goes back to a place read before.
    pub(super) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.advance();
        }
    }

    /// Takes `wanted` if it stands here.
    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let here = wanted
            .chars()
            .enumerate()
            .all(|(over, c)| self.peek_over(over) == Some(c));
        if here {
            self.at += wanted.chars().count();
        }
        here
    }

    /// Takes `keyword` if it stands here as a word of its own.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let length = keyword.chars().count();
        let ends = self
            .peek_over(length)
            .is_none_or(|c| is_space(c) || matches!(c, '(' | ')' | '"'));
        ends && self.take(keyword)
    }

    /// Takes `key:` if a key stands here: a letter, then letters, digits, `_` or `@`, then a colon.
    pub(super) fn take_key(&mut self) -> Option<String> {
        let mut key = String::new();
        while let Some(c) = self.peek_over(key.chars().count()) {
            let fits = c.is_ascii_alphabetic() || (!key.is_empty() && (c.is_ascii_digit() || matches!(c, '_' | '@')));
            if !fits {
                break;
            }
            key.push(c);
        }
        let length = key.len();
        if length == 0 || self.peek_over(length) != Some(':') {
            return None;
        }
        self.at += length + 1;
        Some(key)
    }

    /// The characters from `from` to here.
    pub(super) fn since(&self, from: usize) -> String {
        self.chars.get(from..self.at).unwrap_or_default().iter().collect()
    }

    /// Text in quotes, stars as they stand. The opening quote is here.
    pub(super) fn quoted(&mut self) -> Result<Pattern, QueryError> {
        let from = self.at;
        self.advance();
        let mut text = String::new();
        loop {
            match self.peek() {
                None => {
                    return Err(QueryError::new(
                        "the quote is not closed; put \" behind the text, or \\\" for a quote inside it",
                        from..self.at,
                    ));
                }
                Some('"') => break,
                Some('\\') => {
                    self.advance();
                    if let Some(c) = self.peek() {
                        text.push(c);
                        self.advance();
                    }
                }
                Some(c) => {
                    text.push(c);
                    self.advance();
                }
            }
        }
        self.advance();
        if text.is_empty() {
            return Err(QueryError::new("nothing stands between the quotes", from..self.at));
        }
        Ok(Pattern::literal(&text))
    }

    /// A bare word up to white space, a bracket, a quote or one of `stops`; `*` is a wildcard, `\` takes the next
    /// character as it stands.
    pub(super) fn bare(&mut self, stops: &[char]) -> Pattern {
        let mut pattern = Pattern::default();
        while let Some(c) = self.peek() {
            if is_space(c) || matches!(c, '(' | ')' | '"') || stops.contains(&c) {
                break;
            }
            self.advance();
            match c {
                '*' => pattern.push_star(),
                '\\' => {
                    let escaped = self.peek();
                    if escaped.is_some() {
                        self.advance();
                    }
                    pattern.push_char(escaped.unwrap_or('\\'));
                }
                other => pattern.push_char(other),
            }
        }
        pattern
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}
