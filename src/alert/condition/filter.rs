//! A search over counted rows, answered in memory.

use super::counted::{Counted, Dimension};
use crate::query::{Field, Node, Presence, Query, Test};

/// A search that can be answered of a counted row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    root: Option<Node>,
}

/// What is wrong with a search, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) what: String,
    pub(super) advice: String,
}

impl Filter {
    /// Reads a search. What no counted row can answer is refused: a rule that never holds is worse than a fault.
    pub(super) fn read(text: &str) -> Result<Self, Refused> {
        let query = Query::parse(text).map_err(|error| {
            let place = error.position();
            let near = error.nearest().map(|near| format!("did you mean `{near}`?"));
            Refused {
                what: format!("{} (at byte {} of `{text}`)", error.message(), place.start),
                advice: near.unwrap_or_else(|| "write a search as on the pages, in single quotes".to_owned()),
            }
        })?;
        if let Some(root) = &query.root {
            check(root)?;
        }
        Ok(Self { root: query.root })
    }

    /// Whether a row is meant.
    pub(super) fn matches(&self, row: &Counted<'_>) -> bool {
        self.root.as_ref().is_none_or(|root| holds(root, row))
    }

    /// Types and categories it names in full.
    pub(super) fn names(&self) -> Vec<(Dimension, &str)> {
        let mut names = Vec::new();
        if let Some(root) = &self.root {
            collect(root, &mut names);
        }
        names
    }
}

/// The dimension a field of the search language asks for.
fn dimension(field: Field) -> Option<Dimension> {
    Dimension::named(field.name())
}

fn check(node: &Node) -> Result<(), Refused> {
    let unknown = |name: String| {
        let known: Vec<&str> = Dimension::ALL.iter().map(|one| one.name()).collect();
        Refused {
            what: format!("{name} is not known of counts"),
            advice: format!(
                "alert rules filter by {}; for words of messages write an error type in errors/ and filter by it",
                known.join(", ")
            ),
        }
    };
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().try_for_each(check),
        Node::Not(node) => check(node),
        Node::Text(pattern) => Err(unknown(format!("the text {pattern}"))),
        Node::Is(word) => Err(unknown(format!("`is:{}`", word.as_str()))),
        Node::Has(Presence::Note) => Err(unknown("`has:note`".to_owned())),
        Node::Has(Presence::Value(field)) | Node::Field(field, _) => match dimension(*field) {
            Some(_) => Ok(()),
            None => Err(unknown(format!("`{}`", field.name()))),
        },
    }
}

fn collect<'f>(node: &'f Node, names: &mut Vec<(Dimension, &'f str)>) {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| collect(node, names)),
        Node::Not(node) => collect(node, names),
        Node::Field(field, Test::OneOf(patterns)) => {
            let of_rules = dimension(*field).filter(|one| matches!(one, Dimension::ErrorType | Dimension::Category));
            if let Some(one) = of_rules {
                names.extend(patterns.iter().filter_map(|pattern| Some((one, pattern.as_literal()?))));
            }
        }
        Node::Field(..) | Node::Text(_) | Node::Is(_) | Node::Has(_) => {}
    }
}

fn holds(node: &Node, row: &Counted<'_>) -> bool {
    match node {
        Node::And(nodes) => nodes.iter().all(|node| holds(node, row)),
        Node::Or(nodes) => nodes.iter().any(|node| holds(node, row)),
        Node::Not(node) => !holds(node, row),
        Node::Field(Field::Severity, Test::Severity(op, wanted)) => op.holds(&row.identity.severity, wanted),
        Node::Field(field, Test::OneOf(patterns)) => {
            let value = dimension(*field).and_then(|one| one.of(row));
            let dotted = *field == Field::Exception;
            value.is_some_and(|value| {
                patterns.iter().any(|pattern| {
                    // A dotted name is wanted whole or behind a dot, as in searches.
                    let behind = |(at, dot): (usize, &str)| {
                        let rest = value.get(at + dot.len()..);
                        rest.is_some_and(|rest| pattern.matches(rest))
                    };
                    pattern.matches(&value) || (dotted && value.match_indices(['.', '$']).any(behind))
                })
            })
        }
        Node::Has(Presence::Value(field)) => dimension(*field).is_some_and(|one| one.of(row).is_some()),
        // Refused when the rule was read.
        Node::Field(..) | Node::Text(_) | Node::Is(_) | Node::Has(Presence::Note) => false,
    }
}
