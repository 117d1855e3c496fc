//! The title of an alert: a text with `{job}`, `{value}` and the like in it.

use super::counted::Dimension;
use super::filter::Refused;
use crate::rules::nearest;

/// A place in a title where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A value of the key, or of the error with most events.
    Of(Dimension),
    /// What was measured.
    Value,
    /// What was expected of it.
    Expected,
    /// How probable a value as strange was, by chance.
    Probability,
    /// What may not be exceeded.
    Limit,
    /// The time it was measured in.
    Within,
    /// The whole key.
    Key,
    /// Id of the rule.
    Rule,
}

/// What a condition has to say, beside its value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Says {
    pub(super) expected: bool,
    pub(super) limit: bool,
    pub(super) within: bool,
}

/// A title, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Title {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// What is known of every row, so that the error with most events has it.
const OF_THE_LOUDEST: [Dimension; 3] = [Dimension::ErrorType, Dimension::Exception, Dimension::Fingerprint];

impl Title {
    /// Reads a title of a rule with this key. A placeholder that would never be filled is refused.
    pub(super) fn read(text: &str, by: &[Dimension], says: Says) -> Result<Self, Refused> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some((name, behind)) = after.split_once('}') else {
                return Err(Refused {
                    what: format!("`{{{after}` does not end"),
                    advice: "close it with `}`".to_owned(),
                });
            };
            pieces.push(Piece::Slot(slot(name, by, says)?));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The title with its values.
    pub(super) fn fill(&self, mut value: impl FnMut(Slot) -> String) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Slot(slot) => out.push_str(&value(*slot)),
            }
        }
        out
    }
}

fn slot(name: &str, by: &[Dimension], says: Says) -> Result<Slot, Refused> {
    let mut known: Vec<(&str, Slot)> = vec![("value", Slot::Value), ("key", Slot::Key), ("rule", Slot::Rule)];
    if says.expected {
        known.extend([("expected", Slot::Expected), ("probability", Slot::Probability)]);
    }
    if says.limit {
        known.push(("limit", Slot::Limit));
    }
    if says.within {
        known.push(("within", Slot::Within));
    }
    let told = by.iter().chain(OF_THE_LOUDEST.iter().filter(|one| !by.contains(one)));
    known.extend(told.map(|one| (one.name(), Slot::Of(*one))));
    if let Some((_, slot)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(*slot);
    }
    let advice = match Dimension::named(name) {
        Some(_) => format!("add `{name}` to `by`, so that each alert has one"),
        None => match nearest(name, known.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean `{{{meant}}}`?"),
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                format!("this rule knows {}", names.join(", "))
            }
        },
    };
    Err(Refused {
        what: format!("the title has no value for `{{{name}}}`"),
        advice,
    })
}
