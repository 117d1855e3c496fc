//! A value with wildcards.

use std::fmt;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands; never empty.
    Text(String),
    /// `*`: anything, also nothing. Never two in a row.
    Star,
}

/// Text in which `*` stands for anything. Never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    /// A pattern that matches this text only.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.push_text(text);
        pattern
    }

    pub(super) fn push_char(&mut self, c: char) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            Some(Piece::Star) | None => self.pieces.push(Piece::Text(c.to_string())),
        }
    }

    pub(super) fn push_text(&mut self, text: &str) {
        for c in text.chars() {
            self.push_char(c);
        }
    }

    pub(super) fn push_star(&mut self) {
        if self.pieces.last() != Some(&Piece::Star) {
            self.pieces.push(Piece::Star);
        }
    }

    /// The pieces in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The text, when there is no wildcard.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text before the first wildcard.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            Some(Piece::Star) | None => "",
        }
    }

    /// Whether `text` matches, ASCII letters in any case. Time: length of both multiplied at worst.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut rest = text;
        let mut floating = false;
        let last = self.pieces.len().saturating_sub(1);
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Star => floating = true,
                Piece::Text(wanted) => {
                    let found = if !floating && at == last {
                        (rest.len() == wanted.len() && starts_with(rest, wanted)).then_some(rest.len())
                    } else if !floating {
                        starts_with(rest, wanted).then_some(wanted.len())
                    } else if at == last {
                        ends_with(rest, wanted).then_some(rest.len())
                    } else {
                        find(rest, wanted).map(|start| start + wanted.len())
                    };
                    let Some(end) = found else { return false };
                    rest = rest.get(end..).unwrap_or_default();
                    floating = false;
                }
            }
        }
        floating || rest.is_empty()
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

fn ends_with(text: &str, suffix: &str) -> bool {
    let from = text.len().checked_sub(suffix.len());
    from.and_then(|from| text.get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
}

fn find(text: &str, wanted: &str) -> Option<usize> {
    text.char_indices()
        .map(|(at, _)| at)
        .find(|at| text.get(*at..).is_some_and(|from| starts_with(from, wanted)))
}

/// Characters that end or change a bare word and are therefore quoted or escaped when printed.
pub(super) fn is_special(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '(' | ')' | '[' | ']' | '"' | '\\' | '*' | ':' | ',' | '<' | '>' | '=' | '-' | '!'
        )
}

impl fmt::Display for Pattern {
    /// As it would be typed: bare where that reads back the same, quoted otherwise, escaped where quotes would
    /// turn a wildcard into text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_literal() {
            let keyword = ["AND", "OR", "NOT"].contains(&text);
            let leads = text.starts_with(['-', '!', '=']);
            let bare = !leads && !keyword && text.chars().all(|c| !is_special(c) || matches!(c, '-' | '!' | '='));
            if bare {
                return f.write_str(text);
            }
            f.write_str("\"")?;
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            return f.write_str("\"");
        }
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Star => f.write_str("*")?,
                Piece::Text(text) => {
                    for (within, c) in text.chars().enumerate() {
                        let leads = at == 0 && within == 0;
                        if is_special(c) && (leads || !matches!(c, '-' | '!' | '=')) {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
