//! The grammar.
//!
//! ```text
//! either := both (OR both)*
//! both   := one ([AND] one)*
//! one    := (NOT | - | !) one | ( either ) | "phrase" | key:value | word
//! value  := [op] atom | [atom, atom, …]        op := > >= < <= =
//! ```

use super::error::{QueryError, nearest};
use super::field::{FIELDS, Field, Kind};
use super::lexer::Cursor;
use super::pattern::Pattern;
use super::time;
use super::tree::{IsWord, Node, Op, Presence, StateName, Test};
use super::{MAX_BYTES, MAX_DEPTH};
use crate::event::{Part, Severity};
use std::ops::Range;

pub(super) fn parse(text: &str) -> Result<Option<Node>, QueryError> {
    if text.len() > MAX_BYTES {
        let message = format!("the search is {} bytes long; at most {MAX_BYTES} are read", text.len());
        return Err(QueryError::new(message, 0..text.chars().count()));
    }
    let mut cursor = Cursor::new(text);
    cursor.skip_space();
    if cursor.peek().is_none() {
        return Ok(None);
    }
    let node = either(&mut cursor, 0)?;
    match cursor.peek() {
        None => Ok(Some(node)),
        Some(_) => Err(QueryError::new(
            "this bracket was never opened",
            cursor.at()..cursor.at() + 1,
        )),
    }
}

fn either(cursor: &mut Cursor, depth: usize) -> Result<Node, QueryError> {
    let mut nodes = vec![both(cursor, depth)?];
    loop {
        cursor.skip_space();
        if !cursor.take_keyword("OR") {
            break;
        }
        nodes.push(both(cursor, depth)?);
    }
    Ok(any(nodes))
}

fn both(cursor: &mut Cursor, depth: usize) -> Result<Node, QueryError> {
    let mut nodes = vec![one(cursor, depth)?];
    loop {
        cursor.skip_space();
        let from = cursor.at();
        match cursor.peek() {
            None | Some(')') => break,
            Some(_) => {}
        }
        if cursor.take_keyword("OR") {
            // `either` takes it; look at it again there.
            cursor.back_to(from);
            break;
        }
        let _and = cursor.take_keyword("AND");
        nodes.push(one(cursor, depth)?);
    }
    Ok(all(nodes))
}

fn one(cursor: &mut Cursor, depth: usize) -> Result<Node, QueryError> {
    cursor.skip_space();
    let from = cursor.at();
    if depth >= MAX_DEPTH {
        let message = format!("nested deeper than {MAX_DEPTH}; write it flatter");
        return Err(QueryError::new(message, from..from + 1));
    }
    for keyword in ["OR", "AND"] {
        if cursor.take_keyword(keyword) {
            let message =
                format!("{keyword} stands between two terms; put {keyword:?} in quotes to search for the word");
            return Err(QueryError::new(message, from..cursor.at()));
        }
    }
    if cursor.take_keyword("NOT") || cursor.take("-") || cursor.take("!") {
        let sign = cursor.since(from);
        if sign != "NOT" && cursor.peek().is_none_or(char::is_whitespace) {
            let message = format!("nothing stands behind {sign:?}; put it in quotes to search for it");
            return Err(QueryError::new(message, from..cursor.at()));
        }
        return one(cursor, depth + 1).map(|node| Node::Not(Box::new(node)));
    }
    match cursor.peek() {
        None => Err(QueryError::new("a term is missing here", from.saturating_sub(1)..from)),
        Some(')') => Err(QueryError::new("a term is missing before this bracket", from..from + 1)),
        Some('(') => {
            cursor.advance();
            let node = either(cursor, depth + 1)?;
            cursor.skip_space();
            if cursor.take(")") {
                Ok(node)
            } else {
                Err(QueryError::new("this bracket is not closed", from..from + 1))
            }
        }
        Some('"') => cursor.quoted().map(Node::Text),
        Some(_) => match cursor.take_key() {
            Some(key) => keyed(cursor, &key, from),
            None => Ok(Node::Text(cursor.bare(&[]))),
        },
    }
}

fn keyed(cursor: &mut Cursor, key: &str, from: usize) -> Result<Node, QueryError> {
    let place = from..cursor.at().saturating_sub(1);
    if key.eq_ignore_ascii_case("is") {
        let (word, place) = plain_word(cursor, "is", place)?;
        let found = IsWord::ALL.iter().find(|is| is.as_str().eq_ignore_ascii_case(&word));
        let known = IsWord::ALL.iter().map(|is| is.as_str());
        return found
            .copied()
            .map(Node::Is)
            .ok_or_else(|| unknown("is", &word, known, place));
    }
    if key.eq_ignore_ascii_case("has") {
        let (word, place) = plain_word(cursor, "has", place)?;
        if word.eq_ignore_ascii_case("note") {
            return Ok(Node::Has(Presence::Note));
        }
        let known = FIELDS.iter().map(|field| field.name).chain(["note"]);
        return Field::named(&word)
            .map(|field| Node::Has(Presence::Value(field)))
            .ok_or_else(|| unknown("has", &word, known, place));
    }
    let Some(field) = Field::named(key) else {
        let near = nearest(key, FIELDS.iter().map(|field| field.name).chain(["is", "has"]));
        let meant = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        let message =
            format!("{key} is not a key that is known; {meant}to search for the text, put it in quotes: \"{key}:…\"");
        return Err(QueryError::new(message, place).with_nearest(near));
    };
    value(cursor, field, place)
}

fn value(cursor: &mut Cursor, field: Field, key: Range<usize>) -> Result<Node, QueryError> {
    if cursor.take("[") {
        let opened = cursor.at() - 1;
        let mut atoms = Vec::new();
        loop {
            cursor.skip_space();
            atoms.push(atom(cursor, field, &key, &[',', ']'])?);
            cursor.skip_space();
            if cursor.take(",") {
                continue;
            }
            if cursor.take("]") {
                break;
            }
            return Err(QueryError::new(
                "the list is not closed; put ] behind its last value",
                opened..cursor.at(),
            ));
        }
        return list(field, atoms);
    }
    let from = cursor.at();
    let op = [">=", "<=", ">", "<", "="].into_iter().find(|op| cursor.take(op));
    let op = match op {
        Some(">=") => Some(Op::AtLeast),
        Some("<=") => Some(Op::AtMost),
        Some(">") => Some(Op::Greater),
        Some("<") => Some(Op::Less),
        Some(_) | None => None,
    };
    let compared = from..cursor.at();
    cursor_space_after_operator(cursor, op);
    let atom = atom(cursor, field, &key, &[])?;
    match op {
        None => equal(field, atom),
        Some(op) => compare(field, op, &atom, compared),
    }
}

/// `count:> 100` is read as `count:>100`.
fn cursor_space_after_operator(cursor: &mut Cursor, op: Option<Op>) {
    if op.is_some() {
        cursor.skip_space();
    }
}

/// A value with its place.
struct Atom {
    pattern: Pattern,
    place: Range<usize>,
}

fn atom(cursor: &mut Cursor, field: Field, key: &Range<usize>, stops: &[char]) -> Result<Atom, QueryError> {
    let from = cursor.at();
    let pattern = match cursor.peek() {
        Some('"') => cursor.quoted()?,
        Some(_) | None => cursor.bare(stops),
    };
    let place = from..cursor.at();
    if pattern.is_empty() {
        let message = format!(
            "{}: has no value; has:{} finds what has one",
            field.name(),
            field.name()
        );
        return Err(QueryError::new(message, key.start..place.end.max(key.end)));
    }
    Ok(Atom { pattern, place })
}

fn list(field: Field, atoms: Vec<Atom>) -> Result<Node, QueryError> {
    match field.kind() {
        Kind::Word | Kind::Dotted | Kind::Enum | Kind::Id => {
            let mut patterns = Vec::with_capacity(atoms.len());
            for atom in atoms {
                patterns.push(checked(field, atom)?);
            }
            Ok(Node::Field(field, Test::OneOf(patterns)))
        }
        Kind::Text | Kind::Number | Kind::Time | Kind::Bool => {
            let nodes: Result<Vec<Node>, QueryError> = atoms.into_iter().map(|atom| equal(field, atom)).collect();
            nodes.map(any)
        }
    }
}

fn equal(field: Field, atom: Atom) -> Result<Node, QueryError> {
    match field.kind() {
        Kind::Text | Kind::Word | Kind::Dotted | Kind::Enum | Kind::Id => {
            let pattern = checked(field, atom)?;
            Ok(Node::Field(field, Test::OneOf(vec![pattern])))
        }
        Kind::Number => number(field, &atom).map(|number| Node::Field(field, Test::Number(Op::Equal, number))),
        Kind::Bool => {
            let word = atom.pattern.as_literal().map(str::to_ascii_lowercase);
            match word.as_deref() {
                Some("true") => Ok(Node::Field(field, Test::Truth(true))),
                Some("false") => Ok(Node::Field(field, Test::Truth(false))),
                Some(_) | None => Err(QueryError::new(
                    format!("{} is true or false", field.name()),
                    atom.place,
                )),
            }
        }
        Kind::Time if field == Field::EventTime => {
            let message = "event_time takes > or <; the window of the question says the rest";
            Err(QueryError::new(message, atom.place))
        }
        Kind::Time => {
            let (when, lasts) = instant(field, &atom)?;
            let from = Node::Field(field, Test::Time(Op::AtLeast, when));
            let end = match (when, lasts) {
                (time::When::At(start), Some(lasts)) => time::When::At(start.saturating_add(lasts)),
                (time::When::At(_) | time::When::Ago(_), _) => return Ok(from),
            };
            Ok(Node::And(vec![from, Node::Field(field, Test::Time(Op::Less, end))]))
        }
    }
}

fn compare(field: Field, op: Op, atom: &Atom, operator: Range<usize>) -> Result<Node, QueryError> {
    match field.kind() {
        Kind::Number => number(field, atom).map(|number| Node::Field(field, Test::Number(op, number))),
        Kind::Time => instant(field, atom).map(|(when, _)| Node::Field(field, Test::Time(op, when))),
        Kind::Enum if field == Field::Severity => {
            let word = atom.pattern.to_string().to_ascii_lowercase();
            let severity: Option<Severity> = word.parse().ok();
            let known = Severity::ALL.iter().map(|severity| severity.as_str());
            severity
                .map(|severity| Node::Field(field, Test::Severity(op, severity)))
                .ok_or_else(|| unknown("severity", &word, known, atom.place.clone()))
        }
        Kind::Text | Kind::Word | Kind::Dotted | Kind::Enum | Kind::Id | Kind::Bool => {
            let message = format!(
                "{} is not a number nor a time and cannot be compared; quote the value if it begins so",
                field.name()
            );
            Err(QueryError::new(message, operator))
        }
    }
}

/// A pattern that can match: values of closed sets are checked and lower-cased, ids are hexadecimal.
fn checked(field: Field, atom: Atom) -> Result<Pattern, QueryError> {
    match field.kind() {
        Kind::Enum => {
            let known: Vec<&str> = if field == Field::Severity {
                Severity::ALL.iter().map(|severity| severity.as_str()).collect()
            } else if field == Field::Part {
                Part::ALL.iter().map(|part| part.as_str()).collect()
            } else {
                StateName::ALL.iter().map(|state| state.as_str()).collect()
            };
            match atom.pattern.as_literal() {
                None => Ok(atom.pattern),
                Some(word) => {
                    let word = word.to_lowercase();
                    if known.contains(&word.as_str()) {
                        Ok(Pattern::literal(&word))
                    } else {
                        Err(unknown(field.name(), &word, known, atom.place))
                    }
                }
            }
        }
        Kind::Id => {
            let hex = |text: &str| text.len() <= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
            let whole = atom
                .pattern
                .as_literal()
                .is_some_and(|text| text.len() == 32 && hex(text));
            let part = atom.pattern.as_literal().is_none()
                && atom.pattern.pieces().iter().all(|piece| match piece {
                    super::pattern::Piece::Text(text) => hex(text),
                    super::pattern::Piece::Star => true,
                });
            if whole || part {
                return Ok(atom.pattern);
            }
            let message = format!(
                "{} is 32 hexadecimal digits; write * for the rest of a shortened one",
                field.name()
            );
            Err(QueryError::new(message, atom.place))
        }
        Kind::Text | Kind::Word | Kind::Dotted | Kind::Number | Kind::Time | Kind::Bool => Ok(atom.pattern),
    }
}

fn number(field: Field, atom: &Atom) -> Result<u64, QueryError> {
    let text = atom.pattern.as_literal().unwrap_or_default();
    text.parse().map_err(|_| {
        let message = format!("{} is a whole number, such as {}:>100", field.name(), field.name());
        QueryError::new(message, atom.place.clone())
    })
}

fn instant(field: Field, atom: &Atom) -> Result<(time::When, Option<i64>), QueryError> {
    let text = atom.pattern.as_literal().unwrap_or_default();
    time::read(text).ok_or_else(|| {
        let name = field.name();
        let message = format!("{name} is a time: {name}:>-1h, {name}:<2026-11-20 or {name}:<2026-11-20T10:00:00Z");
        QueryError::new(message, atom.place.clone())
    })
}

fn plain_word(cursor: &mut Cursor, key: &str, place: Range<usize>) -> Result<(String, Range<usize>), QueryError> {
    let from = cursor.at();
    let pattern = cursor.bare(&[]);
    if pattern.is_empty() {
        return Err(QueryError::new(
            format!("{key}: is followed by nothing"),
            place.start..from,
        ));
    }
    Ok((pattern.as_literal().unwrap_or("*").to_owned(), from..cursor.at()))
}

fn unknown<'a>(key: &str, given: &str, known: impl IntoIterator<Item = &'a str>, place: Range<usize>) -> QueryError {
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(given, known.iter().copied());
    let given: String = given.chars().take(64).collect();
    let message = match near {
        Some(near) => format!("{key}:{given} is not known; did you mean {near}?"),
        None if known.len() <= 8 => format!("{key}:{given} is not known; {key} is one of {}", known.join(", ")),
        None => format!("{key}:{given} is not known"),
    };
    QueryError::new(message, place).with_nearest(near)
}

/// `And` of all, flat.
fn all(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::And(inner) => flat.extend(inner),
            other @ (Node::Or(_) | Node::Not(_) | Node::Text(_) | Node::Field(..) | Node::Is(_) | Node::Has(_)) => {
                flat.push(other);
            }
        }
    }
    match flat.pop() {
        Some(only) if flat.is_empty() => only,
        Some(last) => {
            flat.push(last);
            Node::And(flat)
        }
        None => Node::And(flat),
    }
}

/// `Or` of all, flat.
fn any(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Or(inner) => flat.extend(inner),
            other @ (Node::And(_) | Node::Not(_) | Node::Text(_) | Node::Field(..) | Node::Is(_) | Node::Has(_)) => {
                flat.push(other);
            }
        }
    }
    match flat.pop() {
        Some(only) if flat.is_empty() => only,
        Some(last) => {
            flat.push(last);
            Node::Or(flat)
        }
        None => Node::Or(flat),
    }
}
