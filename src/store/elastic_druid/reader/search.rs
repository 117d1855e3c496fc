//! A search as a query over issue documents.
//!
//! Issues match by what is known of them: what they are called, their job, every place they were ever seen at, their
//! samples, what people said. Words are asked for as they were cut when the document was written
//! ([`crate::store::words`]), so that both stores find the same.

use super::names::{Form, Words, form_of, issue};
use crate::event::Severity;
use crate::query::{Field, IsWord, Node, Op, Pattern, Piece, Presence, StateName, Test};
use crate::store::IssueState;
use crate::store::ReadError;
use crate::store::said::state_name;
use crate::store::wanted::{Wanted, wanted};
use crate::store::window::Window;
use serde_json::{Value, json};
use std::collections::HashMap;

const DAY_NANOS: u64 = 86_400_000_000_000;

/// Most values in one list of a query: the limit of a search node as it comes (`index.max_terms_count`).
const MOST_TERMS: usize = 65_000;

/// Words a phrase that goes on may end with. The dictionary of an index is rarely larger; beyond, the first in
/// alphabetical order are taken.
const MOST_EXPANSIONS: u32 = 100_000;

/// Events of the window, by issue.
pub(super) type Counts = HashMap<String, u64, foldhash::fast::FixedState>;

/// What a search refers to beside what is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) window: Window,
    /// Milliseconds since the epoch; 0 when the question gave none, then the end of the window.
    pub(super) now: i64,
    /// Events of the window by issue, where the search asks for them ([`asks_counts`]).
    pub(super) counts: Option<&'a Counts>,
}

impl Frame<'_> {
    pub(super) fn now_millis(self) -> i64 {
        if self.now > 0 {
            self.now
        } else {
            i64::from(self.window.to).saturating_mul(60_000)
        }
    }
}

/// Whether a search asks how many events an issue has in the window.
pub(super) fn asks_counts(node: &Node) -> bool {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(asks_counts),
        Node::Not(node) => asks_counts(node),
        Node::Field(field, _) => *field == Field::Count,
        Node::Text(_) | Node::Is(_) | Node::Has(_) => false,
    }
}

/// The query of a search over issue documents.
///
/// # Errors
/// What cannot be asked, for a person.
pub(super) fn issues(node: &Node, frame: Frame<'_>) -> Result<Value, ReadError> {
    let several = |nodes: &[Node]| {
        nodes
            .iter()
            .map(|node| issues(node, frame))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(match node {
        Node::And(nodes) => all(several(nodes)?),
        Node::Or(nodes) => any(several(nodes)?),
        Node::Not(node) => not(issues(node, frame)?),
        Node::Text(pattern) => words(pattern, Words::Anything)?,
        Node::Field(field, test) => self::field(*field, test, frame)?,
        Node::Is(word) => is(*word, frame),
        Node::Has(Presence::Value(field)) => has(*field),
        Node::Has(Presence::Note) => term(issue::HAS_NOTE, true),
    })
}

/// Everything.
pub(super) fn everything() -> Value {
    json!({"match_all": {}})
}

fn nothing() -> Value {
    json!({"match_none": {}})
}

/// All of them.
pub(super) fn all(queries: Vec<Value>) -> Value {
    json!({"bool": {"filter": queries}})
}

/// Any of them; nothing matches none.
pub(super) fn any(queries: Vec<Value>) -> Value {
    if queries.is_empty() {
        return nothing();
    }
    json!({"bool": {"should": queries, "minimum_should_match": 1}})
}

pub(super) fn not(query: Value) -> Value {
    json!({"bool": {"must_not": [query]}})
}

pub(super) fn exists(name: &str) -> Value {
    json!({"exists": {"field": name}})
}

pub(super) fn term(name: &str, value: impl Into<Value>) -> Value {
    json!({"term": {name: {"value": value.into()}}})
}

/// Any of these values, however many.
pub(super) fn terms<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Value {
    let values: Vec<&str> = values.into_iter().collect();
    match values.as_slice() {
        [] => nothing(),
        [..] if values.len() <= MOST_TERMS => json!({"terms": {name: values}}),
        [..] => any(values
            .chunks(MOST_TERMS)
            .map(|some| json!({"terms": {name: some}}))
            .collect()),
    }
}

/// A number or a time in nanoseconds compared.
pub(super) fn compared(name: &str, op: Op, number: impl Into<Value>) -> Value {
    let number = number.into();
    match op {
        Op::Greater => json!({"range": {name: {"gt": number}}}),
        Op::AtLeast => json!({"range": {name: {"gte": number}}}),
        Op::Less => json!({"range": {name: {"lt": number}}}),
        Op::AtMost => json!({"range": {name: {"lte": number}}}),
        Op::Equal => term(name, number),
    }
}

/// A number that is compared and not 0.
fn some(name: &str, op: Op, number: u64) -> Value {
    match op {
        Op::Greater => json!({"range": {name: {"gt": number}}}),
        Op::AtLeast => json!({"range": {name: {"gte": number.max(1)}}}),
        Op::Less => json!({"range": {name: {"gt": 0, "lt": number}}}),
        Op::AtMost => json!({"range": {name: {"gt": 0, "lte": number}}}),
        Op::Equal if number == 0 => nothing(),
        Op::Equal => term(name, number),
    }
}

/// A value that is written as a pattern: ASCII letters in any case, `*` stands for anything.
pub(super) fn like(name: &str, pattern: &Pattern) -> Value {
    match pattern.as_literal() {
        Some(text) => json!({"term": {name: {"value": text, "case_insensitive": true}}}),
        None => json!({"wildcard": {name: {"value": escaped("", pattern), "case_insensitive": true}}}),
    }
}

/// As [`like`], also behind a dot or a dollar sign.
fn like_dotted(name: &str, pattern: &Pattern) -> Value {
    let behind = |dot: &str| json!({"wildcard": {name: {"value": escaped(dot, pattern), "case_insensitive": true}}});
    any(vec![like(name, pattern), behind("*."), behind("*$")])
}

/// A pattern in the language of the search node, where `?` and `\` have a meaning too.
fn escaped(before: &str, pattern: &Pattern) -> String {
    let mut out = before.to_owned();
    for piece in pattern.pieces() {
        match piece {
            Piece::Star => out.push('*'),
            Piece::Text(text) => {
                for c in text.chars() {
                    if matches!(c, '*' | '?' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
        }
    }
    out
}

fn field(field: Field, test: &Test, frame: Frame<'_>) -> Result<Value, ReadError> {
    Ok(match (form_of(field), test) {
        (Form::Word(name), Test::OneOf(patterns)) => any(patterns.iter().map(|pattern| like(name, pattern)).collect()),
        (Form::Dotted(name), Test::OneOf(patterns)) => {
            any(patterns.iter().map(|pattern| like_dotted(name, pattern)).collect())
        }
        (Form::Words(within), Test::OneOf(patterns)) => {
            let each = patterns.iter().map(|pattern| words(pattern, Words::Only(within)));
            any(each.collect::<Result<_, _>>()?)
        }
        (Form::Word(name), Test::Severity(op, wanted)) => {
            let known = Severity::ALL.iter().filter(|severity| op.holds(*severity, wanted));
            terms(name, known.map(|severity| severity.as_str()))
        }
        (Form::Number(name), Test::Number(op, wanted)) => compared(name, *op, *wanted),
        // A sample without the number counts as one with 0.
        (Form::NumberOrNone(name), Test::Number(op, wanted)) => {
            let said = some(name, *op, *wanted);
            if op.holds(&0, wanted) {
                any(vec![said, not(compared(name, Op::Greater, 0))])
            } else {
                said
            }
        }
        (Form::Truth(name), Test::Truth(truth)) => {
            let said = term(name, true);
            if *truth { said } else { not(said) }
        }
        (Form::Time, Test::Time(op, when)) => {
            let millis = when.millis(frame.now_millis()).max(0);
            let after = matches!(op, Op::Greater | Op::AtLeast);
            let by_last = field == Field::LastSeen || (field == Field::EventTime && after);
            let name = if by_last { issue::LAST } else { issue::FIRST };
            compared(name, *op, millis.saturating_mul(1_000_000))
        }
        (Form::Counted, Test::Number(op, wanted)) => counted(*op, *wanted, frame),
        (Form::State, Test::OneOf(patterns)) => {
            let named = StateName::ALL
                .iter()
                .filter(|name| patterns.iter().any(|pattern| pattern.matches(name.as_str())));
            any(named.map(|name| is(IsWord::State(*name), frame)).collect())
        }
        // The parser gives no other test to a key of this kind.
        (
            Form::Word(_)
            | Form::Dotted(_)
            | Form::Words(_)
            | Form::Number(_)
            | Form::NumberOrNone(_)
            | Form::Truth(_)
            | Form::Time
            | Form::Counted
            | Form::State,
            Test::OneOf(_) | Test::Number(..) | Test::Time(..) | Test::Severity(..) | Test::Truth(_),
        ) => nothing(),
    })
}

/// Issues by their events in the window: those without any are in no list of counts.
fn counted(op: Op, wanted: u64, frame: Frame<'_>) -> Value {
    let Some(counts) = frame.counts else {
        return nothing();
    };
    let of_none = op.holds(&0, &wanted);
    let mut ids: Vec<&str> = counts
        .iter()
        .filter(|(_, count)| op.holds(*count, &wanted) != of_none)
        .map(|(id, _)| id.as_str())
        .collect();
    ids.sort_unstable();
    let told = terms(issue::ID, ids);
    if of_none { not(told) } else { told }
}

fn has(field: Field) -> Value {
    match form_of(field) {
        Form::Word(name) | Form::Dotted(name) | Form::Number(name) => exists(name),
        Form::NumberOrNone(name) => compared(name, Op::Greater, 0),
        Form::Truth(name) => term(name, true),
        Form::Words(_) if field == Field::Stack => term(issue::HAS_STACK, true),
        // What every issue has.
        Form::Words(_) | Form::Time | Form::Counted | Form::State => everything(),
    }
}

fn is(word: IsWord, frame: Frame<'_>) -> Value {
    let now = frame.now_millis();
    let named = |state: IssueState| term(issue::STATE, state_name(state));
    let muted = || {
        let ended = compared(issue::UNTIL, Op::AtMost, now);
        all(vec![named(IssueState::Muted), not(ended)])
    };
    match word {
        IsWord::New => {
            let end = frame.window.end_nanos();
            let until = u64::try_from(now.max(0))
                .unwrap_or(0)
                .saturating_mul(1_000_000)
                .min(end);
            let from = frame.window.begin_nanos().max(until.saturating_sub(DAY_NANOS));
            json!({"range": {issue::FIRST: {"gte": from, "lt": long(end)}}})
        }
        IsWord::State(StateName::Open) => not(any(vec![named(IssueState::Resolved), muted()])),
        IsWord::State(StateName::Resolved) => named(IssueState::Resolved),
        IsWord::State(StateName::Muted) => muted(),
        IsWord::State(StateName::Regressed) => named(IssueState::Regressed),
        IsWord::Assigned => exists(issue::ASSIGNEE),
    }
}

/// A number as large as the search node can hold.
pub(super) fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Words in a row, in any one of the texts.
fn words(pattern: &Pattern, within: Words) -> Result<Value, ReadError> {
    let texts = within.fields();
    Ok(match wanted(pattern).map_err(ReadError::BadRequest)? {
        Wanted::Nothing => nothing(),
        Wanted::Phrase { words, open } => {
            let parts: &[&str] = if within == Words::Anything && words.len() == 1 {
                &issue::PARTS
            } else {
                &[]
            };
            let asked = texts.iter().chain(parts);
            any(asked.map(|name| phrase(name, &words, open)).collect())
        }
        Wanted::Wild => {
            let lower = escaped("", pattern).to_lowercase();
            let each = texts.iter().map(|name| json!({"wildcard": {*name: {"value": lower}}}));
            any(each.collect())
        }
    })
}

fn phrase(name: &str, words: &[String], open: bool) -> Value {
    match (words, open) {
        ([only], false) => term(name, only.as_str()),
        ([only], true) => json!({"prefix": {name: {"value": only}}}),
        (words, false) => json!({"match_phrase": {name: {"query": words.join(" ")}}}),
        (words, true) => {
            json!({"match_phrase_prefix": {name: {"query": words.join(" "), "max_expansions": MOST_EXPANSIONS}}})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    /// 2026-11-20T10:00:00Z, in minutes.
    const FROM: u32 = 29_919_480;

    fn frame(counts: Option<&Counts>) -> Frame<'_> {
        Frame {
            window: Window {
                from: FROM,
                to: FROM + 60,
            },
            now: 0,
            counts,
        }
    }

    fn written(search: &str) -> Value {
        issues(&Query::parse(search).unwrap().root.unwrap(), frame(None)).unwrap()
    }

    fn only(query: &Value) -> &Value {
        &query["bool"]["should"][0]
    }

    #[test]
    fn values_are_compared_whole_in_any_case_and_what_the_node_reads_as_a_wildcard_is_escaped() {
        assert_eq!(
            only(&written("job:Orders")),
            &json!({"term": {"service.name": {"value": "Orders", "case_insensitive": true}}})
        );
        assert_eq!(
            only(&written(r"job:a?b\\*")),
            &json!({"wildcard": {"service.name": {"value": r"a\?b\\*", "case_insensitive": true}}})
        );
        assert_eq!(
            only(&written("job:\"a*b\"")),
            &json!({"term": {"service.name": {"value": "a*b", "case_insensitive": true}}})
        );
    }

    #[test]
    fn a_dotted_name_is_found_behind_a_dot_or_a_dollar() {
        let query = written("exception:Bad*");
        let of = |value: &str| json!({"wildcard": {"error.type": {"value": value, "case_insensitive": true}}});
        assert_eq!(
            only(&query)["bool"]["should"],
            json!([of("Bad*"), of("*.Bad*"), of("*$Bad*")])
        );
    }

    #[test]
    fn words_are_asked_for_as_they_were_cut() {
        let word = |name: &str| json!({"term": {format!("seismolog.words.{name}"): {"value": "checkpoint"}}});
        let all = ["message", "template", "exception", "stack", "parts", "sample_parts"];
        assert_eq!(written("Checkpoint")["bool"]["should"], json!(all.map(word)));
        assert_eq!(
            only(&written("message:\"Not  done, yet\""))
                .pointer("/bool/should/0")
                .unwrap(),
            &json!({"match_phrase": {"seismolog.words.message": {"query": "not done yet"}}})
        );
        assert_eq!(
            only(&written("stack:checkp*")).pointer("/bool/should/0").unwrap(),
            &json!({"prefix": {"seismolog.words.stack": {"value": "checkp"}}})
        );
        assert_eq!(
            only(&written("time-ou*")),
            &json!({"match_phrase_prefix": {"seismolog.words.message": {"query": "time ou", "max_expansions": MOST_EXPANSIONS}}})
        );
        assert_eq!(
            only(&written("*Point")),
            &json!({"wildcard": {"seismolog.words.message": {"value": "*point"}}})
        );
        assert_eq!(written("\"...\""), nothing());
        let query = Query::parse("a-*b-c").unwrap().root.unwrap();
        assert!(matches!(issues(&query, frame(None)), Err(ReadError::BadRequest(_))));
    }

    #[test]
    fn issues_without_events_are_told_by_the_counts_of_the_others() {
        let counts: Counts = [("a", 1), ("b", 5), ("c", 9)]
            .into_iter()
            .map(|(id, count)| (id.to_owned(), count))
            .collect();
        let of = |search: &str| {
            let root = Query::parse(search).unwrap().root.unwrap();
            assert!(asks_counts(&root));
            issues(&root, frame(Some(&counts))).unwrap()
        };
        assert_eq!(of("count:>=5"), terms(issue::ID, ["b", "c"]));
        assert_eq!(of("count:<5"), not(terms(issue::ID, ["b", "c"])));
        assert_eq!(of("count:0"), not(terms(issue::ID, ["a", "b", "c"])));
        assert_eq!(of("count:>100"), nothing());
    }

    #[test]
    fn a_number_that_is_absent_where_it_is_0_is_compared_as_0() {
        let name = "seismolog.redactions";
        let none = || not(json!({"range": {name: {"gt": 0}}}));
        assert_eq!(written("redactions:>1"), json!({"range": {name: {"gt": 1}}}));
        assert_eq!(
            written("redactions:<2"),
            any(vec![json!({"range": {name: {"gt": 0, "lt": 2}}}), none()])
        );
        assert_eq!(written("redactions:0"), any(vec![nothing(), none()]));
    }

    #[test]
    fn a_mute_that_has_ended_is_none() {
        let now = i64::from(FROM + 60) * 60_000;
        let muted = all(vec![
            term(issue::STATE, "muted"),
            not(json!({"range": {issue::UNTIL: {"lte": now}}})),
        ]);
        assert_eq!(written("is:muted"), muted);
        assert_eq!(
            written("is:open"),
            not(any(vec![term(issue::STATE, "resolved"), muted]))
        );
    }

    #[test]
    fn times_are_nanoseconds_and_new_is_of_the_window() {
        let nanos = i64::from(FROM) * 60_000_000_000;
        assert_eq!(
            written("first_seen:>-1h"),
            json!({"range": {issue::FIRST: {"gt": nanos}}})
        );
        assert_eq!(
            written("is:new"),
            json!({"range": {issue::FIRST: {"gte": nanos, "lt": nanos + 3_600_000_000_000_i64}}})
        );
    }

    #[test]
    fn a_list_longer_than_a_node_takes_is_asked_in_pieces() {
        let values: Vec<String> = (0..MOST_TERMS + 1).map(|n| n.to_string()).collect();
        let query = terms("x", values.iter().map(String::as_str));
        assert_eq!(query["bool"]["should"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn every_search_that_can_be_read_can_be_asked() {
        for known in crate::query::FIELDS {
            for value in [
                "1",
                "x",
                "true",
                "high",
                "root",
                "open",
                "2026-11-20",
                ">1",
                ">2026-11-20",
                "00*",
                "*",
            ] {
                if let Ok(Query { root: Some(root) }) = Query::parse(&format!("{}:{value}", known.name)) {
                    assert!(
                        issues(&root, frame(Some(&Counts::default()))).is_ok(),
                        "{}:{value}",
                        known.name
                    );
                }
            }
            assert!(issues(&Node::Has(Presence::Value(known.field)), frame(None)).is_ok());
        }
    }
}
