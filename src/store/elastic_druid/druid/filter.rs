//! A search as a condition over Druid's dimensions, where Druid alone can answer it.
//!
//! The condition is never unknown: an event without a value of a dimension does not match what asks for one, and
//! matches its negation, as in the embedded store. Patterns become regular expressions of Java, whose letters of any
//! case are ASCII's, as ours are. A wildcard in the middle takes the first place that fits and never another, so that
//! matching costs no more than pattern and value multiplied.

use super::sql::Question;
use crate::event::Severity;
use crate::query::{Field, Kind, Node, Pattern, Piece, Presence, Query, Test};
use crate::store::TREND_DIMENSIONS;

/// Longest chain of alternatives or values of one condition: a search of 4096 bytes cannot hold more words.
const NEVER: &str = "(1 = 0)";

/// Whether Druid alone can answer a search: every key of it is one of its dimensions.
#[must_use]
pub fn answers(query: &Query) -> bool {
    condition(query).is_some()
}

/// The condition of a search; nothing when Druid does not know one of its keys. A search for everything has an empty
/// one.
#[must_use]
pub(super) fn condition(query: &Query) -> Option<Option<Question>> {
    match &query.root {
        None => Some(None),
        Some(root) => {
            let mut written = Question::default();
            node(root, &mut written).then_some(Some(written))
        }
    }
}

/// Writes a node; false when Druid cannot tell.
fn node(of: &Node, out: &mut Question) -> bool {
    match of {
        Node::And(nodes) => joined(nodes, " AND ", out),
        Node::Or(nodes) => joined(nodes, " OR ", out),
        Node::Not(inner) => {
            out.sql("(NOT ");
            let known = node(inner, out);
            out.sql(")");
            known
        }
        Node::Field(field, test) => match dimension(*field) {
            Some(name) => {
                passes(name, *field, test, out);
                true
            }
            None => false,
        },
        Node::Has(Presence::Value(field)) => match dimension(*field) {
            Some(name) => {
                out.sql("(").name(name).sql(" IS NOT NULL)");
                true
            }
            None => false,
        },
        Node::Has(Presence::Note) | Node::Text(_) | Node::Is(_) => false,
    }
}

fn joined(nodes: &[Node], between: &str, out: &mut Question) -> bool {
    out.sql("(");
    for (at, inner) in nodes.iter().enumerate() {
        if at > 0 {
            out.sql(between);
        }
        if !node(inner, out) {
            return false;
        }
    }
    out.sql(")");
    true
}

/// The dimension of a key.
fn dimension(field: Field) -> Option<&'static str> {
    TREND_DIMENSIONS.iter().find(|name| **name == field.name()).copied()
}

fn passes(name: &str, field: Field, test: &Test, out: &mut Question) {
    match test {
        Test::OneOf(patterns) => {
            out.sql("(").name(name).sql(" IS NOT NULL AND (");
            for (at, pattern) in patterns.iter().enumerate() {
                if at > 0 {
                    out.sql(" OR ");
                }
                match pattern.as_literal().filter(|_| field.kind() == Kind::Id) {
                    // Written in small digits, always: an index finds it.
                    Some(id) => out.name(name).sql(" = ").text(&id.to_ascii_lowercase()),
                    None => out
                        .sql("REGEXP_LIKE(")
                        .name(name)
                        .sql(", ")
                        .text(&expression(pattern, field.kind() == Kind::Dotted))
                        .sql(")"),
                };
            }
            out.sql("))");
        }
        Test::Severity(op, wanted) => {
            let severities: Vec<&str> = Severity::ALL
                .iter()
                .filter(|severity| op.holds(*severity, wanted))
                .map(|severity| severity.as_str())
                .collect();
            if severities.is_empty() {
                out.sql(NEVER);
            } else {
                out.sql("(").name(name).sql(" IS NOT NULL AND ").name(name).sql(" IN (");
                out.texts(severities).sql("))");
            }
        }
        Test::Number(..) | Test::Time(..) | Test::Truth(_) => {
            out.sql(NEVER);
        }
    }
}

/// A pattern in Java's words. A dotted name is wanted whole or behind one of its dots.
fn expression(pattern: &Pattern, dotted: bool) -> String {
    let mut out = String::from("(?is)");
    out.push_str(if dotted { r"(?:\A|[.$])" } else { r"\A" });
    let last = pattern.pieces().len().saturating_sub(1);
    let mut floating = false;
    for (at, piece) in pattern.pieces().iter().enumerate() {
        match piece {
            Piece::Star => floating = true,
            Piece::Text(text) => {
                match (floating, at == last) {
                    (false, _) => literal(text, &mut out),
                    (true, true) => {
                        out.push_str(".*");
                        literal(text, &mut out);
                    }
                    (true, false) => {
                        out.push_str("(?>.*?");
                        literal(text, &mut out);
                        out.push(')');
                    }
                }
                floating = false;
            }
        }
    }
    if !floating {
        out.push_str(r"\z");
    }
    out
}

/// Text as it stands. Escaped one by one: a quotation by `\Q` would end at an `\E` in the text.
fn literal(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sql::Parameter;
    use super::*;

    fn written(search: &str) -> Option<(String, Vec<String>)> {
        let condition = condition(&Query::parse(search).unwrap())?.unwrap_or_default();
        let texts = condition.parameters().iter().map(|parameter| match parameter {
            Parameter::Text(text) => text.clone(),
            Parameter::Number(number) => number.to_string(),
        });
        Some((condition.as_sql().to_owned(), texts.collect()))
    }

    #[test]
    fn values_are_parameters_and_never_part_of_the_question() {
        let (sql, texts) = written(r#"job:"x' OR '1'='1""#).unwrap();
        assert_eq!(sql, r#"("job" IS NOT NULL AND (REGEXP_LIKE("job", ?)))"#);
        assert_eq!(texts, [r"(?is)\Ax\' OR \'1\'\=\'1\z"]);
    }

    #[test]
    fn a_search_is_answered_when_every_key_is_a_dimension() {
        for (search, can) in [
            ("", true),
            ("job:a", true),
            ("-job:a (error_type:[b,c] OR severity:>=high) has:team", true),
            ("exception:NullPointer*", true),
            ("word", false),
            ("is:new", false),
            ("job:a logger:b", false),
            ("count:>5", false),
            ("has:note", false),
            ("-(job:a OR stack:x)", false),
        ] {
            assert_eq!(answers(&Query::parse(search).unwrap()), can, "{search}");
        }
    }

    #[test]
    fn patterns_are_said_in_java_s_words() {
        for (search, expression) in [
            ("job:orders-*", r"(?is)\Aorders\-"),
            ("job:*a*b", r"(?is)\A(?>.*?a).*b\z"),
            ("job:a*", r"(?is)\Aa"),
            ("exception:a.B", r"(?is)(?:\A|[.$])a\.B\z"),
        ] {
            assert_eq!(written(search).unwrap().1, [expression], "{search}");
        }
    }

    #[test]
    fn severities_are_compared_by_how_bad_they_are() {
        assert_eq!(written("severity:>=high").unwrap().1, ["high", "critical"]);
        assert_eq!(written("severity:>critical").unwrap().0, NEVER);
    }

    #[test]
    fn a_fingerprint_is_looked_up() {
        let id = "00FF00FF00FF00FF00FF00FF00FF00FF";
        let (sql, texts) = written(&format!("fingerprint:{id}")).unwrap();
        assert!(sql.contains(r#""fingerprint" = ?"#), "{sql}");
        assert_eq!(texts, [id.to_lowercase()]);
    }
}
