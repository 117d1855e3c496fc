//! Suggestions: the values of a field with their counts, the same in every store.

use super::ReadError;
use crate::query::{FIELDS, Field};

/// Which suggestions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValuesAsk<'a> {
    /// Of which field.
    pub(crate) field: Field,
    /// What they begin with, whatever its case.
    pub(crate) prefix: &'a str,
    limit: usize,
}

impl<'a> ValuesAsk<'a> {
    /// The question, if there is such a field.
    pub(crate) fn new(field: &str, prefix: &'a str, limit: usize) -> Result<Self, ReadError> {
        let field = Field::named(field).ok_or_else(|| {
            let shown: String = field.chars().take(64).collect();
            let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            ReadError::BadRequest(format!(
                "field {shown:?} is not known; it is one of {}",
                names.join(", ")
            ))
        })?;
        Ok(Self {
            field,
            prefix,
            limit: limit.clamp(1, 1_000),
        })
    }

    /// Whether a value begins as asked.
    pub(crate) fn fits(&self, text: &str) -> bool {
        text.get(..self.prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(self.prefix))
    }

    /// Of what was found what is wanted, the most frequent first.
    pub(crate) fn most_frequent(&self, mut found: Vec<(String, u64)>) -> Vec<(String, u64)> {
        found.retain(|(text, count)| *count > 0 && self.fits(text));
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.truncate(self.limit);
        found
    }
}
