//! A mistake in a search, pointed at.

use std::ops::Range;

/// What is wrong, where, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    message: String,
    position: Range<usize>,
    nearest: Option<String>,
}

impl QueryError {
    pub(super) fn new(message: impl Into<String>, position: Range<usize>) -> Self {
        Self {
            message: message.into(),
            position,
            nearest: None,
        }
    }

    pub(super) fn with_nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_owned);
        self
    }

    /// What is wrong and what to do about it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it stands, in characters of the search.
    #[must_use]
    pub fn position(&self) -> Range<usize> {
        self.position.clone()
    }

    /// The nearest key or value that would have been understood.
    #[must_use]
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }

    /// Three lines for a terminal: the search, carets below the mistake, and the message.
    ///
    /// Control characters of the search are shown as spaces, so that the carets stand where they should and nothing
    /// reaches the terminal that is not text.
    #[must_use]
    pub fn pointed_at(&self, search: &str) -> String {
        let shown: String = search.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = self.position.end.saturating_sub(self.position.start).max(1);
        let caret = format!("{}{}", " ".repeat(self.position.start), "^".repeat(width));
        format!("{shown}\n{caret}\n{}", self.message)
    }
}

/// The nearest of `known` to `given`, when it is near enough to be a slip.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = given.to_lowercase().chars().take(64).collect();
    let allowed = (given.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(&given, name), name))
        .filter(|(distance, name)| {
            let typed: String = given.iter().collect();
            *distance <= allowed || (typed.len() >= 3 && (name.starts_with(&typed) || name.ends_with(&typed)))
        })
        .min()
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) between two names. Source: optimal string alignment distance.
fn distance(given: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, a) in given.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in name.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + usize::from(a != b))
                .min(at(&row, j + 1) + 1)
                .min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && given.get(i - 1) == Some(b) && name.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}
